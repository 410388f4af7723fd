"""How a demo is played, and what its servers are called."""

from dataclasses import dataclass

from machines.calls import ROLES
from machines.lifelines import REGISTERED_CLIENT, TORRENT_SERVER, TRACKER_SERVER, Group, lifeline
from machines.tracker import TRACKER_ID
from runtime.demo.scenarios import Scenario
from runtime.mqtt.faults import Fault
from runtime.mqtt.session import BrokerAddress

CLIENT = "client-1"
TORRENTS = "torrent-"
"""What the names of the torrent servers that ask to join begin with."""


@dataclass(frozen=True)
class Settings:
    """How the demo is played; `timeout` in seconds is what every clock counts once something has gone wrong."""

    scenario: Scenario
    torrents: int = 1
    faults: tuple[Fault, ...] = ()
    timeout: float = 1.0
    seed: int = 0
    qos: int = 2
    broker: BrokerAddress | None = None
    port: int = 0
    hardened: bool = False
    """Whether the torrent servers name their requests, and close the gaps of the protocol as drawn."""

    @property
    def joining(self) -> list[str]:
        """The torrent servers that ask to join."""
        return [f"{TORRENTS}{number}" for number in range(1, self.torrents + 1)]


def kind_of(server: str) -> tuple[Group, str]:
    """The server of the diagrams that one of the demo is, and its number; the first torrent server has none."""
    if server == TRACKER_ID:
        return TRACKER_SERVER, ""
    if server == CLIENT:
        return REGISTERED_CLIENT, ""
    number = server.removeprefix(TORRENTS)
    return TORRENT_SERVER, "" if number == "1" else number


def lifelines(servers: list[str]) -> dict[tuple[str, str], str]:
    """The servers of the demo as lifelines of the diagrams; further torrent servers are numbered."""
    kinds = {server: kind_of(server) for server in servers}
    return {
        (server, role): lifeline(f"{kind.name}{number}", role)
        for server, (kind, number) in kinds.items()
        for role in ROLES
    }
