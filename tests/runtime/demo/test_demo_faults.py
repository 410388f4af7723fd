"""The demo when something is injected, when strangers use its broker, and when its audience or its broker is gone."""

import asyncio
import time
from functools import cache

import pytest

from machines import BUS_EVENTS, ClientJoinRequested
from machines.tracker import TRACKER_ID
from runtime.demo.output import sentences
from runtime.demo.runner import DemoRunner
from runtime.demo.scenarios import Scenario, scenario
from runtime.demo.servers import HASH
from runtime.demo.settings import CLIENT, Settings
from runtime.demo.waiting import DemoError
from runtime.mqtt.faults import Kind, parse_fault
from runtime.recorder import Arrow
from runtime.wire.events import encode
from tests.support.demo_scenarios import STORIES, story
from tests.support.mqtt_clients import client, live
from tests.support.servers import Nobody, Played, drawn, on_each_lifeline, play, play_all

# Whatever is injected.

EVENTS = [event.__name__ for event in BUS_EVENTS[:9]]
assert "ClientGoodbye" in EVENTS, "the events of Client Join stand first"
TEXTS = [f"{event}@{hop}" for event in [*EVENTS, "*"] for hop in ("to-broker", "from-broker")]
FORMS = [":torrent-1", ":client-1", ":tracker", "#1", "#2", "%0.4"]
KINDS: tuple[Kind, ...] = ("lose", "duplicate", "delay")


def course_with(event: str) -> Scenario:
    """A scenario in which the event is sent."""
    names = {"ClientJoinDenied": "denied", "ClientJoinFailed": "change-fails"}
    return scenario(names.get(event, "success-lost-to-broker"))


@cache
def injected(kind: Kind) -> dict[str, Played]:
    """Every event on every hop; and some of them in the other forms."""
    others = [text + form for text, form in zip(TEXTS[KINDS.index(kind) :: 3], FORMS, strict=False)]
    faults = [parse_fault(text + ("=0.15" if kind == "delay" else ""), kind) for text in [*TEXTS, *others]]
    settings = [
        Settings(course_with(fault.event), faults=(fault,), timeout=0.25, qos=number % 3, seed=1)
        for number, fault in enumerate(faults)
    ]
    return dict(zip(map(str, faults), play_all(settings, 14), strict=True))


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("kind", KINDS)
def test_with_any_fault_the_demo_ends_with_a_summary(kind: Kind, text: str) -> None:
    plays = [played for fault, played in injected(kind).items() if fault.startswith(text)]
    assert plays
    for played in plays:
        outcome = played.outcome
        assert not outcome.recorder.divergences
        assert not outcome.refused
        assert played.play.broker is not None
        assert not played.play.broker.observer_errors
        assert {server.where for server in played.play.servers.values()} == {("offline",)}
        said = list(sentences(outcome))
        assert "arrows" in said[0]
        well = said[1] == "Everybody is registered, and all distribution views agree."
        assert well == outcome.expected
        assert well or "Not everybody is registered" in said[1]


def test_a_fault_that_never_happens_is_named() -> None:
    played = play_all([Settings(scenario("standard"), faults=(parse_fault("ClientJoinFailed@to-broker", "lose"),))], 1)
    assert list(sentences(played[0].outcome))[-1] == "This was to happen and never did: lose ClientJoinFailed@to-broker"


def test_random_losses_are_the_same_for_the_same_seed() -> None:
    faults = (parse_fault("ClientJoinRequested@to-broker%0.5", "lose"),)
    seeds = [seed for seed in range(4) for _ in range(2)]
    plays = play_all([Settings(scenario("standard"), 1, faults, 0.8, seed) for seed in seeds], 8)
    lost = [sum(arrow.lost and not arrow.note for arrow in played.arrows()) for played in plays]
    assert lost[::2] == lost[1::2]
    assert set(lost) == {0, 1}


class Slow(Nobody):
    """Lets the whole process stand still, much longer than a clock counts, before anything is lost."""

    def __init__(self) -> None:
        self.waits = {"ClientJoinRequested", "ClientJoinAccepted", "ChangeView"}
        self.in_story = False

    def act(self, title: str) -> None:
        self.in_story = title.startswith("Client Join")

    def arrow(self, arrow: Arrow) -> None:
        if self.in_story and arrow.name in self.waits:
            self.waits.discard(arrow.name)
            time.sleep(0.3)


@pytest.mark.parametrize("name", ["success-lost-from-broker", "change-fails"])
@live
async def test_no_clock_runs_out_before_the_faults_have_happened(name: str) -> None:
    slow = Slow()
    played = await play(Settings(scenario(name), timeout=0.1), slow)
    assert not slow.waits
    assert on_each_lifeline(story(played)) == drawn(STORIES[name])
    assert played.outcome.expected


@pytest.mark.parametrize("name", ["acceptance-lost-from-broker", "denied"])
def test_ten_torrent_servers(name: str) -> None:
    (played,) = play_all([Settings(scenario(name), torrents=10, timeout=3.0)], 1)
    assert played.outcome.expected
    assert len(played.outcome.ends) == 12
    assert not played.outcome.recorder.divergences
    assert not played.outcome.unused
    assert not played.outcome.refused


# The house, the street and the audience.


def test_what_is_delayed_beyond_the_timeout_comes_too_late() -> None:
    faults = (parse_fault("ClientRegistered@from-broker:torrent-1=0.4", "delay"),)
    (played,) = play_all([Settings(scenario("standard"), faults=faults, timeout=0.2)], 1)
    assert not played.outcome.recorder.divergences
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
    show = DemoRunner(Settings(scenario("acceptance-lost-to-broker"), timeout=0.8), street)
    running = asyncio.create_task(show.run())
    await street.began.wait()
    assert show.broker is not None
    foreign = ClientJoinRequested(client="nobody", hash_algorithm=HASH, event_id="3f2504e0-4f89-41d3-9a0c-0305e82c3301")
    async with client(show.broker, "watcher") as watcher:
        await watcher.subscribe("#")
        for payload in (b"{}", b"\xff", encode(foreign)):
            await watcher.publish(ClientJoinRequested.topic, payload, qos=1)
        outcome = await running
    assert not outcome.recorder.divergences
    assert outcome.refused == 2
    assert [arrow.note for arrow in outcome.recorder.arrows if arrow.receiver == "Broker" and not arrow.sender] == [
        "from a stranger"
    ]
    assert outcome.ends["Torrent"] == ("registered",)


@live
async def test_a_taken_client_identifier_ends_the_demo_with_a_message() -> None:
    street = Street()
    show = DemoRunner(Settings(scenario("acceptance-lost-to-broker"), timeout=0.5), street)
    running = asyncio.create_task(show.run())
    await street.began.wait()
    assert show.broker is not None
    async with client(show.broker, TRACKER_ID):
        pass
    expected = r"tracker went offline before every join has ended: the connection to mqtt://127.0.0.1:\d+ broke"
    with pytest.raises(DemoError, match=expected):
        await running


@live
async def test_a_broker_that_dies_ends_the_demo_with_a_message() -> None:
    street = Street()
    show = DemoRunner(Settings(scenario("standard")), street)
    running = asyncio.create_task(show.run())
    await street.began.wait()
    assert show.broker is not None
    await show.broker.kill()
    with pytest.raises(DemoError, match="went offline before every join has ended"):
        await running


@pytest.mark.parametrize("refused", [TRACKER_ID, CLIENT])
@live
async def test_a_refusing_broker_ends_the_demo_with_a_message(refused: str) -> None:
    show = DemoRunner(Settings(scenario("standard")), Nobody())
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
    reporter = Gone(failure)
    show = DemoRunner(Settings(scenario("standard")), reporter)
    with pytest.raises(type(failure)):
        await show.run()
    assert reporter.seen == 10
    assert show.broker is not None
    assert not show.broker.observer_errors
    assert not asyncio.all_tasks() - {asyncio.current_task()}


@live
async def test_a_demo_that_is_cancelled_takes_everything_down() -> None:
    before = asyncio.all_tasks()
    for arrows in range(1, 130, 6):
        show = DemoRunner(Settings(scenario("standard")), Nobody())
        running = asyncio.create_task(show.run())
        while len(show.recorder.arrows) < arrows and not running.done():  # noqa: ASYNC110 - at just that moment
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert not asyncio.all_tasks() - before
        assert show.broker is not None
        assert not show.broker.observer_errors
