"""What `clientjoin explore` prints of verdicts: what is broken in a line each, what is not known, and how to go on."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from runtime.cli.exits import fail

if TYPE_CHECKING:
    from spec.exploration.any_number.charts_verdicts import AnswerOfCharts
    from spec.exploration.any_number.verdicts import Answer
    from spec.exploration.explore import Explorable, Result, Verdict
    from spec.exploration.properties.language import Property
    from spec.exploration.simulate import Simulation

STYLES = {"broken": "bold red", "undetermined": "yellow", "holds": "green"}
"""On a terminal."""
COUNTED = {"broken": "broken", "undetermined": "undetermined", "holds": "hold", "does not apply": "do not apply"}
"""Verdicts in their order, and how they read behind a number."""


@dataclass(frozen=True)
class Output:
    """How a user wants to see the results."""

    stats: bool = False
    verbose: bool = False
    shown: tuple[str, ...] = ()
    """Words: the run of each broken property whose name has one of them is printed."""
    saves: bool = False
    """Whether the runs are written to files."""
    as_json: bool = False

    def result(self, result: "Result", heading: str, known: str = "", **data: Any) -> None:
        """What was searched, what is `known` besides, and the verdicts; `data` is added to what is printed as JSON."""
        if self.as_json:
            typer.echo(json.dumps({**result.as_data(), **data}, indent=1))
            return
        typer.echo(heading)
        for line in (*result.heading(), *([known] if known else [])):
            typer.echo(line)
        for line in _stats(result) if self.stats else ():
            typer.echo(f"  {line}")
        self._verdicts(result.verdicts)

    def simulation(
        self, done: "Simulation", scenario: "Explorable", heading: str, length: int, seed: int, **data: Any
    ) -> None:
        """What random runs met, and the verdicts."""
        if self.as_json:
            typer.echo(json.dumps({**simulation_data(scenario, done), **data}, indent=1))
            return
        typer.echo(
            f"{heading}: {done.runs:,} random runs of at most {length} steps (seed {seed}), {done.steps:,} steps, "
            f"{done.states:,} states met, {done.seconds:.1f} s"
        )
        self._verdicts(done.verdicts)

    def _verdicts(self, verdicts: "Sequence[Verdict]") -> None:
        """The verdicts, the runs that are to be shown, and how to go on."""
        from rich.text import Text

        from runtime.cli.terminal import PipedConsole

        console = PipedConsole()
        console.print()
        for line in lines(verdicts, verbose=self.verbose):
            word = line.split("  ", 1)[0]
            console.print(Text.assemble((word, STYLES.get(word.lower(), "")), line[len(word) :]), soft_wrap=True)
        told = [verdict for verdict in verdicts if verdict.trace and _is_named(verdict, self.shown)]
        for verdict in told:
            source = " ".join(verdict.property_.source.split())
            typer.echo(f"\n{verdict.property_.name}: {len(verdict.run)} steps\n{source}\n\n{verdict.trace}")
        for words in self.shown:
            if not any(_is_named(verdict, (words,)) for verdict in told):
                _has_no_run(words)
        for line in _next(verdicts, self):
            typer.echo(line)

    def of_any_number(self, found: "Answer | AnswerOfCharts") -> None:
        """The answer for every number."""
        from spec.exploration.any_number.verdicts import without_run

        if self.as_json:
            typer.echo(json.dumps(found.as_data(), indent=1))
            return
        typer.echo("\n".join(found.lines(verbose=self.verbose, shown=self.shown)))
        for words in without_run(found.verdicts, self.shown):
            _has_no_run(words, "broken or open")

    def check_shown(self, properties: "Sequence[Property]") -> None:
        """Raises `typer.Exit` if a run is to be shown of a property that there is not: before a long search."""
        for words in self.shown:
            if not any(words.lower() in each.name.lower() for each in properties):
                text = f"--show {words!r}: no property that is asked has these words in its name; --list names them"
                raise fail(text, status=2)


def _has_no_run(words: str, word: str = "broken") -> None:
    typer.echo(f"clientjoin: --show {words!r}: no such property is {word}, so there is no run", err=True)


def _stats(result: "Result") -> Iterator[str]:
    from runtime.cli.terminal import memory_in_use

    system = result.system
    for node, local, (up, down) in zip(system.nodes, system.numbers.locals, system.connections.longest, strict=True):
        yield f"{node.name}: {len(local):,} local states; at most {down:,} events under way to it, {up:,} from it"
    yield f"{len(system.numbers.messages):,} different messages, {len(system.budgets.known):,} budgets of faults"
    yield f"{result.found.quiescent:,} states from which nothing can happen"
    yield f"{memory_in_use():,.0f} MB at most"


def simulation_data(scenario: "Explorable", done: "Simulation") -> dict[str, Any]:
    """Random runs for `--json`."""
    from spec.exploration.result import data_of, joined

    return {
        "scenario": scenario.name,
        "verdict": joined(done.verdicts),
        "runs": done.runs,
        "steps": done.steps,
        "states": done.states,
        "seconds": round(done.seconds, 3),
        "complete": False,
        "properties": [data_of(verdict) for verdict in done.verdicts],
    }


def _is_named(verdict: "Verdict", words: Sequence[str]) -> bool:
    return any(each.lower() in verdict.property_.name.lower() for each in words)


def lines(verdicts: "Sequence[Verdict]", *, verbose: bool) -> Iterator[str]:
    """The verdicts, line by line."""
    width = max(8, *(len(verdict.property_.when) + 2 for verdict in verdicts), 0)
    for verdict in verdicts:
        if not verbose and verdict.word in {"holds", "does not apply"}:
            continue
        word = verdict.word.upper() if verdict.word == "broken" else verdict.word
        why = f" ({verdict.reason})" if verdict.word == "undetermined" else ""
        yield f"{word:<16}{verdict.property_.when:<{width}}{verdict.property_.name}{why}"
        if verdict.trace:
            yield f"{'':16}{len(verdict.run)} steps: {verdict.happens}"
    if not any(verdict.applies for verdict in verdicts):
        yield "undetermined: none of these properties says anything of this scenario"
    if verbose:
        for assumed in dict.fromkeys(verdict.assumed for verdict in verdicts if verdict.assumed):
            yield f"\nAssumed of runs: {assumed}."
    counted = Counter[str](verdict.word for verdict in verdicts)
    assumes = any(verdict.assumed for verdict in verdicts) and not verbose
    yield ", ".join(f"{counted[word]} {said}" for word, said in COUNTED.items() if counted[word]) + (
        "; of runs, fairness is assumed (-v says what)" if assumes else ""
    )


def _next(verdicts: "Sequence[Verdict]", output: Output) -> Iterator[str]:
    """How to go on, but for the ways that were taken already."""
    broken = [verdict for verdict in verdicts if verdict.trace]
    ways = [] if output.verbose else ["-v lists every property"]
    if not any(verdict.applies for verdict in verdicts):
        ways.append("--list names the scenarios and the properties")
    if broken and not output.shown:
        words = " ".join(broken[0].property_.name.split()[:4])
        ways.append(f"--show '{words}' draws the run")
    if broken:
        ways.append(
            "clientjoin replay FILE plays a run again"
            if output.saves
            else "--save FOLDER writes the runs, for `clientjoin replay FILE`"
        )
    if any(verdict.word == "undetermined" and verdict.applies for verdict in verdicts):
        ways.append("a search that was stopped goes on with more --states, --seconds or --memory")
    if ways:
        yield f"\nNext: {'; '.join(ways)}."
