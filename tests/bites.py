"""How well conformance bites: charts with one fault each, held against all diagrams of the specification.

`python -m tests.bites [CHART ...]` tries every mutant, a matter of minutes, and prints a table: chart, kind,
how many were found and by which question; `tests/test_bites.py` tries a part. Those that no question finds stand in
`tests/survivors.toml`, by reason.
A question is one diagram (the charts can do what it says) or one use case (its courses say what the charts can do).
"""

import sys
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from machines import Broker, Clock, DistributionView, TorrentServer, Tracker
from machines.calls import Answer
from machines.participant import Participant
from spec.binding import load
from spec.cast import Cast, CastError
from spec.checking import DIAGRAMS, compared, explored, read_accepted
from spec.conformance import Finding
from spec.courses import Course, Specification, UseCase, specification
from spec.machine import steps_of
from tests.mutants import Mutant, copy_of, forget_tables, mutants_of

CHARTS: tuple[type[Participant], ...] = (Tracker, TorrentServer, Broker, Clock, DistributionView)
SURVIVORS = Path(__file__).parent / "survivors.toml"
Question = Course | UseCase
ANSWERS = frozenset(f"?{answer.__name__}" for answer in Answer.__subclasses__())
"""What a chart awaits from its own server decides, as what it sends does, whether it reads the bus."""


@cache
def whole() -> Specification:
    """All diagrams of the specification."""
    texts = [(file.name, file.read_text(encoding="utf-8")) for file in sorted(DIAGRAMS.glob("*.txt"))]
    return specification(texts, load(), {})


def name_of(question: Question) -> str:
    return question.name if isinstance(question, UseCase) else question.diagram.file.removesuffix(".txt")


def ask(question: Question, charts: Mapping[str, type[Participant]]) -> list[Finding]:
    """What is wrong with these charts, or with what the diagrams say of them."""
    cast = Cast(whole().binding, {**whole().charts, **charts})
    accepted = read_accepted(DIAGRAMS / "accepted.toml")
    try:
        found = compared(question, cast) if isinstance(question, Course) else explored(question, cast)
    except CastError as error:
        return [Finding("no-beginning", str(error))]
    file = question.diagram.file if isinstance(question, Course) else ""
    return [f for f in found.findings if not f.warning and not any(one.covers(f, file) for one in accepted)]


def cast_with(chart: type[Participant]) -> dict[str, type[Participant]]:
    """A chart in the place of ours of that name; a torrent server also in that of the registered client."""
    if issubclass(chart, TorrentServer) or chart.__name__ == "TorrentServer":

        class RegisteredClient(chart):  # type: ignore[misc, valid-type]
            begins = "registered"

        return {"TorrentServer": chart, "RegisteredClient": RegisteredClient}
    return {chart.__name__: chart}


@dataclass
class Trial:
    """A chart on trial: which questions visit which of its states, each answered well by the chart without a fault."""

    chart: type[Participant]
    visited: dict[str, frozenset[str]] = field(default_factory=dict)
    asked: dict[str, frozenset[tuple[str, str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        complete = [use_case for use_case in whole().use_cases if not use_case.begin.examples]
        self.questions: list[Question] = [*whole().courses, *complete]
        for question in self.questions:
            charts = cast_with(copy_of(self.chart))
            findings = ask(question, charts)
            assert not findings, f"{self.chart.__name__} without a fault: {name_of(question)}: {findings[0].message}"
            steps = [steps_of(chart) for chart in charts.values()]
            name = name_of(question)
            self.visited[name] = frozenset(
                state for one in steps for snapshot in one.sends for state in snapshot.states
            )
            self.asked[name] = frozenset(
                (state, f"?{type(message).__name__}")
                for one in steps
                for snapshot, message, _ in one.received
                for state in snapshot.states
            ) | frozenset(
                (state, f"!{type(sending.message).__name__}")
                for one in steps
                for snapshot, sendings in one.sends.items()
                for sending in sendings
                for state in snapshot.states
            )
        forget_tables()

    def meets(self, mutant: Mutant) -> list[Question]:
        """The questions that can tell a mutant from its chart, the likeliest first."""
        tried = {(state, mutant.label) for state in mutant.sources}
        alone = self.chart is not Broker or kind_of(mutant) == "exchange"  # in parallel regions no send goes first
        if (mutant.label[0] == "!" and alone) or mutant.label in ANSWERS:
            able = [one for one in self.questions if mutant.sources & self.visited[name_of(one)]]
            return sorted(able, key=lambda one: not tried & self.asked[name_of(one)])
        return [one for one in self.questions if tried & self.asked[name_of(one)]]

    def killer(self, mutant: Mutant) -> tuple[str, Finding] | None:
        """The question that finds the fault, and what it finds."""
        copy = copy_of(self.chart)
        charts = cast_with(copy)
        mutant.fault(copy)
        try:
            for question in self.meets(mutant):
                for finding in ask(question, charts):
                    return name_of(question), finding
        finally:
            forget_tables()
        return None


EQUIVALENT = "the guard that was dropped decides nothing: the first arrow that passes is the same without it"


@cache
def listed() -> Mapping[tuple[str, str], str]:
    """The mutants that no question finds, by chart and name, with the reason."""
    rows = tomllib.loads(SURVIVORS.read_text(encoding="utf-8"))["survivors"]
    return {(chart, name): row["why"] for row in rows for chart, names in row["mutants"].items() for name in names}


@cache
def unspoken() -> tuple[tuple[frozenset[str], frozenset[str], str], ...]:
    """The charts and the messages of which no diagram speaks, with the reason."""
    rows = tomllib.loads(SURVIVORS.read_text(encoding="utf-8"))["unspoken"]
    return tuple((frozenset(row["charts"]), frozenset(row["messages"]), row["why"]) for row in rows)


def excuse(mutant: Mutant) -> str:
    """Why no question finds a mutant; an empty string if one has to."""
    chart = mutant.chart.__name__
    for charts, messages, why in unspoken():
        if chart in charts and mutant.label[1:] in messages:
            return why
    return EQUIVALENT if mutant.equivalent else listed().get((chart, mutant.name), "")


def kind_of(mutant: Mutant) -> str:
    """What sort of fault it is: the first words of its name, without what they are about."""
    words = mutant.name.partition(":")[0]
    for kind in ("negate", "exchange", "skip", "flip"):
        if words.startswith(kind):
            return kind
    return "drop" if words == "drop" else "drop guard or change" if words.startswith("drop") else words


def main(names: Sequence[str]) -> int:
    wrong, reasons = 0, Counter[str]()
    for chart in CHARTS:
        if names and chart.__name__ not in names:
            continue
        since = time.process_time()
        trial = Trial(chart)
        tried: Counter[str] = Counter()
        killed: dict[str, Counter[str]] = defaultdict(Counter)
        for mutant in mutants_of(chart):
            tried[kind_of(mutant)] += 1
            why = excuse(mutant)
            found = None if why == EQUIVALENT else trial.killer(mutant)
            if found is not None:
                killed[kind_of(mutant)][found[0]] += 1
                if why:
                    print(f"  is found, though it is listed: {mutant.name} ({found[0]}: {found[1].message})")
            else:
                reasons[why] += 1
                if not why:
                    print(
                        f"  SURVIVES{'' if trial.meets(mutant) else ' unvisited'}: {chart.__name__}: {mutant.name}",
                        flush=True,
                    )
            wrong += (found is None) is not bool(why)
        for kind, number in tried.items():
            by = ", ".join(f"{name} {count}" for name, count in killed[kind].most_common(4))
            print(f"{chart.__name__:16} {kind:20} {sum(killed[kind].values()):4} of {number:4}  {by}")
        total = sum(sum(by.values()) for by in killed.values())
        print(f"{chart.__name__}: {total} of {sum(tried.values())}, {time.process_time() - since:.0f} s", flush=True)
    for why, number in reasons.most_common():
        print(f"{number:5}  {why or 'NO REASON IS KNOWN'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
