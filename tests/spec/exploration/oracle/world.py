"""What can happen next: parties on a bus with both hops, under faults that are counted one by one.

A configuration holds each party with what is on its way to the broker and from it, oldest first. The broker takes an
event from one of the former and puts it into the latter of all that hear it and are online: nothing else crosses the
bus. This is a bus as it is, so it has two switches for what the explorer argues to be the same: `Rules.anywhere`, and
`Rules.lingers`.
"""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, NamedTuple, Protocol

from tests.spec.exploration.oracle.servers import TRACKER, End

CUTS = ("disconnect", "crash", "wipe")
ORDERS = ("stop", *CUTS)
RESTART = "broker restart"
LATE = "late will"
SECOND = "second tracker"
TOGETHER = "breaks in all"


class Party(Protocol):
    """A server, or a chart alone."""

    name: str

    def begin(self) -> Hashable: ...

    def is_online(self, state: Any) -> bool: ...

    def is_busy(self, state: Any) -> bool: ...

    def hears(self, message: Any) -> bool:
        """Whether the bus passes this message to it, if it is online."""

    def read(self, state: Any, message: Any) -> tuple[End, ...]: ...

    def alone(self, state: Any) -> tuple[End, ...]:
        """What happens by itself: a timeout expires, or a chart alone takes a step."""

    def ordered(self, state: Any, order: str) -> tuple[End, ...]: ...


class Kept:
    """A state or a message, kept once in a world, so that it is compared by what it is kept in."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return repr(self.value)


class Copy(NamedTuple):
    """A message from the broker, and whether it was delivered before."""

    message: Kept
    again: bool = False


class Here(NamedTuple):
    """A party with what is on its way from it (`up`) and to it (`down`), and how much it has published."""

    state: Kept
    up: tuple[Kept, ...] = ()
    down: tuple[Copy, ...] = ()
    stamps: int = 0


class Config(NamedTuple):
    """All parties, how often each bounded fault may still happen, and what has happened to the tracker."""

    parties: tuple[Here, ...]
    left: frozenset[tuple[str, int]]
    stable: bool = False
    """Whether faults have ended for good."""
    changed: bool = False
    """Whether the tracker has been stopped, or has lost its connection, or crashed."""


@dataclass(frozen=True)
class Rules:
    """What can go wrong, as a scenario says, and how the bus is."""

    bounds: Mapping[str, int | None] = field(default_factory=dict)
    """None: any number of times. What is not named never happens."""
    timeouts: str = "any"
    stabilises: bool = False
    loses: frozenset[str] = frozenset()
    ordered: bool = True
    lingers: bool = False
    """Whether of what is on its way to the broker some may still arrive when the connection ends."""
    anywhere: bool = False
    """Whether a loss takes any message on a hop; otherwise the oldest, or one as it is sent."""
    direct: bool = False
    """Whether there is no bus: what is sent is under way to its receivers at once."""
    points: bool = False
    """Whether who can crash does so inside a step, too."""
    echoes: bool = False
    """Whether the bus passes a message to its sender, too."""

    def bound(self, fault: str) -> int | None:
        """How often a fault can happen at most."""
        return 0 if _breaks(fault) and self.bounds.get(TOGETHER) == 0 else self.bounds.get(fault, 0)

    def begun(self) -> frozenset[tuple[str, int]]:
        names = (*(name for name in self.bounds if name != TOGETHER and self.bound(name)), TOGETHER)
        return frozenset((name, most) for name in names if (most := self.bounds.get(name)))

    def pay(self, config: Config, fault: str) -> Config | None:
        """The configuration once a fault is counted; None if it cannot happen any more."""
        if config.stable or self.bound(fault) == 0:
            return None
        left = dict(config.left)
        breaks = _breaks(fault)
        for name in (fault, TOGETHER) if breaks else (fault,):
            if self.bounds.get(name) is not None:
                left[name] = left.get(name, 0) - 1
                if left[name] < 0:
                    return None
        changed = config.changed or fault in {RESTART, SECOND} or (breaks and fault.split()[1] == TRACKER)
        return config._replace(left=frozenset((name, n) for name, n in left.items() if n), changed=changed)


@cache
def _breaks(fault: str) -> bool:
    """Whether it ends a connection."""
    return fault == RESTART or fault.split(maxsplit=1)[0] in ORDERS


@dataclass(eq=False)
class World:
    """Parties under rules; `kinds` gives the word for a party where several share one bound."""

    parties: tuple[Party, ...]
    rules: Rules
    kinds: Mapping[str, str] = field(default_factory=dict)
    _known: dict[Any, Any] = field(default_factory=dict)
    _kept: dict[Any, Kept] = field(default_factory=dict)

    def begin(self) -> Config:
        return Config(tuple(Here(self.keep(party.begin())) for party in self.parties), self.rules.begun())

    def keep(self, value: Any) -> Kept:
        """What a state or a message is kept in."""
        if value not in self._kept:
            self._kept[value] = Kept(value)
        return self._kept[value]

    def nexts(self, config: Config) -> Iterator[tuple[str, Config]]:
        """Everything that can happen next: what it is called, and the configuration after it."""
        still = not any(here.up or here.down for here in config.parties)
        still = still and not any(self._asked(i, "busy", here.state) for i, here in enumerate(config.parties))
        for place, here in enumerate(config.parties):
            yield from self._reads(config, place, here)
            yield from self._forwards(config, place, here)
            patient = config.stable or self.rules.timeouts == "patient"
            if still if patient else self.rules.timeouts == "any":
                for end in self._asked(place, "alone", here.state):
                    yield from self._ends(config, place, end, "alone")
            yield from self._orders(config, place, here)
            yield from self._wills(config, place, here)
            if self.rules.points:
                yield from self._interrupts(config, place, here, waits=patient and not still)
        if self.rules.stabilises and not config.stable:
            yield from self._stabilises(config)
        paid = self.rules.pay(config, RESTART)
        if paid:
            yield from self._restarts(paid)

    # Events.

    def _reads(self, config: Config, place: int, here: Here) -> Iterator[tuple[str, Config]]:
        party, rules = self.parties[place], self.rules
        busy = self._asked(place, "busy", here.state)
        for at, copy in enumerate(here.down):
            rest = (*here.down[:at], *here.down[at + 1 :])
            is_next = at == 0 or not rules.ordered
            if is_next and not busy:
                for end in self._asked(place, "read", here.state, copy.message):
                    yield from self._ends(config, place, end, f"{party.name} reads {copy}", down=rest)
                stays = (*here.down[:at], copy._replace(again=True), *here.down[at + 1 :])
                paid = rules.pay(config, "duplicates")
                if paid:
                    for end in self._asked(place, "read", here.state, copy.message):
                        yield from self._ends(paid, place, end, f"{party.name} reads {copy} once", down=stays)
            if is_next or rules.anywhere:
                paid = self._loses(config, copy.message)
                if paid:
                    yield f"{party.name} loses {copy}", self._put(paid, place, here._replace(down=rest))

    def _forwards(self, config: Config, place: int, here: Here) -> Iterator[tuple[str, Config]]:
        for at, message in enumerate(here.up[: None if self.rules.anywhere else 1]):
            left = here._replace(up=(*here.up[:at], *here.up[at + 1 :]))
            paid = self._loses(config, message)
            if paid:
                yield f"{message} is lost", self._put(paid, place, left)
            if at:
                continue
            yield f"the broker has {message}", self._passed(self._put(config, place, left), place, message)

    def _passed(self, config: Config, place: int, *messages: Kept, is_will: bool = False) -> Config:
        """The configuration once messages are under way to whoever hears them."""
        parties = [*config.parties]
        for message in messages:
            for other in self._recipients(place, message):
                if self._asked(other, "online", parties[other].state) and not (is_will and other == place):
                    down = (*parties[other].down, Copy(message))
                    parties[other] = parties[other]._replace(down=self._sorted(down))
        return config._replace(parties=tuple(parties))

    def _recipients(self, sender: int, message: Kept) -> tuple[int, ...]:
        """Whom the bus passes a message to, if they are online."""
        key = (sender, "heard", message)
        if key not in self._known:
            self._known[key] = tuple(
                other
                for other, party in enumerate(self.parties)
                if (other != sender or self.rules.echoes) and party.hears(message.value)
            )
        found: tuple[int, ...] = self._known[key]
        return found

    def _sorted(self, down: tuple[Copy, ...]) -> tuple[Copy, ...]:
        return down if self.rules.ordered else tuple(sorted(down, key=repr))

    def _loses(self, config: Config, message: Kept) -> Config | None:
        name = getattr(message.value, "kind", type(message.value).__name__)
        if self.rules.loses and name not in self.rules.loses:
            return None
        return self.rules.pay(config, "losses")

    # Orders, and fate.

    def _orders(self, config: Config, place: int, here: Here) -> Iterator[tuple[str, Config]]:
        party = self.parties[place]
        for end in self._asked(place, "ordered", here.state, "publish"):
            yield from self._ends(config, place, end, f"publish {party.name}")
        for end in (
            () if here.up else self._asked(place, "ordered", here.state, "start")
        ):  # else the old connection is there
            then = self.rules.pay(config, LATE) if end.is_late else config
            then = self.rules.pay(then, SECOND) if end.is_second and then else then
            if then:
                yield f"start {party.name}", self._said(then, place, end.state, *end.sent)
        for order in ORDERS:
            paid = self.rules.pay(config, f"{order} {self.kinds.get(party.name, party.name)}")
            if not paid:
                continue
            arrive = range(len(here.up) + 1) if self.rules.lingers else range(1)
            for end in self._asked(place, "ordered", here.state, order):
                for up in (here.up[:count] for count in arrive) if order in CUTS else (here.up,):
                    yield from self._ends(paid, place, end, f"{order} {party.name}, {len(up)} arrive", up=up)

    def _interrupts(self, config: Config, place: int, here: Here, *, waits: bool) -> Iterator[tuple[str, Config]]:
        """A crash inside a step. What is out is lost with the connection; the first of it is not where that lingers."""
        party = self.parties[place]
        paid = self.rules.pay(config, f"crash {self.kinds.get(party.name, party.name)}")
        if not paid:
            return
        asked: list[tuple[Any, ...]] = [("publish",)]
        if not self._asked(place, "busy", here.state):
            nexts = here.down[:1] if self.rules.ordered else here.down
            asked += [("read", copy.message) for copy in nexts]
        if self.rules.timeouts != "never" and not waits:
            asked.append(("alone",))
        both = self.rules.pay(paid, f"stop {self.kinds.get(party.name, party.name)}")
        asked += [("stop",)] if both else []
        for what in asked:
            for end in self._asked(place, "interrupted", here.state, *what):
                lasting = both if what == ("stop",) else paid
                if lasting and end.fails:
                    lasting = self.rules.pay(lasting, "storage failure")
                if not lasting or (what == ("stop",) and not end.sent):
                    continue  # with nothing out it is a crash before the stop, which costs less
                called = f"{party.name} crashes inside {what}, with {len(end.sent)} out"
                out, stamps = self._stamped(end.sent, place, here.stamps)
                up = (*here.up, *out)
                then = here._replace(state=self.keep(end.state), down=(), stamps=stamps)
                if self.rules.direct:
                    yield called, self._passed(self._put(lasting, place, then), place, *out)
                    continue
                least = len(up) if what == ("stop",) else 0  # with less of it out it is an earlier crash, likewise
                for count in range(least, len(up) + 1) if self.rules.lingers else range(least == 0):
                    yield called, self._put(lasting, place, then._replace(up=up[:count]))

    def _wills(self, config: Config, place: int, here: Here) -> Iterator[tuple[str, Config]]:
        """The broker says a will: in time once it has read all that the connection brought; else at any time."""
        party: Any = self.parties[place]
        for when, state, will in self._asked(place, "wills", here.state) if hasattr(party, "wills") else ():
            if when == "overdue" or not here.up:
                yield f"the will of {party.name}, {when}", self._said(config, place, state, will)

    def _said(self, config: Config, place: int, state: Any, *wills: Any) -> Config:
        """The configuration once the broker has said wills of a party, which does not hear them itself."""
        here = config.parties[place]
        sent, stamps = self._stamped(wills, place, here.stamps)
        then = self._put(config, place, here._replace(state=self.keep(state), stamps=stamps))
        return self._passed(then, place, *sent, is_will=True)

    def _stabilises(self, config: Config) -> Iterator[tuple[str, Config]]:
        """Faults end with a new tracker; what the old one had sent, and what it has not read, is gone."""
        then = config._replace(left=frozenset(), stable=True, changed=True)
        for end in self._asked(0, "ordered", config.parties[0].state, "replace"):
            yield from self._ends(then, 0, end, "faults end", up=(), down=())

    def _restarts(self, config: Config) -> Iterator[tuple[str, Config]]:
        """The broker is new: no connection is left, and nothing that was under way."""
        parties = []
        for place, here in enumerate(config.parties):
            ends = self._asked(place, "ordered", here.state, "disconnect")
            assert len({end.state for end in ends}) <= 1
            state = self.keep(ends[0].state) if ends else here.state
            forget = getattr(self.parties[place], "without_wills", None)
            state = self.keep(forget(state.value)) if forget else state
            parties.append(Here(state, stamps=here.stamps))
        yield "the broker restarts", config._replace(parties=tuple(parties))

    # What a step leaves behind.

    def _ends(
        self,
        config: Config,
        place: int,
        end: End,
        called: str,
        up: tuple[Kept, ...] | None = None,
        down: tuple[Copy, ...] | None = None,
    ) -> Iterator[tuple[str, Config]]:
        here = config.parties[place]
        if end.fails:
            paid = self.rules.pay(config, "storage failure")
            if not paid:
                return
            config, called = paid, f"{called}, and its storage fails"
        up, down = here.up if up is None else up, here.down if down is None else down
        state = self.keep(end.state)
        online = self._asked(place, "online", state) and not called.startswith(CUTS)
        sent, stamps = self._stamped(end.sent, place, here.stamps)
        here = here._replace(state=state, down=self._sorted(down) if online else (), stamps=stamps)
        yield called, self._published(config, place, here._replace(up=up), sent)
        if self.rules.direct or (self.rules.lingers and not self.rules.anywhere):
            for at, message in enumerate(sent):
                paid = self._loses(config, message) if self._recipients(place, message) else None
                if paid:
                    left = (*sent[:at], *sent[at + 1 :])
                    then = self._published(paid, place, here._replace(up=up), left)
                    yield f"{called}, and {message} is lost", then

    def _published(self, config: Config, place: int, here: Here, sent: tuple[Kept, ...]) -> Config:
        if self.rules.direct:
            return self._passed(self._put(config, place, here), place, *sent)
        return self._put(config, place, here._replace(up=(*here.up, *sent)))

    def _stamped(self, sent: tuple[Any, ...], place: int, stamps: int) -> tuple[tuple[Kept, ...], int]:
        """What is sent, each with an identifier of its own, where any can come twice."""
        if self.rules.bound("duplicates") == 0:
            return tuple(map(self.keep, sent)), stamps
        name = self.parties[place].name
        stamped = tuple(
            replace(message, event_id=f"{name}/{stamps + at}") if hasattr(message, "event_id") else message
            for at, message in enumerate(sent)
        )
        return tuple(map(self.keep, stamped)), stamps + len(sent)

    def _put(self, config: Config, place: int, here: Here) -> Config:
        return config._replace(parties=(*config.parties[:place], here, *config.parties[place + 1 :]))

    def _asked(self, place: int, what: str, state: Kept, *about: Any) -> Any:
        """What a party says, asked once."""
        key = (place, what, state, *about)
        if key not in self._known:
            party: Any = self.parties[place]
            said = {"busy": party.is_busy, "online": party.is_online}.get(what) or getattr(party, what)
            self._known[key] = said(state.value, *(each.value if isinstance(each, Kept) else each for each in about))
        return self._known[key]
