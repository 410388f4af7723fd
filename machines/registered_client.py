"""The MQTT client of a torrent server that joined earlier: the lifeline `Client` of the seed.

A registered client is a torrent server, and stays one: it ignores what joining clients are answered, adds clients that
are registered and removes those that leave, and when the tracker says goodbye or a tracker says hello it is no longer
registered and joins again. So it is played by the very same chart, from the configuration that a join has ended in.
"""

from machines.torrent_server import TorrentServer, TorrentServerData


class RegisteredClient(TorrentServer):
    """A torrent server, seen from the moment when it is registered."""

    def __init__(
        self, client: str = "client", start: str = "registered", data: TorrentServerData | None = None
    ) -> None:
        """`client` is its MQTT client identifier; `start` an atomic state to begin in."""
        super().__init__(client, start, data)
