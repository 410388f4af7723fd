"""Cases that no diagram draws, one for each obligation beside the arrows; and random ones."""

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from uuid import uuid4

from immutabledict import immutabledict

from machines.events import (
    TRACKER,
    BusEvent,
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinRequested,
    ClientJoinSucceeded,
    ClientMetadata,
    ClientRegistered,
    FileInfoPublished,
    FileMetadata,
    ReasonCode,
    TrackerHello,
)
from runtime.kit.bench import TRACKER_ID, Bench
from runtime.kit.playing import PARTNER, REGISTERED, Over, Play, end
from runtime.kit.result import Case, Status
from runtime.wire.events import encode
from spec.monitor import Passed

OTHER = "somebody-else"
GARBAGE = (b"", b"{", b"[]", b'{"EventId": 7}', b"\xff\xfe", b'{"EventId":"3f2504e0-4f89-41d3-9a0c-0305e82c3301"')

Action = Callable[[Play], Awaitable[None]]


async def run_obligation(bench: Bench, case: Case, obligation: str) -> None:
    """Play the case of an obligation."""
    await _played(bench, case, CASES[bench.settings.role][obligation], (obligation,))


async def run_random(bench: Bench, case: Case, names: Sequence[str]) -> None:
    """Play actions at random: whatever the server does must be allowed, and what it has to do must come."""
    actions = ACTIONS[bench.settings.role]

    async def play_all(play: Play) -> None:
        await _begin(play)
        for name in names:
            await actions[name](play)
            await _react(play)
        at = bench.seen[-1].at if bench.seen else 0.0
        await bench.until(lambda: not play.bench.published.empty(), bench.settings.quiet)
        await bench.rest()
        play.judge()
        if bench.is_ours:
            lag = bench.settings.seconds(bench.settings.patience)
            await bench.until(lambda: bool(bench.forbidden) or bench.watcher.at > at + lag, bench.settings.patience)
            bench.observe(Passed(bench.watcher.at))
        play.judge()

    await _played(bench, case, play_all, ())


def draw(role: str, chance: random.Random, length: int = 14) -> tuple[str, ...]:
    """The names of random actions."""
    return tuple(chance.choice(list(ACTIONS[role])) for _ in range(length))


async def _played(bench: Bench, case: Case, action: Action, owed: tuple[str, ...]) -> None:
    play = Play(bench)
    try:
        await action(play)
        await bench.rest()
        play.judge()
        case.status = Status.CONFORMS
        case.obligations |= dict.fromkeys(owed, Status.CONFORMS)
    except Over as over:
        end(case, over)
        case.obligations |= dict.fromkeys(owed, over.status)


async def _begin(play: Play) -> None:
    """The server under test starts, and its partners are there."""
    if play.bench.settings.role == TRACKER:
        await play.start()
        if play.bench.settings.command:
            await play.expect("TrackerHello", play.bench.settings.startup, is_first=True)
        for client in (PARTNER, REGISTERED):
            await play.partner(client)
        return
    play.tracker_partner = await play.bench.partner(TRACKER_ID, TRACKER)
    if not play.bench.settings.command:
        await play.tracker_says("TrackerHello")
    await play.start()
    await play.expect("ClientJoinRequested", play.bench.settings.startup, is_first=True)


async def _react(play: Play) -> None:
    """Give the server time to answer, and note what it asked for."""
    quiet = play.bench.settings.quiet
    while (got := await play.bench.next(quiet)) is not None:
        if isinstance(got, ClientJoinRequested):
            play.last = got
    play.judge()


# A torrent server under test.


async def _tells(play: Play, event: BusEvent) -> None:
    assert play.tracker_partner is not None
    await play.tracker_partner.publish(event)


async def _accepts(play: Play) -> None:
    await play.tracker_says("ClientJoinAccepted")


async def _registers(play: Play) -> None:
    client = play.bench.settings.subject
    if client in play.tracker.view.admissions:
        await play.tracker_says("ClientRegistered")


async def _denies(play: Play) -> None:
    await play.tracker_says("ClientJoinDenied")


async def _says_hello(play: Play) -> None:
    await play.tracker_says("TrackerHello")


async def _says_goodbye(play: Play) -> None:
    await play.tracker_says("TrackerGoodbye")


async def _accepts_another(play: Play) -> None:
    await _tells(play, ClientJoinAccepted(client=OTHER, fragment_size=play.tracker.view.fragment_size or 1))


async def _denies_another(play: Play) -> None:
    await _tells(play, ClientJoinDenied(client=OTHER, reason_code=ReasonCode.OTHER))


async def _registers_another(play: Play) -> None:
    files = immutabledict({f"file-of-{OTHER}": FileMetadata(3, ("x",))})
    info = ClientMetadata(frozenset({f"http://{OTHER}.invalid/"}))
    await _tells(play, ClientRegistered(client=OTHER, info=info, added_files=files))


async def _another_leaves(play: Play) -> None:
    await _tells(play, ClientGoodbye(client=OTHER))


async def _tells_of_a_file(play: Play) -> None:
    await _tells(play, FileInfoPublished(hash="a-file", size=3, fragment_sequence=("y",)))


async def _says_hello_twice(play: Play) -> None:
    play.tracker.restart()
    hello = TrackerHello(event_id=str(uuid4()))
    await _tells(play, hello)
    await _tells(play, hello)


async def _publishes_garbage(play: Play) -> None:
    partner = play.tracker_partner
    topics = (TrackerHello.topic, ClientJoinAccepted.topic, ClientRegistered.topic)
    if partner is None:
        partner, _ = await play.partner(PARTNER)
        topics = (ClientJoinRequested.topic, ClientJoinSucceeded.topic, ClientGoodbye.topic)
    for topic in topics:
        for payload in GARBAGE:
            await partner.publish_raw(topic, payload)


async def _skips_garbage(play: Play) -> None:
    """It neither answers payloads that are no events, nor ends. Raises `Over` if it does."""
    bench = play.bench
    await _publishes_garbage(play)
    await bench.rest()
    why = "the kit published payloads that are no events, which it has to skip"
    try:
        play.judge_silence()
    except Over as over:
        raise Over(over.status, f"{why}; {over}" if str(over) else why, over.found) from None


async def _torrent_malformed(play: Play) -> None:
    """What is no event must not end it: it joins after that as before."""
    await _begin(play)
    await _skips_garbage(play)
    await play.tracker_says("TrackerHello")
    await play.join()


async def _torrent_unknown(play: Play) -> None:
    """An acceptance with a property that nobody knows is an acceptance."""
    await _begin(play)
    assert play.tracker_partner is not None
    assert play.last is not None
    acceptance = replace(play.tracker.answer(play.last), event_id=str(uuid4()))
    await play.tracker_partner.publish_raw(acceptance.topic, _with_more(acceptance))
    await play.expect("ClientJoinSucceeded", play.bench.settings.patience)


async def _torrent_others(play: Play) -> None:
    """What another client is answered is not for it."""
    await _begin(play)
    await _accepts_another(play)
    await _denies_another(play)
    await play.bench.rest()
    play.judge()
    await _accepts(play)
    await play.expect("ClientJoinSucceeded", play.bench.settings.patience)


async def _torrent_repeated(play: Play) -> None:
    """A hello that is delivered twice makes it join once."""
    await _begin(play)
    await _says_hello_twice(play)
    await play.expect("ClientJoinRequested", play.bench.settings.patience)


async def _stops(play: Play) -> None:
    """SIGTERM is how its owner orders it to stop."""
    settings = play.bench.settings
    if not settings.command:
        raise Over(Status.NOT_EXERCISED, "a server that runs already cannot be asked to stop")
    await _begin(play)
    if settings.role != TRACKER:
        await play.tracker_says("ClientJoinAccepted")
        await play.expect("ClientJoinSucceeded", settings.patience)
        await play.tracker_says("ClientRegistered")
    await play.bench.rest()
    play.is_stopped = True
    stopped = await play.bench.subject.stop(settings.seconds(settings.patience))
    goodbye = "TrackerGoodbye" if settings.role == TRACKER else "ClientGoodbye"
    got = await play.bench.next(settings.quiet)
    if play.bench.forbidden:
        play.judge()
    if not stopped or type(got).__name__ != goodbye:
        how = "it stopped" if stopped else "it did not stop"
        raise Over(Status.CANNOT_TELL, f"{how} without !{goodbye}; nobody drew how it is asked to leave")


# A tracker under test.


def _by(client: str, event: str) -> Action:
    async def act(play: Play) -> None:
        partner, answers = await play.partner(client)
        await partner.publish(answers.ask() if event == "ClientJoinRequested" else answers.say(event))

    return act


async def _asks_in_vain(play: Play) -> None:
    partner, answers = await play.partner(PARTNER)
    await partner.publish(answers.ask(conflicts=True))


async def _asks_twice(play: Play) -> None:
    partner, answers = await play.partner(REGISTERED)
    request = replace(answers.ask(), event_id=str(uuid4()))
    await partner.publish(request)
    await partner.publish(request)


async def _asks_for_the_same_endpoint(play: Play) -> None:
    partner, answers = await play.partner(PARTNER)
    _, other = await play.partner(REGISTERED)
    await partner.publish(replace(answers.ask(), endpoints=other.request.endpoints))


async def _tracker_malformed(play: Play) -> None:
    """What is no event must not end it: it admits after that as before."""
    await _begin(play)
    await _skips_garbage(play)
    await play.partner_joins(REGISTERED)


async def _tracker_unknown(play: Play) -> None:
    """A request with a property that nobody knows is a request."""
    await _begin(play)
    partner, answers = await play.partner(PARTNER)
    request = replace(answers.ask(), event_id=str(uuid4()))
    await partner.publish_raw(request.topic, _with_more(request))
    await play.expect("ClientJoinAccepted", play.bench.settings.patience)


async def _tracker_others(play: Play) -> None:
    """A confirmation of somebody who did not ask registers nobody."""
    await _begin(play)
    await _by(PARTNER, "ClientJoinSucceeded")(play)
    await play.bench.rest()
    play.judge()
    await play.partner_joins(REGISTERED)


async def _tracker_repeated(play: Play) -> None:
    """A request that is delivered twice is answered once."""
    await _begin(play)
    await _asks_twice(play)
    await play.expect("ClientJoinAccepted", play.bench.settings.patience)


async def _tracker_conflicts(play: Play) -> None:
    """Who offers the endpoint of another client is denied."""
    await _begin(play)
    await play.partner_joins(REGISTERED)
    await _asks_for_the_same_endpoint(play)
    await play.expect("ClientJoinDenied", play.bench.settings.patience)


def _with_more(event: BusEvent) -> bytes:
    """An event's payload with a property more."""
    return encode(event)[:-1] + b',"NobodyKnowsThis":{"a":[1,2,null]}}'


CASES: Mapping[str, Mapping[str, Action]] = {
    "torrent": {
        "malformed": _torrent_malformed,
        "unknown": _torrent_unknown,
        "others": _torrent_others,
        "repeated": _torrent_repeated,
        "stops": _stops,
    },
    "tracker": {
        "malformed": _tracker_malformed,
        "unknown": _tracker_unknown,
        "others": _tracker_others,
        "repeated": _tracker_repeated,
        "conflicts": _tracker_conflicts,
        "stops": _stops,
    },
}
"""The cases of obligations, by role."""
ACTIONS: Mapping[str, Mapping[str, Action]] = {
    "torrent": {
        "accept": _accepts,
        "accept it once more": _accepts,
        "register": _registers,
        "register it if accepted": _registers,
        "deny": _denies,
        "hello": _says_hello,
        "hello twice": _says_hello_twice,
        "goodbye": _says_goodbye,
        "accept another": _accepts_another,
        "deny another": _denies_another,
        "register another": _registers_another,
        "another leaves": _another_leaves,
        "a file": _tells_of_a_file,
        "garbage": _publishes_garbage,
    },
    "tracker": {
        "first asks": _by(PARTNER, "ClientJoinRequested"),
        "second asks": _by(REGISTERED, "ClientJoinRequested"),
        "first confirms": _by(PARTNER, "ClientJoinSucceeded"),
        "second confirms": _by(REGISTERED, "ClientJoinSucceeded"),
        "first fails": _by(PARTNER, "ClientJoinFailed"),
        "second leaves": _by(REGISTERED, "ClientGoodbye"),
        "first leaves": _by(PARTNER, "ClientGoodbye"),
        "first asks in vain": _asks_in_vain,
        "second asks twice": _asks_twice,
        "first asks for the second's endpoint": _asks_for_the_same_endpoint,
        "garbage": _publishes_garbage,
    },
}
"""What can happen at random, by role."""
