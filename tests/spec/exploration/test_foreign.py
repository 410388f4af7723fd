"""The explorer on charts that are not ours: Peterson's promise kept by a token, and broken by losing or doubling it."""

import pytest
from statemachine import Event, State, StateChart

from spec.exploration.explore import Result, explore
from spec.exploration.model.closed import Unbounded
from spec.exploration.model.faults import Faults
from spec.exploration.model.foreign import ForeignSystem, Standing, standing
from spec.exploration.properties.language import Implication, Properties, always, property_, when_quiescent
from spec.exploration.traces.replay import KEPT, play, repeats
from spec.notation import read


class Holder(StateChart[None]):
    """Enters while it has the token, and passes it on."""

    resting = State()
    entered = State(initial=True)
    leaving = State()

    take = Event(resting.to(entered), name="?token")
    leave = Event(entered.to(leaving), name="!left")
    give = Event(leaving.to(resting), name="!ticket")


class Waiter(StateChart[None]):
    """The same from the other side, with another name for the way back."""

    resting = State(initial=True)
    entered = State()

    take = Event(resting.to(entered), name="?ticket")
    give = Event(entered.to(resting), name="!token")


class Hasty(StateChart[None]):
    """Passes the token on before it leaves."""

    resting = State(initial=True)
    entered = State()
    inside = State()

    take = Event(resting.to(entered) | inside.to(entered), name="?ticket")
    give = Event(entered.to(inside), name="!token")


class Endless(StateChart[None]):
    """Sends for ever."""

    entered = State(initial=True)

    take = Event(entered.to.itself(), name="?ticket")
    give = Event(entered.to.itself(), name="!token")


@always
def never_both(first: Standing, second: Standing) -> Implication:
    """Mutual exclusion."""
    return True, not (first.where == ("entered",) and second.where in {("entered",), ("inside",)})


@always
def nothing_comes_unexpected(first: Standing) -> Implication:
    """A message that a chart has no transition for."""
    return True, not first.broken


@when_quiescent
def somebody_has_the_token(first: Standing, second: Standing) -> Implication:
    """The token is never gone."""
    return True, first.where != ("resting",) or second.where != ("resting",)


@property_("termination")
def the_token_rests_some_day() -> Implication:
    """It goes round for ever, so this is no true property."""
    return True, True


PROPERTIES = (never_both, nothing_comes_unexpected, somebody_has_the_token)


def explored(second: type[StateChart[None]], **bounds: int | None) -> Result:
    system = ForeignSystem("token", {"first": Holder, "second": second}, faults=Faults(bounds))
    return explore(system, properties=PROPERTIES, observe=standing)


def broken(result: Result) -> set[str]:
    assert result.found.complete
    return {verdict.property_.name for verdict in result.verdicts if verdict.holds is False}


def test_a_protocol_that_keeps_its_promises() -> None:
    assert broken(explored(Waiter)) == set()


def test_a_fault_breaks_what_it_should() -> None:
    assert broken(explored(Waiter, losses=1)) == {"somebody has the token"}


def test_a_mistake_in_a_chart_is_found_with_a_diagram() -> None:
    result = explored(Hasty)
    assert "never both" in broken(result)
    (verdict,) = (one for one in result.verdicts if one.property_ is never_both)
    diagram = read(verdict.trace)
    assert not diagram.diagnostics
    assert {lifeline.name for lifeline in diagram.lifelines} >= {"first", "second"}
    assert [message.label for message in diagram.messages()][-1] == "token"


class Once(StateChart[None]):
    """Takes the token, and keeps it."""

    resting = State(initial=True)
    entered = State(final=True)

    take = Event(resting.to(entered), name="?ticket")


class Ticking(StateChart[None]):
    """Ticks until it hands over its ticket, which it can do all the time."""

    ticking = State(initial=True)
    done = State(final=True)

    tick = Event(ticking.to.itself(), name="!tick")
    give = Event(ticking.to(done), name="!ticket")


class Endlessly(StateChart[None]):
    """Ticks for ever."""

    ticking = State(initial=True)

    tick = Event(ticking.to.itself(), name="!tick")


def may_stay(first: type[StateChart[None]], second: type[StateChart[None]]) -> bool | None:
    """Whether they terminate; if not, the trace says where it begins to go round, and goes round when played."""
    others = ForeignSystem("token", {"first": first, "second": second}, routes={"tick": ()})
    (verdict,) = explore(others, properties=(the_token_rests_some_day,), observe=standing).verdicts
    assert bool(verdict.trace) == ("==From here on this goes round for ever==" in verdict.trace)
    assert bool(verdict.trace) == (verdict.holds is False)
    if verdict.run:
        system = others.build(drop_inert=False)
        properties = Properties(system, (the_token_rests_some_day,), standing)
        steps = list(play(system, [text for key, text in KEPT.findall(verdict.trace) if key.startswith("step ")]))
        property_ = the_token_rests_some_day
        assert repeats(system, properties, property_, steps)
        assert not any(repeats(system, properties, property_, steps[:number]) for number in range(len(steps)))
    return verdict.holds


def test_whether_runs_terminate() -> None:
    assert may_stay(Holder, Once) is True
    assert may_stay(Holder, Waiter) is False, "the token goes round, and everybody acts"
    assert may_stay(Endlessly, Once) is False, "one chart alone goes round"
    assert may_stay(Ticking, Once) is True, "what can be sent all the time is sent some day"


def test_a_system_without_bounds_is_refused() -> None:
    with pytest.raises(Unbounded, match="more than 64 messages wait for first"):
        explored(Endless)
