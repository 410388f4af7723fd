"""Who takes part: the servers of the protocol, the lifelines of each, and the chart that plays each lifeline.

A diagram draws a server as a group of lifelines: its MQTT client, its clock and its view; the broker is a group by
itself. The names follow from that of the MQTT client: beside `Torrent` stand `TorrentClock` and `TorrentView`. Whoever
draws a run, reads a diagram or plays one takes names, titles and charts from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from immutabledict import immutabledict

from machines.broker import Broker
from machines.clock import Clock
from machines.distribution_view import DistributionView
from machines.events import TORRENT, TRACKER, Side
from machines.participant import Participant
from machines.registered_client import RegisteredClient
from machines.torrent_server import TorrentServer
from machines.tracker import TRACKER_ID, Tracker


class Part(NamedTuple):
    """A lifeline within its server: what its name ends with, and what is written over its column."""

    ending: str
    label: str


PARTS: Mapping[str, Part] = immutabledict(
    {
        "client": Part("", "MQTT Client"),
        "clock": Part("Clock", "Clock"),
        "view": Part("View", "Distribution View"),
        "broker": Part("", "MQTT Broker"),
    }
)
"""What the lifelines of every server are called and headed, by `machines.calls.Role`; and the broker."""


def lifeline(server: str, role: str) -> str:
    """The lifeline of a role of a server, which is given by the lifeline of its MQTT client: `TorrentClock`."""
    return server + PARTS[role].ending


@dataclass(frozen=True, slots=True)
class Group:
    """The lifelines of one server, as diagrams group them."""

    title: str
    """What is written over the group."""
    name: str
    """The lifeline of its MQTT client; or the broker's."""
    charts: Mapping[str, type[Participant]]
    """Who plays the lifeline of each role."""
    side: Side | None = None
    """The side of the protocol that it is on: whose events it publishes; the broker is on none."""
    client: str = ""
    """Its MQTT client identifier in diagrams; the broker has none."""

    @property
    def lifelines(self) -> Mapping[str, str]:
        """Its lifelines, by role."""
        return immutabledict({role: lifeline(self.name, role) for role in self.charts})


def _server(client: type[Participant]) -> Mapping[str, type[Participant]]:
    return immutabledict({"client": client, "clock": Clock, "view": DistributionView})


TRACKER_SERVER = Group("Tracker Server", "Tracker", _server(Tracker), TRACKER, TRACKER_ID)
EVENT_BUS = Group("Event Bus", "Broker", immutabledict({"broker": Broker}))
TORRENT_SERVER = Group("Torrent Server", "Torrent", _server(TorrentServer), TORRENT, "torrent")
REGISTERED_CLIENT = Group("Registered Client", "Client", _server(RegisteredClient), TORRENT, "client")
"""A torrent server that has joined before the one whose join is drawn."""

GROUPS = (TRACKER_SERVER, EVENT_BUS, TORRENT_SERVER, REGISTERED_CLIENT)
"""The groups of the diagrams, from left to right."""

LIFELINES: Mapping[str, type[Participant]] = immutabledict(
    {group.lifelines[role]: chart for group in GROUPS for role, chart in group.charts.items()}
)
"""Which chart plays which lifeline of the diagrams."""

BROKER = EVENT_BUS.name
"""The broker's lifeline."""


def groups_of(side: str) -> tuple[Group, ...]:
    """The groups on one `Side` of the protocol; the first is the server that the side is named after."""
    return tuple(group for group in GROUPS if group.side == side)
