"""Level (b): the real driver and the real wire, on a bus in memory and a clock that stands still until it is moved.

After each step every chart, every view and everything that is under way is compared with what the run says. The same
steps give the same run each time: nothing depends on how fast anything is.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any
from uuid import UUID

from immutabledict import immutabledict

from machines.calls import Message, Role, Start, Stop, TimeoutExceeded, ViewChangeFailed
from machines.events import BusEvent
from machines.participant import Decision, Output, Participant
from runtime.connection import spawn
from runtime.driver import Move, Server
from runtime.policy import SchedulingPolicy
from runtime.wire.events import Malformed, Refusals, decode, encode
from spec.exploration.model.interruptions import KINDS as INTERRUPTS
from spec.exploration.model.node import Server as Node
from spec.exploration.model.node import ServerState
from spec.exploration.model.normal_form import normal
from tests.properties.buses import SimulatedBus
from tests.properties.levels import DifferenceError, compare, differences, unmarked
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


class Chosen(SchedulingPolicy):
    """Publishes nothing while it `pauses`; the storage fails where it `fails`."""

    pauses = False
    fails = False

    def may_send(self, client: Participant) -> bool:
        return not (self.pauses and any(isinstance(output.message, BusEvent) for output in client.due()))

    def first(self, due: tuple[Output, ...]) -> Output:
        failures = (output for output in due if isinstance(output.message, ViewChangeFailed))
        return next(failures, due[0]) if self.fails else due[0]


class SteppedServer(Server):
    """A server of which a run has `chosen` what its policy does. Timeouts are the driver's own."""

    next_id: Callable[[], str]

    def __init__(self, charts: Mapping[Role, Any], connect: Any, **settings: Any) -> None:
        self.chosen = Chosen()
        super().__init__(charts, connect, policy=self.chosen, **settings)

    def event_id(self, event: BusEvent) -> str:
        return self.next_id()

    def go_on(self) -> None:
        """Publish what is due, and go on."""
        self.chosen.pauses = False
        self.settle()

    @property
    def is_connected(self) -> bool:
        """Whether it has a session."""
        return self.connection.session is not None

    def leave(self) -> None:
        """Say goodbye and disconnect."""
        self.hear(Stop())

    def hear(self, message: Message) -> None:
        """Something comes that is no packet."""
        self.arrive(message, "")

    def timer(self, client: str) -> asyncio.TimerHandle | None:
        """The timeout for a client."""
        for (_, output), timer in self.timers.running.items():
            if isinstance(output.message, TimeoutExceeded) and output.message.timer.client == client:
                return timer
        return None

    def resume(self, session: Any) -> None:
        """Go on where the charts are, with a session that is open."""
        connection = self.connection
        connection.session = session
        spawn(connection._listen(session), connection._tasks)


class Wired:
    """See the module."""

    name = "driver"
    server: type[SteppedServer] = SteppedServer
    remembers = True
    """Whether steps that a chart has done before, in whatever run, are not done once more."""
    timeout = 5.0
    """Seconds that clocks count."""
    bus: Any
    """A `SimulatedBus`, or what acts like one."""

    def __init__(self) -> None:
        self.refusals = Counted()
        self.broken: dict[str, str] = {}
        self.servers: dict[str, SteppedServer] = {}
        self.moved = 0
        self._numbers = count(1)
        self.loop = self._loop()

    def _loop(self) -> Any:
        return VirtualLoop()

    def begin(self, run: Run) -> None:
        """Take the charts' states from the run; connections, subscriptions and timeouts are as they would be."""
        self.bus = SimulatedBus()
        self.loop.run(self._begun(run))
        self._settle(run)

    async def _begun(self, run: Run) -> None:
        for component, node in enumerate(run.world.nodes):
            state = run.world.state(run.row, component)
            server = self._new(node, _named(state))
            up, down = run.world.under_way(run.row, component)
            session = self.bus.session(node.name)
            self.bus.sent[node.name].extend(map(self._encoded, up))
            if run.world.is_online(run.row, component):
                await self.bus.put(session, topics_of(node, state), list(map(self._encoded, down)))
                server.resume(session)
            server.chosen.pauses = node.is_busy(state)
            server.timers.follow()

    def _new(self, node: Node, state: ServerState) -> SteppedServer:
        charts: dict[Role, Any] = {role: self._chart(node, role) for role in ROLES}
        for role, chart in charts.items():
            chart.restore(getattr(state, role))
        connect: Any = self.bus.session
        server = self.server(charts, connect, timeout=self.timeout, observer=self._see, refusals=self.refusals)
        server.next_id = self._new_id
        if state.broken:
            self.broken[node.name] = state.broken
        self.servers[node.name] = server
        return server

    def _chart(self, node: Node, role: Role) -> Participant | Remembered:
        chart: Participant = getattr(node, role)
        if self.remembers:
            return Remembered(chart)
        fresh: Any = type(chart)
        return fresh(node.name) if role == "client" else fresh()  # type: ignore[no-any-return]

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
        self.loop.run(self._do(run, step, how))
        self._settle(run)

    async def _do(self, run: Run, step: Step, how: str) -> None:
        label = step.label
        node = run.world.nodes[label.component]
        server = self.servers[node.name]
        server.chosen.fails = label.outcome is not None and label.outcome.fault == "storage failure"
        kind = INTERRUPTS.get(label.kind, label.kind)
        act = _ACTS.get(kind)
        if act is not None:
            await act(self.bus, node.name)
        elif kind == "expire":
            self._expire(server, step)
        elif kind != label.kind:
            server.leave() if kind == "stop" else server.go_on()
        else:
            await self._order(node, step, how)
        await self._rest(server)
        if kind != label.kind:
            await self._interrupt(node, step)
        if label.lost is not None:
            await self._lose_sent(node.name, step)

    async def _interrupt(self, node: Node, step: Step) -> None:
        """A server that has done a step crashes: the store holds what it held, and no more is out than was, then."""
        outcome = step.label.outcome
        assert outcome is not None
        assert isinstance(outcome.then, ServerState)
        self.bus.cut(node.name, step.label.arrive + len(outcome.sent))
        await self.servers[node.name].crash()
        self.broken.pop(node.name, None)
        self._new(node, outcome.then)

    async def _rest(self, server: SteppedServer) -> None:
        """Let a server do what is due, without the bus."""
        for _ in range(AT_ONCE):
            await asyncio.sleep(0)

    def _expire(self, server: SteppedServer, step: Step) -> None:
        assert step.label.outcome is not None
        message: Any = step.label.outcome.arrows[0].message
        timer = server.timer(message.timer.client)
        if timer is None:
            raise DifferenceError(f"no timeout for {message.timer.client} is set at {server.name}")
        fire(timer)

    async def _order(self, node: Node, step: Step, how: str) -> None:
        kind, server, arrive = step.label.kind, self.servers[node.name], step.label.arrive
        if kind == "start":
            server.chosen.pauses = _pauses(step)
            server.start(_session(step))
        elif kind == "publish":
            server.go_on()
        elif kind == "stop":
            server.leave()
        elif kind == "disconnect":
            self.bus.cut(node.name, arrive)
            await (self.bus.take_over if how == "take over" and not arrive else self.bus.disconnect)(node.name)
        elif kind == "restart":
            await self.bus.restart()
        else:
            assert kind in {"crash", "wipe", "stabilisation"}, kind
            self.bus.cut(node.name, arrive)
            await server.crash()
            crashed = snapshot(server)
            self.broken.pop(node.name, None)
            born = self._new(node, node.reborn(crashed, keeps_view=kind != "wipe"))
            if kind == "stabilisation":
                born.chosen.pauses = _pauses(step)
                born.start(_session(step))

    async def _lose_sent(self, name: str, step: Step) -> None:
        """One of the events of this step is lost as it is sent, though what came before is still on its way."""
        assert step.label.outcome is not None
        assert step.label.lost is not None
        place = len(self.bus.up(name)) - len(step.label.outcome.sent) + step.label.lost
        await self.bus.lose_sent(name, place)

    # Against the run.

    def _settle(self, run: Run) -> None:
        self.loop.run_until_idle()
        found = self.differences(run)
        if found:
            raise DifferenceError("; ".join(found))

    def state(self, run: Run, component: int) -> ServerState:
        """A server as the run would say it."""
        node = run.world.nodes[component]
        state = snapshot(self.servers[node.name])._replace(broken=self.broken.get(node.name, ""))
        return unmarked(run, component, normal(state))

    def differences(self, run: Run) -> list[str]:
        """How what runs differs from the run's last state, as sentences."""
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
        return found

    def reads(self, run: Run, component: int, state: ServerState, messages: Sequence[Message]) -> bool:
        """It does what its charts do. Raises `DifferenceError`."""
        node = run.world.nodes[component]
        server = self.servers[node.name]
        connected = server.is_connected
        self.broken.pop(node.name, None)
        for role in ROLES:
            server.charts[role].restore(getattr(_named(state), role))
        expected = [state]
        for message in messages:
            self.loop.run(self._read(server, message))
            expected = [then for one in expected for then in _after(node, one, message)]
        here = self.state(run, component)
        found = [differences(node.name, here, unmarked(run, component, normal(then))) for then in expected]
        if all(found):
            raise DifferenceError(f"after {messages}: {'; '.join(found[0])}")
        return server.is_connected == connected

    async def _read(self, server: SteppedServer, message: Message) -> None:
        if isinstance(message, BusEvent):
            on_wire = replace(message, event_id=message.event_id or self._new_id())
            topic, payload = on_wire.topic, encode(on_wire)
            for session in await self.bus.inject(topic, payload):
                if session.client == server.name:
                    session.read((topic, payload))
        else:
            server.hear(message)
        for _ in range(AT_ONCE):
            await asyncio.sleep(0)

    def disturb(self, run: Run, topic: str, payload: bytes) -> None:
        """Nobody moves, and whoever has subscribed to the topic counts one refusal."""
        before, refused = self.moved, self.refusals.total
        reached = self.loop.run(self.bus.inject(topic, payload))
        for session in reached:
            session.read((topic, payload))
        self._settle(run)
        if self.moved != before:
            raise DifferenceError(f"{payload!r} on {topic} moves somebody")
        if self.refusals.total - refused != len(reached):
            told = f"{self.refusals.total - refused} of {len(reached)} servers"
            raise DifferenceError(f"{payload!r} on {topic} is refused by {told}")

    def end(self) -> None:
        """Take everything down."""
        for server in self.servers.values():
            self.loop.run(server.crash())
        self.loop.close()


def _after(node: Node, state: ServerState, message: Message) -> Iterator[ServerState]:
    """Where a message can lead a server."""
    for outcome in node.receive(state, message):
        assert isinstance(outcome.then, ServerState)
        yield outcome.then


def snapshot(server: Server) -> ServerState:
    """The charts of a server, frozen."""
    client, clock, view = (server.charts[role].snapshot() for role in ROLES)
    return ServerState(client, clock, view)


def fire(timer: asyncio.TimerHandle) -> None:
    """Let the time of a timer have come, on a clock of its own: it runs now, whatever others are set."""
    assert not timer.cancelled()
    handle: Any = timer
    callback, arguments = handle._callback, handle._args
    timer.cancel()
    callback(*arguments)


AT_ONCE = 4
"""Turns of the loop in which a server hands over what it sends."""
_ACTS: Mapping[str, Callable[[Any, str], Awaitable[None]]] = {
    "read": lambda bus, name: bus.deliver(name),
    "duplicate": lambda bus, name: bus.deliver(name, again=True),
    "forward": lambda bus, name: bus.forward(name),
    "lose 1": lambda bus, name: bus.lose_up(name),
    "lose 2": lambda bus, name: bus.lose_down(name),
}


def _session(step: Step) -> str:
    """The name that the owner gives to the connection that a step makes."""
    assert step.label.outcome is not None
    start = step.label.outcome.arrows[0].message
    return start.session if isinstance(start, Start) else ""


def topics_of(node: Node, state: ServerState) -> frozenset[str]:
    """What a server has subscribed to."""
    chart: Any = node.client
    chart.restore(state.client)
    topics: frozenset[str] = chart.wanted()
    return topics


def _pauses(step: Step) -> bool:
    return step.label.outcome is not None and not step.label.outcome.sent


def _named(state: ServerState) -> ServerState:
    """A state of the explorer in which what was delivered once already has an identifier as on the wire."""
    data: Any = state.client.data
    if getattr(data, "hello", ""):
        data = replace(data, hello=_identifier(data.hello))
    if getattr(data, "requests", None):
        data = replace(data, requests=immutabledict({key: _identifier(one) for key, one in data.requests.items()}))
    return state._replace(client=state.client._replace(data=data))


def _identifier(mark: str) -> str:
    """A mark as an identifier; one that is an identifier stays."""
    return mark if len(mark) == len(REPEATED) else REPEATED


def _names(messages: list[BusEvent]) -> str:
    return (
        ", ".join(f"{type(message).__name__} ({getattr(message, 'client', '')})" for message in messages) or "nothing"
    )
