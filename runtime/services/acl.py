"""Who may publish and subscribe to what, for a broker to hold everybody to it: made from the charts' own alphabet.

The tracker's user may publish what a tracker publishes and read what it subscribes to; whoever is a torrent server the
same of torrent servers. The MQTT client identifier has to be the user name (of Mosquitto: `use_username_as_clientid
true`), and with a topic for each client nobody publishes or reads what is another's: a broker's rules cannot read a
payload, and a topic they can. Without one a torrent server can still speak for another.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from machines.events import BUS_EVENTS, TORRENT, TRACKER, Side
from machines.torrent_server import TOPICS as OF_TORRENTS
from machines.tracker import HARDENED_TOPICS as OF_TRACKERS
from machines.tracker import TRACKER_ID
from runtime.services.topics import ADDRESSED, OWN, Topics

Action = Literal["publish", "subscribe"]
Form = Literal["mosquitto", "emqx"]
FORMS: tuple[Form, ...] = ("mosquitto", "emqx")


class Right(NamedTuple):
    """One thing that a role may do. `topic` is one of the protocol; `last` is the level after it, if there is one.

    `last` is "own" for the identifier of whoever does it, "any" for anybody's.
    """

    role: Side
    action: Action
    topic: str
    last: Literal["", "own", "any"]


def rights(topics: Topics) -> Iterator[Right]:
    """All that is allowed in a service."""
    per_client = ADDRESSED | OWN if topics.per_client else frozenset[str]()
    for event in BUS_EVENTS:
        one = event.topic in per_client
        if event.publisher == TRACKER:
            yield Right(TRACKER, "publish", event.topic, "any" if one else "")
        if event.publisher == TORRENT:
            yield Right(TORRENT, "publish", event.topic, "own" if one else "")
    for topic in sorted(OF_TRACKERS):
        yield Right(TRACKER, "subscribe", topic, "any" if topic in per_client else "")
    for topic in sorted(OF_TORRENTS):
        last: Literal["", "own", "any"] = "" if topic not in per_client else "own" if topic in ADDRESSED else "any"
        yield Right(TORRENT, "subscribe", topic, last)


def acl(form: Form, topics: Topics, tracker: str = TRACKER_ID) -> str:
    """The text of an access control file; `tracker` is the identifier of the tracker, without the prefix.

    Everybody else who may connect is a torrent server. Raises `ValueError` for an identifier that cannot be in one.
    """
    user = topics.client_id(tracker)
    if not user.isprintable() or any(char in user for char in " \t\"'\\#+"):
        raise ValueError(f"{user!r} cannot be named in an access control file: expected no blanks, quotes, # or +")
    return _mosquitto(topics, user) if form == "mosquitto" else _emqx(topics, user)


def _mosquitto(topics: Topics, user: str) -> str:
    """`topic` lines count for the user above them; `pattern` lines for everybody, %c being the client identifier."""
    made = list(rights(topics))
    lines = [
        "# Made by: clientjoin acl --format mosquitto. With this in mosquitto.conf:",
        "#   allow_anonymous false",
        "#   use_username_as_clientid true",
        "#   acl_file THIS FILE",
        f"user {user}",
        *(f"topic {_access(one)} {_filter(topics, one, '+')}" for one in made if one.role == TRACKER),
        "",
        *(f"pattern {_access(one)} {_filter(topics, one, '%c')}" for one in made if one.role == TORRENT),
    ]
    return "\n".join(lines) + "\n"


def _emqx(topics: Topics, user: str) -> str:
    """Rules in Erlang terms (acl.conf of EMQX 5); the first that fits counts."""
    lines = [
        "%% Made by: clientjoin acl --format emqx. With this in emqx.conf: authorization.no_match = deny,",
        "%% and mqtt.client_id_override or an authenticator that holds client identifiers to user names.",
    ]
    for right in rights(topics):
        who = f'{{user, "{user}"}}' if right.role == TRACKER else "all"
        own = "+" if right.role == TRACKER else "${clientid}"
        exact = _filter(topics, right, own)
        shown = f'{{eq, "{exact}"}}' if right.action == "subscribe" and exact.endswith("+") else f'"{exact}"'
        lines.append(f"{{allow, {who}, {right.action}, [{shown}]}}.")
    lines.append("{deny, all}.")
    return "\n".join(lines) + "\n"


def _access(right: Right) -> str:
    return "write" if right.action == "publish" else "read"


def _filter(topics: Topics, right: Right, own: str) -> str:
    topic = f"{topics.prefix}/{right.topic}" if topics.prefix else right.topic
    return {"": topic, "own": f"{topic}/{own}", "any": f"{topic}/+"}[right.last]
