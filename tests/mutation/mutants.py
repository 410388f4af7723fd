"""Charts with one fault each: what a test of the charts is worth shows in how many of them it finds.

A mutant is a fresh copy of a chart in whose table one thing is other than drawn. It is made by changing the copy's
transitions before the first instance exists, so every kind of fault is a few lines, and the charts know nothing of it.
"""

import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import product
from types import CodeType
from typing import Any

from statemachine import State
from statemachine.callbacks import CallbackGroup
from statemachine.transition import Transition

from machines.calls import Message
from machines.participant import (
    Decision,
    Participant,
    Rule,
    all_states,
    arrows_of,
    atomic_states,
    decision_table,
    guards_of,
    label_of,
    lineage,
)

Fault = partial[None]


@dataclass(frozen=True)
class Mutant:
    """A fault in a chart; `sources` are the atomic states in which it can show, if it is one that can."""

    chart: type[Participant]
    name: str
    sources: frozenset[str]
    label: str
    fault: Fault
    equivalent: bool = False
    """Whether the copy cannot act otherwise than the chart: the arrow lost a guard that decides nothing."""

    def make(self) -> type[Participant]:
        """A copy of the chart with the fault in it."""
        copy = copy_of(self.chart)
        self.fault(copy)
        return copy


def copy_of(chart: type[Participant]) -> type[Participant]:
    """The same chart as another class, with states and transitions of its own."""
    names = dict(vars(sys.modules[chart.__module__]))
    exec(source_of(chart), names)
    copy: type[Participant] = names[chart.__name__]
    return copy


@cache
def source_of(chart: type[Participant]) -> CodeType:
    return compile(inspect.getsource(chart), chart.__module__, "exec")


def mutants_of(chart: type[Participant]) -> Iterator[Mutant]:
    """Every mutant of a chart that differs from it in one arrow, in the order of two sends, or in one decision."""
    for number, arrow in enumerate(arrows(chart)):
        for kind, fault in faults(chart, arrow, number):
            equivalent = fault.func is drop_callback and is_redundant(arrow, *fault.args[1:])
            name = f"{kind}: {drawn(arrow)}"
            yield Mutant(chart, name, leaves_under(arrow.source), label_of(arrow), fault, equivalent)
    for number, line in enumerate(chart.rules):
        for message in [one for one in chart.inputs if one in line.messages]:
            states = frozenset(state for state in decided_by(chart, line, message))
            name = f"flip {number}: {line.decision.value} {message.__name__} in {' '.join(sorted(line.states))}"
            yield Mutant(chart, name, states, f"?{message.__name__}", partial(flip, number, message), not states)


def arrows(chart: type[Participant]) -> list[Transition]:
    """All transitions, in document order."""
    return [arrow for state in all_states(chart) for arrow in arrows_of(state)]


def drawn(arrow: Transition) -> str:
    """An arrow as a text that tells it from all others of its chart."""
    guards = [("" if spec.expected_value else "not ") + str(spec.attr_name) for spec in arrow.cond]
    condition = f" [{', '.join(guards)}]" if guards else ""
    return f"{arrow.source.id} {label_of(arrow)} {target_of(arrow).id}{condition}"


def faults(chart: type[Participant], arrow: Transition, number: int) -> Iterator[tuple[str, Fault]]:
    """What can be wrong with one arrow."""
    yield "drop", partial(drop, number)
    yield "retarget", partial(retarget, number, stranger(chart, arrow).id)
    for place, spec in enumerate(arrow.cond):
        yield f"negate {spec.attr_name}", partial(negate, number, place)
        yield f"drop {spec.attr_name}", partial(drop_callback, number, CallbackGroup.COND, place)
    for place, spec in enumerate(named(arrow, CallbackGroup.ON)):
        yield f"drop {spec.attr_name}", partial(drop_callback, number, CallbackGroup.ON, place)
    following = [other for state in lineage(leaf(arrow)) for other in arrows_of(state) if label_of(other)[0] == "!"]
    for target in dict.fromkeys(target_of(other).id for other in following):
        if target != target_of(arrow).id:
            yield f"skip what is sent before {target}", partial(retarget, number, target)
    for other in following:
        if label_of(arrow)[0] == "!" and other.source is not arrow.source:
            yield f"exchange with {drawn(other)}", partial(exchange, number, arrows(chart).index(other))


def decided_by(chart: type[Participant], line: Rule, message: type[Message]) -> Iterator[str]:
    """The states in which a rule decides about a message."""
    for state in atomic_states(chart):
        cell = decision_table(chart)[state.id].get(message)
        reached = not line.states or line.states & {holder.id for holder in lineage(state)}
        if cell and reached and (cell.otherwise, cell.because) == (line.decision, line.because):
            yield state.id


def stranger(chart: type[Participant], arrow: Transition) -> State:
    """A state that an arrow does not lead to: the next atomic one, within its parallel region if it has one."""
    region = next((one for one in lineage(arrow.source) if one.parent and one.parent.parallel), None)
    states = [state for state in atomic_states(chart) if region is None or region in lineage(state)]
    return states[(states.index(leaf(arrow)) + 1) % len(states)]


def target_of(arrow: Transition) -> State:
    return arrow.target or arrow.source


def leaf(arrow: Transition) -> State:
    """The atomic state that an arrow leads to."""
    state = target_of(arrow)
    while state.states:
        state = next(child for child in state.states if child.initial)
    return state


def leaves_under(state: State) -> frozenset[str]:
    """The atomic states that a state holds."""
    if not state.states:
        return frozenset({state.id})
    return frozenset().union(*(leaves_under(child) for child in state.states))


def named(arrow: Transition, group: CallbackGroup) -> list[Any]:
    """The guards, or the changes, that an arrow is drawn with."""
    return [spec for spec in arrow._specs if spec.group is group and not spec.is_convention]


def is_redundant(arrow: Transition, group: CallbackGroup, place: int) -> bool:
    """Whether a guard decides nothing: the first arrow that passes is the same without it."""
    if group is not CallbackGroup.COND:
        return False
    rivals = [other for other in arrows_of(arrow.source) if label_of(other) == label_of(arrow)]
    guards = [guards_of(other) for other in rivals]
    without = [*guards]
    without[rivals.index(arrow)] = tuple(guard for at, guard in enumerate(guards_of(arrow)) if at != place)
    names = sorted({name for conditions in guards for name, _ in conditions})
    answers = (dict(zip(names, values, strict=True)) for values in product((False, True), repeat=len(names)))
    return all(first_to_pass(guards, answer) == first_to_pass(without, answer) for answer in answers)


def first_to_pass(guards: Sequence[tuple[tuple[str, bool], ...]], answers: Mapping[str, bool]) -> int | None:
    passing = (all(answers[name] == expected for name, expected in conditions) for conditions in guards)
    return next((number for number, passes in enumerate(passing) if passes), None)


# The faults.


def drop(number: int, chart: type[Participant]) -> None:
    arrow = arrows(chart)[number]
    arrow.source.transitions.transitions.remove(arrow)


def retarget(number: int, state: str, chart: type[Participant]) -> None:
    arrows(chart)[number]._targets = [next(one for one in all_states(chart) if one.id == state)]


def negate(number: int, place: int, chart: type[Participant]) -> None:
    spec = named(arrows(chart)[number], CallbackGroup.COND)[place]
    spec.expected_value = not spec.expected_value


def drop_callback(number: int, group: CallbackGroup, place: int, chart: type[Participant]) -> None:
    arrow = arrows(chart)[number]
    arrow._specs.items.remove(named(arrow, group)[place])


def exchange(number: int, other: int, chart: type[Participant]) -> None:
    first, second = arrows(chart)[number], arrows(chart)[other]
    first._events, second._events = second._events, first._events


def flip(number: int, message: type[Message], chart: type[Participant]) -> None:
    """What is ignored for a reason is refused, or the other way round."""
    line = chart.rules[number]
    other = Decision.IMPOSSIBLE if line.decision is Decision.IGNORED else Decision.IGNORED
    changed = replace(line, decision=other, messages=frozenset({message}))
    chart.rules = (*chart.rules[:number], changed, *chart.rules[number:])
