"""The monitor of Client Join: all participants that were seen, each followed by its own `Track`."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from machines.events import (
    TORRENT,
    TRACKER,
    BusEvent,
    ClientEvent,
    ClientGoodbye,
    ClientJoinRequested,
    FileInfoPublished,
    TrackerGoodbye,
    TrackerHello,
)
from machines.torrent_server import TOPICS as TORRENT_TOPICS
from machines.tracker import HARDENED_TOPICS as TRACKER_TOPICS
from machines.tracker import TRACKER_ID
from spec.monitor import openings
from spec.monitor.configuration import ASSUMED, FOREVER, Assumptions
from spec.monitor.observation import (
    COMPLETE,
    Connected,
    Delivered,
    Disconnected,
    Gap,
    Observed,
    Passed,
    Published,
    Sent,
    Sight,
    Subscribed,
    Unreadable,
    publisher,
)
from spec.monitor.participant import Participant, Present
from spec.monitor.passing import Passing, covers
from spec.monitor.server import OURS, Charts, Server
from spec.monitor.track import Track
from spec.monitor.verdict import Answer, Forbidden, Unjudged

OUTSIDE = ("FileInfoPublished", "FragmentDistribution")
"""The events, or how their names begin, that belong to other use cases: when they are published is not judged."""
KEPT = 400
"""Observations of one participant that are kept for an explanation."""
EARLIEST = 2000
"""Observations of a client of which nobody knows yet what it is that are kept until then."""
TOPICS: Mapping[str, frozenset[str]] = {TRACKER: TRACKER_TOPICS, TORRENT: TORRENT_TOPICS}
"""What servers of a role can subscribe to; a tracker hears hellos only if it is hardened."""


@dataclass
class Monitor:
    """Judges observations one after the other; see `spec.monitor`.

    `sight` is what the observer can see. `from_the_start`: nobody was there before the first observation; otherwise a
    participant is judged from where it is known what it does. `tracker` is what the tracker is called where nobody says
    who published. `roles`: "tracker" or "torrent" by client, for clients of which that is known beforehand.
    """

    sight: Sight = COMPLETE
    from_the_start: bool = True
    tracker: str = TRACKER_ID
    roles: Mapping[str, str] = field(default_factory=dict)
    assumed: Assumptions = ASSUMED
    charts: Charts = OURS
    in_order: bool = True
    """Whether observations of different clients are in the order in which the broker did them, and what is passed on
    unseen keeps its order."""
    judges_broker: bool = True
    reconsiders: bool = False
    """Whether what is forbidden only if nothing is lost before the broker cannot be told."""
    misses: bool = False
    """Whether publications may have been missed: what none of its charts explains cannot be told then."""
    leaves_open: bool = False
    """Whether what the diagrams leave open is left to the servers (`spec.monitor.openings`)."""
    as_drawn: bool = False
    """Whether torrent servers that do not name their requests do only what the diagrams of the protocol draw; otherwise
    they may ask again by themselves, and leave a will."""

    def __post_init__(self) -> None:
        self.participants: dict[str, Participant] = {}
        self.forbidden: list[Forbidden] = []
        self.unjudged: list[Unjudged] = []
        self.judged = 0  # publications
        self.at = 0.0
        self._began: float | None = None
        self._recent: deque[Published] = deque()
        self._present = Present(self.participants)
        self._broker = Passing(self.sight, self.in_order)
        self._published: dict[str, BusEvent] = {}
        self._tracker_session: str | None = "" if self.from_the_start else None
        """What the latest tracker's hello said that its session is called, if it has not left; None: nobody knows."""
        self._replaced = -FOREVER  # when a tracker took the place of another that may still be there

    # The answer.

    @property
    def answer(self) -> Answer:
        """Of all that was seen. One forbidden event is enough; what could not be judged is not allowed."""
        if self.forbidden:
            return Answer.FORBIDDEN
        return Answer.CANNOT_TELL if self.unjudged or not self.judged else Answer.ALLOWED

    def see(self, seen: Observed) -> Forbidden | None:
        """Take notice of an observation; what is forbidden about it, if anything is."""
        found = len(self.forbidden)
        self.at = max(self.at, seen.at)
        if self._began is None:
            self._began = seen.at
        match seen:
            case Gap():
                self._gap(seen)
            case Published():
                self._publish(seen, seen.client or publisher(seen.event, self.tracker), seen.event)
            case Sent():
                self._publish(seen, seen.client, seen.event)
            case Delivered():
                self._deliver(seen)
            case Connected() | Disconnected() | Subscribed():
                self._session(seen)
            case Unreadable():
                self._show(seen)
                self.unjudged.append(Unjudged(seen.client, seen, f"no event of {seen.topic}: {seen.why}"))
            case Passed():
                self._pass(seen)
            case _:
                raise TypeError(f"{type(seen).__name__} is no observation")
        return self.forbidden[found] if len(self.forbidden) > found else None

    def see_all(self, run: Iterable[Observed]) -> Answer:
        """Take notice of a whole run; the answer at its end."""
        for seen in run:
            self.see(seen)
        return self.answer

    def where(self, client: str) -> tuple[str, ...]:
        """The states that a client can be in now; empty if that is not known."""
        participant = self.participants.get(client)
        return () if participant is None or participant.track is None else participant.track.where(self.at)

    def looking(self, client: str) -> Iterator[str]:
        """The same one by one, some more than once: it can take long, and is void once something more is seen."""
        participant = self.participants.get(client)
        if participant is not None and participant.track is not None:
            yield from participant.track.looking(self.at)

    # Publications.

    def _publish(self, seen: Published | Sent, client: str, event: BusEvent) -> None:
        if not client:
            return  # outside Client Join, and nobody says who it was
        is_new = self._is_new(seen, client, event)
        if isinstance(seen, Published):
            self._broker.took(event)
        if is_new:
            self._judge(seen, client, event)
        if isinstance(seen, Published) and not self.sight.deliveries:
            self._keep(seen)
            for other in self._present.reached(event):
                if other.track is None:
                    other.before.append(seen)
                elif event.topic in TOPICS[other.role]:
                    self._present.deliver(other, seen.at, event)
                    if other.client != client and _concerns(event, other.client, other.role):
                        other.before.append(seen)

    def _keep(self, seen: Published) -> None:
        """Whoever is not known yet may have been passed that."""
        self._recent.append(seen)
        while len(self._recent) > EARLIEST or self._recent[0].at < seen.at - self.assumed.lag:
            self._recent.popleft()

    def _is_new(self, seen: Published | Sent, client: str, event: BusEvent) -> bool:
        """Whether it is not the same event once more, which is a fault of the network."""
        if not event.event_id:
            return True
        earlier = self._published.get(event.event_id)
        self._published[event.event_id] = event
        if earlier is not None and earlier != event:
            self._forbid(seen, client, event, "carries the EventId of another event, which is to be unique")
        if len(self._published) > EARLIEST * 10:
            del self._published[next(iter(self._published))]
        return earlier is None

    def _judge(self, seen: Published | Sent, client: str, event: BusEvent) -> None:
        participant = self._participant(client, event.publisher)
        if type(event).__name__.startswith(OUTSIDE):
            self._outside(participant, event)
            return
        if event.publisher == TORRENT and isinstance(event, ClientEvent) and event.client != client:
            self._forbid(seen, client, event, f"speaks for {event.client}: it may only name itself")
            return
        track = participant.track
        if track is None or participant.role != event.publisher:
            self._forbid(seen, client, event, f"is a {participant.role} server's, and only a {event.publisher} may")
            return
        unknown, question = track.configurations is None, openings.question(track.configurations)
        self._note_tracker(seen, event)
        name = getattr(event, "request_id", "")
        again = event.publisher == TORRENT and name in track.names and isinstance(event, ClientJoinRequested)
        participant.before.append(seen)
        if again:
            self._forbid(seen, client, event, f"names its request {name!r} like an earlier one")
        elif isinstance(seen, Published) and track.say_will(event):
            self.judged += 1
        elif not track.publish(seen.at, event, is_certain=not self._may_be_predecessors(seen, event)):
            self._impossible(seen, participant, event)
        elif unknown and not (isinstance(event, ClientJoinRequested | TrackerHello) and not self.sight.connections):
            self.unjudged.append(Unjudged(client, seen, "what it did before was not seen"))
        elif openings.question(track.configurations) not in {question, ""}:
            why = openings.OPEN + openings.question(track.configurations)
            self.unjudged.append(Unjudged(client, seen, why, is_open=True))
        else:
            self.judged += 1  # whoever may have started unseen may join, or say hello
        self._bound(participant)

    def _impossible(self, seen: Observed, participant: Participant, event: BusEvent | None, what: str = "") -> None:
        track = participant.track
        assert track is not None
        if isinstance(event, ClientGoodbye) and self._may_be_will(event):
            why = "its broker may say that for it (its will), if its connection broke unseen"
            self.unjudged.append(Unjudged(participant.client, seen, why))
            return
        if event is not None and self._may_be_predecessors(seen, event):
            why = "the tracker that was there before the latest hello may have published that"
            self.unjudged.append(Unjudged(participant.client, seen, why))
            return
        if self.reconsiders and event is not None and self._reconsider(seen, participant):
            return
        where, expected = track.where(seen.at), track.expected(seen.at)
        if self.misses or track.is_cut_short:
            unseen = "it is possible only if something before it was not seen"
            why = unseen if self.misses else "too much can have happened unseen to say whether that is possible"
            self.unjudged.append(Unjudged(participant.client, seen, why))
        else:
            before = tuple(one for one in participant.before if one is not seen)
            what = what or "no run of its chart publishes that here"
            self.forbidden.append(
                Forbidden(participant.client, participant.role, seen, event, what, where, expected, before)
            )
        self._lose_track(participant, seen, event)

    def _show(self, seen: Unreadable) -> None:
        """Whoever subscribes to that topic gets what is no event of it, and is to skip it."""
        for participant in self.participants.values():
            if participant.client != seen.client and seen.topic in TOPICS.get(participant.role, ()):
                participant.before.append(seen)
                self._bound(participant)

    def _note_tracker(self, seen: Observed, event: BusEvent) -> None:
        """Which tracker there is, as far as hellos name it."""
        if isinstance(event, TrackerHello):
            if event.session and self._tracker_session not in {"", event.session}:
                self._replaced = seen.at
            self._tracker_session = event.session
        elif isinstance(event, TrackerGoodbye):
            self._tracker_session = ""
        elif event.publisher == TRACKER and not self._tracker_session:
            self._tracker_session = None  # its hello was lost: there is one, whose session nobody can name

    def _may_be_predecessors(self, seen: Observed, event: BusEvent) -> bool:
        """Whether a tracker that was there before the latest hello may have published that: it steps down when it has
        heard that hello and, before it, its own.
        """
        if getattr(seen, "client", "") or event.publisher != TRACKER or isinstance(event, TrackerHello):
            return False
        if "" != getattr(event, "session", "") == self._tracker_session:
            return False  # it says itself that it is the latest one's
        return self._replaced > -FOREVER and (not self.sight.losses or seen.at <= self._replaced + self.assumed.lag)

    def _may_be_will(self, event: ClientGoodbye) -> bool:
        """Whether nobody can tell a goodbye from a will."""
        return not (self.sight.connections or self.as_drawn or event.request_id)

    def _reconsider(self, seen: Observed, participant: Participant) -> bool:
        """Whether what was seen is possible, or may be, if events are lost before they reach the broker."""
        client, role = participant.client, participant.role
        lossy = self.sight._replace(losses=False)
        server = Server(role, client, self.charts, self.sight.deliveries, self.as_drawn, self.leaves_open)
        track = Track(server, lossy, self.assumed._replace(under_way=0.0), self.in_order)
        if self.from_the_start and participant.is_whole:
            track.go_online(seen.at)
        else:
            track.forget(-FOREVER)
        for one in (*(each for each in participant.before if each is not seen), seen):
            if not isinstance(one, Published | Sent):
                continue
            if (one.client or publisher(one.event, self.tracker)) != client:
                track.deliver(one.at, one.event)
            elif not track.publish(one.at, one.event):
                if not track.is_cut_short:
                    return False
                break
        track.sight = self.sight
        participant.track = track
        self.unjudged.append(
            Unjudged(client, seen, "it is possible only if something was lost before the broker had it")
        )
        return True

    def _lose_track(self, participant: Participant, seen: Observed, event: BusEvent | None) -> None:
        """Go on from what is known after an event that should not have been."""
        assert participant.track is not None
        participant.track.forget(seen.at, is_blind=False)
        participant.before.clear()
        participant.is_whole = False
        if event is not None:
            participant.before.append(seen)
            participant.track.publish(seen.at, event)

    def _forbid(self, seen: Observed, client: str, event: BusEvent | None, what: str) -> None:
        participant = self.participants.get(client) or Participant(client, "")
        before = tuple(one for one in participant.before if one is not seen)
        self.forbidden.append(Forbidden(client, participant.role, seen, event, what, before=before))

    def _outside(self, participant: Participant, event: BusEvent) -> None:
        """What other use cases tell changes what is known of a tracker's view."""
        if participant.track is not None and participant.role == TRACKER:
            participant.track.learn(event if isinstance(event, FileInfoPublished) else None)

    # What is passed on.

    def _deliver(self, seen: Delivered) -> None:
        wrong = self._broker.passed_on(seen.client, seen.event)
        if wrong and self.judges_broker:
            self.forbidden.append(Forbidden("Broker", "broker", seen, seen.event, wrong))
        participant = self._participant(seen.client, "")
        participant.before.append(seen)
        if participant.track is not None:
            self._tell(participant.track, participant.role, seen)
        self._bound(participant)

    # Connections.

    def _session(self, seen: Connected | Disconnected | Subscribed) -> None:
        participant = self._participant(seen.client, "")
        if isinstance(seen, Connected):
            self._broker.connected(seen.client)
            participant.before.clear()
        elif isinstance(seen, Disconnected):
            self._broker.disconnected(seen.client)
            participant.wills += not seen.clean
        elif seen.accepted:
            self._broker.topics.setdefault(seen.client, set()).add(seen.topic)
        participant.before.append(seen)
        if participant.track is not None and not self._tell(participant.track, participant.role, seen):
            self._impossible(seen, participant, None, "its chart allows no DISCONNECT here")
        self._bound(participant)

    def _tell(self, track: Track, role: str, seen: Observed) -> bool:
        """Whether what was seen is possible."""
        match seen:
            case Connected():
                return track.connect(seen.at)
            case Disconnected():
                return track.disconnect(seen.at, clean=seen.clean)
            case Subscribed():
                topics = [topic for topic in sorted(TOPICS[role]) if covers(seen.topic, topic)]
                return all(track.subscribe(seen.at, topic, accepted=seen.accepted) for topic in topics)
            case Delivered() | Published() if seen.event.topic in TOPICS[role]:
                track.deliver(seen.at, seen.event)  # a filter with a wildcard brings others, too, which it skips
        return True

    def _gap(self, seen: Gap) -> None:
        for participant in self.participants.values():
            participant.before.clear()
            participant.is_whole = False
            if participant.track is not None:
                participant.track.forget(seen.at)
        self._began = seen.at
        self._present = Present(self.participants)  # whoever was gone may be back
        self._tracker_session = None
        self.unjudged.append(Unjudged("", seen, seen.why or "the observer missed something here"))

    def _pass(self, seen: Passed) -> None:
        """Whoever has read something by now, and has to answer it, must have done so."""
        for participant in self._present:
            track = participant.track
            if track is not None and not track.settle(seen.at):
                self._impossible(
                    seen, participant, None, f"publishes nothing for {self.assumed.lag:g} s, though it has to"
                )
            elif not self.sight.deliveries:
                self._present.see_off(participant, seen.at)

    # Participants.

    def _participant(self, client: str, role: str) -> Participant:
        """The participant; what was seen of it before its role was known is made up for."""
        participant = self.participants.setdefault(client, Participant(client, ""))
        self._present.add(client)
        role = participant.role or self.roles.get(client, "") or role
        if role and participant.track is None:
            participant.role = role
            remembers = self.sight.deliveries
            server = Server(role, client, self.charts, remembers, self.as_drawn, self.leaves_open)
            track = Track(server, self.sight, self.assumed, self.in_order)
            participant.track = track
            if self.from_the_start and self.sight.connections:
                track.begin(self.at)
            elif self.from_the_start:
                track.go_online(self.at)
            else:
                track.forget(self.at if self._began is None else self._began)
            if not participant.before:
                participant.before.extend(self._recent)
            for seen in participant.before:
                self._tell(track, role, seen)
            track.wills = participant.wills
        return participant

    def _bound(self, participant: Participant) -> None:
        if participant.track is None and len(participant.before) > EARLIEST:
            participant.before.clear()
            participant.before.append(Gap(self.at))
        elif len(participant.before) > KEPT:
            participant.is_whole = False
            del participant.before[:-KEPT]


def _concerns(event: BusEvent, client: str, role: str) -> bool:
    """Whether an event that nobody saw being delivered can matter to a client."""
    return role == TRACKER or getattr(event, "client", client) == client
