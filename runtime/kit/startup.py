"""The startups, packet by packet: granted, a connection that is refused, and a subscription that is refused."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import cache

from machines.calls import PACKETS
from machines.events import TRACKER
from machines.lifelines import BROKER, groups_of
from runtime.kit.bench import Bench
from runtime.kit.paths import Arrow, diagrams, load_binding
from runtime.kit.playing import Over, Play, end
from runtime.kit.result import Case, Status
from spec.monitor import Connected, Disconnected, Observed, Subscribed
from spec.monitor.passing import covers

NAMES = frozenset(packet.__name__ for packet in PACKETS)
STARTUPS: Mapping[str, str] = {
    "granted": "StandardProcedure",
    "connection refused": "Alternative1",
    "subscription refused": "Alternative2",
}
"""The startups, and how the files end that draw them."""


@cache
def packets(role: str, startup: str) -> tuple[Arrow, ...]:
    """The packets that a diagram of the startup draws at a server of a role."""
    server = groups_of(role)[0]
    file = f"{server.title.replace(' ', '')}Startup_{STARTUPS[startup]}.txt"
    return tuple(_packets(file, server.name))


def _packets(file: str, seat: str) -> Iterator[Arrow]:
    diagram = next(each for each in diagrams() if each.file == file)
    for message in diagram.messages():
        sender, receiver = message.sender or "", message.receiver or ""
        word = load_binding().word(message.label, (sender, receiver))
        if word is not None and word.message in NAMES and {sender, receiver} == {seat, BROKER}:
            yield Arrow(file, message.line, sender, receiver, f"{word.message} {word.detail}".strip(), message.lost)


async def run_startup(bench: Bench, case: Case, startup: str) -> None:
    """Let the server start, and check what it does against the diagram of that startup."""
    role, subject = bench.settings.role, bench.settings.subject
    drawn = packets(role, startup)
    case.arrows = {arrow.name: Status.NOT_EXERCISED for arrow in drawn}
    play = Play(bench)
    refusals = Refusals({subject})
    try:
        if not (bench.is_ours and bench.settings.command):
            raise Over(Status.NOT_EXERCISED, "only the kit's own broker sees these packets")  # noqa: TRY301
        refused = next((arrow.message.split()[1] for arrow in drawn if arrow.message.endswith("refused")), "")
        if startup == "connection refused":
            bench.broker.refuse_connections = refusals
        elif startup == "subscription refused":
            bench.broker.refuse_subscriptions = {refused}
        await play.start()
        await _SEQUELS[startup](play)
        case.arrows |= {arrow.name: _seen(arrow, bench.seen, subject, refusals) for arrow in drawn if not arrow.lost}
        case.status = Status.CONFORMS
    except Over as over:
        end(case, over)


async def _granted(play: Play) -> None:
    """It subscribes to all that it has to, and says its first word."""
    bench = play.bench
    first = "TrackerHello" if bench.settings.role == TRACKER else "ClientJoinRequested"
    await play.expect(first, bench.settings.startup, is_first=True)


async def _not_connected(play: Play) -> None:
    """Nothing comes of it."""
    bench = play.bench
    await bench.until(lambda: not bench.published.empty() or bench.subject.has_ended, bench.settings.startup / 2)
    play.is_stopped = True  # whoever cannot connect may end
    play.judge()


async def _not_subscribed(play: Play) -> None:
    """It disconnects, and publishes nothing."""
    bench = play.bench
    subject = bench.settings.subject

    def is_over() -> bool:
        left = any(isinstance(one, Disconnected) and one.client == subject for one in bench.seen)
        return left or bool(bench.forbidden) or not bench.published.empty()

    await bench.until(is_over, bench.settings.startup / 2)
    play.is_stopped = True
    play.judge()
    if not is_over():
        raise Over(Status.CANNOT_TELL, "a topic was refused, and it neither left nor went on")


_SEQUELS: Mapping[str, Callable[[Play], Awaitable[None]]] = {
    "granted": _granted,
    "connection refused": _not_connected,
    "subscription refused": _not_subscribed,
}


class Refusals(set[str]):
    """Clients whose connections are refused; `happened` says whether one was."""

    happened = False

    def __contains__(self, client: object) -> bool:
        self.happened = self.happened or super().__contains__(client)
        return super().__contains__(client)


def _seen(arrow: Arrow, seen: list[Observed], client: str, refusals: Refusals) -> Status:
    """Whether a packet was seen."""
    if refusals.happened:
        return Status.CONFORMS  # it asked for a connection, and was refused
    packet, _, detail = arrow.message.partition(" ")
    topic = detail.split(" ")[0]
    for one in seen:
        if getattr(one, "client", "") != client:
            continue
        is_it = (
            (isinstance(one, Connected) and packet in {"CONNECT", "CONNACK"})
            or (isinstance(one, Subscribed) and packet in {"SUBSCRIBE", "SUBACK"} and covers(one.topic, topic))
            or (isinstance(one, Disconnected) and packet == "DISCONNECT" and one.clean)
        )
        if is_it:
            return Status.CONFORMS
    return Status.CANNOT_TELL
