"""Certificates: the inductive set of views, written down for `certify`, which shares no code with the search."""

import json
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from machines.participant import Snapshot
from spec.exploration.any_number.certify import FORMAT
from spec.exploration.any_number.fixpoint import Fixpoint, Options, fixpoint
from spec.exploration.any_number.restriction import NotInterchangeable
from spec.exploration.any_number.verdicts import ForEveryNumber
from spec.exploration.model.node import ServerState
from spec.exploration.model.scenario import Scenario, ScenarioError

COVERED = frozenset({"losses", "storage failure"})
"""The faults that the checker knows."""
CLAIMED = frozenset({"always", "quiescent"})
"""The kinds of properties that it judges: those of views. That runs terminate is said of the steps between them."""


def covered(scenario: Scenario) -> str:
    """Why there can be no certificate of a scenario; empty if there can."""
    more = sorted({*scenario.happening} - COVERED)
    bounded = [fault for fault, bound in scenario.happening.items() if bound is not None]
    if more or bounded or scenario.stabilisation or scenario.unordered or scenario.keeps_hops or scenario.loses:
        return "the checker covers unbounded losses and storage failures, on a bus in order, without stabilisation"
    plain = Scenario(
        scenario.name, scenario.description, scenario.torrents, timeouts=scenario.timeouts, faults=scenario.faults
    )
    if scenario != plain:
        return "the checker covers servers as drawn that all begin alike, without files and rivals"
    return ""


def claims_of(verdicts: Iterable[ForEveryNumber]) -> tuple[str, ...]:
    """The names of the properties that hold, and that views tell of."""
    return tuple(
        one.property_.name for one in verdicts if one.word == "holds for every number" and one.property_.when in CLAIMED
    )


def certificate(scenario: Scenario, claims: tuple[str, ...], options: Options) -> dict[str, Any]:
    """The certificate of what is claimed. Raises `ScenarioError` where there can be none."""
    if why := covered(scenario):
        raise ScenarioError(f"--certificate: {why}")
    try:
        done = fixpoint(scenario, replace(options, symmetric=False, reduced=False))
    except NotInterchangeable as found:
        raise ScenarioError(f"--certificate: {found}") from None
    if not done.complete:
        raise ScenarioError(f"--certificate: there is no fixpoint: {done.stopped}")
    return _of(scenario, claims, done)


def _of(scenario: Scenario, claims: tuple[str, ...], done: Fixpoint) -> dict[str, Any]:
    numbers: dict[Hashable, int] = {}
    system = done.system

    def number(value: Hashable) -> int:
        return numbers.setdefault(value, len(numbers))

    def charts(local: Hashable) -> tuple[Snapshot, ...]:
        assert isinstance(local, ServerState)
        return local[:3]

    views = []
    for at in range(done.search.count):
        slots = [system.numbers.slots[component][slot] for component, slot in enumerate(done.search.row(at)[:-1])]
        queues = [[number(system.numbers.messages[message]) for message in slot.down] for slot in slots]
        locals_ = [number(charts(system.numbers.locals[component][slot.local])) for component, slot in enumerate(slots)]
        views.append([*locals_, *queues])
    order = sorted(system.knowledge.counted)
    wanted = [order.index(name) for name in ("pending", "running")]
    profiles = [[number(charts(base)), [bits[at] for at in wanted]] for base, bits in system.knowledge.profiles]
    return {
        "format": FORMAT,
        "scenario": {
            "name": scenario.name,
            "timeouts": scenario.timeouts,
            "loses": "losses" in scenario.happening,
            "fails": "storage failure" in scenario.happening,
        },
        "claims": list(claims),
        "values": [encoded(value) for value in numbers],
        "views": views,
        "profiles": profiles,
    }


def encoded(value: Any) -> Any:
    """Plain data as JSON: a list says in its first element what it is. Raises `TypeError` for anything else."""
    if isinstance(value, Enum):
        return [type(value).__name__, value.value]
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Snapshot):
        return ["Snapshot", {"states": encoded(value.states), "data": encoded(value.data)}]
    if is_dataclass(value):
        return [type(value).__name__, {each.name: encoded(getattr(value, each.name)) for each in fields(value)}]
    if isinstance(value, Mapping):
        return ["mapping", [[encoded(key), encoded(part)] for key, part in value.items()]]
    if isinstance(value, tuple | frozenset):
        return ["tuple" if isinstance(value, tuple) else "set", [encoded(part) for part in value]]
    raise TypeError(f"{value!r} cannot be written down")


def write(path: Path, made: Mapping[str, Any]) -> None:
    """Write a certificate to a file. Raises `OSError`."""
    path.write_text(json.dumps(made, separators=(",", ":")), encoding="utf-8")
