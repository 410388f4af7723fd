"""What exploring a scenario found: a verdict for each property, and one for all. What is not known is no pass."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from spec.exploration.engine.search import Found
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.properties.language import Property
from spec.exploration.traces.elaboration import Run

Word = Literal["holds", "broken", "undetermined", "does not apply"]


class Explorable(Protocol):
    """What can be explored: a scenario, or a system of other charts."""

    @property
    def name(self) -> str:
        """What it is called."""

    def build(self, **options: Any) -> ClosedSystem:
        """The closed system; `options` are those of `ClosedSystem`."""

    def interchangeable_groups(self) -> tuple[tuple[int, ...], ...]:
        """The components that differ in their names only, in groups."""


@dataclass(frozen=True)
class Verdict:
    """What became of a property."""

    property_: Property
    holds: bool | None
    """None where that is not known, or the property does not apply."""
    non_vacuous: bool
    """Whether its premise held in any state."""
    run: Run = ()
    """The shortest run that breaks it."""
    trace: str = ""
    """The same as a sequence diagram."""
    applies: bool = True
    """Whether it says anything of the system at all: of stabilisation, say, where there can be one."""
    reason: str = ""
    """Why it is undetermined."""
    assumed: str = ""
    """What was assumed of runs; empty for a property about states."""
    happens: str = ""
    """The same in one line: what goes wrong in it."""
    repeats: int = 0
    """How many of the last steps of a run that breaks a property about runs are repeated for ever; 0 if it ends there.
    """

    @property
    def word(self) -> Word:
        """`holds`, `broken`, `undetermined` or `does not apply`."""
        if self.holds is not None:
            return "holds" if self.holds else "broken"
        return "undetermined" if self.applies else "does not apply"


@dataclass(frozen=True, repr=False)
class Result:
    """What exploring a scenario found."""

    scenario: Explorable
    found: Found
    verdicts: tuple[Verdict, ...]
    system: ClosedSystem
    asymmetry: str = ""
    """Why states that differ in names only were told apart, although they were to count as one."""

    @property
    def verdict(self) -> Literal["holds", "broken", "undetermined"]:
        """`broken` if any property is; otherwise `undetermined` if any is, or none applies."""
        return joined(self.verdicts)

    @property
    def holds(self) -> bool:
        """Whether every claim that applies holds, and at least one does. What is undetermined does not hold."""
        return self.verdict == "holds"

    def __repr__(self) -> str:
        return f"<Result {self.scenario.name}: {self.verdict}, {self.found.progress.states:,} states>"

    def __str__(self) -> str:
        return "\n".join((*self.heading(), "", *table(self.verdicts)))

    def heading(self) -> Iterator[str]:
        """What was searched, and how far, as lines."""
        progress = self.found.progress
        yield f"{self.scenario.name}: {self.verdict}"
        covered = "all of them" if self.found.complete else f"not all of them: {self.found.stopped}"
        rate = progress.states / max(progress.seconds, 1e-9)
        yield (
            f"{progress.states:,} states ({covered}), {progress.transitions:,} transitions, depth {progress.depth}, "
            f"{progress.seconds:.1f} s, {rate:,.0f} states/s"
        )
        if self.asymmetry:
            yield f"Names were told apart, since they matter: {self.asymmetry}."

    def as_data(self) -> dict[str, Any]:
        """The result as plain data."""
        progress = self.found.progress
        return {
            "scenario": self.scenario.name,
            "verdict": self.verdict,
            "states": progress.states,
            "transitions": progress.transitions,
            "depth": progress.depth,
            "seconds": round(progress.seconds, 3),
            "complete": self.found.complete,
            "stopped": self.found.stopped or None,
            "asymmetry": self.asymmetry or None,
            "properties": [data_of(verdict) for verdict in self.verdicts],
        }


def joined(verdicts: tuple[Verdict, ...]) -> Literal["holds", "broken", "undetermined"]:
    """One verdict for all: `broken` if one is; else `undetermined` if one is, or if none holds; else `holds`."""
    words = {verdict.word for verdict in verdicts}
    if "broken" in words:
        return "broken"
    return "undetermined" if "undetermined" in words or "holds" not in words else "holds"


def data_of(verdict: Verdict) -> dict[str, Any]:
    """A verdict as plain data."""
    return {
        "name": verdict.property_.name,
        "kind": verdict.property_.when,
        "verdict": verdict.word,
        "reason": verdict.reason or None,
        "holds": verdict.holds,
        "exercised": verdict.non_vacuous,
        "steps": len(verdict.run) if verdict.trace else None,
        "happens": verdict.happens or None,
        "counterexample": verdict.trace or None,
        **({"assumed": verdict.assumed} if verdict.assumed else {}),
    }


def table(verdicts: tuple[Verdict, ...]) -> Iterator[str]:
    """A line for each verdict, with why it is undetermined; then the traces of those that are broken."""
    width = max(8, *(len(verdict.property_.when) + 2 for verdict in verdicts), 0)
    for verdict in verdicts:
        word = verdict.word.upper() if verdict.word == "broken" else verdict.word
        why = f" ({verdict.reason})" if verdict.word == "undetermined" else ""
        yield f"{word:<16}{verdict.property_.when:<{width}}{verdict.property_.name}{why}"
    if not any(verdict.applies for verdict in verdicts):
        yield "undetermined: none of these properties says anything of this scenario"
    for assumed in dict.fromkeys(verdict.assumed for verdict in verdicts if verdict.assumed):
        yield f"\nAssumed of runs: {assumed}."
    for verdict in verdicts:
        if verdict.trace:
            source = " ".join(verdict.property_.source.split())
            yield f"\n{verdict.property_.name}: {len(verdict.run)} steps\n{source}\n\n{verdict.trace}"
