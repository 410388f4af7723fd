"""Level (b): the real driver and the real wire, on a bus in memory and a clock that stands still until it is moved.

After each step every chart, every view and everything that is under way is compared with what the run says. The same
steps give the same run each time: nothing depends on how fast anything is.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from typing import Any
from uuid import UUID

from immutabledict import immutabledict

from machines.calls import Message, Stop, TimeoutExceeded, ViewChangeFailed
from machines.events import BusEvent
from machines.participant import Decision, Output, Participant
from runtime.driver import Move, Role, Server
from runtime.wire.events import Malformed, Refusals, decode, encode
from spec.exploration.model.node import Server as Node
from spec.exploration.model.node import ServerState, normal
from tests.properties.buses import SimulatedBus
from tests.properties.levels import DifferenceError, compare, unmarked
from tests.properties.remembered import Remembered
from tests.properties.runs import Run, Step
from tests.properties.virtual import VirtualLoop

ROLES: tuple[Role, ...] = ("client", "clock", "view")
REPEATED = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
"""The identifier of events that had been delivered once when a run began, and come once more."""


class Counted(Refusals):
    """Refusals that are counted, and not logged."""

    def add(self, refusal: Malformed) -> None:
        self.counts[refusal.topic, refusal.kind] += 1



class SteppedServer(Server):
    """A server that publishes nothing while it `pauses`, and whose storage fails where it `fails`: that is chosen by a
    run. Timeouts are the driver's own.
    """

    pauses = False
    fails = False
    new_id: Callable[[], str]

    def _new_id(self) -> str:
        return self.new_id()

    def go_on(self) -> None:
        """Publish what is due, and go on."""
        self.pauses = False
        self._settle()

    def leave(self) -> None:
        """Say goodbye and disconnect."""
        self._arrive(Stop(), "")

    def timer(self, client: str) -> asyncio.TimerHandle | None:
        """The timeout for a client."""
        for (_, output), timer in self._timers.items():
            if isinstance(output.message, TimeoutExceeded) and output.message.timer.client == client:
                return timer
        return None

    def resume(self, session: Any) -> None:
        """Go on where the charts are, with a session that is open."""
        self._session = session
        self._spawn(self._listen(session), self._tasks)

    def set_timers(self) -> None:
        """Begin to count for the timeouts that are set."""
        self._set_timers()

    def _send_next(self) -> bool:
        if self.pauses and any(isinstance(output.message, BusEvent) for output in self.charts["client"].due()):
            return False
        return super()._send_next()

    def _first(self, due: tuple[Output, ...]) -> Output:
        failures = (output for output in due if isinstance(output.message, ViewChangeFailed))
        return next(failures, due[0]) if self.fails else due[0]


class Wired:
    """See the module."""

    name = "driver"

    def __init__(self, server: type[SteppedServer] = SteppedServer, *, remembers: bool = True) -> None:
        """`remembers`: steps that a chart has done before, in whatever run, are not done once more."""
        self._make = server
        self._remembers = remembers
        self.refusals = Counted()
        self._numbers = count(1)

    def begin(self, run: Run) -> None:
        """Take the charts' states from the run; connections, subscriptions and timeouts are as they would be."""
        self.loop = VirtualLoop()
        self.bus = SimulatedBus()
        self.broken: dict[str, str] = {}
        self.servers: dict[str, SteppedServer] = {}
        self.moved = 0
        asyncio.set_event_loop(None)
        self.loop.run(self._begun(run))
        self.loop.run_until_idle()
        self._check(run)

    async def _begun(self, run: Run) -> None:
        for component, node in enumerate(run.world.nodes):
            state = run.world.state(run.row, component)
            server = self._new(node, _named(state))
            up, down = run.world.under_way(run.row, component)
            session = self.bus.session(node.name)
            self.bus.sent[node.name].extend(map(self._encoded, up))
            if run.world.is_online(run.row, component):
                self.bus.put(session, node.client.topics, list(map(self._encoded, down)))  # type: ignore[attr-defined]
                server.resume(session)
            server.pauses = node.is_busy(state)
            server.set_timers()

    def _new(self, node: Node, state: ServerState) -> SteppedServer:
        charts: dict[Role, Any] = {role: self._chart(node, role) for role in ROLES}
        for role, chart in charts.items():
            chart.restore(getattr(state, role))
        connect: Any = self.bus.session
        server = self._make(charts, connect, observer=self._see, refusals=self.refusals)
        server.new_id = self._new_id
        if state.broken:
            self.broken[node.name] = state.broken
        self.servers[node.name] = server
        return server

    def _chart(self, node: Node, role: Role) -> Participant | Remembered:
        chart: Participant = getattr(node, role)
        if self._remembers:
            return Remembered(chart)
        return type(chart)(node.name) if role == "client" else type(chart)()

    def _new_id(self) -> str:
        return str(UUID(int=next(self._numbers)))

    def _encoded(self, message: BusEvent) -> tuple[str, bytes]:
        stamped = replace(message, event_id=REPEATED if message.event_id else self._new_id())
        return stamped.topic, encode(stamped)

    def _see(self, move: Move) -> None:
        self.moved += 1
        if move.decision is Decision.IMPOSSIBLE:
            self.broken.setdefault(move.server, move.why)

    # Steps.

    def do(self, run: Run, step: Step, how: str = "") -> None:
        """Do it, and compare. Raises `DifferenceError`."""
        label = step.label
        node = run.world.nodes[label.component]
        server = self.servers[node.name]
        server.fails = label.outcome is not None and label.outcome.fault == "storage failure"
        act = _ACTS.get(label.kind)
        if act is not None:
            act(self.bus, node.name)
        elif label.kind == "expire":
            self._expire(server, step)
        else:
            self.loop.run(self._ordered(node, step, how))
        self.loop.run_until_idle()
        if label.lost is not None:
            self._lose_sent(node.name, run, step)
        self._check(run)

    def _expire(self, server: SteppedServer, step: Step) -> None:
        assert step.label.outcome is not None
        message: Any = step.label.outcome.arrows[0].message
        timer = server.timer(message.timer.client)
        if timer is None:
            raise DifferenceError(f"no timeout for {message.timer.client} is set at {server.name}")
        self.loop.fire(timer)

    async def _ordered(self, node: Node, step: Step, how: str) -> None:
        kind, server, arrive = step.label.kind, self.servers[node.name], step.label.arrive
        if kind == "start":
            server.pauses = _pauses(step)
            server.start()
        elif kind == "publish":
            server.go_on()
        elif kind == "stop":
            server.leave()
        elif kind == "disconnect":
            self.bus.cut(node.name, arrive)
            (self.bus.take_over if how == "take over" else self.bus.disconnect)(node.name)
        elif kind == "restart":
            self.bus.restart()
        else:
            assert kind in {"crash", "wipe", "stabilisation"}, kind
            self.bus.cut(node.name, arrive)
            await server.crash()
            crashed = ServerState(*(server.charts[role].snapshot() for role in ROLES))
            self.broken.pop(node.name, None)
            born = self._new(node, node.reborn(crashed, keeps_view=kind != "wipe"))
            if kind == "stabilisation":
                born.pauses = _pauses(step)
                born.start()

    def _lose_sent(self, name: str, run: Run, step: Step) -> None:
        """One of the events of this step is lost as it is sent, though what came before is still on its way."""
        assert step.label.outcome is not None
        assert step.label.lost is not None
        sent = self.bus.sent[name]
        place = len(sent) - len(step.label.outcome.sent) + step.label.lost
        del sent[place]

    # Against the run.

    def state(self, run: Run, component: int) -> ServerState:
        """A server as the run would say it."""
        node = run.world.nodes[component]
        charts = self.servers[node.name].charts
        state = ServerState(*(charts[role].snapshot() for role in ROLES), self.broken.get(node.name, ""))
        return unmarked(run, component, normal(state))

    def _check(self, run: Run) -> None:
        found = []
        for component, node in enumerate(run.world.nodes):
            state = self.state(run, component)
            found += compare(run, component, state)
            if state.broken:
                continue  # it takes no further part
            up, down = run.world.under_way(run.row, component)
            queues = (("from", self.bus.up(node.name), up), ("to", self.bus.down(node.name), down))
            for word, there, wanted in queues:
                events = [replace(decode(*message), event_id="") for message in there]
                expected = [replace(message, event_id="") for message in wanted]
                if events != expected:
                    found.append(f"under way {word} {node.name} is {_names(events)}; by its charts: {_names(expected)}")
        if found:
            raise DifferenceError("; ".join(found))

    def disturb(self, run: Run, topic: str, payload: bytes) -> None:
        """Nobody moves, and whoever has subscribed to the topic counts one refusal."""
        before, refused = self.moved, self.refusals.total
        reached = [session for session in self.bus.sessions.values() if topic in session.topics]
        for session in reached:
            session.read((topic, payload))
        self.loop.run_until_idle()
        self._check(run)
        if self.moved != before:
            raise DifferenceError(f"{payload!r} on {topic} moves somebody")
        if self.refusals.total - refused != len(reached):
            raise DifferenceError(f"{payload!r} on {topic} is refused by {self.refusals.total - refused} of {reached}")

    def end(self) -> None:
        """Take everything down."""
        if hasattr(self, "loop"):
            for server in self.servers.values():
                self.loop.run(server.crash())
            self.loop.close()


_ACTS: Mapping[str, Callable[[SimulatedBus, str], None]] = {
    "read": SimulatedBus.deliver,
    "duplicate": lambda bus, name: bus.deliver(name, again=True),
    "forward": SimulatedBus.forward,
    "lose 1": SimulatedBus.lose_up,
    "lose 2": SimulatedBus.lose_down,
}


def _pauses(step: Step) -> bool:
    return step.label.outcome is not None and not step.label.outcome.sent


def _named(state: ServerState) -> ServerState:
    """A state of the explorer in which what was delivered once already has an identifier as on the wire."""
    data: Any = state.client.data
    if getattr(data, "hello", ""):
        data = replace(data, hello=REPEATED)
    if getattr(data, "requests", None):
        data = replace(data, requests=immutabledict(dict.fromkeys(data.requests, REPEATED)))
    return state._replace(client=state.client._replace(data=data))


def _names(messages: list[BusEvent]) -> str:
    return ", ".join(f"{type(message).__name__} ({getattr(message, 'client', '')})" for message in messages) or "nothing"


__all__ = ["Message", "SteppedServer", "Wired"]
