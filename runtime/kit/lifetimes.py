"""Cases about how long things last: timeouts that are exceeded or stopped, and a tracker that begins anew."""

from dataclasses import replace
from typing import NoReturn

from immutabledict import immutabledict

from machines.events import BusEvent, ClientJoinAccepted, ClientJoinSucceeded, ClientRegistered
from runtime.kit.actions import (
    accepts,
    asks_for_the_same_endpoint,
    asks_with_the_news,
    begin,
    by,
    denies,
    registers_another,
)
from runtime.kit.playing import PARTNER, PROBE, REGISTERED, Over, Play
from runtime.kit.result import Status


async def _wait(play: Play) -> None:
    """Let every timeout of the server be exceeded."""
    bench = play.bench
    await bench.until(lambda: bool(bench.forbidden), bench.settings.longest or bench.settings.enough)
    play.judge()


def _too_late(play: Play, event: BusEvent, what: str) -> NoReturn:
    """Raises `Over`: it has acted after its timeout, if that has been exceeded."""
    settings = play.bench.settings
    seconds = f"{settings.seconds(settings.longest or settings.enough):g} s"
    if settings.longest:
        play.refuse(event, f"{what} {seconds} later, and its timeout lasts no longer than that")
    why = f"{what} {seconds} later: it has no timeout, or a longer one (--longest-timeout says how long it may be)"
    raise Over(Status.CANNOT_TELL, why)


async def tracker_expires(play: Play) -> None:
    """Who confirms after the timeout is not registered; and who is registered stays so."""
    await begin(play)
    await play.partner_joins(REGISTERED)
    await by(PARTNER, "ClientJoinRequested")(play)
    await play.expect("ClientJoinAccepted", play.bench.settings.patience)
    await _wait(play)
    await by(PARTNER, "ClientJoinSucceeded")(play)
    await play.bench.rest()
    late = None if play.bench.published.empty() else play.bench.published.get_nowait()
    play.judge()
    await by(PROBE, "ClientJoinRequested")(play)
    await play.expect("ClientJoinAccepted", play.bench.settings.patience)
    if isinstance(late, ClientRegistered):
        _too_late(play, late, f"it registers {late.client}, which it has accepted")


async def torrent_expires(play: Play) -> None:
    """Who is accepted after its timeout has failed already, and waits for the next TrackerHello."""
    await begin(play)
    if (play.last is not None and play.last.request_id) or play.bench.settings.asks_again:
        raise Over(Status.NOT_EXERCISED, "it may ask again by itself, so that an acceptance is never late")
    await _wait(play)
    play.judge_silence()
    await accepts(play)
    await play.bench.rest()
    late = None if play.bench.published.empty() else play.bench.published.get_nowait()
    play.judge()
    if isinstance(late, ClientJoinSucceeded):
        _too_late(play, late, "it takes an acceptance of what it has asked for")


async def torrent_stays(play: Play) -> None:
    """Who is registered stays so when its timeouts are over, and when it is accepted or denied once more."""
    await begin(play)
    await accepts(play)
    await play.expect("ClientJoinSucceeded", play.bench.settings.patience)
    await play.tracker_says("ClientRegistered")
    await _wait(play)
    play.judge_silence()
    await accepts(play)
    await denies(play)
    await play.bench.rest()
    play.judge_silence()
    await registers_another(play)
    await asks_with_the_news(play)


async def tracker_again(play: Play) -> None:
    """Who is registered may ask anew: its own endpoints are no conflict."""
    await begin(play)
    await play.partner_joins(REGISTERED)
    await play.partner_joins(REGISTERED)


async def tracker_known(play: Play) -> None:
    """What a client knows just as the service does, it neither has to add nor to remove, and it is no news."""
    await begin(play)
    await play.partner_joins(REGISTERED)
    partner, answers = await play.partner(PARTNER)
    _, other = await play.partner(REGISTERED)
    request = replace(
        answers.ask(),
        known_file_infos=immutabledict({**answers.request.known_file_infos, **other.request.known_file_infos}),
        stored_fragments=immutabledict({**answers.request.stored_fragments, **other.request.stored_fragments}),
    )
    await partner.publish(request)
    await play.expect("ClientJoinAccepted", play.bench.settings.patience)
    await partner.publish(answers.say("ClientJoinSucceeded"))
    await play.expect("ClientRegistered", play.bench.settings.patience)


async def tracker_promised(play: Play) -> None:
    """Two clients that share an endpoint are never registered both, however late the tracker finds out."""
    await begin(play)
    await by(REGISTERED, "ClientJoinRequested")(play)
    await play.expect("ClientJoinAccepted", play.bench.settings.patience)
    await asks_for_the_same_endpoint(play)
    got = await play.bench.next(play.bench.settings.patience)
    play.judge()
    if not isinstance(got, ClientJoinAccepted):
        return
    await by(REGISTERED, "ClientJoinSucceeded")(play)
    await play.expect("ClientRegistered", play.bench.settings.patience)
    await by(PARTNER, "ClientJoinSucceeded")(play)
    await play.bench.rest()
    play.judge()


async def tracker_restarts(play: Play) -> None:
    """A tracker that begins anew has no clients: whoever hears its hello joins again."""
    settings = play.bench.settings
    if not settings.command:
        raise Over(Status.NOT_EXERCISED, "a server that runs already cannot be started anew")
    await begin(play)
    await play.partner_joins(REGISTERED)
    play.is_stopped = True
    await play.bench.subject.stop(settings.seconds(settings.patience))
    while await play.bench.next(settings.quiet) is not None:
        pass
    await play.start()
    play.is_stopped = False
    await play.expect("TrackerHello", settings.startup, is_first=True)
    await by(PARTNER, "ClientJoinRequested")(play)
    got = await play.expect("ClientJoinAccepted", settings.patience)
    left = play.partners[REGISTERED][1].client
    if isinstance(got, ClientJoinAccepted) and left in got.clients:
        play.refuse(got, f"lists {left}, which has not joined since the latest hello")
