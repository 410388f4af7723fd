"""What is said of each step of a run, and of the run as a whole, at every level of the suite."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import spec.exploration
from machines.calls import Message
from runtime.runs.explored import observed
from spec.exploration.model.steps import Row
from spec.monitor import Monitor
from spec.monitor.explanation import sentences
from tests.properties.exchanges import DRAWN, differs
from tests.properties.harmless import harmless
from tests.properties.runs import Run, Step

MONITORED = "the monitor allows the run"
"""What is broken where what is seen on the bus is no run of the charts."""
OF_WHOLE_FILES = frozenset({"every file that a registered client knows has known fragments"})
"""What holds where every server brings the fragments of its files. A view that Hypothesis makes knows files of which
the fragments lie elsewhere, or nowhere.
"""
UNMOVED = "what means nothing to a server moves nothing"
ENDS = "whatever happens by itself comes to an end"
LONGEST = 600
"""Steps after which what happens by itself has no end."""

AS_CHARTS = "what runs does what its charts do"
"""What is broken where a level differs from the run."""


def _known_to_be_broken() -> Mapping[bool, frozenset[str]]:
    """The explorer's findings: properties that the protocol does not keep, by whether torrent servers are hardened."""
    file = Path(spec.exploration.__file__).with_name("findings.toml")
    rows: list[Any] = list(tomllib.loads(file.read_text(encoding="utf-8"))["finding"].values())
    return {
        False: frozenset(row["property"] for row in rows),
        True: frozenset(row["property"] for row in rows if not row["mended"] and row["scenario"] != "overtaking"),
    }


KNOWN_TO_BE_BROKEN = _known_to_be_broken()


def broken_by(run: Run, before: Row, step: Step, ignored: frozenset[str]) -> tuple[str, str]:
    """The property that a step, or the state after it, breaks, and why; both empty if none is."""
    world, label = run.world, step.label
    broken = (world.judge_step(before, label).broken | world.judge(step.row).broken) - ignored
    if not broken:
        return "", ""
    found = min(broken)
    why = differs(world.system, label.component, world.state(before, label.component), label) if found == DRAWN else ""
    return found, why


def forbidden_in(run: Run) -> str:
    """Why what an observer on the bus saw is no run of the charts, of ours at that; empty if it is one."""
    monitor = Monitor()
    for seen in observed(run.world.system, run.steps):
        forbidden = monitor.see(seen)
        if forbidden is not None:
            return "\n".join(sentences(forbidden))
    return ""


class Moved(NamedTuple):
    """Who would move, because of what, and that as a sentence."""

    component: int
    message: Message
    why: str


def moved_by(run: Run) -> Moved | None:
    """Who would move where the run has come to, though nothing comes that means anything; None if nobody would."""
    for component, message in meaningless(run):
        node, state = run.world.nodes[component], run.world.state(run.row, component)
        for outcome in node.receive(state, message):
            if outcome.sent or outcome.then != state:
                return Moved(component, message, f"{node.name} is {state.where}, and does not ignore {message}")
    return None


def meaningless(run: Run) -> Iterator[tuple[int, Message]]:
    """What means nothing to whom, where the run has come to."""
    world = run.world
    for component, node in enumerate(world.nodes):
        state = world.state(run.row, component)
        if not state.broken and not node.is_busy(state):
            for message in harmless(state.client, node.client.topics):  # type: ignore[attr-defined]
                yield component, message
