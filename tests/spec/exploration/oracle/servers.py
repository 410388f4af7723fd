"""One server of Client Join: its MQTT client, its clock and its view, driven from event to event."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from machines import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    SUBACK,
    SUBSCRIBE,
    BusEvent,
    ClientGoodbye,
    Clock,
    ConnectionLost,
    DistributionView,
    Message,
    Output,
    Participant,
    Snapshot,
    Start,
    Stop,
    TorrentServer,
    Tracker,
    TrackerHello,
    ViewChangeFailed,
)

TRACKER = "tracker"
PATIENCE = 1000
"""More calls in one step than any of ours takes."""


class Driven:
    """A chart, asked for one step at a time from any snapshot; what it answered is remembered."""

    _known: dict[type[Participant], dict[Any, Any]] = {}

    def __init__(self, chart: Participant) -> None:
        self._chart, self.begin = chart, chart.snapshot()
        self._steps = self._known.setdefault(type(chart), {})

    def due(self, here: Snapshot) -> tuple[Output, ...]:
        """What it may send now."""
        if here not in self._steps:
            self._chart.restore(here)
            self._steps[here] = self._chart.due()
        found: tuple[Output, ...] = self._steps[here]
        return found

    def emit(self, here: Snapshot, output: Output) -> Snapshot | None:
        """Where it is once that is sent; None where it breaks."""
        return self._done(here, output, lambda: self._chart.emit(output))

    def receive(self, here: Snapshot, message: Message) -> Snapshot | None:
        """Where it is once that is read; None where its chart calls that impossible."""
        return self._done(here, message, lambda: self._chart.receive(message))

    def _done(self, here: Snapshot, what: Any, do: Any) -> Snapshot | None:
        if (here, what) not in self._steps:
            self._chart.restore(here)
            try:
                do()
            except Exception:  # noqa: BLE001 - whatever goes wrong in a chart is the chart's
                self._steps[here, what] = None
            else:
                self._steps[here, what] = self._chart.snapshot()
        found: Snapshot | None = self._steps[here, what]
        return found


class Charts(NamedTuple):
    """The state of a server."""

    client: Snapshot
    clock: Snapshot
    view: Snapshot
    broken: bool = False
    """Whether something happened that a chart calls impossible."""
    late: tuple[Message, ...] = ()
    """Timeouts that are exceeded, which the MQTT client is still to hear of; oldest first."""
    will: ClientGoodbye | None = None
    """What the broker has to say when the connection of now, or the one that broke last, is gone."""
    overdue: tuple[ClientGoodbye, ...] = ()
    """Wills of connections before that, which the broker has not said, and may say at any time."""
    has_begun: bool = True
    """Whether it was started ever, where that is no matter of course."""
    is_over: bool = False
    """Whether it has ended for good, because a later tracker said hello."""


class End(NamedTuple):
    """How a step can end: the state after it, what it published, and whether the storage failed."""

    state: Any
    sent: tuple[Any, ...] = ()
    fails: bool = False
    is_late: bool = False
    """Whether a will that was left is not said at a start, and is overdue from then on."""
    is_second: bool = False
    """Whether that is another tracker which was not there before."""


class _On(NamedTuple):
    """A step on its way: also what the broker still has to answer, and whether the step began a session."""

    state: Charts
    sent: tuple[BusEvent, ...] = ()
    fails: bool = False
    owed: tuple[Any, ...] = ()
    joins: bool = False
    stored: Snapshot | None = None
    """The view that was stored before the last event was published; None: none was, in this step."""


@dataclass
class Server:
    """A server by name. It is driven to where all its charts wait, whoever of them is the first."""

    name: str
    client: Driven
    view: Driven
    clock: Driven = field(default_factory=lambda: Driven(Clock()))
    topics: set[str] = field(default_factory=set)
    """What it has asked the broker for."""
    hears_late: bool = False
    """Whether something can happen between a timeout that is exceeded and its being heard of."""
    may_begin: bool = False
    """Whether it need not begin ever."""
    _visited: list[_On] = field(default_factory=list)

    def begin(self) -> Charts:
        return Charts(self.client.begin, self.clock.begin, self.view.begin, has_begun=not self.may_begin)

    def is_online(self, state: Charts) -> bool:
        return not state.broken and state.client.states != ("offline",)

    def is_busy(self, state: Charts) -> bool:
        """Whether it is about to publish, and reads nothing before."""
        return not state.broken and bool(self.client.due(state.client))

    def hears(self, message: Any) -> bool:
        return message.topic in self.topics

    def read(self, state: Charts, message: Any) -> tuple[End, ...]:
        ends = self._told(state, message)
        if not isinstance(message, TrackerHello):
            return ends
        over = (end.state.client.states == ("offline",) for end in ends)
        return tuple(end._replace(state=end.state._replace(is_over=gone)) for end, gone in zip(ends, over, strict=True))

    def alone(self, state: Charts) -> tuple[End, ...]:
        """What its clock makes it do, one timeout after the other."""
        if state.broken or self.is_busy(state):
            return ()
        found: dict[End, None] = {}
        if self.hears_late:
            for output in self.clock.due(state.clock):
                clock = self.clock.emit(state.clock, output)
                assert clock is not None
                found[End(state._replace(clock=clock, late=(*state.late, output.message)))] = None
            if state.late:
                begun = _On(state._replace(late=state.late[1:]))
                found |= dict.fromkeys(self._ends(self._given(begun, "client", state.late[0])))
            return tuple(found)
        for output in self.clock.due(state.clock):
            found |= dict.fromkeys(self._ends(self._sent(_On(state), "clock", output)))
        return tuple(found)

    def ordered(self, state: Charts, order: str) -> tuple[End, ...]:
        """What an order comes to; nothing where it cannot be given."""
        if order == "replace":
            return self._starts(self._fresh(state, keeps_view=True))
        online, busy = self.is_online(state), self.is_busy(state)
        if order == "start":
            if online or state.broken or state.is_over:
                return ()
            if state.has_begun:
                return self._starts(state)
            return tuple(end._replace(is_second=True) for end in self._starts(state._replace(has_begun=True)))
        if not online or (order == "stop" and busy) or (order == "publish" and not busy):
            return ()
        if order == "publish":
            return tuple(self._ends(_On(state)))
        if order in {"stop", "disconnect"}:
            return self._told(state, Stop() if order == "stop" else ConnectionLost())
        return (End(self._fresh(state, keeps_view=order == "crash")),)

    def _fresh(self, state: Charts, *, keeps_view: bool) -> Charts:
        """A new server in its place. One that names its requests goes on counting: no name is used twice."""
        new = self.begin()
        if hasattr(state.client.data, "request"):
            known = state.client.data
            data = replace(new.client.data, request=known.request, session=known.session)
            new = new._replace(client=new.client._replace(data=data))
        elif state.client.data.session:
            data = replace(new.client.data, session=state.client.data.session)
            new = new._replace(client=new.client._replace(data=data))
        new = new._replace(will=state.will, overdue=state.overdue, has_begun=True)  # the broker lives on
        return new._replace(view=state.view) if keeps_view else new

    def interrupted(self, state: Charts, what: str, message: Any = None) -> tuple[End, ...]:
        """What is left and what is out of a step in which it crashes. The store holds the view of now, or the last."""
        if not self.is_online(state):
            return ()
        self._visited: list[_On] = []
        if what == "read":
            self.read(state, message)
        elif what == "alone":
            self.alone(state)
        else:
            self.ordered(state, what)
        found: dict[End, None] = {}
        for here in self._visited:
            if self.is_online(here.state) and not self.view.due(here.state.view):
                for view in (state.view if here.stored is None else here.stored, here.state.view):
                    born = self._fresh(here.state._replace(view=view), keeps_view=True)
                    found[End(born, here.sent, here.fails)] = None
        return tuple(found)

    # Wills.

    def _starts(self, state: Charts) -> tuple[End, ...]:
        """A start; a will of the session before is said by then, or is late. Who leaves wills has named sessions."""
        data = state.client.data
        if not getattr(data, "leaves_will", False):
            turns = {f"session of {name}": f"session of {name}'" for name in (TRACKER, f"{TRACKER}2")}
            turns |= {then: now for now, then in turns.items()}
            return self._told(state, Start(session=turns.get(data.session, "")))
        name, _, number = data.session.partition(".")
        ends = self._told(state._replace(will=None), Start(session=f"{name}.{int(number or 0) + 1}"))
        if state.will is None:
            return ends
        late = [
            End(end.state._replace(overdue=(*end.state.overdue, state.will)), end.sent, is_late=True) for end in ends
        ]
        return (*(end._replace(sent=(state.will,)) for end in ends), *late)

    def wills(self, state: Charts) -> tuple[tuple[str, Charts, ClientGoodbye], ...]:
        """What the broker may say in its name: whether in time or overdue, and the state after that."""
        found = []
        if state.will is not None and not self.is_online(state):
            found.append(("in time", state._replace(will=None), state.will))
        for at, will in enumerate(state.overdue):
            left = (*state.overdue[:at], *state.overdue[at + 1 :])
            found.append(("overdue", state._replace(overdue=left), will))
        return tuple(found)

    def without_wills(self, state: Charts) -> Charts:
        """The state once the broker knows of no will."""
        return state._replace(will=None, overdue=())

    def _told(self, state: Charts, message: Message) -> tuple[End, ...]:
        return tuple(dict.fromkeys(self._ends(self._given(_On(state), "client", message))))

    def _ends(self, begun: _On) -> Iterator[End]:
        todo, met = [begun], {begun}
        while todo:
            here = todo.pop()
            self._visited.append(here)
            nexts = [] if here.state.broken else [*self._nexts(here)]
            if not nexts:
                yield End(here.state, here.sent, here.fails)
            new = [each for each in nexts if each not in met]
            met.update(new)
            todo += new
            assert len(met) < PATIENCE, f"{self.name} calls itself for ever"

    def _nexts(self, here: _On) -> Iterator[_On]:
        """All that can be the next arrow inside the server; nothing where the step is over."""
        if here.owed:  # the broker answers, and refuses nothing
            yield self._given(here._replace(owed=here.owed[1:]), "client", here.owed[0])
            return
        for role, chart in (("view", self.view), ("client", self.client)):
            due = chart.due(getattr(here.state, role))
            if role == "client" and due and isinstance(due[0].message, BusEvent) and here.joins and not here.sent:
                continue  # others may come in between a session's beginning and its first publication
            kinds = {type(output.message) for output in due}
            for output in due if len(kinds) > 1 else due[-1:]:
                fails = len(kinds) > 1 and isinstance(output.message, ViewChangeFailed)
                yield self._sent(here._replace(fails=here.fails or fails), role, output)

    def _sent(self, here: _On, role: str, output: Output) -> _On:
        chart: Driven = getattr(self, role)
        then = chart.emit(getattr(here.state, role), output)
        if then is None:
            return here._replace(state=here.state._replace(broken=True))
        changed: dict[str, Any] = {role: then}
        here = here._replace(state=here.state._replace(**changed))
        message = output.message
        if output.to != "broker":
            return self._given(here, output.to, message)
        if isinstance(message, BusEvent):
            return here._replace(sent=(*here.sent, message), stored=here.state.view)
        if isinstance(message, CONNECT | DISCONNECT):
            will: Any = getattr(message, "will", None)
            here = here._replace(state=here.state._replace(will=will))
        if isinstance(message, CONNECT):
            return here._replace(owed=(*here.owed, CONNACK()), joins=True)
        if isinstance(message, SUBSCRIBE):
            self.topics.add(message.topic)
            return here._replace(owed=(*here.owed, SUBACK(topic=message.topic)))
        return here

    def _given(self, here: _On, role: str, message: Message) -> _On:
        chart: Driven = getattr(self, role)
        then = chart.receive(getattr(here.state, role), message)
        changed: dict[str, Any] = {"broken": True} if then is None else {role: then}
        return here._replace(state=here.state._replace(**changed))


def cast(scenario: Any) -> tuple[Server, ...]:
    """The servers of a scenario of Client Join, with the views that it says they begin with; the tracker is first, and
    another one last.
    """
    found = [_tracker(scenario, TRACKER)]
    for place in range(1, scenario.torrents + 1):
        name = f"torrent{place}"
        session = "request" if scenario.hardened else ""
        client = TorrentServer(name, session=session, retries=scenario.retries, leaves_will=scenario.wills)
        view = Driven(DistributionView(scenario.view(name)))
        found.append(Server(name, Driven(client), view, hears_late=scenario.late_expiries))
    return (*found, _tracker(scenario, f"{TRACKER}2")) if scenario.second_trackers else tuple(found)


def _tracker(scenario: Any, name: str) -> Server:
    """Of two that are hardened each has a session; both begin with the same view."""
    session = f"session of {name}" if scenario.hardened and scenario.second_trackers else ""
    view = Driven(DistributionView(scenario.view(TRACKER)))
    chart = Driven(Tracker(name, session=session))
    return Server(name, chart, view, hears_late=scenario.late_expiries, may_begin=name != TRACKER)
