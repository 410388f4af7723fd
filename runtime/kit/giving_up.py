"""The timeout that a torrent server sets when it confirms: who is not registered until then has failed.

It shows when the server is asked to stop: only who is registered says goodbye. So it is looked at first whether the
server says goodbye then, and whether it says none once it is not registered any more.
"""

from collections.abc import Awaitable, Callable

from machines.events import ClientGoodbye
from runtime.kit.actions import accepts, begin
from runtime.kit.bench import Bench
from runtime.kit.playing import RUNS_ALREADY, Over, Play
from runtime.kit.result import Status

Way = Callable[[Play], Awaitable[None]]


async def torrent_gives_up(play: Play) -> None:
    """A registration that comes after its timeout does not make it a registered client."""
    bench = play.bench
    settings = bench.settings
    if not settings.command:
        raise Over(Status.NOT_EXERCISED, RUNS_ALREADY)
    if await _leaves(play, _registered) is None:
        raise Over(
            Status.NOT_EXERCISED, "it would show in its goodbye, and it says none (--stop-signal names its signal)"
        )
    if await _leaves(Play(bench), _deserted) is not None:
        raise Over(Status.ITS_CHOICE, "it says goodbye also when it is not registered, so that nothing shows")
    goodbye = await _leaves(Play(bench), _forgotten)
    if goodbye is None or play.bench.settings.asks_again:
        return
    seconds = f"{settings.seconds(settings.waits[-1]):g} s"
    what = f"it counts itself as registered {seconds} after it has confirmed"
    if goodbye.request_id:
        raise Over(Status.ITS_CHOICE, "it names in its goodbye what it may withdraw, registered or not")
    if settings.longest:
        play.refuse(goodbye, f"is said, so that {what}, and its timeout lasts no longer than that")
    raise Over(
        Status.CANNOT_TELL,
        f"{what}: it has no timeout then, or a longer one (say with --longest-timeout how long it may be), or takes a"
        " registration also when it has given up",
    )


async def _leaves(play: Play, way: Way) -> ClientGoodbye | None:
    """Start it and let it go some way; what it says when it is asked to stop."""
    bench, settings = play.bench, play.bench.settings
    play.is_stopped = False
    await begin(play)
    await accepts(play)
    await play.expect("ClientJoinSucceeded", settings.patience)
    await way(play)
    await bench.until(lambda: bool(bench.forbidden), settings.patience / 3)  # until it has surely read all
    play.judge()
    before = _goodbye(bench)
    play.is_stopped = True
    if before is None:
        await bench.subject.stop(settings.seconds(settings.patience), settings.stop_signal)
        await bench.rest()
        before = _goodbye(bench)
    else:
        before = None  # it has declined the registration: it has given up
    await bench.subject.kill()
    await bench.rest()
    await play.leave()
    return before


def _goodbye(bench: Bench) -> ClientGoodbye | None:
    """The goodbye that it has said, of all that nobody has awaited."""
    found = None
    while not bench.published.empty():
        event = bench.published.get_nowait()
        found = event if isinstance(event, ClientGoodbye) else found
    return found


async def _registered(play: Play) -> None:
    await play.tracker_says("ClientRegistered")


async def _deserted(play: Play) -> None:
    await play.tracker_says("ClientRegistered")
    await play.tracker_says("TrackerGoodbye")


async def _forgotten(play: Play) -> None:
    bench = play.bench
    await bench.wait(lambda: bool(bench.forbidden), bench.settings.waits[-1])
    play.judge()
    await play.tracker_says("ClientRegistered")
