"""The demo: every scenario ends where its diagram says, arrow by arrow; whatever is injected, it comes to an end."""

import asyncio
from collections.abc import Iterator
from functools import cache

import pytest

from machines import TrackerHello
from runtime.demo.runner import DemoRunner
from runtime.demo.scenarios import DEFAULT, SCENARIOS, scenario
from runtime.demo.settings import Settings
from spec.notation import Fragment, Statement, read
from spec.notation import Message as Drawn
from spec.rendering.labels import label
from tests.support.demo_scenarios import BEFORE, RETURN, ROUND, STORIES, story
from tests.support.places import REFERENCE
from tests.support.programs import HANGS
from tests.support.servers import Nobody, Played, drawn, on_each_lifeline

NAMES = [each.name for each in SCENARIOS]

# The trace of the first round, from where the diagram begins: what the torrent server's startup is left out of.


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
        self.play: DemoRunner | None = None
        self.ends: list[dict[str, tuple[str, ...]]] = []

    def act(self, title: str) -> None:
        assert self.play is not None
        self.ends.append(configuration(self.play))


def configuration(play: DemoRunner) -> dict[str, tuple[str, ...]]:
    return {"Broker": play.recorder.broker.where} | {
        play.recorder.lifeline(name, role): chart.where
        for name, server in play.servers.items()
        for role, chart in server.charts.items()
    }


class WatchedRunner(DemoRunner):
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
        places = asyncio.Semaphore(5)

        async def one(name: str, qos: int) -> tuple[Played, list[dict[str, tuple[str, ...]]]]:
            async with places, asyncio.timeout(HANGS):
                play = WatchedRunner(Settings(scenario(name), timeout=1.0, qos=qos))
                return Played(play, await play.run()), play.ends

        return await asyncio.gather(*(one(*key) for key in keys))

    return dict(zip(keys, asyncio.run(all_of_them()), strict=True))


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_every_scenario_ends_where_its_diagram_says(name: str, qos: int) -> None:
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
    assert not outcome.recorder.divergences
    assert outcome.recorder.broker.where == WELL["Broker"]
    assert {server.where for server in played.play.servers.values()} == {("offline",)}


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_every_scenario_is_played_arrow_by_arrow(name: str, qos: int) -> None:
    played, _ = courses()[name, qos]
    assert on_each_lifeline(story(played)) == drawn(STORIES[name])


@pytest.mark.parametrize("name", NAMES)
def test_after_a_failure_the_hello_makes_everybody_join(name: str) -> None:
    played, _ = courses()[name, 2]
    if scenario(name).returns == "no":
        assert len(played.outcome.recorder.acts) == 3
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


# The reference diagram itself.

BRANCHES = [
    ("acceptance-lost-to-broker", 0, 0),
    ("acceptance-lost-from-broker", 0, 1),
    ("denial-lost-to-broker", 1, 0),
    ("denial-lost-from-broker", 1, 1),
]


def branch(outer: int, inner: int) -> Iterator[Drawn]:
    """The arrows of one branch of the reference diagram, up to where the tracker returns."""

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

    yield from walk(read(REFERENCE.read_text(encoding="utf-8")).body, [outer, inner])


def squeezed(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize(("name", "outer", "inner"), BRANCHES)
def test_the_reference_diagram_is_played_branch_by_branch(name: str, outer: int, inner: int) -> None:
    lines = [
        (each.sender, squeezed(each.label), each.receiver, each.lost)
        for each in branch(outer, inner)
        # Where the tracker denies, the reference diagram draws an expiry of a timeout that it never set (line 55).
        if not (outer == 1 and each.sender == "TrackerClock")
    ]
    arrows = story(courses()[name, 2][0])
    words = [squeezed(read(f"A->B:{label(arrow.message)}").body[0].label) for arrow in arrows]  # type: ignore[union-attr]
    played = [(a.sender, text, a.receiver, a.lost) for a, text in zip(arrows, words, strict=True)]
    beside = {"Client", "ClientView"}  # the reference diagram does not draw what a registered client ignores
    calls = ("DescribeView", "ViewDescribed", "ForgetAdmission")  # nor these
    drawn_as = [line for line in played if not beside & {line[0], line[2]} and line[1] not in calls]
    assert len(lines) == {0: 9, 1: 7}[outer] + inner
    # The two expiries of the last row have no order: TrackerClock and TorrentClock, Tracker and Torrent share nothing.
    assert sorted(map(str, drawn_as)) == sorted(map(str, lines))
    for lifeline in ("Tracker", "Torrent", "Broker", "TrackerView", "TrackerClock", "TorrentClock"):
        assert [each for each in drawn_as if lifeline in {each[0], each[2]}] == [
            each for each in lines if lifeline in {each[0], each[2]}
        ]


def test_the_default_is_the_reference_diagrams_first_branch() -> None:
    assert DEFAULT.name == BRANCHES[0][0]
    with pytest.raises(ValueError, match="no scenario 'x'; there are acceptance-lost-to-broker, "):
        scenario("x")


def test_the_hello_of_the_first_tracker_finds_nobody() -> None:
    played, _ = courses()["standard", 2]
    hellos = [arrow for arrow in played.arrows(BEFORE) if isinstance(arrow.message, TrackerHello)]
    assert [(arrow.sender, arrow.receiver) for arrow in hellos] == [("Tracker", "Broker")]
