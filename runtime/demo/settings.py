"""How a demo is played, and what its servers are called."""

from dataclasses import dataclass

from runtime.demo.scenarios import Scenario
from runtime.mqtt.faults import Fault
from runtime.mqtt.session import BrokerAddress

TRACKER = "tracker"
CLIENT = "client-1"


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
        return [f"torrent-{number}" for number in range(1, self.torrents + 1)]


def lifelines(servers: list[str]) -> dict[tuple[str, str], str]:
    """The servers of the demo as lifelines of the reference diagram; further torrent servers are numbered."""
    names: dict[tuple[str, str], str] = {}
    for server in servers:
        prefix = {TRACKER: "Tracker", CLIENT: "Client", "torrent-1": "Torrent"}.get(server)
        prefix = prefix or server.replace("torrent-", "Torrent")
        names |= {(server, "client"): prefix, (server, "clock"): f"{prefix}Clock", (server, "view"): f"{prefix}View"}
    return names
