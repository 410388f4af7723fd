"""The demo: a scenario, played by the statecharts on a real broker.

A registered client joins first, outside the trace. Then the torrent servers ask to join, something goes wrong or does
not, the tracker returns, and everybody says goodbye. What happens is put together by a `RunRecorder`; who watches is
told of each arrow and of each act.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol, Self
from uuid import uuid4

from immutabledict import immutabledict

from machines import (
    ClientJoinFailed,
    ClientMetadata,
    Clock,
    DistributionView,
    FileMetadata,
    FragmentMetadata,
    Participant,
    TorrentServer,
    Tracker,
    View,
)
from runtime.demo.scenarios import Scenario
from runtime.driver import Role, Server
from runtime.mqtt.broker import EmbeddedBroker
from runtime.mqtt.faults import Fault, FaultPlan
from runtime.mqtt.session import BrokerAddress, Session
from runtime.mqtt.tapped import TappedSession
from runtime.recorder import Arrow, RunRecorder

TRACKER = "tracker"
CLIENT = "client-1"
HASH = "sha-256"
SIZES = (1024, 2048)
"""Fragment sizes in bytes: of the first service, and of the one that the torrent servers need where they conflict."""

SILENCE = 1.0
"""Seconds without an arrow after which nothing more is to be expected, if no clock runs and no event is delayed."""
PATIENCE = 15.0
"""Seconds that the demo waits beyond the timeouts of the protocol before it takes things as they are."""
LONGEST_DELAY = 5.0
"""Seconds that the demo waits for what a fault delays."""
CALM = 5.0
"""Seconds that every clock counts at least while nothing is to go wrong: on a busy machine, too, the trace is told."""
STARTING = {("awaiting_connack",), ("subscribing",), ("awaiting_subacks",)}
"""Where a server awaits the broker, which can take its time."""


class DemoError(Exception):
    """The demo cannot go on: the message says why and what to do."""


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


class Reporter(Protocol):
    """Who watches."""

    def act(self, title: str) -> None:
        """A part of the trace begins."""

    def arrow(self, arrow: Arrow) -> None:
        """An arrow has happened."""


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
    unused: tuple[Fault, ...]
    missed: tuple[Fault, ...]
    refused: int


class DemoRunner:
    """A demo in progress."""

    def __init__(self, settings: Settings, reporter: Reporter) -> None:
        self.settings = settings
        self.reporter = reporter
        self.torrents = [f"torrent-{number}" for number in range(1, settings.torrents + 1)]
        self.story = FaultPlan((*self._drawn_faults(), *settings.faults), settings.seed, self._strikes)
        self.plan = FaultPlan()  # nothing goes wrong before the trace begins
        self.timeout = max(CALM, settings.timeout)
        self.delays = min(sum(fault.seconds for fault in settings.faults), LONGEST_DELAY)
        self.recorder = RunRecorder(
            show=self._show,
            lifelines=lifelines([TRACKER, CLIENT, *self.torrents]),
            in_order=not (self.delays or settings.broker),
        )
        self.broker = None if settings.broker else EmbeddedBroker(port=settings.port, observer=self.recorder)
        self.servers: dict[str, Server] = {}
        self.refused = 0
        self._awaited: set[Fault | str] = {*self._drawn_faults()}
        """What is still to go wrong before clocks may run out: losses, or the failures that torrent servers report."""
        if settings.scenario.storage_fails and not self._awaited:
            self._awaited |= {*self.torrents}
        self._stopped: set[str] = set()
        self._changed = asyncio.Event()
        self._is_over = False
        self._failure: Exception | None = None

    async def run(self) -> Outcome:
        """Play the scenario to its end.

        Raises `DemoError`, `runtime.mqtt.broker.BrokerError` if no broker can be started, and whatever the audience
        raises, such as `BrokenPipeError` if it has gone.
        """
        async with self:
            await self.prelude()
            await self.first_round()
            if self.settings.scenario.returns != "no":
                await self.the_tracker_returns()
            outcome = self.outcome()
            await self.curtain()
            self.recorder.close()
            refused = self.refused + sum(_refusals(server) for server in self.servers.values())
            unused = self.story.unused()
            had_to = self.settings.faults or self.story.faults
            missed = tuple(fault for fault in unused if fault.probability is None and fault in had_to)
            return replace(outcome, unused=unused, missed=missed, refused=refused)

    async def __aenter__(self) -> Self:
        if self.broker is not None:
            await self.broker.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Take everything down, whatever happened; nobody watches that."""
        self._is_over = True
        await asyncio.gather(*(server.crash() for server in self.servers.values()))
        if self.broker is not None:
            await self.broker.stop()
        self.recorder.close()

    def arm(self) -> None:
        """From here on faults happen."""
        self.plan = self.story
        if self.broker is not None:
            self.broker.faults = self.story

    def _drawn_faults(self) -> Iterator[Fault]:
        return self.settings.scenario.faults(self.torrents)

    def _strikes(self, fault: Fault) -> None:
        """A fault strikes: one that was asked for besides the scenario lets the clocks run out at once."""
        if fault in self.settings.faults:
            self._awaited.clear()
        self._has_gone_wrong(fault)

    def _has_gone_wrong(self, what: Fault | str) -> None:
        """With the last of what is to go wrong, timeouts are exceeded: not before, however slow the machine is."""
        self._awaited.discard(what)
        if not self._awaited and self.timeout > self.settings.timeout:
            self.count(self.settings.timeout)

    def count(self, seconds: float) -> None:
        """What every clock counts from here on."""
        self.timeout = seconds
        for server in self.servers.values():
            server.count(seconds)

    def connect(self, client: str) -> Session:
        """A session for a server, tapped where the broker is not ours."""
        if self.settings.broker is not None:
            return TappedSession(self.settings.broker, client, self.settings.qos, lambda: self.plan, self.recorder)
        assert self.broker is not None
        return Session(BrokerAddress(self.broker.host, self.broker.port), client, self.settings.qos)

    def _show(self, arrow: Arrow) -> None:
        self._changed.set()
        if isinstance(arrow.message, ClientJoinFailed) and arrow.receiver == self.recorder.lifeline(TRACKER):
            self._has_gone_wrong(arrow.message.client)
        if self._is_over or self._failure:
            return
        try:
            self.reporter.arrow(arrow)
        except Exception as failure:  # noqa: BLE001 - not to be raised into the broker or a server: `until` does
            self._failure = failure

    def _act(self, title: str) -> None:
        self.recorder.acts[len(self.recorder.arrows)] = title
        self.reporter.act(title)

    # The cast.

    def start(self, name: str, chart: Participant, view: View) -> Server:
        """A new server, in place of an earlier one of the same name."""
        self._retire(name)
        charts: dict[Role, Participant] = {"client": chart, "clock": Clock(), "view": DistributionView(view)}
        server = Server(charts, self.connect, timeout=self.timeout, observer=self.recorder.moved)
        self.servers[name] = server
        server.start()
        return server

    def _retire(self, name: str) -> None:
        if name in self.servers:
            self.refused += _refusals(self.servers.pop(name))

    def start_tracker(self, fragment_size: int) -> Server:
        """A tracker server that knows one file; sizes in bytes."""
        names = ("a-1", "a-2", "a-3")
        view = View(
            HASH,
            fragment_size,
            files=immutabledict({"file-a": FileMetadata(len(names) * fragment_size, names)}),
            fragments=immutabledict({name: FragmentMetadata(fragment_size) for name in names}),
        )
        return self.start(TRACKER, Tracker(TRACKER), view)

    def start_torrent(self, name: str) -> Server:
        """A torrent server that brings a file and a fragment of its own."""
        scenario = self.settings.scenario
        joins_late = name != CLIENT
        fragment = f"{name}-1"
        view = View(
            HASH,
            SIZES[1] if scenario.conflicts and joins_late else None,
            files=immutabledict({f"file-of-{name}": FileMetadata(100, (fragment,))}),
            fragments=immutabledict({fragment: FragmentMetadata(100)}),
            own=ClientMetadata(frozenset({f"http://{name}.example/fragments"}), frozenset({fragment})),
            storage="broken" if scenario.storage_fails and joins_late else "sound",
        )
        session = str(uuid4()) if self.settings.hardened else ""
        return self.start(name, TorrentServer(name, session=session), view)

    # Waiting.

    async def until(self, condition: Callable[[], bool], what: str, silence: float | None = None) -> bool:
        """Wait for `condition`, until nothing more is to be expected; gives whether it holds.

        That is after `silence` seconds without an arrow (by default enough for every clock), or when the demo has lost
        its patience. Raises `DemoError` if a server has lost the broker, and what the audience raised.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        silent = 0.0
        while not condition():
            if self._failure:
                raise self._failure
            for name, server in self.servers.items():
                if server.where == ("offline",) and name not in self._stopped:
                    remedy = "; check --broker, or leave it away" if self.broker is None else ""
                    raise DemoError(f"{name} went offline before {what}: {server.last_error}{remedy}")
            enough = (SILENCE + self.timeout if silence is None else silence) + self.delays
            if silent > enough or loop.time() - began > 3 * self.timeout + PATIENCE + self.settings.torrents / 2:
                return False
            try:
                self._changed.clear()
                async with asyncio.timeout(0.1):  # not `wait_for`, which can swallow a Ctrl-C in Python 3.11
                    await self._changed.wait()
                silent = 0.0
            except TimeoutError:
                starting = any(server.where in STARTING for server in self.servers.values())
                silent = 0.0 if starting else silent + 0.1
        return True

    def at_rest(self) -> bool:
        """Whether every join has ended, and the tracker has no admission pending.

        News of it can still be on their way.
        """
        joiners = [server for name, server in self.servers.items() if name != TRACKER]
        return self.servers[TRACKER].where == ("awaiting_requests",) and all(
            server.where in {("registered",), ("awaiting_hello",)} for server in joiners
        )

    # The acts.

    async def prelude(self) -> None:
        """The tracker starts, and the registered client joins."""
        self._act("Before the diagram begins: the tracker starts, and one client joins")
        tracker = self.start_tracker(SIZES[0])
        await self.until(lambda: tracker.where == ("awaiting_requests",), "the tracker serves")
        client = self.start_torrent(CLIENT)
        if not await self.until(lambda: client.where == ("registered",) and self.at_rest(), f"{CLIENT} is registered"):
            raise DemoError(
                f"{CLIENT} did not get registered, although nothing went wrong on purpose; {TRACKER} is in "
                f"{'/'.join(tracker.where)}, {CLIENT} in {'/'.join(client.where)}; a longer --timeout may help"
            )

    async def first_round(self) -> None:
        """The torrent servers start, and ask to join."""
        self._act(f"Client Join: {self.settings.scenario.tells}")
        self.arm()
        for name in self.torrents:
            self.start_torrent(name)
        ends_here = self.settings.scenario.returns == "no"
        await self.until(self.all_is_well if ends_here else self.at_rest, "every join has ended")

    async def the_tracker_returns(self) -> None:
        """The tracker reconnects or is replaced, and whoever hears its hello joins again."""
        if not self.settings.faults:
            self.count(max(CALM, self.settings.timeout))
        scenario = self.settings.scenario
        for name in self.torrents:
            view = self.servers[name].charts["view"]
            view.data = replace(view.data, view=replace(view.data.view, storage="sound"))
        if scenario.returns == "reconnects":
            self._act("Tracker Server reconnects")
            await self.servers[TRACKER].reconnect()
        else:
            self._act("Tracker Server is replaced by another Tracker Server")
            await self.servers[TRACKER].crash()
            await self.until(lambda: TRACKER not in self.recorder.broker.data.sessions, "the broker notices", SILENCE)
            self.start_tracker(SIZES[1] if scenario.conflicts else SIZES[0])
        tracker = self.servers[TRACKER]
        await self.until(lambda: tracker.where == ("awaiting_requests",), "the tracker serves")
        # Who hears the hello joins; a lost hello leaves everybody where they are, which shows in the end.
        await self.until(self.all_is_well, "everybody is registered")

    async def curtain(self) -> None:
        """Everybody says goodbye: the torrent servers, then the tracker, then the client that joined first."""
        self._act("Goodbye")
        client = self.servers[CLIENT]
        for name in self.torrents:
            await self._stop(name)
        await self.until(lambda: not any(map(self._is_known, self.torrents)), "they are forgotten", SILENCE / 2)
        await self._stop(TRACKER)
        await self.until(lambda: client.where != ("registered",), f"{CLIENT} knows", SILENCE / 2)
        await self._stop(CLIENT)
        await self.until(lambda: not self.recorder.broker.data.sessions, "the broker knows", SILENCE / 2)

    async def _stop(self, name: str) -> None:
        self._stopped.add(name)
        await self.servers[name].stop()

    def _is_known(self, name: str) -> bool:
        return any(name in self.servers[other].charts["view"].data.view.clients for other in (TRACKER, CLIENT))

    # Taking stock.

    def everybody_is_registered(self) -> bool:
        """Whether every client counts itself as registered, and is in the tracker's view."""
        clients = {CLIENT, *self.torrents}
        known = set(self.servers[TRACKER].charts["view"].data.view.clients)
        return known == clients and all(self.servers[name].where == ("registered",) for name in clients)

    def views_agree(self) -> bool:
        """Whether those who count themselves as registered share the tracker's view of files, fragments and clients."""
        views = [
            server.charts["view"].data.view
            for name, server in self.servers.items()
            if name == TRACKER or server.where == ("registered",)
        ]
        return len({(view.files, view.fragments, view.clients) for view in views}) == 1

    def all_is_well(self) -> bool:
        """Whether everybody is registered, nothing is pending, and all views agree."""
        return self.at_rest() and self.everybody_is_registered() and self.views_agree()

    def outcome(self) -> Outcome:
        """How it stands; what the faults did is not known before the end."""
        return Outcome(
            recorder=self.recorder,
            ends={self.recorder.lifeline(name): server.where for name, server in self.servers.items()},
            views_agree=self.views_agree(),
            expected=self.all_is_well(),
            unused=(),
            missed=(),
            refused=0,
        )


def _refusals(server: Server) -> int:
    return server.refusals.total + server.refused.total()


def lifelines(servers: list[str]) -> dict[tuple[str, str], str]:
    """The servers of the demo as lifelines of the reference diagram; further torrent servers are numbered."""
    names: dict[tuple[str, str], str] = {}
    for server in servers:
        prefix = {TRACKER: "Tracker", CLIENT: "Client", "torrent-1": "Torrent"}.get(server)
        prefix = prefix or server.replace("torrent-", "Torrent")
        names |= {(server, "client"): prefix, (server, "clock"): f"{prefix}Clock", (server, "view"): f"{prefix}View"}
    return names
