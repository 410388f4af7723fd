"""How well conformance bites: charts with one fault each, checked against all diagrams of the specification.

`python -m tests.mutation.conformance [CHART ...]` tries every mutant, a matter of minutes, and prints a table: chart,
kind, how many were found and by which question; `tests/mutation/test_conformance.py` tries a part. Those that no
question finds stand in `tests/mutation/survivors.toml`, by reason. `--equivalence` compares those that are said there
to act like their charts with these, step by step (`tests.mutation.bisimulation`). A question is one diagram (the charts
can do what it says) or one use case (its scenarios say what the charts can do).
"""

import sys
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from machines import Broker, Clock, DistributionView, TorrentServer, Tracker
from machines.calls import Answer
from machines.participant import Participant, Snapshot
from spec.binding import load
from spec.conformance.baseline import Accepted
from spec.conformance.bind import BoundDiagram
from spec.conformance.checker import compared, explored, read_accepted
from spec.conformance.inclusion import Finding
from spec.conformance.specification import Specification, UseCase, specification
from spec.system.driving import CastError
from spec.system.garbage import collected_seldom
from spec.system.process import steps_of
from spec.system.setup import Charts, SystemFactory
from tests.mutation.bisimulation import MANY, Behaviour, Scenarios
from tests.mutation.bisimulation import difference as difference_in
from tests.mutation.bisimulation import explored as explored_behaviours
from tests.mutation.equivalence import difference
from tests.mutation.mutants import Mutant, copy_of, mutants_of
from tests.support.places import DIAGRAMS

CHARTS: tuple[type[Participant], ...] = (Tracker, TorrentServer, Broker, Clock, DistributionView)
SURVIVORS = Path(__file__).parent / "survivors.toml"
Question = BoundDiagram | UseCase
ANSWERS = frozenset(f"?{answer.__name__}" for answer in Answer.__subclasses__())
"""What a chart awaits from its own server decides, as what it sends does, whether it reads the bus."""


@cache
def whole() -> Specification:
    """All diagrams of the specification."""
    texts = [(file.name, file.read_text(encoding="utf-8")) for file in sorted(DIAGRAMS.glob("*.txt"))]
    return specification(texts, load(), {})


def name_of(question: Question) -> str:
    return question.name if isinstance(question, UseCase) else question.diagram.file.removesuffix(".txt")


def ask(question: Question, charts: Charts) -> tuple[list[Finding], SystemFactory]:
    """What is wrong with these charts, or with what the diagrams say of them; and who took part."""
    factory = SystemFactory(whole().binding, {**whole().charts, **charts})
    try:
        found = (
            compared(question, factory, only_first=True)
            if isinstance(question, BoundDiagram)
            else explored(question, factory)
        )
    except CastError as error:
        return [Finding("no-beginning", str(error))], factory
    known = {one.id for one in accepted()}
    return [f for f in found.findings if not f.warning and f.identifier not in known], factory


@cache
def accepted() -> Sequence[Accepted]:
    return read_accepted(DIAGRAMS / "baseline.toml")


def cast_with(chart: type[Participant]) -> dict[str, type[Participant]]:
    """A chart in the place of ours of that name; a torrent server also in that of the registered client."""
    if issubclass(chart, TorrentServer) or chart.__name__ == "TorrentServer":

        class RegisteredClient(chart):  # type: ignore[misc, valid-type]
            begins = "registered"

        return {"TorrentServer": chart, "RegisteredClient": RegisteredClient}
    return {chart.__name__: chart}


class Trial:
    """Copies of all charts, without a fault so far: they answer each question well, and what it asks is noted."""

    def __init__(self) -> None:
        complete = [use_case for use_case in whole().use_cases if use_case.says_all]
        self.questions: list[Question] = [*whole().diagrams_bound, *complete]
        self.charts: dict[str, type[Participant]] = {}
        for chart in CHARTS:
            self.charts |= cast_with(copy_of(chart))
        self.visited: dict[str, set[tuple[str, str]]] = {}
        """For each question the charts, each with its atomic states that it visits."""
        self.asked: dict[str, set[tuple[str, str, str]]] = {}
        """The same with what a chart can send there, or is to receive."""
        self._begun: dict[str, set[Snapshot]] = defaultdict(set)
        for question in self.questions:
            findings, factory = ask(question, self.charts)
            assert not findings, f"charts without a fault: {name_of(question)}: {findings[0].message}"
            self._note(name_of(question), factory)
        self.behaviours = {name: Behaviour(beginnings=self._begun[name]) for name in self.charts}
        for name, chart in self.charts.items():
            self.behaviours[name].learn(steps_of(chart))

    def _note(self, question: str, factory: SystemFactory) -> None:
        visited, asked = self.visited.setdefault(question, set()), self.asked.setdefault(question, set())
        for system in factory.made():
            for lifeline, machine in system.machines.items():
                chart = whole().binding.players[lifeline].chart
                begin = machine.begin()
                if isinstance(begin, Snapshot):
                    self._begun[chart].add(begin)
                visited |= {(chart, state) for local in system.numbers.met(lifeline) for state in machine.where(local)}
                for local, action in system.steps.asked(lifeline):
                    asked |= {(chart, state, action) for state in machine.where(local)}

    def meets(self, mutant: Mutant) -> list[Question]:
        """The questions that can tell a mutant from its chart, the likeliest first."""
        charts = cast_with(mutant.chart)
        here = {(chart, state) for chart in charts for state in mutant.sources}
        tried = {(chart, state, mutant.label) for chart, state in here}
        alone = mutant.chart is not Broker or kind_of(mutant) == "exchange"  # in parallel regions no send goes first
        if (mutant.label[0] == "!" and alone) or mutant.label in ANSWERS:
            able = [one for one in self.questions if here & self.visited[name_of(one)]]
            return sorted(able, key=lambda one: not tried & self.asked[name_of(one)])
        return [one for one in self.questions if tried & self.asked[name_of(one)]]

    def killer(self, mutant: Mutant) -> tuple[str, Finding] | None:
        """The question that finds the fault, and what it finds."""
        copy = copy_of(mutant.chart)
        charts = {**self.charts, **cast_with(copy)}
        mutant.fault(copy)
        for question in self.meets(mutant):
            for finding in ask(question, charts)[0]:
                return name_of(question), finding
        return None


@cache
def behaviours(scenarios: Scenarios) -> Mapping[str, Sequence[Behaviour]]:
    """What charts without a fault do in closed systems, those of the diagrams and some of the explorer's, by name."""
    found = {name: [behaviour] for name, behaviour in trial().behaviours.items()}
    found["TorrentServer"] += found.pop("RegisteredClient")
    for name, behaviour in explored_behaviours(scenarios).items():
        found[name].append(behaviour)
    return found


def unlike(mutant: Mutant, scenarios: Scenarios = MANY) -> str | None:
    """Where a mutant acts otherwise than its chart in a closed system, as words; None if it never does."""
    for behaviour in behaviours(scenarios)[mutant.chart.__name__]:
        faulty: Any = mutant.make()
        found = difference_in(behaviour, faulty())
        if found is not None:
            return found
    return None


@cache
def trial() -> Trial:
    """What is prepared once for all mutants."""
    return Trial()


EQUIVALENT = "the guard that was dropped decides nothing: the first arrow that passes is the same without it"
ALIKE = (
    "equivalent: with three clients it acts like the chart without the fault, as tests/mutation/equivalence.py finds"
)
UNTRIED = frozenset({EQUIVALENT})


@cache
def listed() -> Mapping[tuple[str, str], str]:
    """The mutants that no question finds, by chart and name, with the reason."""
    rows = tomllib.loads(SURVIVORS.read_text(encoding="utf-8"))["survivors"]
    return {(chart, name): row["why"] for row in rows for chart, names in row["mutants"].items() for name in names}


@cache
def bisimilar() -> frozenset[tuple[str, str]]:
    """The mutants that are listed as acting like their charts, by chart and name: a machine can compare them."""
    rows = tomllib.loads(SURVIVORS.read_text(encoding="utf-8"))["survivors"]
    interchangeable = (row["mutants"] for row in rows if row.get("bisimilar"))
    return frozenset((chart, name) for mutants in interchangeable for chart, names in mutants.items() for name in names)


def excuse(mutant: Mutant) -> str:
    """Why no question finds a mutant; an empty string if one has to."""
    return EQUIVALENT if mutant.equivalent else listed().get((mutant.chart.__name__, mutant.name), "")


def kind_of(mutant: Mutant) -> str:
    """What sort of fault it is: the first words of its name, without what they are about."""
    words = mutant.name.partition(":")[0]
    for kind in ("negate", "exchange", "skip", "flip"):
        if words.startswith(kind):
            return kind
    return "drop" if words == "drop" else "drop guard or change" if words.startswith("drop") else words


def compare_interchangeable(names: Sequence[str]) -> int:
    """Compare each mutant that is listed as bisimilar with its chart."""
    wrong = 0
    for chart in CHARTS:
        mutants = [mutant for mutant in mutants_of(chart) if (chart.__name__, mutant.name) in bisimilar()]
        for mutant in mutants if not names or chart.__name__ in names else ():
            found = unlike(mutant)
            if found is not None:
                wrong += 1
                print(f"  NOT BISIMILAR: {chart.__name__}: {mutant.name}: {found}")
        print(f"{chart.__name__}: {len(mutants)} are bisimilar with their chart in all closed systems", flush=True)
    return 1 if wrong else 0


def main(names: Sequence[str]) -> int:
    if "--equivalence" in names:
        return compare_interchangeable([name for name in names if name != "--equivalence"])
    wrong, reasons = 0, Counter[str]()
    trial()
    for chart in CHARTS:
        if names and chart.__name__ not in names:
            continue
        since = time.process_time()
        tried: Counter[str] = Counter()
        killed: dict[str, Counter[str]] = defaultdict(Counter)
        for mutant in mutants_of(chart):
            tried[kind_of(mutant)] += 1
            why = excuse(mutant)
            found = None if why in UNTRIED else trial().killer(mutant)
            if found is not None:
                killed[kind_of(mutant)][found[0]] += 1
                if why:
                    print(f"  is found, though it is listed: {mutant.name} ({found[0]}: {found[1].message})")
            else:
                reasons[why] += 1
                if not why:
                    print(
                        f"  SURVIVES{'' if trial().meets(mutant) else ' unvisited'}: {chart.__name__}: {mutant.name}",
                        flush=True,
                    )
            wrong += (found is None) is not bool(why)
            if chart is Broker and why in {ALIKE, EQUIVALENT} and (told := difference(mutant)):
                print(f"  is said to act alike: {mutant.name}, but: {told}")
                wrong += 1
        for kind, number in tried.items():
            by = ", ".join(f"{name} {count}" for name, count in killed[kind].most_common(4))
            print(f"{chart.__name__:16} {kind:20} {sum(killed[kind].values()):4} of {number:4}  {by}")
        total = sum(sum(by.values()) for by in killed.values())
        print(f"{chart.__name__}: {total} of {sum(tried.values())}, {time.process_time() - since:.0f} s", flush=True)
    for why, number in reasons.most_common():
        print(f"{number:5}  {why or 'NO REASON IS KNOWN'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    with collected_seldom():
        sys.exit(main(sys.argv[1:]))
