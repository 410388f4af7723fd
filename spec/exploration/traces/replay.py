"""A trace played again, step by step, in the system in which nothing is left out.

A trace can come from a search that did not deliver what its receivers always ignore. Here everything is delivered, so
such an event lies in front of the next one that the trace speaks of. It is read where it is in the way: its receiver
ignores it where it is, so that this changes nothing, and whoever follows the run sees it.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from spec.exploration.fairness import Fairness
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.scenario import Scenario, ScenarioError, scenario_of
from spec.exploration.model.steps import Label, Row
from spec.exploration.properties.language import Properties, Property
from spec.exploration.traces.rendering import choices

KEPT = re.compile(r"^\s*//\s*(scenario|property|step \d+): (.*?)\s*$", re.MULTILINE)
NO_PROPERTY = "-"
"""In the place of a property: the run is to be possible, and no more is said of it."""
ACTOR = re.compile(r"(?:lose [12]|late will|interrupt \w+|\w+) (\w+)")


class Saved(NamedTuple):
    """What a file tells: a run in a scenario, and the claim that it breaks."""

    scenario: Scenario
    property_: str
    steps: tuple[str, ...]


class Replayed(NamedTuple):
    """A step of a trace, and the state after it. `number` is 0 where an event was read that was in the way."""

    number: int
    text: str
    label: Label
    row: Row


def read(text: str, where: str) -> Saved:
    """The trace of a file that people may have edited. Raises `ScenarioError` if it holds none, or one with a hole."""
    found: dict[str, str] = {}
    for key, value in KEPT.findall(text):
        if key in found:
            raise ScenarioError(f"{where}: the comment '// {key}:' stands there twice; keep one")
        found[key] = value
    if "scenario" not in found or "property" not in found:
        raise ScenarioError(f"{where}: holds no trace; it needs the comments '// scenario: ...' and '// property: ...'")
    steps = {key: value for key, value in found.items() if key.startswith("step ")}
    for number in range(1, len(steps) + 1):
        if f"step {number}" not in steps:
            raise ScenarioError(f"{where}: step {number} is missing; steps are numbered from 1 without a gap")
    scenario = _scenario_in(found["scenario"], f"{where}: the comment '// scenario:'")
    return Saved(scenario, found["property"], tuple(steps[f"step {number}"] for number in range(1, len(steps) + 1)))


def _scenario_in(text: str, where: str) -> Scenario:
    try:
        table = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ScenarioError(f"{where}: is not JSON: {error}") from None
    if not isinstance(table, dict) or not isinstance(table.get("faults", {}), dict):
        raise ScenarioError(f"{where}: has to be an object, and its faults, too")
    bounds = {name: "any" if bound is None else bound for name, bound in table.get("faults", {}).items()}
    try:
        return scenario_of(where, str(table.pop("name", "")), {**table, "faults": bounds})
    except (ScenarioError, TypeError) as error:
        told = str(error)
        raise ScenarioError(told if told.startswith(where) else f"{where}: {told}") from None


def play(system: ClosedSystem, steps: Sequence[str]) -> Iterator[Replayed]:
    """The run that the steps tell; `system` has to deliver everything.

    Raises `ScenarioError` at a step that cannot happen, with those that can.
    """
    row = system.initial()
    for number, wanted in enumerate(steps, start=1):
        skipped = _until(system, row, wanted)
        if skipped is None:
            known = "; ".join(text for text, _, _ in choices(system, row)) or "nothing"
            raise ScenarioError(f"step {number}: {wanted!r} cannot happen here; what can: {known}")
        yield from skipped
        row = skipped[-1].row if skipped else row
        label, row = next((label, then) for text, label, then in choices(system, row) if text == wanted)
        yield Replayed(number, wanted, label, row)


def rest(system: ClosedSystem, row: Row) -> Iterator[Replayed]:
    """Whatever is under way and ignored where it arrives is read."""
    while (skipped := next(_ignored(system, row), None)) is not None:
        yield skipped
        row = skipped.row


def repeats(system: ClosedSystem, properties: Properties, property_: Property, steps: Sequence[Replayed]) -> int | None:
    """How many of the last steps of a run are repeated for ever, if that breaks a property about runs; else None.

    0 if nothing more can happen by itself (`spec.exploration.fairness`). Events that are ignored where the run ends are
    taken as read.
    """
    fairness = Fairness(system, properties)
    rows, labels = [system.initial(), *(step.row for step in steps)], [step.label for step in steps]
    found = fairness.breaks(property_, rows, labels)
    if found is None:
        rested = [*rest(system, rows[-1])]
        rows, labels = [*rows, *(step.row for step in rested)], [*labels, *(step.label for step in rested)]
        found = fairness.breaks(property_, rows, labels) if rested else None
    return found


def _until(system: ClosedSystem, row: Row, wanted: str) -> list[Replayed] | None:
    """What has to be read before a step can happen: by who acts in it, or by everybody; None if it cannot happen."""
    actor = ACTOR.match(wanted)
    for name in (actor[1] if actor else "", ""):
        here, skipped = row, list[Replayed]()
        while True:
            if any(text == wanted for text, _, _ in choices(system, here)):
                return skipped
            one = next(_ignored(system, here, name), None)
            if one is None:
                break
            skipped.append(one)
            here = one.row
    return None


def _ignored(system: ClosedSystem, row: Row, name: str = "") -> Iterator[Replayed]:
    """The events that can be read next, by the server of that name or by any, and are ignored."""
    for text, label, then in choices(system, row):
        node = system.nodes[label.component]
        if label.kind == "read" and name in {"", node.name}:
            state = system.numbers.locals[label.component][
                system.numbers.slots[label.component][row[label.component]].local
            ]
            if node.ignores(state, label.message):
                yield Replayed(0, text, label, then)
