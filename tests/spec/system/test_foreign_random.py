"""Random charts, driven from scratch by python-statemachine, and asked step by step."""

import random
from collections.abc import Hashable, Iterator
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from statemachine import Event, HistoryState, State, StateChart
from statemachine.exceptions import InvalidDefinition

from machines.participant import atomic_states
from spec.system.data import freeze
from spec.system.foreign import ForeignMachine
from spec.system.process import Taking
from tests.spec.system.charts import holds
from tests.support.nightly import share

SOURCES = ["a", "b", "c1", "c2", "x1", "x2", "y1", "y2", "c", "p", "r1"]
TARGETS = ["a", "b", "c", "c1", "c2", "p", "x2", "y1", "h", "d"]
ACTIONS = ["note", "grow", "share", "swap", "again", "refuel"]
GUARDS = ["", "even", "not even", "fuelled"]
EVENTS = [f"m{number}" for number in range(4)]
ROWS = st.tuples(
    st.sampled_from(SOURCES),
    st.sampled_from(TARGETS),
    st.sampled_from([*EVENTS, "", "extra"]),
    st.sampled_from(GUARDS),
    st.sampled_from(ACTIONS),
)


class Random(StateChart[Any]):
    """What the callbacks of random charts do."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.pair: list[list[int]] = [[], []]
        self.fuel = 2
        self.dice = random.Random(3)
        super().__init__()

    def even(self) -> bool:
        return len(self.log) % 2 == 0

    def fuelled(self) -> bool:
        return self.fuel > 0

    def note(self, source: State, message: str = "") -> None:
        self.log = [*self.log[-2:], (source.id, message)]

    def grow(self) -> None:
        self.pair[0].append(self.dice.randrange(3))
        del self.pair[0][:-2]

    def share(self) -> None:
        self.pair[1] = self.pair[0]

    def swap(self) -> None:
        self.pair.reverse()

    def again(self) -> None:
        if self.fuel > 0:
            self.fuel -= 1
            self.raise_("extra")

    def refuel(self) -> None:
        self.fuel = 2

    def burn(self) -> None:
        self.fuel -= 1


def random_chart(rows: list[tuple[str, str, str, str, str]]) -> type[StateChart[Any]]:
    """A chart with nested and parallel states, history, and the transitions of `rows`, as its author writes it."""
    lines = [
        "class Made(Random):",
        "    a = State(initial=True)",
        "    b = State()",
        "    class c(State.Compound):",
        "        c1 = State(initial=True)",
        "        c2 = State()",
        "        h = HistoryState()",
        "    class d(State.Compound):",
        "        d1 = State(initial=True)",
        "        d2 = State(final=True)",
        "        inner = Event(d1.to(d2), name='?m0')",
        "    class p(State.Parallel):",
        "        class r1(State.Compound):",
        "            x1 = State(initial=True)",
        "            x2 = State()",
        "        class r2(State.Compound):",
        "            y1 = State(initial=True)",
        "            y2 = State()",
    ]
    nested = {
        "c1": "c.c1",
        "c2": "c.c2",
        "h": "c.h",
        "x1": "p.r1.x1",
        "x2": "p.r1.x2",
        "y1": "p.r2.y1",
        "y2": "p.r2.y2",
    }
    nested["r1"] = "p.r1"
    lines += [
        f"    a.to({nested.get(name, name)}, event='?go_{name}')" for name in ("b", "c", "c2", "d", "p", "x2", "y2")
    ]
    lines += [f"    {name}.to(a, event='?home', on='refuel')" for name in ("b", "c", "d", "p")]
    lines += ["    d.to(b, event='done.state.d', on='note')"]
    for place, (source, target, event, guard, action) in enumerate(rows):
        is_own = event in {"", "extra"}  # these burn fuel, so that a step comes to an end
        action = "note" if is_own and action == "refuel" else action  # noqa: PLW2901 - as just said
        parts = [f"on=['burn', {action!r}]", "cond='fuelled'"] if is_own else [f"on=[{action!r}]", f"cond={guard!r}"]
        parts = [part for part in parts if part != "cond=''"]
        text = f"{nested.get(source, source)}.to({nested.get(target, target)}, {', '.join(parts)})"
        if event == "extra":
            lines.append(f"    {text.removesuffix(')')}, event=Event('extra', internal=True))")
        else:
            lines.append(f"    e{place} = Event({text}, name='?{event}')" if event else f"    {text}")
    space: dict[str, Any] = {"Random": Random, "State": State, "Event": Event, "HistoryState": HistoryState}
    exec("\n".join(lines), space)
    made: type[StateChart[Any]] = space["Made"]
    return made


def events_of(chart: type[StateChart[Any]]) -> Iterator[tuple[str, str]]:
    for event in chart._events:
        label = next((str(text) for text in (event.name, event.id) if text[:1] == "?"), "")
        if label:
            yield str(event.id), label[1:]


def seen(chart: Any) -> Hashable:
    """What can be known of a chart from outside."""
    here = {state.id for state in chart.configuration}
    made: Any = type(chart)
    states = tuple(state.id for state in atomic_states(made) if state.id in here)
    return states, freeze([chart.log, chart.pair, chart.fuel, chart.dice])


@given(st.lists(ROWS, min_size=2, max_size=8), st.lists(st.integers(0, 40), min_size=1, max_size=8))
@settings(max_examples=share(300), deadline=None)
def test_random_charts_do_step_by_step_what_they_do_when_driven(
    rows: list[tuple[str, str, str, str, str]], choices: list[int]
) -> None:
    try:
        chart = random_chart(rows)
    except InvalidDefinition:
        assume(False)
    machine = ForeignMachine(chart)
    events = sorted(events_of(chart))
    state = machine.begin()
    done: list[tuple[str, str]] = []
    for choice in choices:
        event, message = events[choice % len(events)]
        driven: Any = chart()
        for before, said in [*done, (event, message)]:
            driven.send(before, message=said, sender="B")
        wanted = seen(driven)
        outcomes = machine.receive(state, message, "B")
        follows = [then for taking, then, _ in outcomes if taking is Taking.TAKEN] or [state]
        found = [then for then in follows if seen(holds(machine, then)) == wanted]
        if not found:  # another event of that name was taken, and this one has no transition
            assert wanted == seen(holds(machine, state))
            continue
        state = found[0]
        done.append((event, message))
        assert set(state.states) <= machine._structure.reached(machine.begin().states)
    assert machine.taken <= machine.declared
