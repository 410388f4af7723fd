"""The demo: every course ends where its diagram says, arrow by arrow; and whatever is injected, it comes to an end."""

import asyncio
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from machines import BUS_EVENTS, ClientJoinRequested, TrackerHello
from runtime.demo import CLIENT, HASH, TRACKER, DemoError, Play, Settings
from runtime.faults import Fault, Kind, parse_fault
from runtime.printing import sentences
from runtime.scenarios import DEFAULT, SCENARIOS, Scenario, scenario
from runtime.stage import Arrow
from runtime.wire import encode
from spec.labels import label
from spec.notation import Fragment, Statement, read
from spec.notation import Message as Drawn
from tests.peers import client, live
from tests.plays import Nobody, Played, drawn, on_each_lifeline, play_all

SEED = Path(__file__).parent.parent / "spec" / "diagrams" / "ClientJoin_Alternative2.txt"
NAMES = [each.name for each in SCENARIOS]
BEFORE, ROUND, RETURN = 0, 1, 2  # acts

# The story of the first round, from where the diagram begins: what the torrent server's startup is left out of.

ASKS = """
    Torrent -> TorrentView DescribeView
    TorrentView -> Torrent ViewDescribed
    Torrent -> TorrentClock SetTimeout
"""
REQUEST = """
    Torrent -> Broker ClientJoinRequested
    Broker -> Tracker ClientJoinRequested
"""
CAN_JOIN = """
    Tracker -> TrackerView CheckJoin
    TrackerView -> Tracker JoinPossible
    Tracker -> TrackerClock SetTimeout
"""
CANNOT_JOIN = """
    Tracker -> TrackerView CheckJoin
    TrackerView -> Tracker JoinConflicts
"""
ACCEPTED = """
    Tracker -> Broker ClientJoinAccepted
    Broker -> Client ClientJoinAccepted
    Broker -> Torrent ClientJoinAccepted
"""
CHANGES = """
    Torrent -> TorrentView ChangeView
    TorrentView -> Torrent ViewChanged
    Torrent -> TorrentClock SetTimeout
"""
CANNOT_CHANGE = """
    Torrent -> TorrentView ChangeView
    TorrentView -> Torrent ViewChangeFailed
"""
TORRENT_EXPIRES = "TorrentClock -> Torrent TimeoutExceeded"
TRACKER_EXPIRES = """
    TrackerClock -> Tracker TimeoutExceeded
    Tracker -> TrackerView ForgetAdmission
"""
BOTH_EXPIRE = f"{TORRENT_EXPIRES}\n{TRACKER_EXPIRES}"
REGISTERED = """
    Tracker -> TrackerClock StopTimeout
    Tracker -> TrackerView RegisterClient
    TrackerView -> Tracker RegistrationApplied
    Tracker -> Broker ClientRegistered
    Broker -> Client ClientRegistered
    Broker -> Torrent ClientRegistered
    Client -> ClientView AddClient
    Torrent -> TorrentClock StopTimeout
    Torrent -> TorrentView AddClient
"""

STORIES: dict[str, str] = {
    "acceptance-lost-to-broker": ASKS + REQUEST + CAN_JOIN + "Tracker -x Broker ClientJoinAccepted\n" + BOTH_EXPIRE,
    "acceptance-lost-from-broker": ASKS
    + REQUEST
    + CAN_JOIN
    + ACCEPTED.replace("Broker -> Torrent", "Broker -x Torrent")
    + BOTH_EXPIRE,
    "denial-lost-to-broker": ASKS + REQUEST + CANNOT_JOIN + "Tracker -x Broker ClientJoinDenied\n" + TORRENT_EXPIRES,
    "denial-lost-from-broker": ASKS
    + REQUEST
    + CANNOT_JOIN
    + """
    Tracker -> Broker ClientJoinDenied
    Broker -> Client ClientJoinDenied
    Broker -x Torrent ClientJoinDenied
    """
    + TORRENT_EXPIRES,
    "standard": ASKS
    + REQUEST
    + CAN_JOIN
    + ACCEPTED
    + CHANGES
    + """
    Torrent -> Broker ClientJoinSucceeded
    Broker -> Tracker ClientJoinSucceeded
    """
    + REGISTERED,
    "request-lost-to-broker": ASKS + "Torrent -x Broker ClientJoinRequested\n" + TORRENT_EXPIRES,
    "request-lost-from-broker": ASKS + REQUEST.replace("Broker -> Tracker", "Broker -x Tracker") + TORRENT_EXPIRES,
    "denied": ASKS
    + REQUEST
    + CANNOT_JOIN
    + """
    Tracker -> Broker ClientJoinDenied
    Broker -> Client ClientJoinDenied
    Broker -> Torrent ClientJoinDenied
    Torrent -> TorrentClock StopTimeout
    """,
    "success-lost-to-broker": ASKS
    + REQUEST
    + CAN_JOIN
    + ACCEPTED
    + CHANGES
    + "Torrent -x Broker ClientJoinSucceeded\n"
    + BOTH_EXPIRE,
    "success-lost-from-broker": ASKS
    + REQUEST
    + CAN_JOIN
    + ACCEPTED
    + CHANGES
    + """
    Torrent -> Broker ClientJoinSucceeded
    Broker -x Tracker ClientJoinSucceeded
    """
    + BOTH_EXPIRE,
    "failure-lost-to-broker": ASKS
    + REQUEST
    + CAN_JOIN
    + ACCEPTED
    + CANNOT_CHANGE
    + "Torrent -x Broker ClientJoinFailed\n"
    + BOTH_EXPIRE,
    "failure-lost-from-broker": ASKS
    + REQUEST
    + CAN_JOIN
    + ACCEPTED
    + CANNOT_CHANGE
    + """
    Torrent -> Broker ClientJoinFailed
    Broker -x Tracker ClientJoinFailed
    """
    + BOTH_EXPIRE,
    "change-fails": ASKS
    + REQUEST
    + CAN_JOIN
    + ACCEPTED
    + CANNOT_CHANGE
    + """
    Torrent -> Broker ClientJoinFailed
    Broker -> Tracker ClientJoinFailed
    Tracker -> TrackerClock StopTimeout
    Tracker -> TrackerView ForgetAdmission
    """
    + TORRENT_EXPIRES,
}

ALONE = {"sessions": ("listening",), "subscriptions": ("settled",), "delivery": ("quiet",)}
WELL = {
    **{f"{lifeline}View": ("idle",) for lifeline in ("Tracker", "Torrent", "Client")},
    **{f"{lifeline}Clock": ("idle",) for lifeline in ("Tracker", "Torrent", "Client")},
    "Tracker": ("awaiting_requests",),
    "Torrent": ("registered",),
    "Client": ("registered",),
    "Broker": ("listening", "settled", "quiet"),
}
"""The configuration of all charts where everybody is registered."""
FAILED = {**WELL, "Torrent": ("awaiting_hello",)}
"""Where the procedure has failed: "Waits for next TrackerHello Event." """


class Watcher(Nobody):
    """Keeps the configuration of all charts at the beginning of each act, which is the end of the one before."""

    def __init__(self) -> None:
        self.play: Play | None = None
        self.ends: list[dict[str, tuple[str, ...]]] = []

    def act(self, title: str) -> None:
        assert self.play is not None
        self.ends.append(configuration(self.play))


def configuration(play: Play) -> dict[str, tuple[str, ...]]:
    return {"Broker": play.stage.broker.where} | {
        play.stage.lifeline(name, role): chart.where
        for name, server in play.servers.items()
        for role, chart in server.charts.items()
    }


class WatchedPlay(Play):
    def __init__(self, settings: Settings) -> None:
        watcher = Watcher()
        super().__init__(settings, watcher)
        watcher.play = self
        self.ends = watcher.ends


@cache
def courses() -> dict[tuple[str, int], tuple[Played, list[dict[str, tuple[str, ...]]]]]:
    """Every scenario at every quality of service, played once for all tests."""
    keys = [(name, qos) for name in NAMES for qos in (0, 1, 2)]

    async def all_of_them() -> list[tuple[Played, list[dict[str, tuple[str, ...]]]]]:
        places = asyncio.Semaphore(4)

        async def one(name: str, qos: int) -> tuple[Played, list[dict[str, tuple[str, ...]]]]:
            async with places, asyncio.timeout(60):
                play = WatchedPlay(Settings(scenario(name), timeout=1.0, qos=qos))
                return Played(play, await play.run()), play.ends

        return await asyncio.gather(*(one(*key) for key in keys))

    return dict(zip(keys, asyncio.run(all_of_them()), strict=True))


def story(played: Played) -> list[Arrow]:
    """The first round without the torrent server's startup."""
    arrows = played.arrows(ROUND)
    startup = {"Start", "CONNECT", "CONNACK", "SUBSCRIBE", "SUBACK"}
    return [arrow for arrow in arrows if arrow.name not in startup]


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_every_course_ends_where_its_diagram_says(name: str, qos: int) -> None:
    played, ends = courses()[name, qos]
    outcome = played.outcome
    assert ends[ROUND] == {key: state for key, state in WELL.items() if not key.startswith("Torrent")}
    if scenario(name).returns == "no":
        assert ends[-1] == WELL
    else:
        assert ends[RETURN] == FAILED
        assert ends[-1] == WELL
    assert outcome.expected
    assert outcome.ends == {"Tracker": ("awaiting_requests",), "Client": ("registered",), "Torrent": ("registered",)}
    assert outcome.views_agree
    assert not outcome.unused
    assert not outcome.refused
    assert not outcome.stage.divergences
    assert outcome.stage.broker.where == WELL["Broker"]
    assert {server.where for server in played.play.servers.values()} == {("offline",)}


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_every_course_is_played_arrow_by_arrow(name: str, qos: int) -> None:
    played, _ = courses()[name, qos]
    assert on_each_lifeline(story(played)) == drawn(STORIES[name])


@pytest.mark.parametrize("name", NAMES)
def test_after_a_failure_the_hello_makes_everybody_join(name: str) -> None:
    played, _ = courses()[name, 2]
    if scenario(name).returns == "no":
        assert len(played.outcome.stage.acts) == 3
        return
    arrows = played.arrows(RETURN)
    by_broker = [(arrow.name, arrow.receiver) for arrow in arrows if arrow.sender == "Broker" and not arrow.note]
    hellos = [receiver for name, receiver in by_broker if name == "TrackerHello"]
    assert hellos == ["Client", "Torrent"]
    assert sum(name == "ClientRegistered" for name, _ in by_broker) == 4
    assert not any(arrow.lost for arrow in arrows)
    assert arrows[0].name == "ConnectionLost"
    # A replaced tracker is a new one; a tracker that reconnects has lost its connection, and starts again.
    starts = [arrow.name for arrow in arrows if arrow.receiver == "Tracker" and not arrow.sender]
    reconnects = ["ConnectionLost", "Start"]
    assert starts == (reconnects if scenario(name).returns == "reconnects" else ["Start"])


# The seed itself.

BRANCHES = [
    ("acceptance-lost-to-broker", 0, 0),
    ("acceptance-lost-from-broker", 0, 1),
    ("denial-lost-to-broker", 1, 0),
    ("denial-lost-from-broker", 1, 1),
]


def branch(outer: int, inner: int) -> Iterator[Drawn]:
    """The arrows of one branch of the seed, up to where the tracker returns."""

    def walk(body: tuple[Statement, ...], choices: list[int]) -> Iterator[Drawn]:
        for statement in body:
            match statement:
                case Drawn():
                    yield statement
                case Fragment(kind="alt"):
                    yield from walk(statement.operands[choices[0]].body, choices[1:])
                case Fragment(kind="opt"):
                    return
                case _ if hasattr(statement, "body"):
                    yield from walk(statement.body, choices)

    yield from walk(read(SEED.read_text(encoding="utf-8")).body, [outer, inner])


def squeezed(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize(("name", "outer", "inner"), BRANCHES)
def test_the_four_branches_of_the_seed_are_played_as_they_are_drawn(name: str, outer: int, inner: int) -> None:
    lines = [
        (each.sender, squeezed(each.label), each.receiver, each.lost)
        for each in branch(outer, inner)
        # Where the tracker denies, the seed draws an expiry of a timeout that it never set (line 55).
        if not (outer == 1 and each.sender == "TrackerClock")
    ]
    arrows = story(courses()[name, 2][0])
    words = [squeezed(read(f"A->B:{label(arrow.message)}").body[0].label) for arrow in arrows]  # type: ignore[union-attr]
    played = [(a.sender, text, a.receiver, a.lost) for a, text in zip(arrows, words, strict=True)]
    beside = {"Client", "ClientView"}  # the seed does not draw what a registered client ignores
    calls = ("DescribeView", "ViewDescribed", "ForgetAdmission")  # nor these
    drawn_as = [line for line in played if not beside & {line[0], line[2]} and line[1] not in calls]
    assert len(lines) == {0: 9, 1: 7}[outer] + inner
    # The two expiries of the last row have no order: TrackerClock and TorrentClock, Tracker and Torrent share nothing.
    assert sorted(map(str, drawn_as)) == sorted(map(str, lines))
    for lifeline in ("Tracker", "Torrent", "Broker", "TrackerView", "TrackerClock", "TorrentClock"):
        assert [each for each in drawn_as if lifeline in {each[0], each[2]}] == [
            each for each in lines if lifeline in {each[0], each[2]}
        ]


def test_the_default_is_the_first_branch_of_the_seed() -> None:
    assert DEFAULT.name == BRANCHES[0][0]
    with pytest.raises(ValueError, match="no scenario 'x'; there are acceptance-lost-to-broker, "):
        scenario("x")


# Whatever is injected.

EVENTS = [event.__name__ for event in BUS_EVENTS[:9]]
assert "ClientGoodbye" in EVENTS, "the events of Client Join stand first"
TEXTS = [f"{event}@{hop}" for event in [*EVENTS, "*"] for hop in ("to-broker", "from-broker")]
FORMS = ["", ":torrent-1", ":client-1", ":tracker", "#1", "#2", "%0.4"]


def course_with(event: str) -> Scenario:
    """A course in which the event is sent."""
    return scenario(
        {"ClientJoinDenied": "denied", "ClientJoinFailed": "change-fails"}.get(event, "success-lost-to-broker")
    )


@cache
def injected(kind: Kind) -> dict[str, Played]:
    texts = [text + form for text in TEXTS for form in FORMS]
    faults = [parse_fault(text + ("=0.15" if kind == "delay" else ""), kind) for text in texts]
    settings = [
        Settings(
            course_with(fault.event), torrents=1 + number % 2, faults=(fault,), timeout=0.25, qos=number % 3, seed=1
        )
        for number, fault in enumerate(faults)
    ]
    return dict(zip(texts, play_all(settings, 12), strict=True))


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("kind", ["lose", "duplicate", "delay"])
def test_with_any_fault_the_demo_ends_with_a_summary_and_the_broker_does_what_its_chart_allows(
    kind: Kind, text: str
) -> None:
    for form in FORMS:
        played = injected(kind)[text + form]
        outcome = played.outcome
        assert not outcome.stage.divergences, form
        assert not outcome.refused, form
        assert played.play.broker is not None
        assert not played.play.broker.observer_errors, form
        assert {server.where for server in played.play.servers.values()} == {("offline",)}, form
        said = list(sentences(outcome))
        assert "arrows" in said[0]
        well = "Everybody is registered, and all distribution views agree."
        assert (said[1] == well) == outcome.expected or "Not everybody is registered" in said[1]


@pytest.mark.parametrize("event", EVENTS)
def test_a_fault_that_was_asked_for_happens(event: str) -> None:
    for hop in ("to-broker", "from-broker"):
        outcome = injected("lose")[f"{event}@{hop}"].outcome
        lost = {
            (arrow.name, "to-broker" if arrow.receiver == "Broker" else "from-broker")
            for arrow in outcome.stage.arrows
            if arrow.lost and not arrow.note
        }
        assert (event, hop) in lost
        assert not [fault for fault in outcome.unused if str(fault) == f"{event}@{hop}"]


def test_a_fault_that_never_happens_is_named() -> None:
    played = play_all([Settings(scenario("standard"), faults=(parse_fault("ClientJoinFailed@to-broker", "lose"),))], 1)
    assert list(sentences(played[0].outcome))[-1] == "This was to happen and never did: lose ClientJoinFailed@to-broker"


def test_losses_with_a_probability_are_the_same_for_the_same_seed() -> None:
    faults = (parse_fault("ClientJoinRequested@to-broker%0.5", "lose"),)
    plays = play_all([Settings(scenario("request-lost-to-broker"), 1, faults, 0.5, seed) for seed in (3, 3, 4)], 3)
    assert all(not played.outcome.stage.divergences for played in plays)


@pytest.mark.parametrize("name", ["acceptance-lost-from-broker", "denied"])
def test_ten_torrent_servers(name: str) -> None:
    (played,) = play_all([Settings(scenario(name), torrents=10, timeout=4.0)], 1)
    assert played.outcome.expected
    assert len(played.outcome.ends) == 12
    assert not played.outcome.stage.divergences
    assert not played.outcome.unused
    assert not played.outcome.refused


# The house, the street and the audience.


def test_what_a_huge_delay_holds_back_is_not_waited_for_for_ever() -> None:
    faults: tuple[Fault, ...] = (parse_fault("ClientRegistered@from-broker:torrent-1=0.4", "delay"),)
    (played,) = play_all([Settings(scenario("standard"), faults=faults, timeout=0.2)], 1)
    assert not played.outcome.stage.divergences
    assert not played.outcome.expected


class Street(Nobody):
    """Somebody else uses the broker while the demo is played."""

    def __init__(self) -> None:
        self.began = asyncio.Event()

    def act(self, title: str) -> None:
        if title.startswith("Client Join"):
            self.began.set()


@live
async def test_strangers_who_watch_and_publish_do_not_disturb() -> None:
    street = Street()
    show = Play(Settings(scenario("acceptance-lost-to-broker"), timeout=0.8), street)
    running = asyncio.create_task(show.run())
    await street.began.wait()
    assert show.broker is not None
    foreign = ClientJoinRequested(client="nobody", hash_algorithm=HASH, event_id="3f2504e0-4f89-41d3-9a0c-0305e82c3301")
    async with client(show.broker, "watcher") as watcher:
        await watcher.subscribe("#")
        for payload in (b"{}", b"\xff", encode(foreign)):
            await watcher.publish(ClientJoinRequested.topic, payload, qos=1)
        outcome = await running
    assert not outcome.stage.divergences
    assert outcome.refused == 2
    assert [arrow.note for arrow in outcome.stage.arrows if arrow.receiver == "Broker" and not arrow.sender] == [
        "from a stranger"
    ]
    assert outcome.ends["Torrent"] == ("registered",)


@live
async def test_whoever_takes_a_client_identifier_ends_the_demo_with_a_message() -> None:
    street = Street()
    show = Play(Settings(scenario("acceptance-lost-to-broker"), timeout=0.5), street)
    running = asyncio.create_task(show.run())
    await street.began.wait()
    assert show.broker is not None
    async with client(show.broker, TRACKER):
        with pytest.raises(
            DemoError, match=r"tracker went offline before every join has ended: the connection .* broke"
        ):
            await running


@live
async def test_a_broker_that_dies_ends_the_demo_with_a_message() -> None:
    street = Street()
    show = Play(Settings(scenario("standard")), street)
    running = asyncio.create_task(show.run())
    await street.began.wait()
    assert show.broker is not None
    await show.broker.kill()
    with pytest.raises(DemoError, match="went offline before every join has ended"):
        await running


@pytest.mark.parametrize("refused", [TRACKER, CLIENT])
@live
async def test_a_broker_that_refuses_a_client_ends_the_demo_with_a_message(refused: str) -> None:
    show = Play(Settings(scenario("standard")), Nobody())
    assert show.broker is not None
    show.broker.refuse_connections = {refused}
    with pytest.raises(DemoError, match=f"{refused} went offline before .* refused the connection of {refused}"):
        await show.run()


class Gone(Nobody):
    """Leaves at the tenth arrow."""

    def __init__(self, failure: Exception) -> None:
        self.failure = failure
        self.seen = 0

    def arrow(self, arrow: Arrow) -> None:
        self.seen += 1
        if self.seen >= 10:
            raise self.failure


@pytest.mark.parametrize("failure", [BrokenPipeError(), OSError("full"), UnicodeError("x")], ids=repr)
@live
async def test_what_the_audience_raises_ends_the_demo_and_nothing_else(failure: Exception) -> None:
    audience = Gone(failure)
    show = Play(Settings(scenario("standard")), audience)
    with pytest.raises(type(failure)):
        await show.run()
    assert audience.seen == 10
    assert show.broker is not None
    assert not show.broker.observer_errors
    assert not asyncio.all_tasks() - {asyncio.current_task()}


@live
async def test_a_demo_that_is_cancelled_takes_everything_down() -> None:
    before = asyncio.all_tasks()
    for arrows in range(1, 130, 6):
        show = Play(Settings(scenario("standard")), Nobody())
        running = asyncio.create_task(show.run())
        while len(show.stage.arrows) < arrows and not running.done():
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert not asyncio.all_tasks() - before
        assert show.broker is not None
        assert not show.broker.observer_errors


def test_the_hello_of_the_first_tracker_finds_nobody() -> None:
    played, _ = courses()["standard", 2]
    hellos = [arrow for arrow in played.arrows(BEFORE) if isinstance(arrow.message, TrackerHello)]
    assert [(arrow.sender, arrow.receiver) for arrow in hellos] == [("Tracker", "Broker")]
