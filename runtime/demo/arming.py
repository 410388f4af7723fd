"""What goes wrong in a demo, and when its clocks may run out.

Nothing goes wrong before the diagram begins. From then on every clock counts long, until all has happened that the
scenario draws: on a busy machine, too, a timeout is exceeded because something was lost, and not before.
"""

from runtime.demo.settings import Settings
from runtime.driver import Server
from runtime.mqtt.faults import Fault, FaultPlan

CALM = 5.0
"""Seconds that every clock counts at least while nothing is to go wrong: on a busy machine, too, the trace is told."""


class Clocks:
    """What the clocks of all servers count, in seconds."""

    def __init__(self, shortest: float) -> None:
        self.shortest = shortest
        self.seconds = max(CALM, shortest)
        self._servers: dict[str, Server] = {}

    def follow(self, server: Server) -> None:
        """Set the clock of this server, too, from now on, in place of an earlier one of the same name."""
        self._servers[server.name] = server

    def run_short(self) -> None:
        """Let timeouts be exceeded soon."""
        if self.seconds > self.shortest:
            self._set(self.shortest)

    def run_long(self) -> None:
        """Let nobody run out of time."""
        self._set(max(CALM, self.shortest))

    def _set(self, seconds: float) -> None:
        self.seconds = seconds
        for server in self._servers.values():
            server.count(seconds)


class Arming:
    """The faults of a demo. With the last one that the scenario draws, the clocks run short."""

    def __init__(self, settings: Settings, clocks: Clocks) -> None:
        self._clocks = clocks
        self._asked_for = settings.faults
        drawn = tuple(settings.scenario.faults(settings.joining))
        self.plan = FaultPlan((*drawn, *settings.faults), settings.seed, self._strikes, armed=False)
        self._awaited: set[Fault | str] = {*drawn}
        """What is still to go wrong before clocks may run out: losses, or the failures that torrent servers report."""
        if settings.scenario.storage_fails and not drawn:
            self._awaited |= {*settings.joining}

    def arm(self) -> None:
        """From here on faults happen."""
        self.plan.arm()

    def reported(self, client: str) -> None:
        """The tracker has heard that a torrent server could not change its view."""
        self._has_happened(client)

    def unused(self) -> tuple[Fault, ...]:
        """The faults that were never injected."""
        return self.plan.unused()

    def missed(self) -> tuple[Fault, ...]:
        """Those of them that had to: not the ones with a probability, and not the scenario's where others were asked
        for.
        """
        had_to = self._asked_for or self.plan.faults
        return tuple(fault for fault in self.unused() if fault.probability is None and fault in had_to)

    def _strikes(self, fault: Fault) -> None:
        """A fault was injected: one that was asked for in addition to the scenario lets the clocks run out at once."""
        if fault in self._asked_for:
            self._awaited.clear()
        self._has_happened(fault)

    def _has_happened(self, what: Fault | str) -> None:
        self._awaited.discard(what)
        if not self._awaited:
            self._clocks.run_short()
