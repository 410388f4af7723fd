"""Cases about how long things last: timeouts that are exceeded or stopped, and a tracker that begins anew."""

from dataclasses import replace
from typing import NoReturn

from immutabledict import immutabledict

from machines.events import (
    BusEvent,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinSucceeded,
    ClientRegistered,
)
from runtime.kit.actions import (
    accepts,
    asks_for_the_same_endpoint,
    asks_with_the_news,
    begin,
    by,
    denies,
    registers_another,
    says_hello,
)
from runtime.kit.playing import PARTNER, PROBE, REGISTERED, RUNS_ALREADY, Over, Play
from runtime.kit.result import Status


async def _wait(play: Play, seconds: float) -> None:
    """Wait so many seconds (unscaled), or until it does what is forbidden."""
    bench = play.bench
    await bench.wait(lambda: bool(bench.forbidden), seconds)
    play.judge()


def _too_late(play: Play, event: BusEvent, what: str) -> NoReturn:
    """Raises `Over`: it has acted however late, after its timeout if that has been exceeded."""
    settings = play.bench.settings
    seconds = f"{settings.seconds(settings.waits[-1]):g} s"
    if settings.longest:
        play.refuse(event, f"{what} {seconds} later, and its timeout lasts no longer than that")
    why = f"{what} {seconds} later: it has no timeout, or a longer one (say with --longest-timeout how long it may be)"
    raise Over(Status.CANNOT_TELL, why)


async def tracker_expires(play: Play) -> None:
    """Who confirms after the timeout is not registered, and holds no endpoint; who is registered stays so."""
    await begin(play)
    await play.partner_joins(REGISTERED)
    waits = play.bench.settings.waits
    names = [f"late-{number}" for number in range(1, len(waits) + 1)]
    for name in names:
        await by(name, "ClientJoinRequested")(play)
        await play.expect("ClientJoinAccepted", play.bench.settings.patience)
    waited = 0.0
    late: BusEvent | None = None
    for name, wait in zip(names, waits, strict=True):
        await _wait(play, wait - waited)
        waited = wait
        await by(name, "ClientJoinSucceeded")(play)
        await play.bench.rest()
        late = None if play.bench.published.empty() else play.bench.published.get_nowait()
        play.judge()
        if late is None:
            await _asks_for_what_expired(play, name)
            break
    await by(PROBE, "ClientJoinRequested")(play)
    await play.expect("ClientJoinAccepted", play.bench.settings.patience)
    if isinstance(late, ClientRegistered):
        _too_late(play, late, f"it registers {late.client}, which it has accepted")


async def _asks_for_what_expired(play: Play, client: str) -> None:
    """Another one offers the endpoint of a client whose timeout was exceeded: nobody has it any more."""
    _, expired = await play.partner(client)
    partner, answers = await play.partner(PARTNER)
    await partner.publish(replace(answers.ask(), endpoints=expired.request.endpoints))
    got = await play.bench.next(play.bench.settings.patience)
    play.judge()
    if isinstance(got, ClientJoinDenied) and got.client == answers.client:
        play.refuse(
            got, f"denies the endpoint of {expired.client}, which it has forgotten when its timeout was exceeded"
        )


async def torrent_expires(play: Play) -> None:
    """Who is accepted after its timeout has failed already, and waits for the next TrackerHello."""
    await begin(play)
    bench = play.bench
    late: BusEvent | None = None
    for wait in play.bench.settings.waits:
        if late is not None:
            await play.tracker_says("ClientRegistered")
            await says_hello(play)
            await play.expect("ClientJoinRequested", play.bench.settings.patience)
        await bench.wait(lambda: bool(bench.forbidden) or not bench.published.empty(), wait)
        if not play.judge_silence():
            return  # its timeout was exceeded: it has asked again
        await accepts(play)
        await play.bench.rest()
        late = None if play.bench.published.empty() else play.bench.published.get_nowait()
        play.judge()
        if late is None:
            await says_hello(play)
            await play.expect("ClientJoinRequested", play.bench.settings.patience)
            return
    if isinstance(late, ClientJoinSucceeded):
        _too_late(play, late, "it takes an acceptance of what it has asked for")


async def torrent_stays(play: Play) -> None:
    """Who is registered stays so when its timeouts are over, and when it is accepted or denied once more."""
    await begin(play)
    await accepts(play)
    await play.expect("ClientJoinSucceeded", play.bench.settings.patience)
    await play.tracker_says("ClientRegistered")
    await _wait(play, play.bench.settings.waits[-1])
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
        raise Over(Status.NOT_EXERCISED, RUNS_ALREADY)
    await begin(play)
    await play.partner_joins(REGISTERED)
    play.is_stopped = True
    await play.bench.subject.stop(settings.seconds(settings.patience), settings.stop_signal)
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
