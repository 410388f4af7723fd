"""The MQTT client of a torrent server that joined earlier: the lifeline `Client` of the reference diagram.

A registered client is a torrent server, and stays one: it ignores what joining clients are answered, adds clients that
are registered and removes those that leave, and when the tracker says goodbye or a tracker says hello it is no longer
registered and joins again. So it is played by the very same chart, from the configuration that a join has ended in.
"""

from machines.torrent_server import TorrentServer


class RegisteredClient(TorrentServer):
    """A torrent server, seen from the moment when it is registered."""

    begins = "registered"
    folded = frozenset({"starting", "joining"})
