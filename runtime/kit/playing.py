"""Plays the path of a diagram with a server under test, and says what became of each arrow."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn
from uuid import uuid4

from machines.events import (
    ANSWERS,
    EVENT_OF_NAME,
    TORRENT,
    TRACKER,
    BusEvent,
    ClientJoinDenied,
    ClientJoinRequested,
    ReasonCode,
)
from machines.tracker import TRACKER_ID
from runtime.kit.bench import Bench
from runtime.kit.partners import Partner, TorrentAnswers, TrackerAnswers
from runtime.kit.paths import Arrow, Path, Publication
from runtime.kit.result import Case, Status, violated
from spec.monitor import Connected, Forbidden, Passed
from spec.monitor.explanation import alone, shortest

GOODBYES = ("ClientGoodbye", "TrackerGoodbye")
PARTNER, REGISTERED, PROBE = "partner-1", "client-1", "probe-1"
LEAVING = "how one leaves is drawn, not by what one is asked to (--stop-signal names another signal)"
RUNS_ALREADY = "a server that runs already is neither started anew nor asked to stop (--exec does both)"


class Over(Exception):  # noqa: N818 - what happened
    """The case is over: its status, and why."""

    def __init__(self, status: Status, why: str, found: Forbidden | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.found = found


@dataclass
class Play:
    """A case being played."""

    bench: Bench
    tracker: TrackerAnswers = field(default_factory=TrackerAnswers)
    last: ClientJoinRequested | None = None
    """The latest request of the server under test, or of the kit's client in its place."""
    partners: dict[str, tuple[Partner, TorrentAnswers]] = field(default_factory=dict)
    tracker_partner: Partner | None = None
    is_stopped: bool = False
    """Whether the server under test was asked to stop."""

    # What the server under test does.

    def judge(self) -> None:
        """Raises `Over` if it has done what is forbidden, or has ended."""
        if self.bench.forbidden:
            found = self.bench.forbidden[0]
            raise Over(Status.VIOLATES, "", shortest(found, alone(found, self.bench.monitor)))
        if self.bench.subject.has_ended and not self.is_stopped:
            why = f"{self.bench.subject.end()}{self._absence()}"
            words = "publishes nothing: it ended" if self.bench.has_spoken else "never starts: it ended without a word"
            raise Over(Status.VIOLATES, why, self.silent(words))

    def _absence(self) -> str:
        """What is to be said of a server that has not connected under its name, where the kit's broker sees that."""
        bench, subject = self.bench, self.bench.settings.subject
        found = {one.client for one in bench.seen if isinstance(one, Connected)} - bench.own_clients
        if not bench.is_ours or subject in found:
            return ""
        if found:
            names = " and ".join(map(repr, sorted(found)))
            return f"; it has connected as {names} and not as {subject!r}: give it '{{id}}', or say --id"
        return f"; it has not connected to {bench.address}, which speaks MQTT 3.1.1 (with --mosquitto also MQTT 5)"

    def silent(self, what: str) -> Forbidden:
        """That nothing came, though it is due."""
        bench, settings = self.bench, self.bench.settings
        participant = bench.monitor.participants.get(settings.subject)
        track = None if participant is None else participant.track
        at = bench.seen[-1].at if bench.seen else 0.0
        before = () if participant is None else tuple(participant.before)
        where = () if track is None else track.where(at)
        expected = () if track is None else tuple(e for e in track.expected(at) if type(e).__name__ not in GOODBYES)
        return Forbidden(settings.subject, settings.role, Passed(at), None, what, where, expected, before)

    def judge_silence(self) -> bool:
        """As `judge`; raises `Over` as well if it has published anything, though nobody has told it anything.

        Whether it was silent: it may have asked again by itself, where it may (`may_ask_again`).

        Who only subscribes cannot see that it did not start anew, and so finds nothing wrong with that.
        """
        self.judge()
        if self.bench.published.empty():
            return True
        event = self.bench.published.get_nowait()
        assert event is not None  # that was judged
        if not (self.may_ask_again and isinstance(event, ClientJoinRequested)):
            self.refuse(event, "is published though it was told nothing")
        self.last = event
        return False

    @property
    def may_ask_again(self) -> bool:
        """Whether it may ask again by itself after a failure."""
        return self.bench.settings.asks_again or (self.last is not None and bool(self.last.request_id))

    def refuse(self, event: BusEvent, what: str) -> NoReturn:
        """Raises `Over`: what it has published is wrong, in a way that no monitor sees."""
        settings = self.bench.settings
        seen = next(one for one in reversed(self.bench.seen) if getattr(one, "event", None) == event)
        before = tuple(one for one in self.bench.seen if not isinstance(one, Passed) and one is not seen)
        found = Forbidden(settings.subject, settings.role, seen, event, what, before=before)
        raise Over(Status.VIOLATES, "", found)

    async def expect(self, event: str, within: float, *, is_first: bool = False) -> BusEvent:
        """What it publishes next; raises `Over` if that is not this event."""
        got = await self.bench.next(within)
        self.judge()
        if got is None:
            seconds = self.bench.settings.seconds(within)
            words = "never says its first word" if is_first else f"publishes nothing for {seconds:g} s"
            absence = self._absence().removeprefix("; ") if is_first else ""
            raise Over(Status.VIOLATES, absence, self.silent(f"{words}, though !{event} is due"))
        if type(got).__name__ != event:
            hint = ""
            if isinstance(got, ClientJoinDenied) and got.reason_code is ReasonCode.WRONG_HASH_ALGORITHM:
                ours = self.bench.settings.hash_algorithm
                hint = f": its hash algorithm is not {ours!r} (--hash-algorithm says which it is)"
            instead = f"it published {type(got).__name__} instead, which is allowed, too{hint}"
            raise Over(Status.NOT_EXERCISED, instead)
        if isinstance(got, ClientJoinRequested):
            self.last = got
        return got

    async def start(self) -> None:
        """Start it, if it does not run already."""
        if self.bench.settings.command:
            await self.bench.subject.start()

    # Torrent servers.

    async def leave(self) -> None:
        """The kit's tracker leaves, so that another one may come."""
        if self.tracker_partner is not None:
            await self.tracker_partner.disconnect()

    async def asks_for_the_last_time(self) -> None:
        """Wait for what a torrent server that runs already may still ask: it can have asked before it heard the hello
        of the kit, and asks once more then.
        """
        settings = self.bench.settings
        while not settings.command and (got := await self.bench.next(settings.quiet)) is not None:
            self.judge()
            if not isinstance(got, ClientJoinRequested):
                raise Over(Status.NOT_EXERCISED, f"it published {type(got).__name__} instead, which is allowed, too")
            self.last = got

    async def join(self, *, is_first: bool = False) -> None:
        """The server under test joins, by the standard course."""
        settings = self.bench.settings
        await self.expect("ClientJoinRequested", settings.startup if is_first else settings.patience, is_first=is_first)
        if is_first:
            await self.asks_for_the_last_time()
        await self.tracker_says("ClientJoinAccepted")
        await self.expect("ClientJoinSucceeded", settings.patience)
        await self.tracker_says("ClientRegistered")
        await self.bench.rest()

    async def tracker_says(self, event: str, *, fails: bool = False, drop: bool = False) -> BusEvent:
        """The kit's tracker publishes; with `drop` it only believes so."""
        assert self.tracker_partner is not None
        said: BusEvent
        match event:
            case "TrackerHello":
                said = self.tracker.restart()
            case "TrackerGoodbye":
                said = self.tracker.leave()
            case "ClientJoinAccepted":
                said = self.tracker.answer(self._request(), fails=fails)
            case "ClientJoinDenied":
                said = self.tracker.deny(self._request())
            case "ClientRegistered":
                said = self.tracker.register(self._request().client)
            case _:
                raise Over(Status.CANNOT_TELL, f"the kit's tracker does not know how to say {event}")
        return said if drop else await self.tracker_partner.publish(said)

    def _request(self) -> ClientJoinRequested:
        if self.last is None:
            raise Over(Status.CANNOT_TELL, "nobody has asked to join")
        return self.last

    # Trackers.

    async def partner(self, client: str) -> tuple[Partner, TorrentAnswers]:
        """A torrent server of the kit."""
        if client not in self.partners:
            # A broker that is not the kit's, and a tracker there, remember the clients of earlier cases.
            name = client if self.bench.settings.broker is None else f"{client}-{uuid4().hex[:8]}"
            partner = await self.bench.partner(name, TORRENT)
            self.partners[client] = (partner, TorrentAnswers(name, self.bench.settings.hash_algorithm))
        return self.partners[client]

    async def partner_joins(self, client: str) -> None:
        """A torrent server of the kit joins at the tracker under test, by the standard course."""
        partner, answers = await self.partner(client)
        patience = self.bench.settings.patience
        await partner.publish(answers.ask())
        await self.expect("ClientJoinAccepted", patience)
        await partner.publish(answers.say("ClientJoinSucceeded"))
        await self.expect("ClientRegistered", patience)


async def play_path(bench: Bench, path: Path, case: Case) -> None:
    """Play a path; its arrows and its status are noted in the case."""
    play = Play(bench)
    ids = [arrow.name for arrow in path.arrows]
    case.arrows = dict.fromkeys(ids, Status.NOT_EXERCISED)
    here: Publication | None = None
    at = 0
    try:
        await _prelude(play, path)
        play.judge()
        for at, here in enumerate(_playable(bench, path)):
            await _play(play, path, at)
            play.judge()
            done = [arrow for arrow in here.arrows if arrow.name in case.arrows and _happens(bench, path, arrow)]
            case.arrows |= {arrow.name: Status.CONFORMS for arrow in done}
        await bench.rest()
        play.judge()
        if not play.is_stopped:
            here = None
            await _probe(play)
        case.status = Status.CONFORMS
    except Over as over:
        end(case, over)
        if over.status is Status.ITS_CHOICE:
            left = [name for name, status in case.arrows.items() if status is Status.NOT_EXERCISED]
            case.arrows |= dict.fromkeys(left, Status.ITS_CHOICE)
        elif here is not None and over.status is not Status.NOT_EXERCISED:
            here = _blamed(path, at, over)
            case.arrows |= {arrow.name: over.status for arrow in here.arrows if arrow.name in case.arrows}


def _blamed(path: Path, place: int, over: Over) -> Publication:
    """What a path was at, or the last publication before that of what the server has published wrongly."""
    event = "" if over.found is None else type(over.found.event).__name__
    done = (one for one in reversed(path.publications[: place + 1]) if (one.event, one.by) == (event, path.seat))
    return next(done, path.publications[place])


def end(case: Case, over: Over) -> None:
    """Note how a case ended."""
    case.status, case.why, case.found = over.status, str(over), over.found
    if over.found is not None:
        case.obligations[violated(over.found)] = Status.VIOLATES


def _playable(bench: Bench, path: Path) -> Sequence[Publication]:
    """The publications of a path; of a tracker that runs already those before it would have to start anew."""
    starts = [place for place, one in enumerate(path.publications) if place and one.event == "TrackerHello"]
    is_cut = bench.settings.role == TRACKER and not bench.settings.command and starts
    return path.publications[: starts[0]] if is_cut else path.publications


def _happens(bench: Bench, path: Path, arrow: Arrow) -> bool:
    """Whether an arrow can happen: what a server publishes is lost before the broker only at the kit's own broker."""
    return bench.is_ours or not (arrow.lost and arrow.sender == path.seat)


async def _probe(play: Play) -> None:
    """What it knows now shows in what it says next: a tracker when somebody joins, a torrent server when it does."""
    play.bench.no_faults()
    if play.bench.settings.role == TRACKER:
        await play.partner_joins(PROBE)
    else:
        await play.tracker_says("TrackerHello")
        await play.expect("ClientJoinRequested", play.bench.settings.patience)


async def _prelude(play: Play, path: Path) -> None:
    """What was before the diagram begins."""
    bench, first = play.bench, path.publications[0]
    if bench.settings.role == TRACKER:
        if first.event == "TrackerHello":
            return
        await play.start()
        if bench.settings.command:
            await play.expect("TrackerHello", bench.settings.startup, is_first=True)
        if any("Client" in arrow.receiver for one in path.publications for arrow in one.arrows):
            await play.partner_joins(REGISTERED)
        if first.event == "ClientGoodbye":
            await play.partner_joins(PARTNER)
        return
    play.tracker_partner = await bench.partner(TRACKER_ID, TRACKER)
    if not bench.settings.command:
        await play.tracker_says("TrackerHello")
    await play.start()
    if path.seat == "Client" or first.event == "ClientGoodbye":
        await play.join(is_first=True)


async def _play(play: Play, path: Path, place: int) -> None:
    """One publication of a path."""
    here, rest = path.publications[place], path.publications[place + 1 :]
    bench = play.bench
    bench.no_faults()
    if here.by == path.seat:
        await _await(play, path, place)
    elif here.by == "Tracker":
        await _tracker_plays(play, path, here, rest)
    else:
        await _torrent_plays(play, path, here, rest)


async def _await(play: Play, path: Path, place: int) -> None:
    """The server under test publishes."""
    bench, here = play.bench, path.publications[place]
    settings = bench.settings
    if here.is_lost:
        bench.lose(here.event, "to-broker", settings.subject)
    for lifeline in here.lost_to:
        bench.lose(here.event, "from-broker", _client(play, path, lifeline))
    is_start = here.event == "TrackerHello"
    if is_start:
        if not settings.command:
            raise Over(Status.NOT_EXERCISED, RUNS_ALREADY)
        await bench.subject.kill()
        await play.start()
    if here.event in GOODBYES:
        play.is_stopped = True
        if not settings.command:
            raise Over(Status.NOT_EXERCISED, RUNS_ALREADY)
        stopping = asyncio.create_task(bench.subject.stop(settings.seconds(settings.patience), settings.stop_signal))
        await _goodbye(play, here.event)
        await stopping
        return
    is_first = is_start or (place == 0 and path.seat == "Torrent")
    await play.expect(here.event, settings.startup if is_first else settings.patience, is_first=is_first)
    if is_first and here.event == "ClientJoinRequested":
        await play.asks_for_the_last_time()


async def _goodbye(play: Play, event: str) -> None:
    got = await play.bench.next(play.bench.settings.patience)
    if play.bench.forbidden:
        play.judge()
    if got is None or type(got).__name__ != event:
        raise Over(
            Status.CANNOT_TELL, f"{play.bench.settings.stop_signal.name} did not make it say !{event}: {LEAVING}"
        )


async def _tracker_plays(play: Play, path: Path, here: Publication, rest: Sequence[Publication]) -> None:
    """The kit's tracker publishes."""
    bench = play.bench
    seat = bench.settings.subject
    is_lost = here.is_lost or path.seat in here.lost_to
    if here.is_lost:
        bench.lose(here.event, "to-broker", TRACKER_ID)
    elif path.seat in here.lost_to:
        bench.lose(here.event, "from-broker", seat)
    after = next((one for one in rest if one.by == path.seat), None)
    fails = (
        path.seat == "Torrent"
        and after is not None
        and after.event == "ClientJoinFailed"
        and here.event != "TrackerHello"
    )
    if fails and play.last is not None and play.last.fragment_size is None:
        raise Over(Status.ITS_CHOICE, "it works with every fragment size: nothing makes it fail")
    await play.tracker_says(here.event, fails=fails, drop=is_lost and not bench.is_ours)
    if here.event == "TrackerHello" and path.seat == "Client":
        other = play.last
        await play.join()  # whoever hears the hello joins again
        play.last = other


async def _torrent_plays(play: Play, path: Path, here: Publication, rest: Sequence[Publication]) -> None:
    """A torrent server of the kit publishes."""
    bench = play.bench
    partner, answers = await play.partner(PARTNER)
    is_asking = here.event == "ClientJoinRequested"
    answer = next((one.event for one in rest if EVENT_OF_NAME[one.event] in ANSWERS), "")
    event: BusEvent = answers.ask(conflicts=answer == "ClientJoinDenied") if is_asking else answers.say(here.event)
    if isinstance(event, ClientJoinRequested):
        play.last = event
        if bench.settings.role != TRACKER:
            event = replace(event, hash_algorithm=play.tracker.view.hash_algorithm)
            play.last = event
    if here.is_lost:
        bench.lose(here.event, "to-broker", PARTNER)
    for lifeline in here.lost_to:
        bench.lose(here.event, "from-broker", _client(play, path, lifeline))
    is_lost = here.is_lost or path.seat in here.lost_to
    if not is_lost or bench.is_ours:
        await partner.publish(event)
    if is_lost:
        await bench.rest()


def _client(play: Play, path: Path, lifeline: str) -> str:
    """The MQTT client identifier of a lifeline."""
    if lifeline == path.seat:
        return play.bench.settings.subject
    return {"Tracker": TRACKER_ID, "Torrent": PARTNER, "Client": REGISTERED}[lifeline]
