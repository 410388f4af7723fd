"""The table of a chart's steps does what python-statemachine does, in every snapshot and for every input."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statemachine import Event, State

from machines import participant
from machines.calls import Start, Stop
from machines.participant import Output, Participant, Snapshot, UnspecifiedReception
from machines.steps import compiled, why_not
from tests.support.worlds import WORLDS, every_chart, explored


@contextmanager
def by_the_library() -> Iterator[None]:
    """Here every step is asked of python-statemachine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(participant, "compiled", lambda _: None)
        yield


def outcome(chart: Participant, here: Snapshot, act: Any) -> object:
    """What a step comes to: the answer or the refusal, the snapshot after it, and what is due then."""
    chart.restore(here)
    try:
        answer: object = act(chart)
    except UnspecifiedReception as refusal:
        answer = str(refusal)
    return answer, chart.snapshot(), sorted(map(repr, chart.due()))


def receive(chart: Participant, message: Any, peer: str) -> object:
    return chart.receive(message, peer)


def emit(chart: Participant, output: Output) -> None:
    chart.emit(output)


@every_chart
def test_our_charts_are_compiled(chart: type[Participant]) -> None:
    assert why_not(chart) == ""


@every_chart
def test_every_step_is_that_of_the_library(chart: type[Participant]) -> None:
    world = WORLDS[chart]
    one = world.begin()
    for here in explored(chart):
        one.restore(here)
        acts: list[Any] = [partial(receive, message=m, peer=p) for m in world.inputs for p in world.peers]
        acts += [partial(emit, output=output) for output in one.due()]
        for act in acts:
            quick = outcome(one, here, act)
            with by_the_library():
                assert quick == outcome(one, here, act)


# Random charts: nested, parallel, transitions from and to any state, guards over a counter.

EVENTS = {Start: "?Start", Stop: "?Stop"}


def chart_of(shape: list[Any], arrows: list[tuple[int, int, int, int, bool]]) -> type[Participant] | None:
    """A chart with states of this shape, and arrows as source, target, event, the bit that a guard asks for, and
    whether a change counts; None if python-statemachine knows no such chart.
    """
    names = iter(f"s{number}" for number in range(100))

    def states(parts: list[Any]) -> dict[str, State]:
        found: dict[str, State] = {}
        for place, part in enumerate(parts):
            name = next(names)
            if not part[1]:
                found[name] = State(initial=place == 0)
                continue
            base: Any = State.Parallel if part[0] else State.Compound
            inner: dict[str, Any] = states(part[1])
            found[name] = type(base)(name, (base,), inner, initial=place == 0)
        return found

    body: dict[str, Any] = states(shape)
    everything: list[State] = []

    def walk(some: Any) -> None:
        for state in some:
            everything.append(state)
            walk(state.states)

    walk(body.values())
    lists: dict[str, Any] = {}
    for source, target, event, bit, counts in arrows:
        one, other = everything[source % len(everything)], everything[target % len(everything)]
        guard = {"cond": f"has_{bit}"} if bit in {0, 1} else {"unless": f"has_{bit - 2}"} if bit in {2, 3} else {}
        arrow = one.to(other, on="count" if counts else None, **guard)
        name = list(EVENTS.values())[event]
        lists[name] = lists[name] | arrow if name in lists else arrow
    for label, arrow in lists.items():
        body[f"recv_{label[1:].lower()}"] = Event(arrow, name=label)
    body |= {
        "inputs": tuple(EVENTS),
        "has_0": lambda self: bool(self.data & 1),
        "has_1": lambda self, message: bool(self.data & 2) == isinstance(message, Start),
        "count": lambda self: setattr(self, "data", (self.data + 1) % 4),
    }
    try:
        return type("Random", (Participant,), body)
    except Exception:  # noqa: BLE001 - whatever the library refuses is no chart
        return None


SHAPE: st.SearchStrategy[Any] = st.recursive(
    st.just((False, [])),
    lambda inner: st.tuples(st.booleans(), st.lists(inner, min_size=2, max_size=3).map(list)),
    max_leaves=7,
)
ARROWS = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 1), st.integers(0, 5), st.booleans()),
    min_size=1,
    max_size=8,
)


@settings(max_examples=600, deadline=None)
@given(st.lists(SHAPE, min_size=1, max_size=3), ARROWS, st.lists(st.sampled_from(list(EVENTS)), max_size=12))
def test_random_charts_step_as_the_library_does(shape: list[Any], arrows: list[Any], run: list[Any]) -> None:
    kind = chart_of(shape, arrows)
    if kind is None:
        return
    assert compiled(kind) is not None, why_not(kind)
    chart = kind(0)
    for message in run:
        here = chart.snapshot()
        act = partial(receive, message=message(), peer="")
        quick = outcome(chart, here, act)
        with by_the_library():
            assert quick == outcome(chart, here, act)
