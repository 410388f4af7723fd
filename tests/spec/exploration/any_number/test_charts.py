"""A user's own charts with any number of interchangeable members: proved, broken with the fewest, or told why not."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from statemachine import Event, State, StateChart

from spec.exploration.any_number import charts_verdicts, open_charts
from spec.exploration.any_number.charts_fixpoint import Limits, views_of
from spec.exploration.any_number.charts_lint import lint_of_charts
from spec.exploration.any_number.charts_verdicts import AnswerOfCharts, answer_of_charts
from spec.exploration.any_number.completions import Completions
from spec.exploration.any_number.population import population
from spec.exploration.any_number.restriction import NotInterchangeable
from spec.exploration.model.faults import Faults
from spec.exploration.model.foreign import ForeignSystem, Standing
from spec.exploration.model.outside import outside
from spec.exploration.model.surroundings import Surroundings
from spec.exploration.properties.foreign import PROPERTIES, no_deadlock
from spec.exploration.properties.language import Implication, always, leads_to
from spec.exploration.traces.replay import KEPT, play
from tests.data.lock_service import planted
from tests.data.lock_service.charts import Server
from tests.data.two_phase_commit import charts as two_phase_commit
from tests.spec.exploration.any_number.charts_agreement import lock, missing
from tests.support.nightly import by_day


@always
def the_server_is_small(Server: Standing) -> Implication:  # noqa: N803 - the name of a chart
    """Looks at what the server holds of clients."""
    return True, len(str(Server.state)) < 1 << 20


@always
def three_are_never_inside(Client1: Standing, Client2: Standing, Client3: Standing) -> Implication:  # noqa: N803
    """Of three clients."""
    return True, not Client1.where == Client2.where == Client3.where == ("inside",)


@leads_to
def who_comes_goes(each: Standing) -> Implication:
    """Of runs."""
    return each.where == ("inside",), each.where == ("gone",)


@pytest.mark.nightly
def test_a_lock_service_is_safe_with_any_number_of_clients(answered: AnswerOfCharts) -> None:
    assert [each.word for each in answered.verdicts] == ["holds for every number"] * (len(PROPERTIES) + 2)
    assert answered.verdict == "holds for every number"


@pytest.mark.nightly
def test_views_of_few_are_known_and_those_of_four_are_all(answered: AnswerOfCharts) -> None:
    of, done = population(lock()), answered.views
    assert done is not None
    assert [missing(of, done, number) for number in (2, 3, 4)] == [(0, 23), (0, 66), (0, len(done.parents))]


class Hub(StateChart[Any]):
    """Closes when the second has come, for all at once."""

    coming = State(initial=True)
    closing = State()
    closed = State()

    joins = Event(
        coming.to(closing, cond="is_second", on="note") | coming.to.itself(on="note") | closing.to.itself()
        | closed.to.itself(),
        name="?join",
    )  # fmt: skip
    closes = Event(closing.to(closed), name="!close")

    def __init__(self) -> None:
        self.here: set[str] = set()
        super().__init__()

    def is_second(self) -> bool:
        return len(self.here) == 1

    def note(self, sender: str = "") -> None:
        self.here.add(sender)


class Peer(StateChart[Any]):
    """Joins, and goes."""

    out = State(initial=True)
    joined = State()
    gone = State(final=True)

    joins = Event(out.to(joined), name="!join")
    closes = Event(out.to(gone) | joined.to(gone), name="?close")


def hub(faults: Faults | None = None) -> ForeignSystem:
    """A hub and those whom it waits for."""
    system = lock({"Server": Hub, "Client1": Peer, "Client2": Peer}, faults)
    may_stay = {"Server": ("coming", "closed"), "Client1": ("joined",), "Client2": ("joined",)}
    return replace(system, may_stay=may_stay, broadcast=frozenset({"close"}))


FAULTS = {
    "none": Faults(),
    "losses": Faults({"losses": 1}),
    "duplicates": Faults({"duplicates": 1}),
    "crashes": Faults({"breaks in all": 1, "crash Client1": None, "crash Client2": None, "crash Server": None}),
}


@pytest.mark.parametrize("name", by_day(FAULTS, ["none", "duplicates"]))
def test_views_of_a_hub_under_faults_are_known(name: str) -> None:
    of = population(hub(FAULTS[name]))
    done = views_of(of)
    assert [missing(of, done, number)[0] for number in (2, 3)] == [0, 0]


class Poll(StateChart[Any]):
    """Asks everybody once each time that it is told to, and tells when somebody has answered."""

    idle = State(initial=True)
    busy = State()

    begins = Event(idle.to(busy) | busy.to.itself(), name="?tick")
    asks = Event(busy.to.itself(cond="is_new", on="mark"), name="!ask")
    hears = Event(busy.to.itself(on="hear") | idle.to.itself(on="hear"), name="?answer")
    tells = Event(busy.to(idle, cond="is_answered"), name="!told")

    def __init__(self) -> None:
        self.asked: dict[str, str] = {}
        super().__init__()

    def is_new(self, to: str = "") -> bool:
        return to not in self.asked

    def mark(self, to: str = "") -> None:
        self.asked[to] = "asked"

    def hear(self, sender: str = "") -> None:
        self.asked[sender] = "answered"

    def is_answered(self) -> bool:
        return any(each == "answered" for each in self.asked.values())


class Voter(StateChart[Any]):
    """Answers once."""

    waiting = State(initial=True)
    asked = State()
    answered = State(final=True)

    hears = Event(waiting.to(asked), name="?ask")
    answers = Event(asked.to(answered), name="!answer")


class Log(StateChart[Any]):
    """A second centre."""

    only = State(initial=True)
    hears = Event(only.to.itself(), name="?told")


def test_views_with_two_centres_and_an_outside_are_known() -> None:
    charts: dict[str, Any] = {
        "Server": Poll,
        "Log": Log,
        "Client1": Voter,
        "Client2": Voter,
        "Outside": outside({"tick": 1}),
    }
    of = population(replace(lock(charts), may_stay={}, unordered=True))
    done = views_of(of)
    assert [missing(of, done, number)[0] for number in (2, 3)] == [0, 0]


def test_a_step_of_others_that_is_left_out_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_charts.Members, "moves", Surroundings.moves)
    of = population(lock())
    assert missing(of, views_of(of), 3)[0]


class Pool(StateChart[Any]):
    """Is busy while anybody is in it."""

    idle = State(initial=True)
    busy = State()

    joins = Event(idle.to(busy, on="note") | busy.to.itself(on="note"), name="?join")
    leaves = Event(busy.to(idle, cond="is_last", on="forget") | busy.to.itself(on="forget"), name="?leave")

    def __init__(self) -> None:
        self.here: set[str] = set()
        super().__init__()

    def is_last(self) -> bool:
        return len(self.here) == 1

    def note(self, sender: str = "") -> None:
        self.here.add(sender)

    def forget(self, sender: str = "") -> None:
        self.here.discard(sender)


class Swimmer(StateChart[Any]):
    """Comes and goes."""

    out = State(initial=True)
    inside = State()
    gone = State(final=True)

    joins = Event(out.to(inside), name="!join")
    leaves = Event(inside.to(gone), name="!leave")


def pool() -> ForeignSystem:
    """A pool that has to be idle in the end."""
    return replace(lock({"Server": Pool, "Client1": Swimmer, "Client2": Swimmer}), may_stay={"Server": ("idle",)})


def test_nobody_is_left_in_a_pool_with_any_number() -> None:
    assert answer_of_charts(pool(), PROPERTIES).verdict == "holds for every number"


def test_what_views_do_not_tell_is_open_with_its_reason() -> None:
    charts: dict[str, Any] = {**pool().charts, "Client3": Swimmer}
    system = replace(pool(), charts=charts, interchangeable=(("Client1", "Client2", "Client3"),))
    found = answer_of_charts(system, (the_server_is_small, who_comes_goes, three_are_never_inside, no_deadlock))
    told = {"looks at what Server holds", "not asked of views", "more than two members", ""}
    words = ["open", "open", "broken", "holds for every number"]
    assert [each.word for each in found.verdicts] == words
    assert found.verdicts[2].servers == 3
    assert all(any(part in each.reason for part in told - {""}) for each in found.verdicts if each.word == "open")


def test_without_how_many_there_are_a_view_may_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Completions, "_is_whole", lambda self, one: all(map(self.trees.is_resolved, one.trees)))
    monkeypatch.setattr(charts_verdicts, "MOST_MEMBERS", 2)
    found = answer_of_charts(pool(), (no_deadlock,)).verdicts[0]
    assert (found.word, "but a view does" in found.reason, "participant others" in found.run) == ("open", True, True)


@pytest.mark.nightly
def test_a_request_that_the_fourth_client_loses_is_told_with_four() -> None:
    asked = lock(planted.with_server(planted.Short))
    found = answer_of_charts(asked, PROPERTIES).verdicts[0]
    assert (found.word, found.servers) == ("broken", 4)
    assert found.found is not None
    steps = [text for key, text in KEPT.findall(found.found.trace) if key.startswith("step")]
    played = [*play(population(asked).of(4).build(drop_inert=False), steps)]
    assert len([each for each in played if each.number]) == len(found.found.run)


# What cannot be asked is told.


def why(system: ForeignSystem) -> str:
    """Why a system is refused."""
    with pytest.raises(NotInterchangeable) as told:
        views_of(population(system), Limits(2000))
    return str(told.value)


class Least(Server):
    """Prefers a name."""

    def let_next_in(self) -> None:
        self.holder = min(self.waiting)
        self.waiting.remove(self.holder)


class Odd(Server):
    """Asks how many there are through a function that the lint knows nothing of."""

    def let_next_in(self) -> None:
        if "x" * len(self.waiting) in {"xx", "xxxx"}:
            self.holder = self.waiting.pop(0)


class Favours(Server):
    """Treats one otherwise."""

    def enqueue(self, sender: str = "") -> None:
        if sender != "Client1":
            self.waiting.append(sender)


class Listening(StateChart[Any]):
    """Remembers who else there is."""

    outside = State(initial=True)
    done = State(final=True)
    send_request = Event(outside.to(done, on="note"), name="!request")
    recv_request = Event(outside.to.itself(on="note") | outside.to.itself(), name="?request")

    def __init__(self) -> None:
        self.known = ""
        super().__init__()

    def note(self, sender: str = "") -> None:
        self.known = sender


@pytest.mark.parametrize(
    ("system", "words"),
    [
        (lock(planted.with_server(Least)), r"test_charts.py:\d+: min() of 'waiting'"),
        (lock(planted.with_server(Odd)), r"test_charts.py:\d+: the size of 'waiting'"),
        (lock(planted.with_server(Favours)), r"test_charts.py:\d+: the name of a member"),
    ],
)
def test_more_than_a_few_can_answer_is_refused_with_its_line(system: ForeignSystem, words: str) -> None:
    before, after = words.split(r"\d+")
    told = why(system)
    assert before in told
    assert after in told


def test_members_that_are_not_alike_are_told() -> None:
    system = lock()
    ring = replace(system, routes={"request": ("Client2",)})
    assert "neighbours of their own, as in a ring" in why(ring)
    assert "'breaks in all'" in why(replace(system, faults=Faults({"crash Client1": 1, "crash Client2": 1})))
    assert "MAY_STAY says something else of Client1" in why(replace(system, may_stay={"Client1": ("waiting",)}))
    assert "0 groups" in why(replace(system, interchangeable=()))
    assert "different charts" in why(replace(system, charts={**system.charts, "Client2": Listening}))
    assert "PAYLOADS['grant'] names Client2" in why(replace(system, payloads={"grant": (("Client2",),)}))


def test_members_that_know_each_other_are_told() -> None:
    charts: dict[str, Any] = {"Server": Server, "Client1": Listening, "Client2": Listening}
    assert "holds the name of another member" in why(lock(charts))


def test_a_file_that_writes_down_who_takes_part_is_told() -> None:
    charts: dict[str, Any] = {**two_phase_commit.CHARTS}
    commit = ForeignSystem("commit", charts, interchangeable=(("P1", "P2"),), addressed=True)
    assert "VOTERS, which names a member" in why(commit)


class Asks(StateChart[Any]):
    """Asks in lambdas and texts."""

    only = State(initial=True)
    one = Event(only.to.itself(cond=lambda machine: machine.waiting[2] == ""), name="?one")
    two = Event(only.to.itself(cond="waiting"), name="?two")
    three = Event(only.to.itself(cond="not waiting and idle"), name="?three")

    def counts(self) -> int:
        total = 0
        for _ in self.waiting:  # type: ignore[attr-defined]
            total += 1
        return total

    def line(self) -> Any:
        return self.waiting  # type: ignore[attr-defined]

    @property
    def again(self) -> Any:
        return self.line()

    def through_a_method(self) -> bool:
        return len(self.line()) == 8

    def through_a_property(self) -> bool:
        return len(self.again) == 9

    def through_a_name(self) -> bool:
        return len(held := self.waiting) == 10 or bool(held)  # type: ignore[attr-defined]

    def through_a_class(self) -> bool:
        return bool(Counter(self.waiting))  # type: ignore[attr-defined]

    def through_a_text(self) -> bool:
        return len(getattr(self, "wait" + "ing")) == 12

    def is_over(self) -> bool:
        return len(self.waiting) > 2 or self.waiting == ["", ""]  # type: ignore[attr-defined]


def test_lambdas_and_texts_are_read_too() -> None:
    found = lint_of_charts([Asks], {"waiting": frozenset({"list"})}, ())
    asked = {(each.asks, each.constant, each.refused) for each in found.questions}
    assert asked >= {
        ("ends of a list", 3, False), ("is it empty", 0, False), ("is it empty", 0, True),
        ("a loop, which can count: write a comprehension instead", 0, True), ("is it equal, or a part,", 2, False),
        ("size against 8", 8, False), ("size against 9", 9, False), ("size against 10", 10, False),
        ("Counter()", 0, True), ("getattr(): what is asked", 0, True),
    }  # fmt: skip


class AsksInWords(StateChart[Any]):
    """Asks in texts that are no Python."""

    only = State(initial=True)
    one = Event(only.to.itself(cond="idle v waiting"), name="?one")
    two = Event(only.to.itself(unless="idle ^ !waiting"), name="?two")
    three = Event(only.to.itself(cond="waiting or ("), name="?three")


def test_texts_are_read_as_the_library_reads_them() -> None:
    found = lint_of_charts([AsksInWords], {"waiting": frozenset({"list"})}, ())
    asked = [(each.asks, each.collection) for each in found.questions if each.refused]
    assert asked == [("is it empty", "waiting")] * 2 + [("a condition that cannot be read: what is asked", "*")]
