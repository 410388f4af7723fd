"""The command `clientjoin demo`: a scenario of Client Join, played on a real MQTT broker."""

import asyncio
import contextlib
import math
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runtime.cli.exits import fail, leave_output

if TYPE_CHECKING:
    from runtime.demo.runner import DemoRunner, Outcome
    from runtime.demo.settings import Settings
    from runtime.mqtt.faults import Fault, Kind


def _scenario_names(incomplete: str) -> list[str]:
    from runtime.demo.scenarios import SCENARIOS

    return [each.name for each in SCENARIOS if each.name.startswith(incomplete)]


NEXT = """
Next: clientjoin demo --list (other scenarios), -v (every call), --record run.svg (the run as a picture);
      clientjoin explore (everything that can happen, instead of one run)."""
FEW = 3
"""Torrent servers up to which each arrow is shown, unless a user wants them all."""
FAULT = "EVENT@HOP[:CLIENT][#K]"
Scenario = Annotated[
    str, typer.Option(help="Which scenario to play; --list names them.", autocompletion=_scenario_names)
]
Listed = Annotated[bool, typer.Option("--list", help="List the scenarios, and stop.")]
Torrents = Annotated[int, typer.Option(min=1, max=100, help="How many torrent servers ask to join, at most 100.")]
Lose = Annotated[list[str] | None, typer.Option(metavar=FAULT, help="Lose an event; HOP is to-broker or from-broker.")]
Duplicate = Annotated[list[str] | None, typer.Option(metavar=FAULT, help="Deliver an event twice.")]
Delay = Annotated[list[str] | None, typer.Option(metavar=f"{FAULT}=SECONDS", help="Deliver an event late.")]
Timeout = Annotated[
    float | None,
    typer.Option(
        min=0.05,
        max=3600,
        help="Seconds that clocks count once something has gone wrong; by default 1, from 11 torrents on more.",
    ),
]
Seed = Annotated[int, typer.Option(help="For losses with a probability (EVENT@HOP%P).")]
Qos = Annotated[int, typer.Option(min=0, max=2, help="MQTT quality of service.")]
Broker = Annotated[str, typer.Option(metavar="URL", help="A broker that runs already: mqtt://host:port.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port of the embedded broker; 0 takes a free one.")]
Hardened = Annotated[
    bool, typer.Option("--hardened", help="Torrent servers name their requests, and close the protocol's gaps.")
]
Record = Annotated[
    Path | None, typer.Option(help="Write the run as a sequence diagram (.mmd: in Mermaid, .svg: as a picture).")
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="All arrows, with the calls inside each server and the handshakes.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


def demo(
    scenario: Scenario = "",
    list_scenarios: Listed = False,
    torrents: Torrents = 1,
    lose: Lose = None,
    duplicate: Duplicate = None,
    delay: Delay = None,
    timeout: Timeout = None,
    seed: Seed = 0,
    qos: Qos = 2,
    broker: Broker = "",
    port: Port = 0,
    hardened: Hardened = False,
    record: Record = None,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Play Client Join on a real MQTT broker.

    By default it is the reference diagram.

    Exit status: 0 as the scenario says, or all faults that you asked for happened; 1 if not; 2 for what cannot be
    played.
    """
    # These take time to import, and completion and help do without them.
    from runtime.demo.scenarios import DEFAULT, SCENARIOS
    from runtime.demo.scenarios import scenario as scenario_named
    from runtime.demo.settings import Settings
    from runtime.mqtt.session import BrokerAddress

    if timeout is None:
        timeout = max(1.0, torrents**2 / 100)  # each of them hears what every other is told, on this one machine
    if math.isnan(timeout):
        raise typer.BadParameter("nan is no number of seconds.", param_hint="'--timeout'")
    if list_scenarios:
        for known in SCENARIOS:
            typer.echo(f"{known.name:<28}{known.tells}")
        return
    try:
        settings = Settings(
            scenario_named(scenario) if scenario else DEFAULT,
            torrents=torrents,
            faults=(*_faults(lose, "lose"), *_faults(duplicate, "duplicate"), *_faults(delay, "delay")),
            timeout=timeout,
            seed=seed,
            qos=qos,
            broker=BrokerAddress.parse(broker) if broker else None,
            port=port,
            hardened=hardened,
        )
        if record is not None:
            record.open("a").close()
    except ValueError as error:  # `FaultSyntaxError` is one
        raise fail(str(error), status=2) from None
    except OSError as error:
        raise fail(f"cannot write {record}: {error.strerror or error}", status=2) from None
    outcome = _shown(settings, record, verbose=verbose, as_json=as_json)
    if outcome.recorder.divergences or outcome.missed or not (outcome.expected or settings.faults):
        raise typer.Exit(1)


def _faults(texts: list[str] | None, kind: "Kind") -> "list[Fault]":
    """The faults of one kind. Raises `ValueError`."""
    from runtime.mqtt.faults import parse_fault

    for text in texts or []:
        if not text.isprintable():
            raise ValueError(f"{text!r} is no fault to {kind}: expected characters that can be printed")
    return [parse_fault(text, kind) for text in texts or []]


def _shown(settings: "Settings", record: Path | None, *, verbose: bool, as_json: bool) -> "Outcome":
    """Play and print; whatever the end is, what was played is written to `record`."""
    from runtime.cli.terminal import PipedConsole, status_line
    from runtime.demo.output import Json, People, recording
    from runtime.demo.runner import DemoRunner
    from runtime.demo.waiting import DemoError
    from runtime.mqtt.broker import BrokerError

    console = PipedConsole()
    is_short = settings.torrents > FEW and not verbose and not as_json
    status = contextlib.ExitStack()
    progress = status.enter_context(status_line()) if is_short else None
    reporter = Json(console) if as_json else People(console, verbose=verbose, progress=progress)
    show = DemoRunner(settings, reporter)
    try:
        with status:
            outcome = asyncio.run(_play(show))
        reporter.summary(outcome)
        if not as_json:
            console.print(NEXT, soft_wrap=True)
    except (DemoError, BrokerError) as error:
        raise fail(str(error)) from None
    except _Ended as ended:
        what = f"{ended} after {len(show.recorder.arrows)} arrows; everything was taken down"
        raise fail(what, 128 + ended.by) from None
    except BrokenPipeError:
        leave_output()
        raise typer.Exit(141) from None  # whoever read our output has seen enough
    finally:
        if record is not None:
            _write(record, recording(f"Client Join ({settings.scenario.name})", show.recorder, record.suffix.lower()))
    return outcome


class _Ended(Exception):  # noqa: N818 - what happened, not a defect
    def __init__(self, by: signal.Signals) -> None:
        super().__init__("interrupted" if by is signal.SIGINT else "terminated")
        self.by = by


async def _play(show: "DemoRunner") -> "Outcome":
    """Play to the end, or until Ctrl-C or SIGTERM; further ones do not disturb the taking down."""
    loop = asyncio.get_running_loop()
    playing = asyncio.current_task()
    ended_by: list[signal.Signals] = []

    def end(by: signal.Signals) -> None:
        if playing is not None and not ended_by:
            ended_by.append(by)
            playing.cancel()

    with contextlib.suppress(NotImplementedError):  # there are systems without it
        for by in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(by, end, by)
    try:
        return await show.run()
    except asyncio.CancelledError:
        if ended_by:
            raise _Ended(ended_by[0]) from None
        raise


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise fail(f"cannot write {path}: {error.strerror or error}") from None
