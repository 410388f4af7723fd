"""One server as the explorer sees it: a state, and what it does with an event, an expiry or an order.

The charts of a server (its MQTT client, its clock, its view) call each other without the bus, so what one event makes
them do is one step: it is taken, calls go to and fro until all charts wait again, and what they publish on the way
goes to the bus. Nothing is lost by that: nobody outside can tell, or prevent, what happens in between, and a crash in
the middle is a crash after the step with the publication lost; with `crash_points` it is a step of its own all the same
(`interruptions`). The exception is a timeout that expires while a step
is being done; it counts as expiring before or after it. With `late_expiries` it is two steps that a timeout is exceeded
and that the MQTT client hears of it: meanwhile it may have been stopped, or set anew.

A start takes the handshake with the broker (CONNECT, SUBSCRIBE) into its step, without a fault; what can fail there is
drawn, and checked, in the scenarios of the startups. It ends before the first publication, which is a step of its own:
others may connect in between, and hear it.
"""

from collections.abc import Hashable
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from machines import ConnectionLost, Participant, Start, Stop, View, ViewChangeFailed
from machines.calls import ROLES, TimeoutExceeded
from machines.events import BusEvent, ClientGoodbye
from machines.participant import Snapshot
from machines.torrent_server import TorrentServerData
from machines.tracker import TrackerData
from spec.exploration.model.interruptions import points, stored_before
from spec.exploration.model.normal_form import marks_in, normal, without_marks
from spec.exploration.model.paths import Paths
from spec.exploration.model.pauses import choices, endless, pauses
from spec.exploration.model.renaming import Renaming
from spec.exploration.model.second_tracker import SPARE, coming_up, session_after, stepping_down
from spec.exploration.model.wills import BY_BROKER, SAYS, forgetting, noted, renewed, saying, started
from spec.system.process import (
    ChartMachine,
    Sending,
    Taking,
)

AGAIN = "again"
"""The `event_id` of an event that is delivered twice; of another one meanwhile, the same with a number."""
STEPS = 1000
"""More calls than one step of a server can take: it calls itself for ever."""


class Arrow(NamedTuple):
    """One arrow inside a step: roles of the server ("client", "clock", "view"), or "broker"; the owner has none."""

    sender: str
    receiver: str
    message: Hashable


class Outcome(NamedTuple):
    """What a step comes to: the state after it, what was published, and its arrows in order."""

    then: Hashable
    sent: tuple[Hashable, ...]
    arrows: tuple[Arrow, ...]
    fault: str = ""
    """The fault that this outcome takes, if any: `storage failure`, `late will` or `second tracker`."""


class Node(Protocol):
    """A participant of the closed system: a server, or one chart."""

    name: str

    def begin(self) -> Hashable:
        """Its state when the exploration begins."""

    def is_online(self, state: Hashable) -> bool:
        """Whether the bus delivers to it."""

    def receive(self, state: Hashable, message: Hashable) -> tuple[Outcome, ...]:
        """What a message from the bus can come to; several outcomes are a choice."""

    def expiries(self, state: Hashable) -> tuple[Outcome, ...]:
        """What happens by itself, one outcome for each timeout that is set."""

    def is_busy(self, state: Hashable) -> bool:
        """Whether it is about to publish, and reads nothing before that."""

    def order(self, state: Hashable, order: str) -> tuple[Outcome, ...]:
        """What an order of the owner, or a fault, comes to; nothing if it cannot happen here.

        `publish` is the order to go on that a busy node gives itself.
        """

    def ignores(self, state: Hashable, message: Hashable) -> bool:
        """Whether reading a message changes nothing at all in this state."""

    def unmarked(self, state: Hashable) -> Hashable:
        """The state once nothing that was delivered twice is under way any more."""

    def marks(self, state: Hashable) -> frozenset[str]:
        """What events that were delivered twice are known again by in a state."""

    def renamed(self, state: Hashable, names: Renaming) -> Hashable:
        """The state of the node that this one is called then."""

    def renamed_message(self, message: Hashable, names: Renaming) -> Hashable:
        """A message of such a node under other names."""


class ServerState(NamedTuple):
    """The charts of a server. `broken` says what happened that its charts call impossible."""

    client: Snapshot
    clock: Snapshot
    view: Snapshot
    broken: str = ""
    late: tuple[TimeoutExceeded, ...] = ()
    """Timeouts that are exceeded, of which the MQTT client has not heard yet; only where expiries can arrive late."""
    will: ClientGoodbye | None = None
    """What it has left with the broker when it connected last, which has neither been said nor discarded."""
    late_wills: tuple[ClientGoodbye, ...] = ()
    """Wills of earlier sessions that the broker has not said in time (`spec.exploration.model.wills`)."""
    life: str = ""
    """Empty: it is started whenever it is offline; else `spare` or `stepped down` (`model.second_tracker`)."""
    wiped: int = 0
    """How often it has lost its view, where that is counted."""

    @property
    def where(self) -> str:
        """The atomic state of the MQTT client."""
        return self.client.states[0]

    @property
    def knows(self) -> View:
        """What the server's Distribution View holds."""
        view: View = self.view.data.view
        return view


_PLACES = {role: place for place, role in enumerate(ServerState._fields)}


@dataclass
class Server:
    """A server of `machines`: the chart of its MQTT client, with a clock and a view."""

    name: str
    client: Participant
    view: Participant
    clock: Participant
    broker: Participant
    late_expiries: bool = False
    """Whether anything can happen between the moment when a timeout is exceeded and when the MQTT client hears it."""
    spare: bool = False
    """Whether it is a second tracker, which need not come up."""
    counts_wipes: bool = False
    """Whether its state says how often it was wiped, which tells what hidden servers can have sent."""

    def __post_init__(self) -> None:
        self._machines: dict[str, ChartMachine] = {role: ChartMachine(getattr(self, role)) for role in ROLES}
        self._broker = ChartMachine(self.broker)
        self.paths: Paths | None = None
        """The steps that were made, if they are kept to be followed with other views."""
        self._met: list[tuple[Progress, bool]] | None = None
        """What is met on the way through a step, with whether it ends there; where somebody asks for that."""

    @property
    def machines(self) -> tuple[ChartMachine, ...]:
        """Those of its charts, and of its session with the broker."""
        return (*self._machines.values(), self._broker)

    @cached_property
    def initial(self) -> ServerState:
        """Offline, with nothing set."""
        charts: dict[str, Any] = {role: machine.begin() for role, machine in self._machines.items()}
        return ServerState(**charts, life=SPARE if self.spare else "")

    def begin(self) -> ServerState:
        return self.initial

    def is_online(self, state: Hashable) -> bool:
        assert isinstance(state, ServerState)
        return state.where != "offline" and not state.broken

    def receive(self, state: Hashable, message: Hashable) -> tuple[Outcome, ...]:
        assert isinstance(state, ServerState)
        return tuple(stepping_down(message, self._taken(state, message, Arrow("broker", "client", message))))

    def expiries(self, state: Hashable) -> tuple[Outcome, ...]:
        assert isinstance(state, ServerState)
        if state.broken or self.is_busy(state):
            return ()
        sendings = self._machines["clock"].sends(state.clock)
        if self.late_expiries:
            return (*(self._exceeded(state, sending) for sending in sendings), *self._heard_late(state))
        begun = Progress(state, self._broker.begin(), (), ())
        return tuple(end for sending in sendings for end in self._run(self._send(begun, "clock", sending)))

    def _exceeded(self, state: ServerState, sending: Sending) -> Outcome:
        """A timeout is exceeded, and that is on its way to the MQTT client."""
        then, message = self._machines["clock"].send(state.clock, sending), sending.message
        assert then is not None
        assert isinstance(message, TimeoutExceeded)
        late = state._replace(clock=then, late=(*state.late, message))
        return Outcome(normal(late), (), (Arrow("clock", "clock", message),))

    def _heard_late(self, state: ServerState) -> tuple[Outcome, ...]:
        """The MQTT client hears of the first timeout of which it has not heard yet."""
        if not state.late:
            return ()
        first, *others = state.late
        arrow = Arrow("clock", "client", first)
        begun = Progress(state._replace(late=tuple(others)), self._broker.begin(), (), (arrow,))
        return self._run(self._deliver(begun, "client", first))

    def order(self, state: Hashable, order: str) -> tuple[Outcome, ...]:
        """`start`, `stop`, `disconnect` (the connection is lost, the server lives on), `crash` (only the view is
        kept), `wipe` (a crash that takes the view, too) and `stabilisation` (it is replaced, and the view is kept).
        Of servers that leave a will also `will` and `late will`, which the broker says, and `cut`: it restarts.
        """
        assert isinstance(state, ServerState)
        if order == "stabilisation":
            born = self.reborn(state, keeps_view=True)
            return self._owner(born, Start(session=session_after(born.client.data)))
        if order == "start":
            return () if self.is_online(state) or state.broken else tuple(coming_up(state, self._started(state)))
        if order in SAYS:
            found = saying(state, order, online=self.is_online(state))
            return tuple(Outcome(then, (will,), (Arrow(BY_BROKER, "broker", will),)) for then, will in found)
        if order == "cut":
            ends = self._owner(state, ConnectionLost()) if self.is_online(state) else (Outcome(state, (), ()),)
            return tuple(forgetting(state, ends))
        if not self.is_online(state) or (order == "publish") > self.is_busy(state):
            return ()
        if order == "publish":
            return self._run(Progress(state, self._broker.begin(), (), ()))
        if order == "stop":
            return () if self.is_busy(state) else self._owner(state, Stop())
        if order == "disconnect":
            return self._owner(state, ConnectionLost())
        return (Outcome(normal(self.reborn(state, keeps_view=order == "crash")), (), ()),)

    @cached_property
    def leaves_will(self) -> bool:
        """Whether it leaves a will with the broker."""
        return bool(getattr(self.initial.client.data, "leaves_will", False))

    def _started(self, state: ServerState) -> tuple[Outcome, ...]:
        """A session has a name of its own where a will is left: else it would be the will of the next one, too."""
        if not self.leaves_will:
            return self._owner(state, Start(session=session_after(state.client.data)))
        data: Any = state.client.data
        ends = self._owner(state._replace(will=None), Start(session=renewed(data.session)))
        return tuple(started(state, ends, Arrow))

    def reborn(self, crashed: ServerState, *, keeps_view: bool) -> ServerState:
        """The server after a crash, with the view that it stored or a new one.

        A torrent server names its requests otherwise than before: here by numbering on. A tracker has another session.
        What it has left with the broker is still there.
        """
        client, data = self.initial.client, crashed.client.data
        if isinstance(data, TorrentServerData) and data.session:
            client = client._replace(data=replace(client.data, session=data.session, request=data.request))
        elif isinstance(data, TrackerData) and data.session:
            client = client._replace(data=replace(client.data, session=data.session))
        view = crashed.view if keeps_view else self.initial.view
        wiped = crashed.wiped + (self.counts_wipes and not keeps_view)
        return ServerState(client, self.initial.clock, view, "", (), crashed.will, crashed.late_wills, wiped=wiped)

    def interrupted(self, state: Hashable, kind: str, message: Hashable) -> tuple[Outcome, ...]:
        """What a crash inside the steps of a kind comes to (`spec.exploration.model.interruptions`)."""
        assert isinstance(state, ServerState)
        if not self.is_online(state):
            return ()
        met: list[tuple[Progress, bool]] = []
        self._met = met
        if kind == "read":
            self.receive(state, message)
        elif kind == "expire":
            self.expiries(state)
        else:
            self.order(state, kind)
        self._met = None
        found: dict[Hashable, Outcome] = {}
        for then, here in points(self, state, met, self._machines["view"].busy):
            found.setdefault((then, here.sent, here.fault), Outcome(then, here.sent, here.arrows, here.fault))
        return tuple(found.values())

    def ignores(self, state: Hashable, message: Hashable) -> bool:
        assert isinstance(state, ServerState)
        if self.is_busy(state):
            return True  # it will read it later, in another state
        return self._machines["client"].receive(state.client, message, "")[0] is Taking.IGNORED

    def is_busy(self, state: Hashable) -> bool:
        assert isinstance(state, ServerState)
        return not state.broken and self._machines["client"].busy(state.client)

    def unmarked(self, state: Hashable) -> Hashable:
        assert isinstance(state, ServerState)
        return state._replace(client=state.client._replace(data=without_marks(state.client.data)))

    def marks(self, state: Hashable) -> frozenset[str]:
        assert isinstance(state, ServerState)
        return marks_in(state.client.data)

    def renamed(self, state: Hashable, names: Renaming) -> Hashable:
        found: Hashable = names(state)
        return found

    def renamed_message(self, message: Hashable, names: Renaming) -> Hashable:
        found: Hashable = names(message)
        return found

    def _owner(self, state: ServerState, message: Hashable) -> tuple[Outcome, ...]:
        return self._taken(state, message, Arrow("", "client", message))

    # A step: until all wait again.

    def _taken(self, state: ServerState, message: Hashable, arrow: Arrow) -> tuple[Outcome, ...]:
        begun = Progress(state, self._broker.begin(), (), (arrow,))
        return self._run(self._deliver(begun, "client", message))

    def _run(self, begun: "Progress") -> tuple[Outcome, ...]:
        """All ways in which a step can end."""
        return self._ends(begun) if self.paths is None or self._met is not None else self.paths.follow(begun)

    def walk(self, begun: "Progress", view: Any) -> "tuple[tuple[Outcome, ...], list[Progress]]":
        """The same where another machine is asked in the place of the view's, and where each way ended."""
        asked, self._machines["view"] = self._machines["view"], view
        met: list[tuple[Progress, bool]] = []
        self._met = met
        try:
            return self._ends(begun), [here for here, ends in met if ends]
        finally:
            self._machines["view"], self._met = asked, None

    def _ends(self, begun: "Progress") -> tuple[Outcome, ...]:
        found: dict[Outcome, None] = {}
        todo = [begun]
        met = self._met if self._met is not None else []
        while todo:
            here = todo.pop()
            if len(here.arrows) > STEPS:
                broken, events, arrows = endless(here, STEPS)
                then = self.initial._replace(client=here.state.client, broken=broken)
                found[Outcome(then, events, arrows, here.fault)] = None
                break  # with a choice in each round there would be no end of ways
            busy = None if here.state.broken else self._busy(here)
            ends = busy is None or pauses(here, busy)
            met.append((here, ends))
            if busy is None or ends:
                found[_outcome(here)] = None
                continue
            role, sendings = busy
            for sending in reversed(sendings):
                failed = len(sendings) > 1 and isinstance(sending.message, ViewChangeFailed)
                todo.append(self._send(here._replace(fault="storage failure" if failed else here.fault), role, sending))
        return tuple(found)

    def _busy(self, here: "Progress") -> tuple[str, tuple[Sending, ...]] | None:
        """Who has something to do, and what: the broker and the view answer before the client goes on."""
        due = self._broker.sends(here.broker)
        if due:
            return "broker", due[:1]  # the broker agrees, and refuses nothing
        for role in ("view", "client"):
            machine = self._machines[role]
            due = () if machine.patient else machine.sends(getattr(here.state, role))
            if due:
                return role, choices(due)
        return None

    def _send(self, here: "Progress", role: str, sending: Sending) -> "Progress":
        receiver = "client" if role == "broker" else sending.to
        arrows = (*here.arrows, Arrow(role, receiver, sending.message))
        here = Progress(here.state, here.broker, here.sent, arrows, here.fault, here.stored)
        if role == "broker":
            broker = self._broker.send(here.broker, sending)
            return self._deliver(here._replace(broker=broker or self._broker.begin()), receiver, sending.message)
        then = self._machines[role].send(getattr(here.state, role), sending)
        if then is None:
            return _broken(here, f"{role} cannot send {sending.message}")
        here = _moved(here, role, then)
        if receiver != "broker":
            return self._deliver(here, receiver, sending.message)
        if isinstance(sending.message, BusEvent):
            return here._replace(sent=(*here.sent, sending.message), stored=stored_before(here))
        here = here._replace(state=noted(here.state, sending.message))
        taking, session, why = self._broker.receive(here.broker, sending.message, self.name)
        return _broken(here, why) if taking is Taking.REFUSED else here._replace(broker=session)

    def _deliver(self, here: "Progress", role: str, message: Hashable) -> "Progress":
        taking, then, why = self._machines[role].receive(getattr(here.state, role), message, "")
        if taking in {Taking.REFUSED, Taking.DEFERRED}:
            return _broken(here, why)
        return _moved(here, role, then)


def apart(server: Server) -> Server:
    """The same server with machines of its own, so that these can be watched apart. It keeps the paths of its steps."""
    made = copy(server)
    made._machines = {role: copy(machine) for role, machine in server._machines.items()}  # noqa: SLF001 - its own file
    made._broker = copy(server._broker)  # noqa: SLF001
    made.paths = Paths(made._machines["view"], made.walk, _outcome)  # noqa: SLF001
    return made


def _outcome(end: "Progress") -> Outcome:
    return Outcome(normal(end.state), end.sent, end.arrows, end.fault)


class Progress(NamedTuple):
    """A step on its way."""

    state: ServerState
    broker: Snapshot
    sent: tuple[Hashable, ...]
    arrows: tuple[Arrow, ...]
    fault: str = ""
    stored: Snapshot | None = None
    """The view when an event was published last, by when it was stored; None: none was, in this step."""


def _moved(here: Progress, role: str, then: Snapshot) -> Progress:
    """A step after one of the charts has moved; without `_replace`, which takes several times as long."""
    charts: list[Any] = list(here.state)
    charts[_PLACES[role]] = then
    return Progress(ServerState(*charts), here.broker, here.sent, here.arrows, here.fault, here.stored)


def _broken(here: Progress, why: str) -> Progress:
    return here._replace(state=here.state._replace(broken=why))
