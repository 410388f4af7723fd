"""Cases about payloads that are no events, or nearly events: a server skips them and lives on."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from uuid import uuid4

from machines.events import BusEvent
from runtime.kit.actions import begin, publishes_garbage
from runtime.kit.near_misses import given_twice, near_misses
from runtime.kit.playing import PARTNER, REGISTERED, Over, Play
from runtime.kit.result import Status

Misses = Callable[[BusEvent], Iterator[tuple[str, bytes]]]
"""What is wrong with each, as words, and the payload."""


async def torrent_malformed(play: Play) -> None:
    """What is no event must not end it: it joins after that as before."""
    await begin(play)
    await _skips_garbage(play)
    await play.tracker_says("TrackerHello")
    await play.join()


async def tracker_malformed(play: Play) -> None:
    """What is no event must not end it: it admits after that as before."""
    await begin(play)
    await _skips_garbage(play)
    await play.partner_joins(REGISTERED)


async def torrent_types(play: Play) -> None:
    """An acceptance in which a property is missing, or of another type, is none."""
    await _unless_careless(play, _torrent_skips, near_misses)


async def torrent_twice(play: Play) -> None:
    """An acceptance in which a property is given twice is none."""
    await _unless_careless(play, _torrent_skips, given_twice)


async def tracker_types(play: Play) -> None:
    """A request in which a property is missing, or of another type, is none."""
    await _unless_careless(play, _tracker_skips, near_misses)


async def tracker_twice(play: Play) -> None:
    """A request in which a property is given twice is none."""
    await _unless_careless(play, _tracker_skips, given_twice)


async def _unless_careless(play: Play, skips: Callable[[Play, Misses], Awaitable[None]], misses: Misses) -> None:
    """That it skips near misses; who does not is told so, and accused with `--strict` only."""
    settings = play.bench.settings
    if not settings.command and not settings.strict:
        raise Over(Status.NOT_EXERCISED, "it could end a server that runs already: only with --strict")
    await begin(play)
    try:
        await skips(play, misses)
    except Over as over:
        if settings.strict or over.status is not Status.VIOLATES:
            raise
        raise Over(Status.ITS_CHOICE, f"{over}, and did not; only --strict accuses it of that") from None


async def _torrent_skips(play: Play, misses: Misses) -> None:
    assert play.tracker_partner is not None
    assert play.last is not None
    acceptance = replace(play.tracker.answer(play.last), event_id=str(uuid4()))
    why = "the kit published nothing yet that it has to skip"
    for what, payload in misses(acceptance):
        with _told(why):
            await _asks_anew(play)  # otherwise its timeout may be exceeded by now
        named = payload.replace(acceptance.request_id.encode(), play.last.request_id.encode())
        await play.tracker_partner.publish_raw(acceptance.topic, named if acceptance.request_id else payload)
        why = f"the kit published an acceptance with {what}, which it has to skip"
        await _is_skipped(play, why)
    with _told(why):
        await _asks_anew(play)
        await play.tracker_says("ClientJoinAccepted")
        await play.expect("ClientJoinSucceeded", play.bench.settings.patience)


async def _tracker_skips(play: Play, misses: Misses) -> None:
    partner, answers = await play.partner(PARTNER)
    request = replace(answers.ask(), event_id=str(uuid4()))
    why = ""
    for what, payload in misses(request):
        await partner.publish_raw(request.topic, payload)
        why = f"the kit published a request with {what}, which it has to skip"
        await _is_skipped(play, why)
    with _told(f"{why}, and others before that"):
        await play.partner_joins(PARTNER)


async def _skips_garbage(play: Play) -> None:
    """It neither answers payloads that are no events, nor ends. Raises `Over` if it does."""
    await publishes_garbage(play)
    await _is_skipped(play, "the kit published payloads that are no events, which it has to skip")


async def _is_skipped(play: Play, why: str) -> None:
    """It publishes nothing, and does not end. Raises `Over`, with that reason, if it does."""
    await play.bench.rest()
    with _told(why):
        play.judge_silence()


@contextmanager
def _told(why: str) -> Iterator[None]:
    """Whatever is wrong here is so after that."""
    try:
        yield
    except Over as over:
        raise Over(over.status, f"{why}; {over}" if str(over) else why, over.found) from None


async def _asks_anew(play: Play) -> None:
    await play.tracker_says("TrackerHello")
    await play.expect("ClientJoinRequested", play.bench.settings.patience)
