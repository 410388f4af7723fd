"""Cases that no diagram draws, one for each obligation beside the arrows; and random ones."""

import random
from collections.abc import Mapping, Sequence
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
    TrackerGoodbye,
)
from runtime.kit.actions import (
    ACTIONS,
    Action,
    accepts,
    accepts_another,
    asks_for_the_same_endpoint,
    asks_twice,
    asks_with_the_news,
    begin,
    by,
    denies,
    denies_another,
    registers_another,
    says_hello,
    says_hello_twice,
    tells_of_a_file,
)
from runtime.kit.bench import Bench
from runtime.kit.former import torrent_former, tracker_former
from runtime.kit.giving_up import torrent_gives_up
from runtime.kit.lifetimes import (
    torrent_expires,
    torrent_stays,
    tracker_again,
    tracker_expires,
    tracker_known,
    tracker_promised,
    tracker_restarts,
)
from runtime.kit.playing import LEAVING, PARTNER, REGISTERED, RUNS_ALREADY, Over, Play, end
from runtime.kit.result import Case, Status
from runtime.kit.skipping import (
    torrent_malformed,
    torrent_twice,
    torrent_types,
    tracker_malformed,
    tracker_twice,
    tracker_types,
)
from runtime.wire.events import encode
from spec.monitor import Passed

MARGIN = 0.05
"""Seconds beyond which the monitor takes an answer for overdue."""


async def run_obligation(bench: Bench, case: Case, obligation: str) -> None:
    """Play the case of an obligation."""
    await _played(bench, case, CASES[bench.settings.role][obligation], (obligation,))


async def run_random(bench: Bench, case: Case, names: Sequence[str]) -> None:
    """Play actions at random: whatever the server does must be allowed, and what it has to do must come."""
    actions = ACTIONS[bench.settings.role]

    async def play_all(play: Play) -> None:
        await begin(play)
        for name in names:
            await actions[name](play)
            await _react(play)
        await bench.until(lambda: not play.bench.published.empty(), bench.settings.quiet)
        await bench.rest()
        play.judge()
        if bench.is_ours:
            # Whoever is owed an answer by now has had the time for it, and is told so by the monitor.
            at, lag = bench.watcher.at, bench.settings.seconds(bench.settings.patience)
            await bench.until(lambda: bool(bench.forbidden), bench.settings.patience + MARGIN)
            bench.observe(Passed(max(bench.watcher.at, at + lag)))
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


async def _react(play: Play) -> None:
    """Give the server time to answer, and note what it asked for."""
    quiet = play.bench.settings.quiet
    while (got := await play.bench.next(quiet)) is not None:
        if isinstance(got, ClientJoinRequested):
            play.last = got
    play.judge()


# A torrent server under test.


async def _torrent_unknown(play: Play) -> None:
    """An acceptance with a property that nobody knows is an acceptance."""
    await begin(play)
    assert play.tracker_partner is not None
    assert play.last is not None
    acceptance = replace(play.tracker.answer(play.last), event_id=str(uuid4()))
    await play.tracker_partner.publish_raw(acceptance.topic, _with_more(acceptance))
    await play.expect("ClientJoinSucceeded", play.bench.settings.patience)


async def _torrent_others(play: Play) -> None:
    """What another client is answered is not for it."""
    await begin(play)
    await accepts_another(play)
    await denies_another(play)
    await play.bench.rest()
    play.judge_silence()
    await accepts(play)
    await play.expect("ClientJoinSucceeded", play.bench.settings.patience)


async def _torrent_repeated(play: Play) -> None:
    """A hello that is delivered twice makes it join once."""
    await begin(play)
    await says_hello_twice(play)
    await play.expect("ClientJoinRequested", play.bench.settings.patience)


async def _torrent_waits(play: Play) -> None:
    """Denied, and without an answer, it is silent until the next hello, however long its timeout is."""
    await begin(play)
    await denies(play)
    await _is_silent(play)
    await says_hello(play)
    await play.expect("ClientJoinRequested", play.bench.settings.patience)
    await _is_silent(play)
    await says_hello(play)
    await play.expect("ClientJoinRequested", play.bench.settings.patience)


async def _is_silent(play: Play) -> None:
    bench = play.bench
    await bench.wait(lambda: bool(bench.forbidden) or not bench.published.empty(), bench.settings.patience)
    if not play.judge_silence():
        raise Over(Status.ITS_CHOICE, "it asks again by itself, which it may (it names its requests, or --asks-again)")


async def _torrent_metadata(play: Play) -> None:
    """A file that it knows otherwise than the tracker does is the tracker's from then on, as its next request says."""
    await begin(play)
    if play.last is None or not play.last.known_file_infos:
        raise Over(Status.ITS_CHOICE, "it brings no file of which it could be told otherwise")
    name, known = min(play.last.known_file_infos.items())
    right = replace(known, size=known.size + 1)
    stored = dict(list(play.last.stored_fragments.items())[:1])
    parts = {key: replace(part, size=part.size + 1) for key, part in stored.items()}
    view = play.tracker.view
    play.tracker.view = replace(
        view,
        files=immutabledict({**view.files, name: right}),
        fragments=immutabledict({**view.fragments, **parts}),
    )
    await accepts(play)
    await play.expect("ClientJoinSucceeded", play.bench.settings.patience)
    await play.tracker_says("ClientRegistered")
    await says_hello(play)
    got = await play.expect("ClientJoinRequested", play.bench.settings.patience)
    assert isinstance(got, ClientJoinRequested)
    if got.known_file_infos.get(name) != right:
        told = got.known_file_infos.get(name, "nothing")
        play.refuse(got, f"tells of {name!r} {told} after it was told to take {right}")
    for key, part in stored.items():
        if got.stored_fragments.get(key) == part:
            play.refuse(got, f"still stores {key!r} as {part}, which it was told to remove")


async def _torrent_news(play: Play) -> None:
    """Files of which it hears while it is registered: with another client's registration, and in files/info."""
    await begin(play)
    await accepts(play)
    await play.expect("ClientJoinSucceeded", play.bench.settings.patience)
    await play.tracker_says("ClientRegistered")
    await registers_another(play)
    await tells_of_a_file(play)
    await asks_with_the_news(play)  # whether it tells of what was in files/info as well is left open


async def _stops(play: Play) -> None:
    """SIGTERM is how its owner orders it to stop."""
    settings = play.bench.settings
    if not settings.command:
        raise Over(Status.NOT_EXERCISED, RUNS_ALREADY)
    await begin(play)
    if settings.role != TRACKER:
        await play.tracker_says("ClientJoinAccepted")
        await play.expect("ClientJoinSucceeded", settings.patience)
        await play.tracker_says("ClientRegistered")
    await play.bench.until(lambda: bool(play.bench.forbidden), settings.patience / 3)  # until it has surely read that
    play.is_stopped = True
    stopped = await play.bench.subject.stop(settings.seconds(settings.patience), settings.stop_signal)
    event = TrackerGoodbye if settings.role == TRACKER else ClientGoodbye
    goodbye = event.__name__
    got = await play.bench.next(settings.quiet)
    if play.bench.forbidden:
        play.judge()
    if got is None and play.bench.leaves_without(event):
        raise Over(
            Status.VIOLATES, "", play.silent(f"publishes nothing before it disconnects, though !{goodbye} is due")
        )
    by = settings.stop_signal.name
    if type(got).__name__ != goodbye:
        how = (
            f"it stopped at {by} without !{goodbye}"
            if stopped
            else f"{by} neither stopped it nor made it say !{goodbye}"
        )
        raise Over(Status.CANNOT_TELL, f"{how} !{goodbye}: {LEAVING}")
    if not stopped:
        seconds = f"{settings.seconds(settings.patience):g} s"
        raise Over(Status.CANNOT_TELL, f"it says !{goodbye} at {by}, and still runs {seconds} later")


async def _torrent_retires(play: Play) -> None:
    """When the tracker has said goodbye it is no longer registered, so that it leaves without a goodbye of its own."""
    settings = play.bench.settings
    if not settings.command:
        raise Over(Status.NOT_EXERCISED, RUNS_ALREADY)
    await begin(play)
    await accepts(play)
    await play.expect("ClientJoinSucceeded", settings.patience)
    await play.tracker_says("ClientRegistered")
    await play.tracker_says("TrackerGoodbye")
    await play.bench.until(lambda: bool(play.bench.forbidden), settings.patience / 3)  # until it has surely read that
    play.judge()
    play.is_stopped = True
    await play.bench.subject.stop(settings.seconds(settings.patience), settings.stop_signal)
    got = await play.bench.next(settings.quiet)
    if not isinstance(got, ClientGoodbye) or got.request_id:  # it may withdraw a request that it names
        return
    if settings.strict:
        play.refuse(got, "is said though the tracker has said goodbye, so that nobody is registered")
    why = (
        "it says !ClientGoodbye though the tracker has left and nobody is registered; only --strict accuses it of that"
    )
    raise Over(Status.ITS_CHOICE, why)


# A tracker under test.


async def _tracker_unknown(play: Play) -> None:
    """A request with a property that nobody knows is a request."""
    await begin(play)
    partner, answers = await play.partner(PARTNER)
    request = replace(answers.ask(), event_id=str(uuid4()))
    await partner.publish_raw(request.topic, _with_more(request))
    await play.expect("ClientJoinAccepted", play.bench.settings.patience)


async def _tracker_others(play: Play) -> None:
    """A confirmation of somebody who did not ask registers nobody."""
    await begin(play)
    await by(PARTNER, "ClientJoinSucceeded")(play)
    await play.bench.rest()
    play.judge_silence()
    await play.partner_joins(REGISTERED)


async def _tracker_repeated(play: Play) -> None:
    """A request that is delivered twice is answered once."""
    await begin(play)
    await asks_twice(play)
    await play.expect("ClientJoinAccepted", play.bench.settings.patience)


async def _tracker_conflicts(play: Play) -> None:
    """Who offers the endpoint of another client is denied."""
    await begin(play)
    await play.partner_joins(REGISTERED)
    await asks_for_the_same_endpoint(play)
    await play.expect("ClientJoinDenied", play.bench.settings.patience)


async def _tracker_leavers(play: Play) -> None:
    """An acceptance lists who is registered, and nobody who has left."""
    await begin(play)
    await play.partner_joins(REGISTERED)
    await by(REGISTERED, "ClientGoodbye")(play)
    await play.bench.rest()
    await by(PARTNER, "ClientJoinRequested")(play)
    got = await play.expect("ClientJoinAccepted", play.bench.settings.patience)
    left = play.partners[REGISTERED][1].client
    if isinstance(got, ClientJoinAccepted) and left in got.clients:
        play.refuse(got, f"lists {left}, which has said goodbye")


async def _tracker_failures(play: Play) -> None:
    """Who reports that it failed is forgotten at once: its endpoint is free."""
    await begin(play)
    await by(REGISTERED, "ClientJoinRequested")(play)
    await play.expect("ClientJoinAccepted", play.bench.settings.patience)
    await by(REGISTERED, "ClientJoinFailed")(play)
    await play.bench.rest()
    await asks_for_the_same_endpoint(play)
    got = await play.bench.next(play.bench.settings.patience)
    if isinstance(got, ClientJoinDenied):
        failed = play.partners[REGISTERED][1].client
        play.refuse(got, f"denies the endpoint of {failed}, which has reported that its join failed")
    play.judge()


async def _tracker_spelling(play: Play) -> None:
    """The name of a hash algorithm in the other case names the same one."""
    await begin(play)
    partner, answers = await play.partner(PARTNER)
    given = answers.request.hash_algorithm
    answered: list[BusEvent] = []
    for spelled in (given, given.swapcase()):
        await partner.publish(replace(answers.ask(), hash_algorithm=spelled))
        got = await play.bench.next(play.bench.settings.patience)
        play.judge()
        if got is None:
            raise Over(Status.VIOLATES, "", play.silent(f"publishes nothing, though the answer to {spelled!r} is due"))
        answered.append(got)
    if type(answered[0]) is not type(answered[1]):
        play.refuse(answered[1], f"takes the hash algorithm {given.swapcase()!r} for another one than {given!r}")
    if not isinstance(answered[0], ClientJoinAccepted):
        raise Over(Status.NOT_EXERCISED, f"its hash algorithm is not {given!r}: --hash-algorithm says which it is")


async def _tracker_sizes(play: Play) -> None:
    """Its fragment size is told by an acceptance; who asks for it is accepted, who asks for another one is denied."""
    await begin(play)
    patience = play.bench.settings.patience
    partner, answers = await play.partner(PARTNER)
    await partner.publish(answers.ask())
    accepted = await play.expect("ClientJoinAccepted", patience)
    assert isinstance(accepted, ClientJoinAccepted)
    for size, answer in (
        (accepted.fragment_size, "ClientJoinAccepted"),
        (accepted.fragment_size + 1, "ClientJoinDenied"),
    ):
        await partner.publish(replace(answers.ask(), fragment_size=size))
        await play.expect(answer, patience)


async def _tracker_metadata(play: Play) -> None:
    """What another client brought with other metadata is to be removed, and replaced for what the service holds."""
    await begin(play)
    await play.partner_joins(REGISTERED)
    partner, answers = await play.partner(PARTNER)
    _, other = await play.partner(REGISTERED)
    files = {name: replace(file, size=file.size + 1) for name, file in other.request.known_file_infos.items()}
    parts = {name: replace(part, size=part.size + 1) for name, part in other.request.stored_fragments.items()}
    await partner.publish(
        replace(answers.ask(), known_file_infos=immutabledict(files), stored_fragments=immutabledict(parts))
    )
    await play.expect("ClientJoinAccepted", play.bench.settings.patience)
    await partner.publish(answers.say("ClientJoinSucceeded"))
    await play.expect("ClientRegistered", play.bench.settings.patience)


def _with_more(event: BusEvent) -> bytes:
    """An event's payload with a property more."""
    return encode(event)[:-1] + b',"NobodyKnowsThis":{"a":[1,2,null]}}'


CASES: Mapping[str, Mapping[str, Action]] = {
    "torrent": {
        "malformed": torrent_malformed,
        "types": torrent_types,
        "twice": torrent_twice,
        "unknown": _torrent_unknown,
        "others": _torrent_others,
        "repeated": _torrent_repeated,
        "waits": _torrent_waits,
        "metadata": _torrent_metadata,
        "news": _torrent_news,
        "former": torrent_former,
        "expires": torrent_expires,
        "stays": torrent_stays,
        "overdue": torrent_gives_up,
        "stops": _stops,
        "retires": _torrent_retires,
    },
    "tracker": {
        "malformed": tracker_malformed,
        "types": tracker_types,
        "twice": tracker_twice,
        "unknown": _tracker_unknown,
        "others": _tracker_others,
        "repeated": _tracker_repeated,
        "conflicts": _tracker_conflicts,
        "leavers": _tracker_leavers,
        "failures": _tracker_failures,
        "former": tracker_former,
        "spelling": _tracker_spelling,
        "sizes": _tracker_sizes,
        "metadata": _tracker_metadata,
        "known": tracker_known,
        "again": tracker_again,
        "promised": tracker_promised,
        "expires": tracker_expires,
        "restarts": tracker_restarts,
        "stops": _stops,
    },
}
"""The cases of obligations, by role."""
