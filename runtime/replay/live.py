"""A trace played live: the statecharts as servers on the embedded broker, told by the trace when to do what.

Every event goes over the wire and through the broker, where faults lose or repeat it. What is told is only what the
explorer chooses: when a server starts, stops, crashes, reads the next event that has come, or exceeds a timeout, and
whether a view fails. After each step, when all is still, every chart, every view and everything under way is compared
with what the explorer says.
"""

import asyncio
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self

from machines.calls import ROLES, Role
from machines.participant import Decision, Participant
from runtime.driver import Move
from runtime.mqtt.faults import Fault, FaultPlan
from runtime.mqtt.observer import BrokerObserver
from runtime.mqtt.session import BrokerAddress
from runtime.recorder import Arrow, RunRecorder
from runtime.replay.controlled_server import ControlledServer
from runtime.replay.schedule import Scheduled, schedule, unmarked
from runtime.replay.wills import WillsHeld, WithWill
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.node import Server as Node
from spec.exploration.model.node import ServerState
from spec.exploration.model.normal_form import normal
from spec.exploration.model.second_tracker import session_after
from spec.exploration.model.steps import Row, Slot
from spec.exploration.model.wills import SAYS, is_will, renewed
from spec.exploration.traces.rendering import lifeline_at
from spec.exploration.traces.replay import Replayed
from spec.system.process import name_of

PATIENCE = 10.0
"""Seconds that one step can take."""


class Reporter(Protocol):
    """Who watches."""

    def act(self, title: str) -> None:
        """A step begins."""

    def arrow(self, arrow: Arrow) -> None:
        """An arrow has happened."""


@dataclass
class Ending:
    """How a live run ended.

    `differences` tells how it differed from the explorer; `row` is its last state, if it was played to the end.
    """

    recorder: RunRecorder
    differences: list[str] = field(default_factory=list)
    states: tuple[ServerState, ...] = ()
    row: Row | None = None


class Watch(BrokerObserver):
    """Counts what the broker does, and passes on what it is told."""

    def __init__(self, recorder: RunRecorder) -> None:
        self.recorder = recorder
        self.connections: set[str] = set()
        self.taken: Counter[str] = Counter()
        """By client: what came to the broker, or was lost on its way there."""
        self.passed: Counter[str] = Counter()
        """By client: what was passed on to it on its present connection."""

    def connected(self, client: str) -> None:
        self.connections.add(client)
        self.passed[client] = 0
        self.recorder.connected(client)

    def disconnected(self, client: str, clean: bool) -> None:
        self.connections.discard(client)
        self.recorder.disconnected(client, clean)

    def subscribed(self, client: str, topic: str, accepted: bool) -> None:
        self.recorder.subscribed(client, topic, accepted)

    def received(self, client: str, topic: str, payload: bytes) -> None:
        self.taken[client] += 1
        self.recorder.received(client, topic, payload)

    def lost_to_broker(self, client: str, topic: str, payload: bytes) -> None:
        self.taken[client] += 1
        self.recorder.lost_to_broker(client, topic, payload)

    def forwarded(self, topic: str, payload: bytes, to_client: str) -> None:
        self.passed[to_client] += 1
        self.recorder.forwarded(topic, payload, to_client)

    def lost_from_broker(self, topic: str, payload: bytes, to_client: str) -> None:
        self.recorder.lost_from_broker(topic, payload, to_client)


class Live:
    """The servers of a trace on the embedded broker."""

    def __init__(self, system: ClosedSystem, reporter: Reporter, nodes: Sequence[Any], qos: int = 2) -> None:
        """`system` is the explorer's; `nodes` are the same servers once more, whose charts are played here."""
        self.system = system
        self.nodes: tuple[Node, ...] = tuple(node for node in nodes if isinstance(node, Node))
        self.qos = qos
        self.reporter = reporter
        self.recorder = RunRecorder(show=self._show, lifelines=lifelines(system))
        self.watch = Watch(self.recorder)
        self.broker = WillsHeld(observer=self.watch)
        self.earlier: list[ControlledServer] = []
        """Servers that have crashed."""
        self.broken: dict[str, str] = {}
        self.failure: Exception | None = None
        self.servers = {node.name: self._new(node, node.initial) for node in self.nodes}

    async def __aenter__(self) -> Self:
        await self.broker.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Take everything down, whatever happened; nobody watches that."""
        self.recorder.show = lambda _: None
        await asyncio.gather(*(server.crash() for server in self.servers.values()))
        await self.broker.stop()

    async def play(self, trace: Sequence[Replayed]) -> Ending:
        """Play the steps; stops where the run is no longer the trace. Raises what the audience raises."""
        ending = Ending(self.recorder)
        for step, scheduled in zip(trace, schedule(self.system, trace), strict=True):
            self.reporter.act(heading(step, scheduled, trace))
            ending.differences = [f"{_called(step)}: {what}" for what in await self._step(step, scheduled)]
            if self.failure is not None:
                raise self.failure
            if ending.differences:
                break
        ending.states = tuple(self.state(node) for node in self.nodes)
        if not ending.differences:
            ending.row = self._row(trace)
        self.recorder.close()
        ending.differences += [
            f"the broker did what its chart does not allow: {it}" for it in self.recorder.divergences
        ]
        return ending

    def _show(self, arrow: Arrow) -> None:
        if self.failure is None:
            try:
                self.reporter.arrow(arrow)
            except Exception as failure:  # noqa: BLE001 - not to be raised into the broker or a server
                self.failure = failure

    # One step.

    async def _step(self, step: Replayed, scheduled: Scheduled) -> list[str]:
        plan = self.broker.faults = FaultPlan(scheduled.faults)
        name = self.nodes[step.label.component].name
        try:
            async with asyncio.timeout(PATIENCE):
                await self._act(step, name)
                while not self._is_still():  # noqa: ASYNC110 - half of it is told by nobody
                    await asyncio.sleep(0.001)
                for broken in self.broken:
                    if self.servers[broken].is_online:  # as in the explorer: it takes no further part
                        await self.servers[broken].crash()
                while self.watch.connections & self.broken.keys():  # noqa: ASYNC110 - likewise
                    await asyncio.sleep(0.001)
        except TimeoutError:
            return [f"after {PATIENCE:g} s something is still to come: {', '.join(self._unstill())}"]
        except LookupError as error:
            return [str(error)]
        unused = [f"this was to happen and did not: {_named(fault)}" for fault in plan.unused()]
        return unused + self._differences(step.row, scheduled)

    async def _act(self, step: Replayed, name: str) -> None:
        server, node, label = self.servers[name], self.nodes[step.label.component], step.label
        server.control.fails = label.outcome is not None and label.outcome.fault == "storage failure"
        self._say_wills(step, server)
        server.control.loses, server.control.published = label.lost, 0
        pauses = label.outcome is not None and all(map(is_will, label.outcome.sent))
        kind = label.kind
        if kind in {"read", "duplicate"}:
            server.read(self._held(server, label.message))
        elif kind == "expire":
            assert label.outcome is not None
            (_, to, timer), *_ = label.outcome.arrows
            if not getattr(node, "late_expiries", False):
                server.expire(timer.timer.client)  # type: ignore[attr-defined]
            elif to == "clock":
                server.exceed(timer.timer.client)  # type: ignore[attr-defined]
            else:
                server.hear_late()
        elif kind == "start":
            server.control.pauses = pauses
            server.start(self._session_of(node, server))
        elif kind in SAYS:
            pass  # that was all
        elif kind == "publish":
            server.go_on()
        elif kind == "stop":
            server.leave()
        elif kind == "disconnect":
            await server.lose_connection(label.arrive)
        elif kind in {"crash", "wipe", "stabilisation"}:
            await self._replace(node, label.arrive, keeps_view=kind != "wipe")
            if kind == "stabilisation":
                server = self.servers[name]
                server.control.pauses = pauses
                server.start(session_after(server.charts["client"].data))
        elif kind == "restart":
            await self._restart(step.row)
        elif kind in {"forward", "lose 1"}:
            server.let_go()
        else:
            assert kind == "lose 2", kind  # the broker lost it as it passed it on

    def _say_wills(self, step: Replayed, server: ControlledServer) -> None:
        """Let the broker say the wills of a step, which come before all else."""
        for will in step.label.outcome.sent if step.label.outcome is not None else ():
            if is_will(will):
                server.control.sent += 1
                self.broker.say_will(will)

    @staticmethod
    def _session_of(node: Node, server: ControlledServer) -> str:
        """The name of the connection that is begun, where a will says it, or a tracker that is hardened."""
        data = server.charts["client"].data
        return renewed(data.session) if node.leaves_will else session_after(data)

    async def _restart(self, row: Row) -> None:
        """The broker ends, with all connections and what is under way on them, and is there again."""
        for place, (name, server) in enumerate(self.servers.items()):
            if server.control.leaving and not server.is_online:
                if self.system.numbers.slots[place][row[place]].up:
                    raise LookupError(
                        f"no broker can do this: {name} has stopped, and what it had sent is to arrive although its "
                        "connection ends with the broker; leave the broker's restart out, or forward it before"
                    )
                await server.crash()  # what is left of its connection
        await self.broker.stop()
        await self.broker.start()

    def _held(self, server: ControlledServer, wanted: Hashable) -> Any:
        """The event that is to be read; on an ordered bus there must be none before it."""
        held = [event for event in server.control.held if unmarked(event) == unmarked(wanted)]
        if not held or (self.system.ordered and held[0] is not server.control.held[0]):
            there = ", ".join(map(name_of, server.control.held)) or "nothing"
            raise LookupError(f"{server.name} was to read {name_of(wanted)}; what has come is: {there}")
        return held[0]

    async def _replace(self, node: Node, arrive: int, *, keeps_view: bool) -> None:
        """The process dies; another one is there, not yet started. So many of the events that are held still go out."""
        before = self.servers[node.name]
        if arrive:
            before.leave_behind(arrive)
        else:
            await before.crash()
            while node.name in self.watch.connections:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.001)
        self.earlier.append(before)
        client, clock, view = (before.charts[role].snapshot() for role in ROLES)
        crashed = ServerState(client, clock, view)
        self.servers[node.name] = self._new(node, node.reborn(crashed, keeps_view=keeps_view))
        if arrive:
            before.bequeath(self.servers[node.name])

    def _new(self, node: Node, state: ServerState) -> ControlledServer:
        charts: dict[Role, Participant] = {"client": node.client, "clock": node.clock, "view": node.view}
        for role, chart in charts.items():
            chart.restore(getattr(state, role))
        bus = WithWill(lambda: BrokerAddress(self.broker.host, self.broker.port), self.qos)
        return ControlledServer(charts, bus, observer=self._moved, holds_publishing=self.system.keeps_hops)

    def _moved(self, move: Move) -> None:
        if move.decision is Decision.IMPOSSIBLE:
            self.broken.setdefault(move.server, move.why)
        self.recorder.moved(move)

    # When a step is done.

    def _is_still(self) -> bool:
        return not self._unstill()

    def _unstill(self) -> list[str]:
        """What is still on its way, as sentences."""
        found = []
        for name, server in self.servers.items():
            sent = server.control.sent + sum(before.control.sent for before in self.earlier if before.name == name)
            out = sent - self.watch.taken[name]
            connected = name in self.watch.connections
            if not server.is_quiescent:
                found.append(f"{name} is busy, in {'/'.join(server.where)}")
            elif out:
                found.append(f"{out} from {name} to the broker")
            elif connected != server.is_online and not server.control.leaving:
                found.append(f"the broker notices that {name} is {'on' if server.is_online else 'off'}line")
            elif server.is_online and self.watch.passed[name] != server.control.came:
                found.append(f"{self.watch.passed[name] - server.control.came} from the broker to {name}")
        return found

    # Against the explorer.

    def state(self, node: Node) -> ServerState:
        """A server as the explorer sees one."""
        server = self.servers[node.name]
        client, clock, view = (server.charts[role].snapshot() for role in ROLES)
        broken = self.broken.get(node.name, "its client does not read what came" if server.is_stuck else "")
        return node.unmarked(normal(ServerState(client, clock, view, broken, tuple(server.late))))  # type: ignore[return-value]

    def _differences(self, row: Row, scheduled: Scheduled) -> list[str]:
        found = []
        for place, node in enumerate(self.nodes):
            slot = self.system.numbers.slots[place][row[place]]
            wanted = node.unmarked(self.system.numbers.locals[place][slot.local])
            assert isinstance(wanted, ServerState)
            found += _differ(node.name, self.state(node), wanted)
            server = self.servers[node.name]
            held = [unmarked(event) for event in server.control.held]
            expected = [unmarked(message) for message in scheduled.in_flight[place]]
            kept, wills = (
                sorted(self.broker.sessions_of(node.name)),
                sorted(_wills(wanted, slot, online=node.is_online(wanted))),
            )
            if kept != wills:
                found.append(f"the broker keeps the wills {kept} of {node.name}; in the explorer: {wills}")
            if not _same(held, expected, ordered=self.system.ordered):
                found.append(f"under way to {node.name} is {_names(held)}; in the explorer it is {_names(expected)}")
            leaving = [unmarked(one.event) for one in server.control.leaving]
            up = [unmarked(self.system.numbers.messages[message]) for message in slot.up]
            if leaving != up:
                found.append(f"under way from {node.name} is {_names(leaving)}; in the explorer it is {_names(up)}")
        return found

    def _row(self, trace: Sequence[Replayed]) -> Row:
        """The live state as a state of the explorer's system; what was spent on faults is what the trace spent."""
        slots, last = [], trace[-1].row if trace else self.system.initial()
        for place, node in enumerate(self.nodes):
            held = [self.system.numbers.message(unmarked(event)) for event in self.servers[node.name].control.held]
            down = tuple(held if self.system.ordered else sorted(held))
            up = tuple(
                self.system.numbers.message(unmarked(one.event)) for one in self.servers[node.name].control.leaving
            )
            wanted = self.system.numbers.state(place, last[place])
            assert isinstance(wanted, ServerState)
            # Whether it is ever started is up to the trace; what wills there are was compared.
            state = self.state(node)._replace(life=wanted.life, will=wanted.will, late_wills=wanted.late_wills)
            slots.append(self.system.numbers.slot(place, Slot(self.system.numbers.local(place, state), up, down)))
        return (*slots, last[-1])


def heading(step: Replayed, scheduled: Scheduled, trace: Sequence[Replayed]) -> str:
    """What a step is called, with the faults that are injected while it is done."""
    told = _called(step) + ": " + step.text
    if scheduled.lost_at is not None:
        told += f" (it was lost in step {trace[scheduled.lost_at].number}, when the broker passed it on)"
    return told + "".join(f"; {_named(fault)}" for fault in scheduled.faults)


def _named(fault: Fault) -> str:
    """A fault of one step; its occurrence counts within the step."""
    return f"{fault.kind} {replace(fault, occurrence=None) if fault.occurrence == 1 else fault}"


def _called(step: Replayed) -> str:
    return f"step {step.number}" if step.number else "in between, and ignored"


def _differ(name: str, state: ServerState, wanted: ServerState) -> list[str]:
    """How two states of a server differ, as sentences."""
    if state.broken or wanted.broken:
        if bool(state.broken) == bool(wanted.broken):
            return []
        return [f"{name}: {state.broken or 'nothing impossible came'}; in the explorer: {wanted.broken or 'nothing'}"]
    found = []
    for role in ROLES:
        here, there = getattr(state, role), getattr(wanted, role)
        if here.states != there.states:
            found.append(f"{name}'s {role} is in {'/'.join(here.states)}; in the explorer: {'/'.join(there.states)}")
        elif here.data != there.data:
            found.append(f"{name}'s {role} holds {here.data}; in the explorer: {there.data}")
    return found


def _wills(state: ServerState, slot: Slot, *, online: bool) -> list[str]:
    """The sessions of which the broker has to keep the will: all that was sent on their connection has come."""
    due = [state.will] if state.will is not None and not online and not slot.up else []
    return [will.session for will in (*state.late_wills, *due)]


def _same(first: list[Hashable], second: list[Hashable], *, ordered: bool) -> bool:
    return first == second if ordered else Counter(first) == Counter(second)


def _names(messages: Sequence[Hashable]) -> str:
    return ", ".join(map(name_of, messages)) or "nothing"


def lifelines(system: ClosedSystem) -> dict[tuple[str, str], str]:
    """The lifelines of the servers of a trace, called as in its diagram."""
    names = [node.name for node in system.nodes]
    return {(name, role): lifeline_at(system, place, role) for place, name in enumerate(names) for role in ROLES}
