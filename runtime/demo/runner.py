"""The demo: a scenario, played by the statecharts on a real broker.

A registered client joins first, outside the trace. Then the torrent servers ask to join, something goes wrong or does
not, the tracker returns, and everybody says goodbye (`acts`). What happens is put together by a `RunRecorder`, and goes
one way from there: each arrow to whoever watches (`audience`), and failures to what lets the clocks run out (`arming`),
which sets the clocks of the servers (`servers`). What waits (`waiting`) looks at all that, and nobody calls it.
"""

from dataclasses import dataclass, replace
from typing import Self

from machines import ClientJoinFailed
from machines.tracker import TRACKER_ID
from runtime.demo.acts import Acts
from runtime.demo.arming import Arming, Clocks
from runtime.demo.audience import Audience, Reporter
from runtime.demo.network import Network
from runtime.demo.servers import DemoServers
from runtime.demo.settings import CLIENT, Settings, lifelines
from runtime.demo.waiting import delays
from runtime.driver import Server
from runtime.mqtt.broker import EmbeddedBroker
from runtime.mqtt.faults import Fault
from runtime.recorder import Arrow, RunRecorder


@dataclass(frozen=True)
class Outcome:
    """How a demo ended.

    `ends` is the configuration of each server's MQTT client before the goodbyes. `expected`: everybody was registered
    then, and all views agreed. `unused` are the faults that never happened, `missed` those of them that had to: not the
    ones with a probability, and not the scenario's own where others were asked for. `refused` counts what was malformed
    or not declared.
    """

    recorder: RunRecorder
    ends: dict[str, tuple[str, ...]]
    views_agree: bool
    expected: bool
    unused: tuple[Fault, ...] = ()
    missed: tuple[Fault, ...] = ()
    refused: int = 0


class DemoRunner:
    """A demo in progress: its parts, and in which order its acts are played."""

    def __init__(self, settings: Settings, reporter: Reporter) -> None:
        self._scenario = settings.scenario
        self._audience = Audience(reporter)
        clocks = Clocks(settings.timeout)
        self._arming = Arming(settings, clocks)
        self.recorder = RunRecorder(
            show=self._show,
            lifelines=lifelines([TRACKER_ID, CLIENT, *settings.joining]),
            in_order=not (delays(settings) or settings.broker),
        )
        self._network = Network(settings, self._arming.plan, self.recorder)
        self._demo_servers = DemoServers(settings, clocks, self._network.connect, self.recorder.moved)
        self._acts = Acts(
            settings, self.recorder, self._audience, arming=self._arming, clocks=clocks, demo_servers=self._demo_servers
        )

    @property
    def broker(self) -> EmbeddedBroker | None:
        """Our broker; None if one was named."""
        return self._network.broker

    @property
    def servers(self) -> dict[str, Server]:
        """The servers by name."""
        return self._demo_servers.servers

    async def run(self) -> Outcome:
        """Play the scenario to its end.

        Raises `runtime.demo.waiting.DemoError`, `runtime.mqtt.broker.BrokerError` if no broker can be started, and
        whatever the reporter raises, such as `BrokenPipeError` if it has gone.
        """
        async with self:
            await self._acts.prelude()
            await self._acts.first_round()
            if self._scenario.returns != "no":
                await self._acts.the_tracker_returns()
            outcome = self._outcome()
            await self._acts.goodbye()
            self.recorder.close()
            unused, missed = self._arming.unused(), self._arming.missed()
            return replace(outcome, unused=unused, missed=missed, refused=self._demo_servers.refused())

    async def __aenter__(self) -> Self:
        await self._network.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Take everything down, whatever happened; nobody watches that."""
        self._audience.leave()
        await self._demo_servers.crash()
        await self._network.stop()
        self.recorder.close()

    def _show(self, arrow: Arrow) -> None:
        if isinstance(arrow.message, ClientJoinFailed) and arrow.receiver == self.recorder.lifeline(TRACKER_ID):
            self._arming.reported(arrow.message.client)
        self._audience.arrow(arrow)

    def _outcome(self) -> Outcome:
        """How it stands; what the faults did is not known before the end."""
        return Outcome(
            self.recorder,
            {self.recorder.lifeline(name): server.where for name, server in self.servers.items()},
            views_agree=self._demo_servers.views_agree(),
            expected=self._demo_servers.all_is_well(),
        )
