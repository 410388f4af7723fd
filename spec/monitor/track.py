"""One participant followed: the set of configurations that it can be in after what was seen (a subset construction).

A *configuration* is a state of the server (`spec.monitor.server`) and how much of what was passed on to it the server
has read. The set that is kept is that right after the last thing that was seen of the participant. What it does unseen
after that (reading, a timeout, what its owner orders) is looked for when the next thing is seen, and only as far as it
can lead to that: any run in which something is read, or expires, earlier is also one in which that happens just in
time, since nobody sees when it happens.

For the same reason the timeout of a pending admission is looked at only where it makes a difference: before a tracker
reads an event of that client, or a request that conflicts with what that client was promised.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from immutabledict import immutabledict

from machines.calls import DISCONNECT, Message
from machines.events import (
    TRACKER,
    BusEvent,
    ClientEvent,
    ClientGoodbye,
    ClientJoinRequested,
    FileInfoPublished,
    TrackerGoodbye,
    TrackerHello,
)
from spec.monitor import openings, relevance
from spec.monitor.configuration import ASSUMED, FOREVER, TIMED, Assumptions, Configuration, nearly
from spec.monitor.naming import Names
from spec.monitor.observation import Sight
from spec.monitor.server import Server
from spec.monitor.state import State

MOST = 2048
"""Configurations of one participant that are looked at for one event; beyond that nobody can tell."""
UNREAD = 200
"""Of what was passed on to a participant of which nothing is known, so many events may be unread."""


@dataclass
class Track:
    """The configurations that one server can be in; None as long as they are not known."""

    server: Server
    sight: Sight
    assumed: Assumptions = ASSUMED
    in_order: bool = True
    """Whether events reach it in the order in which they were published, and once, where nobody sees them reach it."""
    configurations: set[Configuration] | None = None
    inbox: list[tuple[float, BusEvent]] = field(default_factory=list)
    is_cut_short: bool = False
    """Whether configurations were left out, so that nothing follows where none fits."""
    latest: float = 0.0
    """When something was last seen of it."""
    is_broken: bool = False
    """Whether its connection broke, and it has not connected again."""
    wills: int = 0
    """How many of its connections broke whose wills were not seen: such a one may come late, when it is back."""
    _about: str = ""
    _inert: set[tuple[str, type[BusEvent]]] = field(default_factory=set)
    """In which states which news of others change nothing at a server whose view is not followed."""
    blind_until: float = -FOREVER
    """Until when it may read what was passed on to it unseen."""

    def __post_init__(self) -> None:
        self.names = Names(self.server)

    # Told by the monitor. Each returns whether what was seen is possible.

    def begin(self, at: float) -> None:
        """It is offline, and nothing else is known of it."""
        self._become(Configuration(state, len(self.inbox)) for state in self.server.fresh(len(self.names)))
        self.latest = at

    def go_online(self, at: float) -> None:
        """It has not published yet, though it may have connected."""
        self._become(Configuration(state, 0) for state in self.server.online(len(self.names)))
        self.latest = at

    def learn(self, file: FileInfoPublished | None) -> None:
        """A tracker has told of a file, or of something else that its view may hold from now on."""
        if self.configurations is not None:
            self.configurations = {
                each._replace(state=self.server.learn(each.state, file)) for each in self.configurations
            }

    def forget(self, at: float, *, is_blind: bool = True) -> None:
        """Where it is, is not known (any more); `is_blind`: nor what it has yet to read."""
        self.configurations = None
        self.blind_until = at + self.assumed.under_way if is_blind else at
        self.is_cut_short = False
        if is_blind:
            self.inbox.clear()

    def deliver(self, at: float, event: BusEvent) -> None:
        """An event is on its way to it."""
        self.server.hearsay.note(event)
        self.inbox.append((at, self.names.heard(event)))
        if self.configurations is None:
            del self.inbox[:-UNREAD]

    def connect(self, at: float) -> bool:
        """It has connected, as the process that it was or as a new one."""
        self.is_broken = False
        offline = {*self.server.fresh(len(self.names))}
        if self.configurations is not None:
            offline |= {state for each in self._unread(at) for state in self.server.cut_off(each.state)}
        self.inbox.clear()
        begun = {state for one in offline for state in self.server.started(one)}
        if not self.sight.subscriptions:
            begun = {state for one in begun for state in self.server.subscribed(one)}
        if self._become(Configuration(state, 0) for state in begun):
            return True
        self.latest = at
        return False

    def subscribe(self, at: float, topic: str, *, accepted: bool) -> bool:
        """It has subscribed to a topic. What it had subscribed to already, or need not, makes no difference."""
        if self.configurations is None:
            return True
        found = set()
        for each in self.configurations:
            then = self.server.subscribe(each.state, topic, accepted=accepted)
            found |= {each._replace(state=state, since=self._began(state, at)) for state in then} or {each}
        self.latest = at
        return self._become(found)

    def say_will(self, event: BusEvent) -> bool:
        """The broker has published an event in its name: whether that is its will, since its connection broke."""
        if not isinstance(event, ClientGoodbye):
            return False
        if not self.sight.connections:
            if event.session and self.configurations is not None:  # unless it came late, it is gone
                gone = {Configuration(state, 0) for state in self.server.fresh(len(self.names))}
                self.configurations |= gone
            return bool(event.session)
        is_will = not event.request_id and (self.is_broken or bool(event.session and self.wills))
        if is_will:
            self.is_broken, self.wills = False, max(0, self.wills - 1)
        return is_will

    def publish(self, at: float, event: BusEvent, *, is_certain: bool = True) -> bool:
        """It has published an event, whether the broker has taken it over or it was lost; or, if that is not certain,
        another one may have.
        """
        self.server.hearsay.note(event)
        named = self.names.said(event)
        if self.configurations is None:
            self._found_out(at, named)
            return True
        found = set(self._reach(at, named))
        others = set() if is_certain else self.configurations
        return bool(found) and self._become(found | others) and self._seen(at)

    def disconnect(self, at: float, *, clean: bool) -> bool:
        """Its connection has ended."""
        self.is_broken = not clean
        self.wills += not clean
        if self.configurations is None:
            self.begin(at)
            return True
        if clean:
            found = set(self._reach(at, DISCONNECT()))
        else:
            cut = {state for each in self._unread(at) for state in self.server.cut_off(each.state)}
            found = {Configuration(state, 0) for state in (*cut, *self.server.fresh(len(self.names)))}
        self.inbox.clear()
        return self._become(each._replace(place=0, since=TIMED) for each in found) and self._seen(at)

    def settle(self, at: float) -> bool:
        """What was passed on to it longer ago than an event may lie unread was read, and answered."""
        if self.configurations is None:
            return True
        until = next((n for n, (came, _) in enumerate(self.inbox) if came > at - self.assumed.lag), len(self.inbox))
        is_late = at - max(self.latest, self.inbox[until - 1][0] if until else 0.0) > self.assumed.lag
        waiting = {each for each in self.configurations if not self.server.is_due(each.state)}
        if all(each.place >= until for each in self.configurations) and (waiting == self.configurations or not is_late):
            return True
        found = {each for each in self._unread(at, until) if not (is_late and self.server.is_due(each.state))}
        if not self._become(found):
            return False
        self._trim()
        return True

    def catch_up(self, at: float) -> None:
        """Forget what it must have read by now of the many events that were passed on to it unseen: no longer than an
        event may lie unread, and never the last `UNREAD`. Nothing is judged by that.
        """
        until = next((n for n, (came, _) in enumerate(self.inbox) if came > at - self.assumed.lag), len(self.inbox))
        if self.configurations is None or (until := min(until, len(self.inbox) - UNREAD)) <= 0:
            return
        was_cut_short, self.is_cut_short = self.is_cut_short, False
        found = {each._replace(place=max(each.place, until)) for each in self._unread(at, until)}
        is_complete, self.is_cut_short = not self.is_cut_short, was_cut_short
        if is_complete and self._become(found):
            self._trim()

    # Asked.

    def where(self, at: float) -> tuple[str, ...]:
        """The atomic states that it can be in now; empty if that is not known."""
        return tuple(sorted(set(self.looking(at))))

    def looking(self, at: float) -> Iterator[str]:
        """The same one by one, some more than once: it can take long, and is void once something more is seen."""
        for each in self._unread(at, is_judged=False) if self.configurations is not None else ():
            yield each.state.where
            if each.state.where == "awaiting_retry":
                yield "awaiting_hello"  # nobody knows whether it asks again by itself

    def expected(self, at: float) -> tuple[BusEvent, ...]:
        """What it can publish now."""
        self._about = ""
        found: dict[BusEvent, None] = {}
        for each in self._everywhere(at, stops=True, is_judged=False) if self.configurations is not None else ():
            for message in self.server.expected(each.state):
                if isinstance(message, BusEvent):
                    found[message] = None
        return tuple(found)

    # What it can have done unseen.

    def _reach(self, at: float, goal: Message) -> Iterator[Configuration]:
        """The configurations right after the goal was sent."""
        stops = isinstance(goal, ClientGoodbye | TrackerGoodbye | DISCONNECT)
        first = isinstance(goal, ClientJoinRequested | TrackerHello)
        starts = not self.sight.connections and (first or not self.sight.losses)  # its first word may have been lost
        is_lossy = isinstance(goal, DISCONNECT) and not self.sight.sends
        needed = (
            relevance.needed(self.server, self.inbox, goal, connections=self.sight.connections)
            if self.sight.losses and not is_lossy
            else -1
        )
        self._about = relevance.subject(self.server, goal) if self.sight.losses and not is_lossy else ""
        for here in self._everywhere(at, stops=stops, starts=starts, is_lossy=is_lossy, needed=needed):
            if isinstance(goal, DISCONNECT):
                yield from (here._replace(state=state) for state in self.server.disconnect(here.state))
                continue
            assert isinstance(goal, BusEvent)
            for state in self.server.publish(here.state, goal):
                yield here._replace(state=state)

    def _unread(self, at: float, until: int = -1, *, is_judged: bool = True) -> Iterator[Configuration]:
        """The configurations in which as much as that was read, or anything, if that is not given."""
        self._about = ""
        for each in self._everywhere(at, until=until, is_judged=is_judged):
            if each.place >= until:
                yield each
            elif not self.sight.deliveries:  # what was not read was lost, or changes nothing; but first it has to send
                yield each if self.server.is_due(each.state) else each._replace(place=until)

    def _everywhere(
        self,
        at: float,
        *,
        stops: bool = False,
        starts: bool = False,
        is_lossy: bool = False,
        until: int = -1,
        needed: int = -1,
        is_judged: bool = True,
    ) -> Iterator[Configuration]:
        """The configurations that can be reached unseen; up to a place in the inbox, if one is given.

        If nothing is judged by them, some may be left out without a consequence.

        What has read all that is `needed` for a goal, and is not about to send, cannot come to it any more.
        """
        assert self.configurations is not None
        todo = list(self.configurations)
        if starts:
            # What it had sent before something was passed on to it can be seen after that.
            places = range(len(self.inbox) + 1) if self.sight.deliveries else (0,)
            begun = self.server.online(len(self.names))
            todo += [Configuration(state, place) for state in begun for place in places]
        known: dict[tuple[State, immutabledict[str, float]], int] = {}
        exact: dict[object, Configuration] = {}
        while todo:
            here = todo.pop()
            if self.sight.deliveries:
                same = nearly(here)
                if same in exact:
                    continue
                exact[same] = here
            else:  # whoever has read less can still do all that one can do who has read more
                key = (here.state, here.since)
                if known.get(key, here.place + 1) <= here.place:
                    continue
                known[key] = here.place
            if len(exact) + len(known) > MOST + 2 * len(self.inbox):
                self.is_cut_short = self.is_cut_short or is_judged
                return
            if needed >= 0 and here.place > needed and not self.server.is_due(here.state):
                continue
            yield here
            if is_lossy and self.server.is_due(here.state):
                todo += [here._replace(state=state) for state in self.server.publish(here.state, None)]
            todo += self._next(here, at, stops=stops, until=until)

    def _next(self, here: Configuration, at: float, *, stops: bool, until: int) -> Iterator[Configuration]:
        """What it can do unseen."""
        if self.server.is_due(here.state):  # what it is about to send is not seen
            if not self.sight.connections:
                yield from (here._replace(state=state) for state in self.server.disconnect(here.state))
            if not self.sight.losses:
                yield from (here._replace(state=state) for state in self.server.publish(here.state, None))
            return
        if here.state.where == "offline":
            return
        yield from self._expired(here, at)
        if stops:
            yield from (here._replace(state=state) for state in self.server.stop(here.state))
        end = len(self.inbox) if until < 0 else until
        if self.sight.deliveries:
            place = self._skipped(here, end)
            yield from self._read(here._replace(place=place), place, at) if place < end else ()
            if place == end > here.place:
                yield here._replace(place=end)
            return
        for place in range(here.place, end):
            event = self.inbox[place][1]
            kind = (here.state.where, type(event))
            is_news = isinstance(event, ClientEvent) and event.client != self.server.client and here.state.view is None
            if (is_news and kind in self._inert) or (self._about and relevance.is_of_another(self._about, event)):
                continue
            found = [each for each in self._read(here, place, at) if each.state != here.state]
            if not self.in_order:  # it may read that, or an earlier one, later on
                found = [each._replace(place=here.place) for each in found]
            if is_news and not found:
                self._inert.add(kind)
            yield from found

    def _skipped(self, here: Configuration, end: int) -> int:
        """The place of the next event that it does not ignore in any case, before or after a timeout."""
        state, place = here.state, here.place
        states = [state]
        if self.server.role != TRACKER and state.clock.data.running:
            states += self.server.expire(state)[:1]
        while place < end and all(self.server.ignores(one, self.inbox[place][1]) for one in states):
            place += 1
        return place

    def _expired(self, here: Configuration, at: float) -> Iterator[Configuration]:
        """The timeout of a torrent server is exceeded."""
        if self.server.role != TRACKER and here.state.clock.data.running and self._may_expire(here, "", at):
            then = here.since.get("", -FOREVER) + self.assumed.timeout
            for state in self.server.expire(here.state):
                # Where requests can be lost unseen, it asks again any number of times unseen: since when is left open.
                yield here._replace(state=state, since=self._began(state, then) if self.sight.losses else TIMED)

    def _began(self, state: State, at: float) -> immutabledict[str, float]:
        """That the timeout of a torrent server, if one runs, was set then at the earliest."""
        is_timed = self.assumed.timeout > 0 and at > -FOREVER and self.server.role != TRACKER
        return immutabledict({"": at}) if is_timed and state.clock.data.running else TIMED

    def _may_expire(self, here: Configuration, client: str, at: float) -> bool:
        is_over = self.assumed.timeout <= 0 or at - here.since.get(client, -FOREVER) >= self.assumed.timeout
        return is_over or (self.server.role == TRACKER and openings.may_drop(here.state, client))

    def _read(self, here: Configuration, place: int, at: float) -> Iterator[Configuration]:
        """It reads an event, before or after the timeouts that make a difference to it."""
        came, event = self.inbox[place]
        if self.server.role == TRACKER:
            for client in relevance.affected(here.state, event, deliveries=self.sight.deliveries):
                if relevance.matters(here.state, client, event) and self._may_expire(here, client, at):
                    since = immutabledict({key: value for key, value in here.since.items() if key != client})
                    for state in self.server.expire(here.state, client):
                        yield here._replace(state=state, since=since)
        then = self.server.read(here.state, event)
        for state in then or ():
            yield Configuration(state, place + 1, self._since(here, state, event, came))

    def _since(self, here: Configuration, then: State, event: BusEvent, came: float) -> immutabledict[str, float]:
        """Since when timeouts can run at the earliest, once an event was read."""
        if self.assumed.timeout <= 0 or then == here.state:
            return here.since
        if self.server.role == TRACKER:
            begins = isinstance(event, ClientJoinRequested)
            return immutabledict({**here.since, event.client: came}) if begins else here.since  # type: ignore[attr-defined]
        if not then.clock.data.running:
            return TIMED
        return here.since if then.where == here.state.where else immutabledict({"": came})

    # What is kept.

    def _become(self, configurations: Iterable[Configuration]) -> bool:
        found = set(configurations)
        if found:
            self.configurations = found
        return bool(found)

    def _seen(self, at: float) -> bool:
        self.latest = at
        self._trim()
        return True

    def _trim(self) -> None:
        """Forget what everybody has read."""
        assert self.configurations is not None
        read = min(each.place for each in self.configurations)
        if read:
            del self.inbox[:read]
            self.configurations = {each._replace(place=each.place - read) for each in self.configurations}

    def _found_out(self, at: float, event: BusEvent) -> None:
        """Where a participant is of which nothing was known, and which has published this."""
        if isinstance(event, ClientJoinRequested | TrackerHello) and at >= self.blind_until:
            places = range(len(self.inbox) + 1) if self.sight.deliveries else (0,)
            found = self._become(
                Configuration(then, place)
                for state in self.server.online(len(self.names))
                for then in self.server.publish(state, event)
                for place in places
            )
            if found:
                self._seen(at)
