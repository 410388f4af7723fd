"""One server as a monitor sees it: its charts between two things that can be seen from outside.

A *state* holds the charts of a server where all that happens inside it is done: either its MQTT client waits, or
something is due that goes to the broker. What the owner stores at a torrent server is not known before its first
request tells it, nor what a tracker has in store before it answers (`spec.monitor.knowledge`); then the view is asked
only together with what was seen.

What cannot be seen from outside is forgotten, so that states which behave alike are equal: a torrent server's knowledge
of other clients and of fragments that it does not store, and how often a timeout was set.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

from immutabledict import immutabledict

from machines import Clock, DistributionView, Participant, TorrentServer, Tracker, rules
from machines.calls import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    SUBACK,
    SUBSCRIBE,
    CheckJoin,
    ConnectionLost,
    Message,
    RegisterClient,
    Start,
    Stop,
    TimeoutExceeded,
    Timer,
)
from machines.clock import ClockData
from machines.distribution_view import DistributionViewData
from machines.events import (
    TRACKER,
    BusEvent,
    ClientJoinDenied,
    ClientJoinRequested,
    ClientRegistered,
    FileInfoPublished,
    TrackerGoodbye,
)
from machines.participant import Decision, Output, Snapshot
from machines.rules import View
from machines.torrent_server import TorrentServerData
from machines.tracker import TrackerData
from spec.monitor import knowledge, openings
from spec.monitor.knowledge import EVERYTHING, UNTOLD, Doubts
from spec.monitor.state import State, normal
from spec.monitor.stepping import stepper
from spec.monitor.telling import asks, codes_of, denying, guessed, nameless, plain, told, unnamed

SESSION = "request"
"""What the names of requests are called here, whatever the server calls them."""
MANY = 1 << 30
"""How often a torrent server asks again by itself: nobody knows, and who waits need not be in a hurry."""
REMEMBERED = 1024
"""States of which it is remembered what a timeout does."""
CALLS = 200
"""More calls than a server makes before it waits: it calls itself for ever."""

ANYBODY = "anybody"
"""What a server is called of which only that is asked in which the name does not matter."""

Charts = Mapping[str, type[Participant]]
OURS: Charts = immutabledict({chart.__name__: chart for chart in (Tracker, TorrentServer, DistributionView, Clock)})


@dataclass
class Server:
    """The semantics of one server. `role` is "tracker" or "torrent", `client` its MQTT client identifier.

    `remembers`: whether a torrent server's view is followed once a request has told of it. `as_drawn`: a torrent server
    that does not name its requests never asks again by itself. `leaves_open`: it may decide what the diagrams leave
    open otherwise than the charts (`spec.monitor.openings`).
    """

    role: str
    client: str
    charts: Charts = OURS
    remembers: bool = True
    as_drawn: bool = False
    leaves_open: bool = False

    def __post_init__(self) -> None:
        self._is_tracker = self.role == TRACKER
        self._client = stepper(self.charts["Tracker" if self._is_tracker else "TorrentServer"])
        self._clock = stepper(self.charts["Clock"])
        self._view = stepper(self.charts["DistributionView"])
        self._expired: dict[tuple[Snapshot, Snapshot, int], tuple[Snapshot | None, tuple[State, ...]]] = {}
        self._has_asked = False
        self.hearsay = openings.Hearsay(self.client)

    # Where it can be.

    def fresh(self, requests: int = 0) -> Iterator[State]:
        """Offline, a new process of which nothing is known; `requests` is how many requests have had a name."""
        clock = Snapshot(("idle",), ClockData())
        if self._is_tracker:
            view = Snapshot(("idle",), DistributionViewData(UNTOLD))
            for names, session in product((True, False), ("", SESSION)):
                client = Snapshot(("offline",), TrackerData(self.client, session=session))
                yield State(client, clock, view, EVERYTHING, names)
            return
        for session, retries in (("", 0 if self.as_drawn else MANY), (SESSION, MANY)):
            data = TorrentServerData(self.client, session=session, request=requests, retries=retries)
            yield State(Snapshot(("offline",), data), clock, None)

    def started(self, offline: State) -> tuple[State, ...]:
        """The owner starts it, and the broker accepts the connection."""
        begun = self._deliver(offline, "client", Start())
        if begun is None:
            return ()
        states = [
            self._after_send(one, output.message)
            for one in self._settle(begun)
            for output in self._client.due(one.client)
            if isinstance(output.message, CONNECT)
        ]
        answered = [self._deliver(one, "client", CONNACK()) for one in states if one is not None]
        forgotten = [self._as_found(one) for one in answered if one is not None]
        return tuple(end for one in forgotten for end in self._settle(one))

    def online(self, requests: int = 0) -> tuple[State, ...]:
        """A new process that has started and subscribed, unseen."""
        if self.charts is OURS and self.client != ANYBODY:
            known = _online(self.role, self.remembers, self.as_drawn, self.leaves_open, requests)
            return tuple(_called(self.client, one) for one in known)
        return tuple(
            end for one in self.fresh(requests) for state in self.started(one) for end in self.subscribed(state)
        )

    def subscribed(self, state: State) -> tuple[State, ...]:
        """Every subscription that is left is asked for, and granted."""
        todo, found = [state], []
        while todo:
            here = todo.pop()
            packets = [each.message for each in self._client.due(here.client) if isinstance(each.message, SUBSCRIBE)]
            if packets:
                todo += self.subscribe(here, packets[0].topic, accepted=True)
            else:
                found.append(here)
        return tuple(found)

    def subscribe(self, state: State, topic: str, *, accepted: bool) -> tuple[State, ...]:
        """It asks for a topic, and the broker answers; nothing if it does not ask here."""
        asked = self._after_send(state, SUBSCRIBE(topic=topic))
        answered = None if asked is None else self._deliver(asked, "client", SUBACK(topic=topic, accepted=accepted))
        return () if answered is None else self._settle(answered)

    # What it does.

    def read(self, state: State, event: BusEvent) -> tuple[State, ...] | None:
        """`?event`. None if it does not read it here: it is about to send, or has no connection."""
        if not state.names:
            event = unnamed(event)
        client = self._client.receive(state.client, event)
        if client.decision not in {Decision.IGNORED, Decision.TAKEN}:
            return None
        is_taken = client.decision is Decision.TAKEN
        found = self._settle(state._replace(client=client.then)) if is_taken else (state,)
        if self._is_tracker or not isinstance(event, ClientRegistered | TrackerGoodbye):
            return found
        if not (event.session and state.client.data.session) or state.client.data.tracker:
            return found  # else nothing that was seen tells whether it follows whoever says that
        return tuple(dict.fromkeys((*found, *(self.read(state, replace(event, session="")) or ()))))

    def ignores(self, state: State, event: BusEvent) -> bool:
        """Whether reading an event changes nothing here, whatever is known."""
        return self._client.ignores(state.where, event, names_it=getattr(event, "client", None) == self.client)

    def expire(self, state: State, client: str = "") -> tuple[State, ...]:
        """A timeout is exceeded; of a tracker's, that of a client."""
        if self._is_tracker:
            return self._expire(state, client)
        alone, beside = (state.client, state.clock, 0), (state.client, state.clock, id(state.view))
        found = self._expired.get(alone) or self._expired.get(beside)
        if found is not None:
            kept = state.view if found[0] is None else None
            return tuple(end._replace(view=kept or end.view, decided=state.decided) for end in found[1])
        self._has_asked = False
        ends = self._expire(state, client)
        if len(self._expired) >= REMEMBERED:
            self._expired.clear()
        # Who asks its view for nothing does the same whatever that holds; a view that is kept here keeps its identity.
        self._expired[beside if self._has_asked else alone] = (state.view if self._has_asked else None, ends)
        return ends

    def _expire(self, state: State, client: str) -> tuple[State, ...]:
        running = state.clock.data.running
        for name in [client] if client else list(running):
            if name in running:
                output = Output(TimeoutExceeded(timer=Timer(name, running[name])), "client")
                clock = self._clock.send(state.clock, output)
                told = None if clock is None else self._deliver(state._replace(clock=clock), "client", output.message)
                return () if told is None else self._settle(told)
        return ()

    def stop(self, state: State) -> tuple[State, ...]:
        """The owner stops it."""
        told = self._deliver(state, "client", Stop())
        return () if told is None or told == state else self._settle(told)

    def cut_off(self, state: State) -> tuple[State, ...]:
        """Its connection is lost, and it lives on."""
        if state.where == "offline":
            return (state,)
        told = self._deliver(state, "client", ConnectionLost())
        idle = Snapshot(("idle",), ClockData())
        return () if told is None else tuple(one._replace(clock=idle) for one in self._settle(told))

    def disconnect(self, state: State) -> tuple[State, ...]:
        """It sends DISCONNECT; nothing if that is not due."""
        done = self._after_send(state, DISCONNECT())
        return () if done is None else self._settle(done._replace(clock=Snapshot(("idle",), ClockData())))

    def is_due(self, state: State) -> bool:
        """Whether it is about to publish, or to send a packet."""
        return bool(self._client.due(state.client))

    def publish(self, state: State, seen: BusEvent | None) -> Iterator[State]:
        """`!event` for what was seen, or (None) for whatever is due and was not seen."""
        for state_, output, codes in self._ready(state, seen):
            message = output.message
            if not isinstance(message, BusEvent):
                continue
            question = ""
            if seen is not None and not self._is(state_, message, seen, codes):
                decided = self._decided(state_, message, seen, codes)
                if decided is None:
                    continue
                question = decided
            client = self._client.send(state_.client, output)
            if client is None:
                continue
            then = state_._replace(client=client, decided=state_.decided or question)
            if isinstance(message, ClientJoinRequested):
                then = self._requested(then, seen)
            elif then.decided and seen is not None and then.view is not None:
                then = then._replace(view=openings.noted(then.view, seen))
            yield from self._settle(then)

    def expected(self, state: State) -> Iterator[Message]:
        """What is due to the broker, as far as that is known; of an answer that is not known, both."""
        for _, output, _ in self._ready(state, None):
            yield output.message

    def learn(self, state: State, file: FileInfoPublished | None) -> State:
        """Something outside Client Join has changed a tracker's view: a file that it tells of, or what nobody sees."""
        assert state.view is not None
        view = state.view.data.view
        view = view if file is None else rules.add_file(view, file)
        seen = Snapshot(state.view.states, replace(state.view.data, view=view))
        return state._replace(view=seen, doubts=replace(state.doubts or EVERYTHING, is_open=True))

    def _requested(self, state: State, seen: BusEvent | None) -> State:
        """What a request tells: what its server stores, and how many it has named; one unseen has no number."""
        data = state.client.data
        if not isinstance(seen, ClientJoinRequested):
            unseen = replace(data, request=0) if data.session else data
            return state._replace(client=Snapshot(state.client.states, unseen))
        if seen.request_id:
            number = int(seen.request_id.rpartition("-")[2])
            state = state._replace(client=Snapshot(state.client.states, replace(data, request=number)))
        is_new = state.view is None or bool(state.decided)
        return state._replace(view=told(seen)) if is_new and self.remembers else state

    # What goes on inside.

    def _ready(self, state: State, seen: BusEvent | None) -> Iterator[tuple[State, Output, tuple[object, ...]]]:
        """What is due to the broker, once a view that is not known has been asked."""
        for output in self._client.due(state.client):
            message = output.message
            if state.doubts is None or not isinstance(message, CheckJoin | RegisterClient):
                yield state, output, codes_of(message)
                continue
            assert state.view is not None
            view = state.view.data.view
            found: Iterator[tuple[View, Doubts, tuple[object, ...]]]
            if isinstance(message, RegisterClient):
                found = iter([(*knowledge.registered(view, state.doubts, message.client, seen), ())])
            else:
                found = knowledge.judged(view, state.doubts, message.request, seen, leaves_open=self.leaves_open)
            for there, doubts, codes in found:
                yield from self._asked(state, output, there, doubts, codes)

    def _asked(
        self, state: State, output: Output, view: View, doubts: Doubts, codes: tuple[object, ...]
    ) -> Iterator[tuple[State, Output, tuple[object, ...]]]:
        """What is due to the broker after the view was asked, which is this one."""
        kept = view
        if codes:  # the answer is a denial, whatever else is not known of this view
            message = output.message
            assert isinstance(message, CheckJoin)
            view = denying(view, message.request)
        known = state._replace(view=Snapshot(("idle",), DistributionViewData(view)), doubts=None)
        for then in self._settle(known):
            assert then.view is not None
            after = then.view.data.view
            if codes:
                after = replace(after, fragment_size=kept.fragment_size, hash_algorithm=kept.hash_algorithm)
            seen = Snapshot(then.view.states, replace(then.view.data, view=after))
            left = then._replace(view=seen, doubts=knowledge.settled(after, doubts))
            for due in self._client.due(left.client):
                yield left, due, codes

    def _is(self, state: State, due: BusEvent, seen: BusEvent, codes: tuple[object, ...]) -> bool:
        """Whether what is due is what was seen."""
        if type(due) is not type(seen):
            return False
        if isinstance(due, ClientRegistered) and self._is_tracker and openings.may_drop(state, due.client):
            return False
        if isinstance(due, ClientJoinRequested) and isinstance(seen, ClientJoinRequested):
            if bool(due.request_id) != bool(seen.request_id):
                return False
            if state.view is None:
                return due.client == seen.client
            return plain(seen) == replace(due, request_id=seen.request_id)
        if isinstance(due, ClientJoinDenied) and isinstance(seen, ClientJoinDenied):
            right = seen.client == due.client and seen.reason_code in codes
            return right and seen.request_id == (due.request_id if state.names else "")
        return plain(seen) == plain(due if state.names else nameless(due))

    def _decided(self, state: State, due: BusEvent, seen: BusEvent, codes: tuple[object, ...]) -> str | None:
        """The question that it has decided otherwise if what is due was seen so, if any; None if that is wrong."""
        if not self.leaves_open or type(due) is not type(seen):
            return None
        view = None if state.view is None else state.view.data.view
        others = openings.as_seen(due, seen, view, self.hearsay)
        return next((question for other, question in others if self._is(state, other, seen, codes)), None)

    def _settle(self, begun: State) -> tuple[State, ...]:
        """The states in which all that happens inside is done."""
        found: dict[State, None] = {}
        todo = [(begun, 0)]
        while todo:
            here, calls = todo.pop()
            if calls > CALLS:
                raise ValueError(f"{self.client}: after {CALLS} calls its charts still go on, in {here.where}")
            due = self._client.due(here.client)
            if not due or due[0].to == "broker" or (here.doubts is not None and asks(due[0].message)):
                found[normal(here, is_tracker=self._is_tracker)] = None
                continue
            then = self._client.send(here.client, due[0])
            if then is not None:
                todo += [(one, calls + 1) for one in self._call(here._replace(client=then), due[0])]
        return tuple(found)

    def _call(self, state: State, output: Output) -> Iterator[State]:
        """A message from the MQTT client inside the server, and what it is answered."""
        if output.to == "clock":
            then = self._deliver(state, "clock", output.message)
            if then is not None:
                yield then
            return
        self._has_asked = True
        if state.view is None:
            for guess in guessed(output.message):
                yield from self._told(state, guess)
            return
        asked = self._view.receive(state.view, output.message)
        answers = self._view.due(asked.then)
        if not answers:
            yield state._replace(view=asked.then)
        for answer in answers:
            view = self._view.send(asked.then, answer)
            if view is not None:
                yield from self._told(state._replace(view=view), answer.message)
        for view, other, question in openings.told(state.view, output.message) if self.leaves_open else ():
            yield from self._told(state._replace(view=view, decided=state.decided or question), other)

    def _told(self, state: State, answer: Message | None) -> Iterator[State]:
        told = state if answer is None else self._deliver(state, "client", answer)
        if told is not None:
            yield told

    def _deliver(self, state: State, role: str, message: Message) -> State | None:
        """`?message` at the clock or the MQTT client; None where it is not read."""
        steps, snapshot = (self._clock, state.clock) if role == "clock" else (self._client, state.client)
        taken = steps.receive(snapshot, message)
        if taken.decision in {Decision.DEFERRED, Decision.IMPOSSIBLE}:
            return None
        return state._replace(clock=taken.then) if role == "clock" else state._replace(client=taken.then)

    def _after_send(self, state: State, packet: Message) -> State | None:
        output = Output(packet, "broker")
        if output not in self._client.due(state.client):
            return None
        client = self._client.send(state.client, output)
        return None if client is None else state._replace(client=client)

    def _as_found(self, state: State) -> State:
        """Whoever starts may have been given other data meanwhile."""
        if self._is_tracker:
            known = UNTOLD if state.view is None else state.view.data.view
            kept = replace(UNTOLD, gone=known.gone, gone_before=known.gone_before)  # they outlast a round
            view = Snapshot(("idle",), DistributionViewData(kept))
            return state._replace(view=view, doubts=EVERYTHING)
        return state._replace(view=None)


@lru_cache(maxsize=64)
def _online(role: str, remembers: bool, as_drawn: bool, leaves_open: bool, requests: int) -> tuple[State, ...]:
    """Where a server with our charts is that has started, whoever it is: in a burst of joins many do."""
    return Server(role, ANYBODY, OURS, remembers, as_drawn, leaves_open).online(requests)


def _called(client: str, state: State) -> State:
    """A state with another name, which its MQTT client knows, and its clock where it is timed."""
    data, running = state.client.data, state.clock.data.running
    running = immutabledict({client if name == ANYBODY else name: attempt for name, attempt in running.items()})
    named = Snapshot(state.client.states, replace(data, client=client))
    return state._replace(client=named, clock=Snapshot(state.clock.states, ClockData(running)))
