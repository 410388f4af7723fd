"""Cases about payloads that are no events, or nearly events: a server skips them and lives on."""

from dataclasses import replace
from uuid import uuid4

from runtime.kit.actions import begin, publishes_garbage
from runtime.kit.near_misses import near_misses
from runtime.kit.playing import PARTNER, REGISTERED, Over, Play
from runtime.kit.result import Status


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
    await begin(play)
    _must_be_strict(play)
    assert play.tracker_partner is not None
    assert play.last is not None
    acceptance = replace(play.tracker.answer(play.last), event_id=str(uuid4()))
    for what, payload in near_misses(acceptance):
        await _asks_anew(play)  # otherwise its timeout may be exceeded by now
        named = payload.replace(acceptance.request_id.encode(), play.last.request_id.encode())
        await play.tracker_partner.publish_raw(acceptance.topic, named if acceptance.request_id else payload)
        await _is_skipped(play, f"the kit published an acceptance with {what}, which it has to skip")
    await _asks_anew(play)
    await play.tracker_says("ClientJoinAccepted")
    await play.expect("ClientJoinSucceeded", play.bench.settings.patience)


async def tracker_types(play: Play) -> None:
    """A request in which a property is missing, or of another type, is none."""
    await begin(play)
    _must_be_strict(play)
    partner, answers = await play.partner(PARTNER)
    request = replace(answers.ask(), event_id=str(uuid4()))
    for what, payload in near_misses(request):
        await partner.publish_raw(request.topic, payload)
        await _is_skipped(play, f"the kit published a request with {what}, which it has to skip")
    await play.partner_joins(PARTNER)


async def _skips_garbage(play: Play) -> None:
    """It neither answers payloads that are no events, nor ends. Raises `Over` if it does."""
    await publishes_garbage(play)
    await _is_skipped(play, "the kit published payloads that are no events, which it has to skip")


async def _is_skipped(play: Play, why: str) -> None:
    """It publishes nothing, and does not end. Raises `Over`, with that reason, if it does."""
    await play.bench.rest()
    try:
        play.judge_silence()
    except Over as over:
        raise Over(over.status, f"{why}; {over}" if str(over) else why, over.found) from None


async def _asks_anew(play: Play) -> None:
    await play.tracker_says("TrackerHello")
    await play.expect("ClientJoinRequested", play.bench.settings.patience)


def _must_be_strict(play: Play) -> None:
    if not play.bench.settings.strict:
        raise Over(Status.NOT_EXERCISED, "only with --strict")
