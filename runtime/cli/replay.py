"""The command `clientjoin replay`: a counterexample played again, in the explorer or live on the embedded broker."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runtime.cli.exits import fail, leave_output

if TYPE_CHECKING:
    from runtime.replay.live import Ending, Reporter
    from spec.exploration.model.closed import ClosedSystem
    from spec.exploration.model.node import ServerState
    from spec.exploration.model.steps import Row, Slot
    from spec.exploration.properties.language import Properties
    from spec.exploration.traces.replay import Replayed, Saved

QOS = 2


class ReplayError(Exception):
    """A trace that cannot be played: the message names the file, the place and the remedy."""


@dataclass(frozen=True)
class Run:
    """A trace that was played in the explorer. `steps` end with the reading of whatever is ignored, if that is needed
    to tell that nothing is under way.
    """

    trace: "Saved"
    system: "ClosedSystem"
    steps: "tuple[Replayed, ...]"
    properties: "Properties"

    @property
    def last(self) -> "Row":
        """The state at the end."""
        return self.steps[-1].row if self.steps else self.system.initial()

    def breaks(self, row: "Row") -> bool:
        """Whether a state breaks the property of the trace; if it is about runs, the run that ends in it."""
        from spec.exploration.properties.language import OF_RUNS
        from spec.exploration.properties.steps import judged
        from spec.exploration.traces.replay import repeats

        if not self.properties.properties:
            return False
        (property_,) = self.properties.properties
        if property_.when == "step":
            *before, last = (self.system.initial(), *(step.row for step in self.steps))
            label = self.steps[-1].label if self.steps else None
            return bool(label and row == last and judged(self.system, before[-1], label, [property_])[0])
        if property_.when not in OF_RUNS:
            return self.properties.broken_in(row, property_.name)
        return row == self.last and repeats(self.system, self.properties, property_, self.steps) is not None


def replay(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A counterexample that `explore` wrote, a recording, or a log.")
    ],
    live: Annotated[bool, typer.Option("--live", help="On the embedded broker, with the real servers.")] = False,
    qos: Annotated[int | None, typer.Option(min=0, max=2, help="With --live: MQTT quality of service (2).")] = None,
) -> None:
    """Play a counterexample again.

    Exit status 0 if it breaks its property, 1 if it no longer does, 2 if the file cannot be played. A trace that names
    no property (`-`) ends with 0 if it can be played. A recording or a log is gone through observation by observation:
    0 if it is allowed, 1 if it is forbidden, 3 if nobody can tell.
    """
    if qos is not None and not live:
        raise typer.BadParameter("it goes with --live: in the explorer there is no MQTT.", param_hint="'--qos'")
    if (status := replay_observed(file, live=live)) is not None:
        raise typer.Exit(status)
    try:
        run = played(file)
    except ReplayError as error:
        raise fail(str(error), status=2) from None
    try:
        typer.echo(f"{file}: {_told(run)}")
        as_told = _play_live(run, QOS if qos is None else qos) if live else _show(run)
    except BrokenPipeError:
        leave_output()
        raise typer.Exit(141) from None  # whoever read our output has seen enough
    raise typer.Exit(0 if as_told else 1)


def _told(run: Run) -> str:
    return f"{run.trace.property_} (is to be broken)" if run.properties.properties else "is to be possible"


def replay_observed(file: Path, *, live: bool) -> int | None:
    """Go through what was observed, and give the exit status; None if the file is one of the explorer's steps."""
    from runtime.runs.format import RunError, as_json
    from runtime.runs.judged import judged, lines
    from runtime.runs.logs import has_steps, load_run

    try:
        if has_steps(file):
            return None
        run = load_run(file)
    except RunError as error:
        typer.echo(f"clientjoin: {error}", err=True)
        return 2
    if live:
        typer.echo(f"clientjoin: {file}: --live plays the explorer's steps, and this file holds observations", err=True)
        return 2
    monitor = run.monitor()
    for number, seen in enumerate(run.seen, 1):
        monitor.see(seen)
        row = as_json(seen)
        about = " ".join(str(row[key]) for key in ("client", "topic") if row.get(key))
        typer.echo(f"\n{number}: {seen.at:.3f} s: {row['kind']} {about}")
        for client in dict.fromkeys(name for name in (getattr(seen, "client", ""),) if name):
            where = " or ".join(each.replace("_", " ") for each in monitor.where(client))
            typer.echo(f"    {client}: {where or 'not known'}")
    typer.echo()
    found = judged(monitor)
    typer.echo("\n".join(lines(str(file), found)))
    return found.answer.status


def played(file: Path) -> Run:
    """The trace of a file, played in the explorer. Raises `ReplayError`."""
    from spec.exploration.model.scenario import ScenarioError
    from spec.exploration.properties.client_join import PROPERTIES, side_of
    from spec.exploration.properties.client_join_runs import RUN_PROPERTIES
    from spec.exploration.properties.language import Properties
    from spec.exploration.traces.replay import NO_PROPERTY, play, read, rest

    try:
        trace = read(file.read_text(encoding="utf-8-sig"), str(file))
    except ScenarioError as error:
        raise ReplayError(str(error)) from None
    except OSError as error:
        raise ReplayError(f"cannot read {file}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ReplayError(f"{file} is not UTF-8 (byte {error.start}): save it as UTF-8") from None
    known = (*PROPERTIES, *RUN_PROPERTIES)
    properties = [property_ for property_ in known if property_.name == trace.property_]
    if not properties and trace.property_ != NO_PROPERTY:
        raise ReplayError(
            f"{file}: no property {trace.property_!r}{_near(trace.property_, [property_.name for property_ in known])}"
        )
    system = trace.scenario.build(drop_inert=False)
    try:
        steps = tuple(play(system, trace.steps))
    except ScenarioError as error:
        raise ReplayError(f"{file}: {error}") from None
    run = Run(trace, system, steps, Properties(system, properties, side_of))
    if not properties or run.breaks(run.last):
        return run
    rested = Run(trace, system, (*steps, *rest(system, run.last)), run.properties)
    return rested if rested.breaks(rested.last) else run


def _near(name: str, known: Sequence[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, known, n=1, cutoff=0)
    return f"; the nearest is {near[0]!r}, and `clientjoin explore --list` names all"


# In the explorer.


def _show(run: Run) -> bool:
    for step in run.steps:
        typer.echo(f"\nstep {step.number}: {step.text}" if step.number else f"\nin between, and ignored: {step.text}")
        for line in configuration(run.system, step.row):
            typer.echo(f"    {line}")
    broken = run.breaks(run.last)
    typer.echo()
    local = run.system.numbers.state
    for line in _views(run, [local(place, slot) for place, slot in enumerate(run.last[:-1])]):  # type: ignore[misc]
        typer.echo(line)
    typer.echo(f"{len(run.trace.steps)} steps; {_verdict(run, broken=broken)}")
    return broken or not run.properties.properties


def _verdict(run: Run, *, broken: bool) -> str:
    if not run.properties.properties:
        return "all of them were possible, as the trace says."
    if broken:
        return f"at their end the property is broken, as the trace says: {run.trace.property_}."
    return f"at their end the property is not broken, and the trace says that it is: {run.trace.property_}."


def configuration(system: "ClosedSystem", row: "Row") -> Iterator[str]:
    """Where each server is, one a line, with its timeouts and what is under way to and from it."""
    from machines.participant import words
    from spec.exploration.model.node import ServerState

    width = max(len(node.name) for node in system.nodes)
    for place, slot in _slots(system, row):
        state = system.numbers.locals[place][slot.local]
        assert isinstance(state, ServerState)
        told = f"{system.nodes[place].name:<{width}}  {words(state.where)}"
        if state.broken:
            told += f"; impossible: {state.broken}"
        if timeouts := sorted(getattr(state.clock.data, "running", ())):
            told += f"; timeout set for {', '.join(timeouts)}"
        for direction, queue in (("to the broker", slot.up), ("under way to it", slot.down)):
            if queue:
                told += f"; {direction}: {', '.join(_event(system.numbers.messages[message]) for message in queue)}"
        yield told


def _slots(system: "ClosedSystem", row: "Row") -> "Iterator[tuple[int, Slot]]":
    for place, number in enumerate(row[:-1]):
        yield place, system.numbers.slots[place][number]


def _event(message: object) -> str:
    client = getattr(message, "client", "")
    again = ", again" if getattr(message, "event_id", "") else ""
    return f"{type(message).__name__}{f' ({client}{again})' if client else again}"


def _views(run: Run, states: "Sequence[ServerState]") -> Iterator[str]:
    """What each Distribution View holds."""
    width = max(len(node.name) for node in run.system.nodes)
    for node, state in zip(run.system.nodes, states, strict=True):
        clients = ", ".join(sorted(state.knows.clients)) or "nobody"
        promised = ", ".join(sorted(state.knows.admissions))
        yield f"the view of {node.name:<{width}} holds {clients}" + (f"; promised: {promised}" if promised else "")


# Live.


async def play_live(run: Run, reporter: "Reporter", qos: int = QOS) -> "Ending":
    """The same run on the embedded broker. Raises `runtime.mqtt.broker.BrokerError` if none can be started."""
    from runtime.replay.live import Live

    nodes = run.trace.scenario.build(drop_inert=False).nodes  # charts of their own: those of the system are stepped
    async with Live(run.system, reporter, nodes, qos) as live:
        return await live.play(run.steps)


def _play_live(run: Run, qos: int) -> bool:
    """Play it on the embedded broker, and say how that ended."""
    from runtime.cli.terminal import PipedConsole
    from runtime.demo.output import People
    from runtime.mqtt.broker import BrokerError
    from spec.exploration.model.interruptions import KINDS as INTERRUPTS

    if any(step.label.kind in INTERRUPTS for step in run.steps):
        raise fail("--live cannot crash a server inside a step: replay this trace without --live", status=2)
    console = PipedConsole()
    try:
        ending = asyncio.run(play_live(run, People(console), qos))
    except BrokerError as error:
        raise fail(str(error), status=2) from None
    except KeyboardInterrupt:
        raise fail("interrupted; everything was taken down", status=130) from None
    typer.echo()
    for line in _views(run, ending.states):
        typer.echo(line)
    for difference in ending.differences:
        typer.echo(f"not as in the explorer: {difference}")
    if ending.differences or ending.row is None:
        return False
    typer.echo("Every chart, every view and what is under way is as in the explorer, after every step.")
    broken = run.breaks(ending.row)
    typer.echo(f"{len(run.trace.steps)} steps, live, QoS {qos}; {_verdict(run, broken=broken)}")
    return broken or not run.properties.properties
