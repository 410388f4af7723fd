"""The scenarios of Client Join that the demo plays, as data.

Each scenario says what goes wrong in the first round, whether the tracker returns after it, and where each torrent
server is in the end. Losses are written in the vocabulary of `runtime.mqtt.faults`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from machines.events import ANSWERS, EVENT_OF_NAME
from runtime.mqtt.faults import Fault, Hop


@dataclass(frozen=True)
class Scenario:
    """One scenario.

    `loses` is an event and the hop on which the first round loses it. With `conflicts` the first tracker's service has
    a fragment size that the torrent servers cannot work with. With `storage_fails` their views cannot be changed until
    the tracker returns. `returns` says how the tracker comes back after the first round.
    """

    name: str
    tells: str
    loses: tuple[str, Hop] | None = None
    conflicts: bool = False
    storage_fails: bool = False
    returns: Literal["replaced", "reconnects", "no"] = "replaced"

    def faults(self, torrents: list[str]) -> Iterator[Fault]:
        """The losses of the first round: as many of the event as there are torrent servers, at each receiver of it."""
        if self.loses is None:
            return
        event, hop = self.loses
        answers = EVENT_OF_NAME[event] in ANSWERS
        receivers: list[str | None] = [*torrents] if hop == "from-broker" and answers else [None]
        for receiver in receivers:
            for occurrence in range(1, len(torrents) + 1):
                yield Fault("lose", event, hop, receiver, occurrence)


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "acceptance-lost-to-broker",
        "reference diagram, 1st branch: acceptance lost between tracker and broker, and the tracker is replaced",
        loses=("ClientJoinAccepted", "to-broker"),
    ),
    Scenario(
        "acceptance-lost-from-broker",
        "reference diagram, 2nd branch: acceptance lost between broker and torrent server; the tracker reconnects",
        loses=("ClientJoinAccepted", "from-broker"),
        returns="reconnects",
    ),
    Scenario(
        "denial-lost-to-broker",
        "reference diagram, 3rd branch: denial lost between tracker and broker; another tracker finds no conflict",
        loses=("ClientJoinDenied", "to-broker"),
        conflicts=True,
    ),
    Scenario(
        "denial-lost-from-broker",
        "reference diagram, 4th branch: the denial is lost between broker and torrent server",
        loses=("ClientJoinDenied", "from-broker"),
        conflicts=True,
    ),
    Scenario("standard", "the standard scenario: nothing is lost", returns="no"),
    Scenario(
        "request-lost-to-broker",
        "alternative 1: the request is lost between torrent server and broker",
        loses=("ClientJoinRequested", "to-broker"),
    ),
    Scenario(
        "request-lost-from-broker",
        "alternative 1: the request is lost between broker and tracker",
        loses=("ClientJoinRequested", "from-broker"),
        returns="reconnects",
    ),
    Scenario(
        "denied",
        "alternative 3: the torrent server conflicts with the service; another tracker finds no conflict",
        conflicts=True,
    ),
    Scenario(
        "success-lost-to-broker",
        "alternative 4: the confirmation is lost between torrent server and broker",
        loses=("ClientJoinSucceeded", "to-broker"),
    ),
    Scenario(
        "success-lost-from-broker",
        "alternative 4: the confirmation is lost between broker and tracker",
        loses=("ClientJoinSucceeded", "from-broker"),
        returns="reconnects",
    ),
    Scenario(
        "failure-lost-to-broker",
        "alternative 4: the view cannot be changed, and the report of it is lost before the broker",
        loses=("ClientJoinFailed", "to-broker"),
        storage_fails=True,
    ),
    Scenario(
        "failure-lost-from-broker",
        "alternative 4: the view cannot be changed, and the report of it is lost after the broker",
        loses=("ClientJoinFailed", "from-broker"),
        storage_fails=True,
        returns="reconnects",
    ),
    Scenario(
        "change-fails",
        "alternative 4 without a loss: the view cannot be changed, and the tracker learns of it",
        storage_fails=True,
    ),
)

DEFAULT = SCENARIOS[0]


def scenario(name: str) -> Scenario:
    """The scenario of that name. Raises `ValueError` that lists the names."""
    for candidate in SCENARIOS:
        if candidate.name == name:
            return candidate
    raise ValueError(f"no scenario {name!r}; there are {', '.join(s.name for s in SCENARIOS)}")
