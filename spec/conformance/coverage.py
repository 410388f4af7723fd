"""Which transitions of charts the diagrams exercise, and which none of them does.

A transition is exercised by a diagram if the diagram draws its action on that lifeline, and it is done between two
states of its chart that runs of the diagram go through; or if it needs no drawing, and is done on the way between such
states. What a chart can do besides, and what it was merely asked, does not count. Transitions that differ only in their
guards count as one. Our own charts are counted where that is asked for (`ours`): it takes a look at all their steps.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from spec.binding.allowances import Allowances
from spec.system.composition import System
from spec.system.process import ChartMachine
from spec.system.stepped import SteppedMachine

Row = tuple[str, str, str]
"""A transition: where from, what, and where to (empty: it stays)."""


class Step(NamedTuple):
    """A step that a chart was asked for and did: its action, the local states, and its transitions."""

    state: Any
    label: str
    then: Any
    rows: frozenset[Row]


@dataclass(frozen=True)
class Coverage:
    """The transitions of one chart: all of them, and those that were exercised."""

    chart: str
    lifelines: tuple[str, ...]
    declared: frozenset[Row]
    exercised: frozenset[Row]

    @property
    def missed(self) -> list[Row]:
        """The transitions that were not exercised, in the order of their states' names."""
        return sorted(self.declared - self.exercised)


def covered(
    system: System,
    seen: Mapping[str, Collection[tuple[int, int]]],
    drawn: Mapping[str, Collection[str]],
    *,
    ours: bool = False,
) -> list[Coverage]:
    """What a diagram exercises in a system; with `ours`, of our charts, too.

    `seen` holds the local states, by number, that its runs go through, `drawn` the actions of each lifeline.
    """
    counted = (SteppedMachine, ChartMachine) if ours else SteppedMachine
    found = []
    for lifeline, machine in system.machines.items():
        if isinstance(machine, counted) and lifeline in seen and system.allowances.is_drawn(lifeline):
            met = system.numbers.met(lifeline)
            through = {met[number] for place, number in seen[lifeline] if place == id(system)}
            done: Mapping[tuple[Any, str, Any], Collection[Row]] = machine.done
            asked = {(here, label.partition(" ")[0]) for here, label in system.steps.asked(lifeline)}
            steps = [
                Step(here, label, then, frozenset(rows))
                for (here, label, then), rows in done.items()
                if (here, label) in asked or label[:1] not in {"?", "!"}  # others may have asked the chart more
            ]
            silent = [step for step in steps if _is_silent(step.label, lifeline, system.allowances)]
            loud = [step for step in steps if step.label in drawn.get(lifeline, ())]
            exercised = _exercised(loud, silent, through) & machine.declared
            found.append(Coverage(machine.name, (lifeline,), machine.declared, exercised))
    return found


ORDERS = frozenset({"?Start", "?Stop"})
"""What the owner of a server says to it, which no diagram draws."""


def _is_silent(label: str, lifeline: str, allowances: Allowances) -> bool:
    from_outside = label in ORDERS or label[1:] in allowances.from_outside(lifeline)
    return label[:1] not in {"?", "!"} or from_outside or allowances.may(lifeline, label)


def _exercised(loud: Collection[Step], silent: Collection[Step], through: set[Any]) -> frozenset[Row]:
    """The transitions of steps from one of these states to another: one that is drawn, with silent ones around it."""
    begins, ends = _after(silent, through), _before(silent, through)
    done = [step for step in loud if step.state in begins and step.then in ends]
    leading = _before(silent, through | {step.state for step in done})
    led = _after(silent, through | {step.then for step in done})
    done += [step for step in silent if step.state in begins and step.then in leading]
    done += [step for step in silent if step.state in led and step.then in ends]
    return frozenset(row for step in done for row in step.rows)


def _after(silent: Collection[Step], states: set[Any]) -> set[Any]:
    """Where silent steps lead to from these states."""
    found = set(states)
    while more := {step.then for step in silent if step.state in found} - found:
        found |= more
    return found


def _before(silent: Collection[Step], states: set[Any]) -> set[Any]:
    """Where silent steps lead to these states from."""
    found = set(states)
    while more := {step.state for step in silent if step.then in found} - found:
        found |= more
    return found


def joined(coverages: Iterable[Coverage]) -> tuple[Coverage, ...]:
    """What several diagrams exercise of each chart, whichever lifelines it plays."""
    found: dict[tuple[str, frozenset[Row]], Coverage] = {}
    for each in coverages:
        key = (each.chart, each.declared)
        known = found.get(key, Coverage(each.chart, (), each.declared, frozenset()))
        lifelines = tuple(dict.fromkeys((*known.lifelines, *each.lifelines)))
        found[key] = Coverage(each.chart, lifelines, each.declared, known.exercised | each.exercised)
    return tuple(found.values())
