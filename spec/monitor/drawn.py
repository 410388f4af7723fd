"""Where an event is drawn: which arrow, on which line of which diagram of the protocol."""

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from machines.events import BusEvent
from machines.lifelines import GROUPS
from spec.binding import DIAGRAMS, load
from spec.notation import read

ROLES: Mapping[str, str] = {group.charts["client"].__name__: group.side for group in GROUPS if group.side}
"""The role of the servers whose MQTT clients a chart plays."""
PROTOCOL = ("ClientGoodbye", "ClientJoin", "TorrentServerStartup", "TrackerGoodbye", "TrackerServerStartup")
"""How the names of the diagrams begin that draw the courses of the protocol; the others draw what these leave open."""
SHOWN = 3


class Place(NamedTuple):
    """An arrow of a diagram."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}"


def sends(event: type[BusEvent]) -> tuple[Place, ...]:
    """Where servers are drawn to publish such an event; the courses of the protocol come first."""
    return _arrows().get(("!", event.__name__, event.publisher), ())


def reads(event: type[BusEvent], role: str) -> tuple[Place, ...]:
    """Where servers of a role are drawn to receive it."""
    return _arrows().get(("?", event.__name__, role), ())


def shown(places: tuple[Place, ...]) -> str:
    """The first of them, and how many there are."""
    more = f", and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return "; ".join(map(str, places[:SHOWN])) + more if places else "no diagram draws it"


@cache
def _arrows() -> dict[tuple[str, str, str], tuple[Place, ...]]:
    binding = load()
    found: dict[tuple[str, str, str], list[Place]] = {}
    for file in sorted(DIAGRAMS.glob("*.txt"), key=lambda path: (not path.name.startswith(PROTOCOL), path.name)):
        for message in read(file.read_text(encoding="utf-8"), file=file.name).messages():
            ends = (message.sender or "", message.receiver or "")
            word = binding.word(message.label, ends)
            if word is None:
                continue
            for kind, lifeline in zip("!?", ends, strict=True):
                player = binding.players.get(lifeline)
                role = ROLES.get(player.chart if player else "", "")
                if role and not (kind == "?" and message.lost):
                    found.setdefault((kind, word.message, role), []).append(Place(file.name, message.line))
    return {key: tuple(places) for key, places in found.items()}
