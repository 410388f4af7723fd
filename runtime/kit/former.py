"""Cases about requests with names (`RequestId`): what names an earlier one, or one of a former session, is void."""

from dataclasses import replace
from uuid import uuid4

from machines.events import ClientJoinAccepted, ClientJoinRequested
from runtime.kit.actions import accepts, begin, says_hello, tells
from runtime.kit.playing import PARTNER, Over, Play
from runtime.kit.result import Status


async def torrent_former(play: Play) -> None:
    """It takes no answer to an earlier request, nor to one of a former process, for the answer to its latest."""
    await begin(play)
    settings = play.bench.settings
    if not _last(play).request_id:
        raise Over(Status.ITS_CHOICE, "it does not name its requests")
    former = [_last(play)]
    await says_hello(play)
    await play.expect("ClientJoinRequested", settings.patience)
    await _answers_former(play, former)
    if settings.command:
        former.append(_last(play))
        await play.bench.subject.kill()
        while await play.bench.next(settings.quiet) is not None:  # its broker may say its will
            pass
        await play.start()
        await play.expect("ClientJoinRequested", settings.startup, is_first=True)
        await _answers_former(play, former)
    await accepts(play)
    await play.expect("ClientJoinSucceeded", settings.patience)


async def _answers_former(play: Play, former: list[ClientJoinRequested]) -> None:
    """Accept and deny what it asked for earlier: it is silent, and awaits the answer to its latest request."""
    for request in former:
        await tells(play, replace(play.tracker.answer(request), event_id=str(uuid4())))
        await tells(play, play.tracker.deny(request))
    await play.bench.rest()
    play.judge_silence()


def _last(play: Play) -> ClientJoinRequested:
    assert play.last is not None
    return play.last


async def tracker_former(play: Play) -> None:
    """Its answers name what they answer, if it names anything; what names an earlier request changes nothing then."""
    await begin(play)
    patience = play.bench.settings.patience
    partner, answers = await play.partner(PARTNER)
    names = [f"{uuid4().hex}-1", *(f"{uuid4().hex}-{number}" for number in (1, 2))]
    is_named = True
    for name in names:
        await partner.publish(replace(answers.ask(), request_id=name))
        got = await play.expect("ClientJoinAccepted", patience)
        is_named = isinstance(got, ClientJoinAccepted) and bool(got.request_id)
    if is_named:
        for name in names[:-1]:
            for event in ("ClientJoinFailed", "ClientJoinSucceeded"):
                await partner.publish(replace(answers.say(event), request_id=name))  # type: ignore[call-arg]
        await play.bench.rest()
        play.judge_silence()
    await partner.publish(replace(answers.say("ClientJoinSucceeded"), request_id=names[-1]))  # type: ignore[call-arg]
    await play.expect("ClientRegistered", patience)
    if not is_named:
        raise Over(Status.ITS_CHOICE, "its answers do not name the request that they answer")
