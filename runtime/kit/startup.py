"""The startups, packet by packet: granted, a connection that is refused, and a subscription that is refused."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import cache

from machines.calls import PACKETS
from machines.events import TRACKER
from machines.lifelines import BROKER, groups_of
from runtime.kit.bench import Bench
from runtime.kit.paths import Arrow, diagrams, load_binding
from runtime.kit.playing import RUNS_ALREADY, Over, Play, end
from runtime.kit.result import Case, Status
from runtime.kit.silent_port import SilentPort
from runtime.mqtt.session import BrokerAddress
from spec.monitor import Connected, Disconnected, Observed, Subscribed
from spec.monitor.passing import covers

NAMES = frozenset(packet.__name__ for packet in PACKETS)
STARTUPS: Mapping[str, str] = {
    "granted": "StandardProcedure",
    "connection lost": "Alternative1",
    "connection refused": "Alternative1",
    "subscription refused": "Alternative2",
    "another subscription refused": "Alternative2",
}
"""The startups, and how the files end that draw them."""
LOST = "connection lost"
"""The startup in which CONNECT is lost."""


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
    drawn = [arrow for arrow in packets(role, startup) if arrow.lost == (startup == LOST)]
    case.arrows = {arrow.name: Status.NOT_EXERCISED for arrow in drawn}
    play = Play(bench)
    refusals = Refusals({subject})
    try:
        if not bench.settings.command:
            raise Over(Status.NOT_EXERCISED, RUNS_ALREADY)  # noqa: TRY301
        if startup == LOST:
            await _never_answered(play)
            case.arrows |= {arrow.name: Status.CONFORMS for arrow in drawn}
        elif not bench.is_ours:
            raise Over(Status.NOT_EXERCISED, "only the kit's own broker sees these packets (no --mosquitto)")  # noqa: TRY301
        else:
            refused = [arrow.message.split()[1] for arrow in drawn if arrow.message.endswith("refused")]
            if startup == "connection refused":
                bench.broker.refuse_connections = refusals
            elif startup != "granted":
                topic = refused[0 if startup == "subscription refused" else -1]
                bench.broker.refuse_subscriptions = RefusedTopic({topic})
            await play.start()
            await _SEQUELS[startup](play)
            if startup == "connection refused" and not refusals.happened:
                play.is_stopped = False
                play.judge()
                raise Over(Status.VIOLATES, "", play.silent("never starts: no CONNECT came"))  # noqa: TRY301
            unseen = Status.CANNOT_TELL if startup == "granted" else Status.ITS_CHOICE  # it subscribes in any order
            seen = {arrow.name: _is_seen(arrow, bench.seen, subject, refusals) for arrow in drawn}
            case.arrows |= {name: Status.CONFORMS if is_seen else unseen for name, is_seen in seen.items()}
        case.status = Status.CONFORMS
    except Over as over:
        end(case, over)


async def _never_answered(play: Play) -> None:
    """Its CONNECT is lost: it neither subscribes nor publishes as if it were connected."""
    bench, settings = play.bench, play.bench.settings
    async with SilentPort() as lost:
        bench.subject.connect_to(BrokerAddress("127.0.0.1", lost.port))
        await play.start()
        await bench.until(lambda: bool(lost.packets) or bench.subject.has_ended, settings.startup)
        if "CONNECT" not in lost.packets:
            raise Over(Status.VIOLATES, "", play.silent("never starts: no CONNECT came"))
        play.is_stopped = True  # whoever cannot connect may end
        await bench.wait(lambda: "PUBLISH" in lost.packets or bench.subject.has_ended, settings.patience)
        if "PUBLISH" in lost.packets:
            raise Over(Status.VIOLATES, "", play.silent("does not wait for CONNACK: it publishes before that"))


async def _granted(play: Play) -> None:
    """It subscribes to all that it has to, and says its first word."""
    bench = play.bench
    first = "TrackerHello" if bench.settings.role == TRACKER else "ClientJoinRequested"
    await play.expect(first, bench.settings.startup, is_first=True)


async def _not_connected(play: Play) -> None:
    """Nothing comes of it."""
    bench = play.bench
    await bench.wait(lambda: not bench.published.empty() or bench.subject.has_ended, bench.settings.startup / 2)
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
    if not any(isinstance(one, Subscribed) and one.client == subject and not one.accepted for one in bench.seen):
        raise Over(
            Status.NOT_EXERCISED, f"it did not ask for a topic that is refused: {bench.broker.refuse_subscriptions}"
        )
    if not is_over():
        seconds = f"{bench.settings.seconds(bench.settings.startup / 2):g} s"
        silent = play.silent(f"does not disconnect for {seconds}, though a subscription was refused")
        raise Over(Status.VIOLATES, "", silent)


_SEQUELS: Mapping[str, Callable[[Play], Awaitable[None]]] = {
    "granted": _granted,
    "connection refused": _not_connected,
    "subscription refused": _not_subscribed,
    "another subscription refused": _not_subscribed,
}


class Refusals(set[str]):
    """Clients whose connections are refused; `happened` says whether one was."""

    happened = False

    def __contains__(self, client: object) -> bool:
        self.happened = self.happened or super().__contains__(client)
        return super().__contains__(client)


class RefusedTopic(frozenset[str]):
    """The filters that cover a topic."""

    def __contains__(self, topic_filter: object) -> bool:
        return isinstance(topic_filter, str) and any(covers(topic_filter, topic) for topic in self)

    def __str__(self) -> str:
        return ", ".join(self)


def _is_seen(arrow: Arrow, seen: list[Observed], client: str, refusals: Refusals) -> bool:
    """Whether a packet was seen."""
    if refusals.happened:
        return True  # it asked for a connection, and was refused
    packet, _, detail = arrow.message.partition(" ")
    topic, _, answer = detail.partition(" ")
    for one in seen:
        if getattr(one, "client", "") != client:
            continue
        accepted = one.accepted if isinstance(one, Subscribed) and covers(one.topic, topic) else None
        is_it = (
            (isinstance(one, Connected) and packet in {"CONNECT", "CONNACK"})
            or (accepted is not None and packet == "SUBSCRIBE")
            or (accepted is (answer != "refused") and packet == "SUBACK")
            or (isinstance(one, Disconnected) and packet == "DISCONNECT" and one.clean)
        )
        if is_it:
            return True
    return False
