"""The command `clientjoin explore`."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from runtime.cli.any_number import ANY, number, of_any_number, refuse
from runtime.cli.any_number import STATUS as STATUS_OF_ANY
from runtime.cli.charts import HELP, ChartsError
from runtime.cli.exits import fail
from runtime.cli.explore_charts import Asked, asked, given_bounds, of_any_members, of_charts, refuse_ours, with_members
from runtime.cli.explore_table import tell_table
from runtime.cli.verdicts import Output

if TYPE_CHECKING:
    from spec.exploration.explore import Options, Result, Verdict
    from spec.exploration.model.scenario import Scenario
    from spec.exploration.properties.language import Property

DEFAULT = "default"
STEPS = 200
"""Steps of a random run."""


def scenario_names(incomplete: str) -> list[str]:
    """The names of scenarios that begin so, for the shell."""
    from spec.exploration.model.scenario import scenarios

    return [name for name in scenarios(None) if name.startswith(incomplete)]


def property_names(incomplete: str) -> list[str]:
    """The names of properties that begin so, for the shell."""
    from spec.exploration.properties.client_join import PROPERTIES
    from spec.exploration.properties.client_join_runs import RUN_PROPERTIES

    names = dict.fromkeys(property_.name for property_ in (*PROPERTIES, *RUN_PROPERTIES))
    return [name for name in names if name.startswith(incomplete)]


STATUS = {"holds": 0, "broken": 1, "undetermined": 3}
"""The exit statuses; 2 is for what cannot be explored."""


def explore(
    charts: Annotated[str | None, typer.Option(metavar="MODULE[:MAPPING]", help=HELP)] = None,
    binding: Annotated[
        list[Path] | None, typer.Option(help="With --charts: a TOML file that says what their events are.")
    ] = None,
    scenario: Annotated[
        str,
        typer.Option(help="What takes part and what goes wrong; --list names them.", autocompletion=scenario_names),
    ] = DEFAULT,
    scenarios: Annotated[Path | None, typer.Option(metavar="FILE", help="A TOML file with more scenarios.")] = None,
    list_all: Annotated[bool, typer.Option("--list", help="List the scenarios and the properties, and stop.")] = False,
    of_all: Annotated[
        bool, typer.Option("--table", help="All scenarios and all properties, as a table; it takes minutes.")
    ] = False,
    torrents: Annotated[
        str | None, typer.Option(metavar="N", help="How many torrent servers, instead of the scenario's; N or any.")
    ] = None,
    members: Annotated[
        str | None,
        typer.Option(metavar="N", help="With --charts: how many of those that are INTERCHANGEABLE; N or any."),
    ] = None,
    properties: Annotated[
        list[str] | None,
        typer.Option(
            "--property", metavar="WORDS", help="Only the properties with these words.", autocompletion=property_names
        ),
    ] = None,
    bounds: Annotated[
        list[str] | None, typer.Option("--bound", metavar="FAULT=N", help="How often a fault happens; N or any.")
    ] = None,
    hardened: Annotated[
        bool, typer.Option("--hardened", help="Torrent servers name their requests, and close the protocol's gaps.")
    ] = False,
    most: Annotated[int | None, typer.Option("--states", min=1, help="Stop after about so many states.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Stop the search after so many seconds.")] = None,
    memory: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="MB",
            help="Stop before the process takes more than so many MB; by default before memory runs out.",
        ),
    ] = None,
    unordered: Annotated[bool, typer.Option("--unordered", help="A bus on which events overtake each other.")] = False,
    engine: Annotated[
        Literal["auto", "compiled", "vectorised"], typer.Option(help="compiled needs numba; auto takes what there is.")
    ] = "auto",
    symmetry: Annotated[bool, typer.Option(help="Count states once that differ in names only.")] = True,
    reduction: Annotated[bool, typer.Option(help="Leave out events that their receivers always ignore.")] = True,
    simulate: Annotated[int | None, typer.Option(min=1, metavar="RUNS", help="Random runs instead of all.")] = None,
    length: Annotated[
        int | None, typer.Option(min=1, help=f"With --simulate: steps of a random run.  [default: {STEPS}]")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="With --simulate: what the runs depend on.  [default: 0]")] = None,
    save: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Write each counterexample to a file.")] = None,
    promela: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the closed system for SPIN, all properties included.")
    ] = None,
    show: Annotated[
        list[str] | None,
        typer.Option(
            "--show",
            metavar="WORDS",
            help="Print the run of the broken property with these words, as a sequence diagram.",
            autocompletion=property_names,
        ),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --torrents any: write the proof, for clientjoin certify.")
    ] = None,
    stats: Annotated[bool, typer.Option("--stats", help="How large the tables are, and the memory.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="All properties, and what is assumed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as one JSON object.")] = False,
) -> None:
    """Explore all that can happen under faults.

    Each property that says anything of the scenario gets a verdict.

    Exit status 0 if all of them hold, 1 if one is broken, 3 if none is broken but one is undetermined: not all states
    were seen (random runs never see all), or its premise never held; 2 for what cannot be explored.
    """
    from spec.exploration.explore import Options
    from spec.exploration.model.closed import Unbounded
    from spec.exploration.model.scenario import ScenarioError
    from spec.exploration.result import joined

    output = Output(stats=stats, verbose=verbose, shown=tuple(show or ()), as_json=as_json, saves=save is not None)
    options = Options(symmetry, reduction, engine, most, None if memory is None else memory << 20, seconds=seconds)
    try:
        runs = _random_runs(simulate, length, seed)
        if charts is not None:
            refuse_ours(
                scenario=scenario != DEFAULT, scenarios=scenarios, torrents=torrents, hardened=hardened,
                promela=promela, certificate=certificate, table=of_all,
            )  # fmt: skip
            question = asked(charts, binding or (), properties or (), bounds or (), unordered=unordered)
            if list_all:
                question.list()
                return
            if members == ANY:
                refuse(
                    members, None,
                    {"--simulate": simulate, "--stats": stats, "--memory": memory, "--seconds": seconds}, "--members",
                )  # fmt: skip
            raise typer.Exit(_status_of_charts(question, members, options, runs, output, save))
        _refuse_without_charts(members, binding)
        chosen = _chosen(scenario, scenarios, number(torrents), bounds or (), hardened=hardened, unordered=unordered)
        wanted = _properties(properties or (), output, of_any=torrents == ANY)
        if list_all:
            raise typer.Exit(_list(scenarios))
        if of_all:
            raise typer.Exit(_status_of_table(
                scenarios, options, scenario=scenario != DEFAULT, torrents=torrents, property=properties, bound=bounds,
                hardened=hardened, unordered=unordered, simulate=simulate, save=save, promela=promela, show=show,
                certificate=certificate, stats=stats, verbose=verbose, json=as_json,
            ))  # fmt: skip
        if save is not None:
            save.mkdir(parents=True, exist_ok=True)
        refuse(
            torrents, certificate,
            {"--simulate": simulate, "--promela": promela, "--stats": stats, "--seconds": seconds},
        )  # fmt: skip
        if torrents == ANY:
            raise typer.Exit(_status_of_any(chosen, wanted, options, output, certificate, save))
        if promela is not None:
            _write_model(chosen, wanted, promela, most, reduction=reduction)
            return
        if runs is not None:
            ended = _simulated(chosen, wanted, *runs, output)
        else:
            ended = _explored(chosen, wanted, options, output).verdicts
        _save(ended, save)
    except (ScenarioError, Unbounded, ImportError) as error:
        raise fail(str(error), status=2) from None
    except ValueError as error:  # charts that cannot be used: the message says why
        if charts is None and not isinstance(error, ChartsError):
            raise
        raise fail(str(error), status=2) from None
    except OSError as error:
        if isinstance(error, BrokenPipeError):  # whoever reads has seen enough
            raise
        raise fail(f"cannot write to {error.filename or save}: {error.strerror or error}", status=2) from None
    raise typer.Exit(STATUS[joined(ended)])


def _refuse_without_charts(members: str | None, binding: Sequence[Path] | None) -> None:
    if members is not None:
        raise ChartsError("--members goes with --charts: scenarios of this project have --torrents")
    if binding:
        raise ChartsError("--binding goes with --charts: scenarios of this project need none")


def _random_runs(simulate: int | None, length: int | None, seed: int | None) -> tuple[int, int, int] | None:
    """How many random runs, of how many steps, from which seed; None for a search. Raises `ScenarioError`."""
    from spec.exploration.model.scenario import ScenarioError

    if simulate is not None:
        return simulate, length or STEPS, seed or 0
    if not (length is None and seed is None):
        raise ScenarioError("--length and --seed go with --simulate: a search looks at all runs")
    return None


def _status_of_table(path: Path | None, options: "Options", **others: object) -> int:
    """Print the table of all scenarios and properties. Raises `ScenarioError` for an option that it has no use for."""
    from spec.exploration.model.scenario import ScenarioError

    for name, value in others.items():
        if value is not None and value is not False and value != []:
            text = f"--{name} does not go with --table, which has all scenarios and properties: leave one of them out"
            raise ScenarioError(text)
    return STATUS[tell_table(path, options)]


def _status_of_any(
    scenario: "Scenario",
    properties: "tuple[Property, ...]",
    options: "Options",
    output: Output,
    certificate: Path | None,
    folder: Path | None,
) -> int:
    """Answer for every number of torrent servers; the exit status."""
    from spec.exploration.any_number.fixpoint import Options as OptionsOfAny

    asked_of_any = OptionsOfAny(options.symmetric, options.reduced, options.engine, options.most, options.memory)
    answer = of_any_number(scenario, properties, asked_of_any, output, certificate)
    _save((each.found for each in answer.verdicts if each.found is not None), folder)
    return STATUS_OF_ANY[answer.verdict]


def _status_of_charts(
    question: Asked,
    members: str | None,
    options: "Options",
    runs: tuple[int, int, int] | None,
    output: Output,
    folder: Path | None,
) -> int:
    """Explore a system of charts, and print what came of it; the exit status."""
    from spec.exploration.result import joined

    output.check_shown(question.properties)
    if members == ANY:
        answered = of_any_members(question, options, output)
        _save((each.found for each in answered.verdicts if each.found is not None), folder)
        return STATUS_OF_ANY[answered.verdict]
    found = of_charts(with_members(question, members), options, runs, output)
    _save(found, folder)
    return STATUS[joined(found)]


def _save(verdicts: "Iterable[Verdict]", folder: Path | None) -> None:
    for verdict in verdicts:
        if folder is not None and verdict.trace:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{re.sub('[^a-z0-9]+', '-', verdict.property_.name.lower())}.txt"
            path.write_text(verdict.trace, encoding="utf-8")
            typer.echo(f"{path}", err=True)


def _chosen(
    name: str, path: Path | None, torrents: int | None, bounds: Sequence[str], *, hardened: bool, unordered: bool
) -> "Scenario":
    from spec.exploration.model.scenario import ScenarioError, check, scenario, with_bounds

    chosen = scenario(name, path)
    chosen = replace(chosen, hardened=hardened or chosen.hardened, unordered=unordered or chosen.unordered)
    if torrents is not None:
        try:
            chosen = replace(chosen, torrents=torrents)
            check(chosen, f"scenario {name!r}")
        except ScenarioError as error:
            raise ScenarioError(f"--torrents {torrents} does not fit: {error}") from None
    return with_bounds(chosen, given_bounds(bounds))


def _properties(words: Sequence[str], output: Output, *, of_any: bool) -> "tuple[Property, ...]":
    """The properties with these words, of which some are to be shown. Raises `ScenarioError`, `typer.Exit`."""
    from spec.exploration.any_number.verdicts import ASKED
    from spec.exploration.model.scenario import ScenarioError
    from spec.exploration.properties.client_join import PROPERTIES
    from spec.exploration.properties.client_join_runs import RUN_PROPERTIES

    found = tuple(ASKED if of_any else PROPERTIES)
    if words:
        found = tuple(
            property_
            for property_ in (*PROPERTIES, *RUN_PROPERTIES)
            if any(text.lower() in property_.name for text in words)
        )
    if not found:
        raise ScenarioError(f"--property {' '.join(words)!r}: no property has these words; --list names the properties")
    output.check_shown(found)
    return found


def _list(path: Path | None) -> int:
    from spec.exploration.model.scenario import scenarios
    from spec.exploration.properties.client_join import PROPERTIES
    from spec.exploration.properties.client_join_runs import RUN_PROPERTIES

    typer.echo("Scenarios")
    known = scenarios(path)
    width = max(map(len, known), default=0) + 2
    for one in known.values():
        typer.echo(f"  {one.name:<{width}}{one.description}")
    for title, properties in (
        ("Properties", PROPERTIES),
        ("Properties about runs that are looked at on request (--property)", RUN_PROPERTIES),
    ):
        typer.echo(title)
        width = max(8, *(len(property_.when) + 2 for property_ in properties))
        for property_ in properties:
            typer.echo(f"  {property_.when:<{width}}{property_.name}")
    return 0


def _explored(scenario: "Scenario", properties: "tuple[Property, ...]", options: "Options", output: Output) -> "Result":
    from runtime.cli.terminal import progress_of_search
    from spec.exploration.any_number.page import known
    from spec.exploration.explore import explore

    with progress_of_search() as render:
        result = explore(scenario, replace(options, render=render), properties)
    servers = "hardened torrent servers" if scenario.hardened else "torrent servers"
    servers += f" ({scenario.as_drawn} of them as drawn)" if scenario.as_drawn else ""
    output.result(result, f"{scenario.name}, {scenario.torrents} {servers}: {scenario.description}", known(scenario))
    return result


def _write_model(
    scenario: "Scenario", properties: "tuple[Property, ...]", path: Path, most: int | None, *, reduction: bool
) -> None:
    """The model needs all that the charts can do, so the system is searched first, without symmetry."""
    from runtime.cli.terminal import progress_of_search
    from spec.exploration.explore import Options, explore
    from spec.exploration.model.scenario import ScenarioError
    from spec.exploration.properties.client_join import side_of
    from spec.exploration.properties.language import Properties
    from spec.exploration.spin.model import write
    from spec.exploration.spin.properties import bad
    from spec.exploration.spin.refusals import Unwritable
    from spec.exploration.spin.runner import words_in_c

    with progress_of_search() as render:
        result = explore(scenario, Options(symmetric=False, reduced=reduction, most=most, render=render), properties)
    if not result.found.complete:
        raise ScenarioError(
            f"--promela: the model needs all states, but {result.found.stopped}; take a smaller scenario"
        )
    watched = Properties(result.system, properties, side_of)
    broken = sum(1 << bit for bit, watch in enumerate(watched.watches) if watch.broken)
    try:
        path.write_text(write(result.system, bad(watched)), encoding="utf-8")
    except Unwritable as error:
        raise ScenarioError(f"--promela: {error}") from None
    progress = result.found.progress
    typer.echo(
        f"{path}: SPIN should find {progress.states:,} states and {progress.transitions + 1:,} transitions\n"
        f"  spin -a {path} && cc -O3 -DNOREDUCE -DSAFETY -DCLAIMS=0 -o pan pan.c && ./pan -m100000 -w24 -n\n"
        f"With -DCLAIMS={words_in_c(broken)} it stops at the first state that breaks a property."
    )


def _simulated(
    scenario: "Scenario", properties: "tuple[Property, ...]", runs: int, length: int, seed: int, output: Output
) -> "tuple[Verdict, ...]":
    from runtime.cli.terminal import status_line
    from spec.exploration.simulate import simulate

    with status_line() as show:
        done = simulate(
            scenario,
            runs,
            length,
            seed,
            properties,
            tell_progress=lambda run, states: show(f"{run:,} of {runs:,} runs, {states:,} states met"),
        )
    heading = f"{scenario.name}, {scenario.torrents} torrent servers"
    output.simulation(done, scenario, heading, length, seed)
    return done.verdicts
