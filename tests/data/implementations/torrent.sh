#!/bin/sh
# A torrent server that is no Python, and a bad one: it asks to join, confirms whatever anybody is answered, and does
# not know goodbyes. torrent.sh HOST PORT ID
HOST=$1 PORT=$2 ID=$3
uuid() { cat /proc/sys/kernel/random/uuid; }
say() { mosquitto_pub -h "$HOST" -p "$PORT" -q 1 -t "$1" -m "{\"EventId\":\"$(uuid)\",\"ClientIdentifier\":\"$ID\"$2}"; }
join() { say clients/join/requested ',"HashAlgorithm":"sha-256","KnownFileInfos":{},"StoredFragments":{},"Endpoints":[]'; }
trap 'kill 0' TERM
join
mosquitto_sub -h "$HOST" -p "$PORT" -i "$ID" -q 1 -t 'tracker/#' -t 'clients/#' -t files/info -t 'fragments/#' -F '%t' |
  while read -r topic; do
    case $topic in
      tracker/hello) join ;;
      clients/join/accepted) say clients/join/succeeded ;;
    esac
  done
