"""What is claimed of any system of charts that are not ours: each broken by one mistake, and by nothing else."""

from typing import Any

import pytest
from statemachine import Event, State, StateChart

from spec.exploration.engine.search import Engine
from spec.exploration.explore import Options, Result, explore
from spec.exploration.model.faults import Faults
from spec.exploration.model.foreign import ForeignSystem, Standing
from spec.exploration.properties.foreign import PROPERTIES
from spec.exploration.properties.language import Implication, Properties, always, when_quiescent
from spec.exploration.simulate import simulate
from spec.notation import read


class Asker(StateChart[Any]):
    resting = State(initial=True)
    waiting = State()
    done = State(final=True)
    ask = Event(resting.to(waiting), name="!question")
    answered = Event(waiting.to(done), name="?answer")


class Answerer(StateChart[Any]):
    listening = State(initial=True)
    thinking = State()
    done = State(final=True)
    asked = Event(listening.to(thinking), name="?question")
    answer = Event(thinking.to(done), name="!answer")


class Thinker(Answerer):
    """It has a step that nobody sees."""

    listening = State(initial=True)
    thinking = State()
    ready = State()
    done = State(final=True)
    asked = Event(listening.to(thinking), name="?question")
    think = thinking.to(ready)
    answer = Event(ready.to(done), name="!answer")
    internal = ("think",)


class Server(StateChart[Any]):
    """It has no final state."""

    listening = State(initial=True)
    thinking = State()
    asked = Event(listening.to(thinking), name="?question")
    answer = Event(thinking.to(listening), name="!answer")


class Deaf(StateChart[Any]):
    """It waits for something else first."""

    first = State(initial=True)
    done = State(final=True)
    asked = Event(done.from_(first, cond="told"), name="?question")
    told_ = Event(first.to(done), name="?hint")

    def told(self) -> bool:
        return False


class Chatty(StateChart[Any]):
    """It says something that nobody has an event for."""

    listening = State(initial=True)
    thinking = State()
    humming = State()
    done = State(final=True)
    asked = Event(listening.to(thinking), name="?question")
    hum = Event(thinking.to(humming), name="!hum")
    answer = Event(humming.to(done), name="!answer")


class Breaking(StateChart[Any]):
    """Its callback divides by zero when it answers."""

    listening = State(initial=True)
    thinking = State()
    done = State(final=True)
    asked = Event(listening.to(thinking), name="?question")
    answer = Event(thinking.to(done, on="divide"), name="!answer")

    def divide(self) -> None:
        raise ZeroDivisionError("by nothing")


class BreakingAtOnce(Breaking):
    """The same when it is asked."""

    listening = State(initial=True)
    thinking = State()
    done = State(final=True)
    asked = Event(listening.to(thinking, on="divide"), name="?question")
    answer = Event(thinking.to(done), name="!answer")


def explored(answerer: type[StateChart[Any]], engine: Engine = "auto", **options: Any) -> Result:
    others = ForeignSystem("asking", {"A": Asker, "B": answerer}, **options)
    return explore(others, Options(engine=engine), properties=PROPERTIES, observe=others.observe)


def broken(result: Result) -> set[str]:
    assert result.found.complete
    assert all(verdict.holds is not None for verdict in result.verdicts)
    return {verdict.property_.name for verdict in result.verdicts if verdict.holds is False}


@pytest.mark.parametrize(
    ("chart", "options", "properties"),
    [
        (Answerer, {}, set()),
        (Thinker, {}, set()),
        (Server, {}, {"no deadlock"}),
        (Server, {"may_stay": {"B": ("listening",)}}, set()),
        (Server, {"may_stay": {"B": ("thinking",)}}, {"no deadlock"}),
        (Answerer, {"faults": Faults({"losses": 1})}, {"no deadlock"}),
        (Answerer, {"faults": Faults({"losses": 1}, loses=frozenset({"answer"}))}, {"no deadlock"}),
        (Deaf, {}, {"no unexpected reception"}),
        (Chatty, {}, {"no message that nobody takes"}),
        (Chatty, {"routes": {"hum": ()}}, set()),
        (Breaking, {}, {"no exception in a callback"}),
        (BreakingAtOnce, {}, {"no exception in a callback"}),
    ],
)
def test_a_mistake_breaks_the_property_that_is_about_it(
    chart: type[StateChart[Any]], options: dict[str, Any], properties: set[str]
) -> None:
    result = explored(chart, **options)
    assert broken(result) == properties
    for verdict in result.verdicts:
        if verdict.trace:
            diagram = read(verdict.trace)
            assert not diagram.diagnostics
            assert {lifeline.name for lifeline in diagram.lifelines} == {"A", "B"}, "there is no broker between them"


def test_only_what_is_named_is_lost() -> None:
    (verdict, *_) = explored(Answerer, faults=Faults({"losses": None}, loses=frozenset({"answer"}))).verdicts
    assert "lose 1 answer" in verdict.trace
    assert "lose 1 question" not in verdict.trace


def test_the_trace_says_what_went_wrong() -> None:
    traces = {
        verdict.property_.name: verdict.trace
        for chart in (Deaf, Breaking, Chatty)
        for verdict in explored(chart).verdicts
        if verdict.trace
    }
    assert r"note over B:Deaf in first: no guard lets" in traces["no unexpected reception"]
    assert "ZeroDivisionError" in traces["no exception in a callback"]
    assert "note over B:can send hum, which nobody takes" in traces["no message that nobody takes"]


def test_steps_that_nobody_sees_are_notes() -> None:
    result = explored(Thinker, faults=Faults({"losses": 1}, loses=frozenset({"answer"})))
    (trace,) = (verdict.trace for verdict in result.verdicts if verdict.trace)
    assert "note over B:does think, which nobody sees" in trace
    assert "lose 1 answer" in trace


def test_each_state_is_judged_alike_one_by_one_and_by_bits() -> None:
    """By the definition (`judge`) on random runs, and by the search."""
    for chart in (Answerer, Server, Deaf, Chatty, Breaking):
        others = ForeignSystem("asking", {"A": Asker, "B": chart})
        runs = simulate(others, 30, 30, 1, PROPERTIES, others.observe)
        names = {verdict.property_.name for verdict in runs.verdicts if verdict.holds is False}
        assert names == broken(explored(chart)) == broken(explored(chart, "vectorised")), chart
        assert all(verdict.non_vacuous for verdict in runs.verdicts)


@always
def the_first_does_not_answer_alone(B: Standing, C: Standing) -> Implication:  # noqa: N803 - names of charts
    """A property about one of two that are alike."""
    return True, B.where != ("done",) or C.where == ("done",)


@always
def the_second_does_not_answer_alone(B: Standing, C: Standing) -> Implication:  # noqa: N803
    """The same about the other one."""
    return True, C.where != ("done",) or B.where == ("done",)


@pytest.mark.parametrize("property_", [the_first_does_not_answer_alone, the_second_does_not_answer_alone])
def test_a_property_about_one_of_two_alike_tells_them_apart(property_: Any) -> None:
    """Of states that differ in names only the search would see one."""
    charts = {"A": Asker, "B": Answerer, "C": Answerer}
    others = ForeignSystem("two", charts, interchangeable=(("B", "C"),))
    result = explore(others, properties=(property_,), observe=others.observe)
    assert [verdict.holds for verdict in result.verdicts] == [False]
    assert "is about" in result.asymmetry


@always
def nobody_is_done(client: Standing) -> Implication:
    """A chart may be called like a word of properties about ours."""
    return True, client.where != ("done",)


def test_the_name_of_a_chart_means_that_chart() -> None:
    """`client` stands for any client in properties about ours."""
    others = ForeignSystem("named", {"client": Server, "first": Asker})
    result = explore(others, properties=(nobody_is_done,), observe=others.observe)
    assert [verdict.holds for verdict in result.verdicts] == [True], "the other one is done, and not meant"
    properties = Properties(others.build(), (nobody_is_done,), others.observe)
    assert [instance.components for instance in properties.instances] == [(0,)]


class Caller(StateChart[Any]):
    """It calls both, and notes who of them answers."""

    calling = State(initial=True)
    waiting = State()
    done = State(final=True)
    call = Event(
        calling.to(waiting, cond="is_last", on="note") | calling.to.itself(cond="is_new", on="note"),
        name="!call",
    )
    back = Event(
        waiting.to(done, cond="is_last", on="note") | waiting.to.itself(on="note") | calling.to.itself(on="early"),
        name="?back",
    )

    def __init__(self) -> None:
        self.met: frozenset[str] = frozenset()
        self.heard: frozenset[str] = frozenset()
        super().__init__()

    def is_new(self, to: str = "", sender: str = "") -> bool:
        return (to or sender) not in self.met

    def is_last(self, to: str = "", sender: str = "") -> bool:
        who = self.heard | {sender} if sender else self.met | {to}
        return who == {"X", "Y"}

    def note(self, to: str = "", sender: str = "") -> None:
        if sender:
            self.heard |= {sender}
        else:
            self.met |= {to}

    def early(self, sender: str = "") -> None:
        self.heard |= {sender}


class Called(StateChart[Any]):
    listening = State(initial=True)
    answering = State()
    done = State(final=True)
    called = Event(listening.to(answering), name="?call")
    answer = Event(answering.to(done), name="!back")


def test_charts_see_who_is_at_the_other_end_as_in_a_check() -> None:
    charts: dict[str, type[StateChart[Any]]] = {"A": Caller, "X": Called, "Y": Called}
    others = ForeignSystem("calls", charts, addressed=True)
    assert broken(explore(others, properties=PROPERTIES, observe=others.observe)) == set()
    blind = ForeignSystem("calls", charts)
    assert broken(explore(blind, properties=PROPERTIES, observe=blind.observe)), "it cannot tell who was called"
    lossy = ForeignSystem("calls", charts, addressed=True, faults=Faults({"losses": 1}))
    trace = explore(lossy, properties=PROPERTIES, observe=lossy.observe).verdicts[0].trace
    assert "// step 1: send A call to X" in trace


def test_what_is_broadcast_goes_to_all_at_once() -> None:
    charts: dict[str, type[StateChart[Any]]] = {"A": Asker, "B": Server, "C": Server}
    may_stay = {"B": ("listening", "thinking"), "C": ("listening", "thinking")}
    one = ForeignSystem("one at a time", charts, may_stay=may_stay, addressed=True)
    all_ = ForeignSystem("at once", charts, may_stay=may_stay, addressed=True, broadcast=frozenset({"question"}))
    assert broken(explore(one, properties=PROPERTIES, observe=one.observe)) == set()
    assert broken(explore(all_, properties=PROPERTIES, observe=all_.observe)) == {"no unexpected reception"}, (
        "two answers"
    )


class Orderly(Caller):
    """It calls the first one first."""

    def is_new(self, to: str = "", sender: str = "") -> bool:
        return super().is_new(to, sender) and (to or sender) == "X"


@pytest.mark.parametrize("engine", ["compiled", "vectorised"])
def test_data_with_names_that_are_never_made_are_no_error(engine: Engine) -> None:
    """Under exchanged names the caller has called the second one first, which it never does."""
    charts: dict[str, type[StateChart[Any]]] = {"A": Orderly, "X": Called, "Y": Called}
    others = ForeignSystem("calls", charts, addressed=True, interchangeable=(("X", "Y"),))
    result = explore(others, Options(engine=engine), properties=PROPERTIES, observe=others.observe)
    assert broken(result) == set()
    assert result.asymmetry


def test_quiescent_is_not_where_a_chart_can_still_send() -> None:
    @when_quiescent
    def all_is_done(each: Standing) -> Implication:
        """Nothing is left to say."""
        return True, each.where == ("done",)

    system = ForeignSystem("told", {"A": Asker, "B": Answerer})
    result = explore(system, Options(), (all_is_done,), system.observe)
    assert [verdict.holds for verdict in result.verdicts] == [True]
    lost = ForeignSystem("lost", {"A": Asker, "B": Answerer}, faults=Faults({"losses": 1}))
    result = explore(lost, Options(), (all_is_done,), lost.observe)
    assert [verdict.holds for verdict in result.verdicts] == [False]
