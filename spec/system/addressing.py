"""Who is meant by what a chart sends: lifelines have groups and roles, and a broker names sessions."""

from collections.abc import Iterator, Mapping

from spec.binding import Player
from spec.system.process import Sending, name_of


class Addressing:
    """The lifelines of a system, who plays them, and the routes of charts that do not say to whom they send."""

    def __init__(
        self,
        lifelines: tuple[str, ...],
        players: Mapping[str, Player],
        routes: Mapping[tuple[str, str], tuple[str, ...]],
    ) -> None:
        """`routes` gives for a lifeline and the name of a message its receivers; "" is the environment."""
        self.lifelines = lifelines
        self.players = players
        self.routes = routes
        self._around = {name: self._find_around(name) for name in lifelines}

    def receivers(self, lifeline: str, sending: Sending) -> tuple[str, ...]:
        """The lifelines that a message goes to, "" being the environment; none if nobody here plays them."""
        if sending.to:
            return tuple(self.called(lifeline, sending.to))
        found = self.routes.get((lifeline, name_of(sending.message)), ())
        return tuple(name for name in found if name in self.lifelines or not name)

    def called(self, lifeline: str, to: str) -> Iterator[str]:
        """Who is meant by `to`: a broker names sessions, everybody else the broker or a role of the own server."""
        sender = self.players.get(lifeline)
        for name in self.lifelines:
            player = self.players.get(name)
            if player is None or sender is None:
                continue
            if sender.role == "broker":
                meant = player.role == "client" and player.client == to
            elif to == "broker":
                meant = player.role == "broker"
            else:
                meant = player.group == sender.group and player.role == to
            if meant:
                yield name

    def client_of(self, lifeline: str) -> str:
        """The MQTT client identifier of a lifeline; empty if it has none."""
        player = self.players.get(lifeline)
        return player.client if player else ""

    def is_broker(self, lifeline: str) -> bool:
        """Whether a lifeline passes on what others send."""
        player = self.players.get(lifeline)
        return player is not None and player.role == "broker"

    def around(self, lifeline: str) -> tuple[str, ...]:
        """The lifelines of the same server, and the brokers, in the system's order."""
        return self._around[lifeline] if lifeline in self._around else self._find_around(lifeline)

    def _find_around(self, lifeline: str) -> tuple[str, ...]:
        group = self.group(lifeline)
        return tuple(
            name
            for name in self.lifelines
            if name == lifeline or self.is_broker(name) or (self.group(name) == group != "" and name in self.players)
        )

    def group(self, lifeline: str) -> str:
        """The server that a lifeline belongs to; empty if it belongs to none."""
        return self.players[lifeline].group if lifeline in self.players else ""
