#!/bin/sh
# A torrent server of mosquitto_sub and mosquitto_pub: torrent.sh HOST PORT ID
# One mosquitto_sub listens (-d: it tells when it is subscribed); each publication is a mosquitto_pub of its own.
HOST=$1 PORT=$2 ID=$3 TIMEOUT=${TIMEOUT:-30}
TOPICS="tracker/hello tracker/goodbye clients/join/accepted clients/join/denied clients/registered clients/goodbye
files/info fragments/distribution/started fragments/distribution/delivered fragments/distribution/ended"
DIR=$(mktemp -d) && mkfifo "$DIR/in" || exit 1
state=starting attempt=0 hello= files='' timer= 
say() {
  mosquitto_pub -h "$HOST" -p "$PORT" -q 2 -t "$1" \
    -m "{\"EventId\":\"$(cat /proc/sys/kernel/random/uuid)\",\"ClientIdentifier\":\"$ID\"$2}"
}
clock() { attempt=$((attempt + 1)); (sleep "$TIMEOUT"; echo "timeout $attempt" >"$DIR/in") & }
join() {
  state=asked; clock
  say clients/join/requested ",\"HashAlgorithm\":\"sha-256\",\"KnownFileInfos\":{$files},\"StoredFragments\":{},\"Endpoints\":[\"http://$ID/\"]"
}
text() { printf '%s' "$1" | grep -o "\"$2\": *\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4; }
learn() {
  new=$(printf '%s' "$payload" | sed -En 's/.*"AddedFiles": *\{(("[^"]*": *\{[^}]*\},? *)*)\}.*/\1/p')
  [ -z "$new" ] || files="$files${files:+,}$new"
}
leave() { trap '' TERM; case $state in registered | confirmed) say clients/goodbye ;; esac; kill 0; exit 0; }
trap 'leave' TERM
trap 'rm -rf "$DIR"' EXIT
subs=; for t in $TOPICS; do subs="$subs -t $t"; done
# shellcheck disable=SC2086
stdbuf -oL mosquitto_sub -d -h "$HOST" -p "$PORT" -i "$ID" -q 2 $subs -F 'event %t %p' >"$DIR/in" 2>/dev/null &
exec 3<>"$DIR/in"
while read -r word topic payload <&3; do
  case $word in
    timeout) [ "$topic" = "$attempt" ] && [ "$state" != registered ] && state=waiting; continue ;;
    Subscribed) case " $topic $payload," in *128,*) trap '' TERM; kill 0; exit 1 ;; esac; join; continue ;;
    event) ;;
    *) continue ;;
  esac
  event=$(text "$payload" EventId) client=$(text "$payload" ClientIdentifier)
  printf '%s' "$event" | grep -Eq '^[0-9a-fA-F-]{36}$' || continue
  case $payload in '{'*'}') ;; *) continue ;; esac
  case $topic in
    tracker/hello) [ "$event" = "$hello" ] || { hello=$event; join; } ;;
    tracker/goodbye) state=waiting ;;
    clients/join/accepted) [ "$client" = "$ID" ] && [ $state = asked ] && { state=confirmed; clock; say clients/join/succeeded; } ;;
    clients/join/denied) [ "$client" = "$ID" ] && [ $state = asked ] && state=waiting ;;
    clients/registered) [ "$client" = "$ID" ] && [ $state = confirmed ] && state=registered
      [ "$client" != "$ID" ] && [ $state = registered ] && learn ;;
  esac
done
