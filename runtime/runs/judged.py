"""A run judged: the answer, and everything that is said about it, as lines and as JSON."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from runtime.runs.format import Run
from spec.monitor import Answer, Forbidden, Monitor, Unjudged
from spec.monitor.explanation import alone, diagram, nearest, sentences, shortest

WORDS = {Answer.ALLOWED: "conforms", Answer.FORBIDDEN: "does not conform", Answer.CANNOT_TELL: "undetermined"}
SHOWN = 5
"""Of what could not be judged, so much is told."""


@dataclass(frozen=True)
class Judged:
    """What a monitor says of a whole run; `first` is the first forbidden event with the shortest run that shows it."""

    answer: Answer
    judged: int
    first: Forbidden | None
    more: int
    unjudged: tuple[Unjudged, ...]

    @property
    def diagram(self) -> str:
        """What was seen, as a sequence diagram; empty if nothing is forbidden."""
        return "" if self.first is None else diagram(self.first)

    @property
    def nearest(self) -> str:
        """The nearest allowed run, as a sequence diagram; empty if nothing is forbidden."""
        return "" if self.first is None else nearest(self.first)


def judge(run: Run) -> Judged:
    """Judge a whole run."""
    monitor = run.monitor()
    monitor.see_all(run.seen)
    return judged(monitor)


def judged(monitor: Monitor) -> Judged:
    """What a monitor says by now."""
    first = monitor.forbidden[0] if monitor.forbidden else None
    told = None if first is None else shortest(first, alone(first, monitor))
    more = max(0, len(monitor.forbidden) - 1)
    return Judged(monitor.answer, monitor.judged, told, more, tuple(monitor.unjudged))


def lines(name: str, found: Judged) -> Iterator[str]:
    """The report on a run: the answer with what it is about, and why."""
    yield f"{WORDS[found.answer]}  {name}: a run, {found.judged} publications judged by the charts"
    if found.first is not None:
        for number, sentence in enumerate(sentences(found.first)):
            yield f"  error: forbidden at {found.first.at:g} s: {sentence}" if not number else f"    {sentence}"
        yield from (f"      {line}".rstrip() for line in found.diagram.splitlines())
        yield "    the nearest run that is allowed:"
        yield from (f"      {line}".rstrip() for line in found.nearest.splitlines())
    if found.more:
        yield f"  {found.more} more forbidden events follow"
    if found.answer is Answer.CANNOT_TELL and not found.unjudged:
        yield "  not judged: nothing was published"
    for one in found.unjudged[:SHOWN]:
        yield f"  not judged: {one.client or 'everybody'} at {one.seen.at:g} s: {one.why}"
    if len(found.unjudged) > SHOWN:
        yield f"  not judged: {len(found.unjudged) - SHOWN} more"


def report(name: str, found: Judged) -> dict[str, Any]:
    """The same as a JSON object."""
    first = found.first
    return {
        "run": name,
        "answer": found.answer.value,
        "judged": found.judged,
        "forbidden": None
        if first is None
        else {
            "client": first.client,
            "role": first.role,
            "at": first.at,
            "event": None if first.event is None else type(first.event).__name__,
            "why": list(sentences(first)),
            "where": list(first.where),
            "diagram": found.diagram,
            "allowed": found.nearest,
        },
        "more": found.more,
        "unjudged": [{"client": one.client, "at": one.seen.at, "why": one.why} for one in found.unjudged],
    }
