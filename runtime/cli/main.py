"""The command line: `clientjoin demo`, `diagrams`, `read`, `check`, `explore` and `replay`."""

try:
    import asyncio
    import contextlib
    import io
    import logging
    import math
    import os
    import signal
    import sys
    from pathlib import Path
    from typing import TYPE_CHECKING, Annotated

    import typer
    from rich.console import Console

    from runtime.cli.check import check
    from runtime.cli.diagrams import diagrams
    from runtime.cli.explore import explore
    from runtime.cli.monitor import monitor
    from runtime.cli.read import read
    from runtime.cli.replay import replay
    from runtime.cli.verify import verify
except KeyboardInterrupt:  # loading takes long enough to be interrupted
    raise SystemExit(130) from None

if TYPE_CHECKING:
    from runtime.demo.runner import DemoRunner, Outcome

app = typer.Typer(
    help="Client Join of an MQTT Distribution Service: the statecharts of a sequence diagram, live.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def entry() -> None:
    """Client Join of an MQTT Distribution Service: the statecharts of a sequence diagram, live."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s", stream=sys.stderr)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # whatever its encoding cannot write


def fail(message: str, status: int = 1) -> typer.Exit:
    """Say what went wrong on standard error, and make the exit."""
    typer.echo(f"clientjoin: {message}", err=True)
    return typer.Exit(status)


@app.command()
def demo(
    scenario: Annotated[str, typer.Option(help="Which scenario to play; --list names them.")] = "",
    list_scenarios: Annotated[bool, typer.Option("--list", help="List the scenarios, and stop.")] = False,
    torrents: Annotated[
        int, typer.Option(min=1, max=100, help="How many torrent servers ask to join, at most 100.")
    ] = 1,
    lose: Annotated[
        list[str] | None,
        typer.Option(metavar="EVENT@HOP[:CLIENT][#K]", help="Lose an event; HOP is to-broker or from-broker."),
    ] = None,
    duplicate: Annotated[
        list[str] | None, typer.Option(metavar="EVENT@HOP[:CLIENT][#K]", help="Deliver an event twice.")
    ] = None,
    delay: Annotated[
        list[str] | None,
        typer.Option(metavar="EVENT@HOP[:CLIENT][#K]=SECONDS", help="Deliver an event late."),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            min=0.05,
            max=3600,
            help="Seconds that clocks count once something has gone wrong; by default 1, from 11 torrents on more.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="For losses with a probability (EVENT@HOP%P).")] = 0,
    qos: Annotated[int, typer.Option(min=0, max=2, help="MQTT quality of service.")] = 2,
    broker: Annotated[str, typer.Option(metavar="URL", help="A broker that runs already: mqtt://host:port.")] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the embedded broker; 0 takes a free one.")] = 0,
    hardened: Annotated[
        bool, typer.Option("--hardened", help="Torrent servers name their requests, and close the protocol's gaps.")
    ] = False,
    record: Annotated[Path | None, typer.Option(help="Write the run as a sequence diagram (.mmd: in Mermaid).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Play Client Join on a real MQTT broker, by default the reference diagram."""
    # These take time to import, and the other commands do without them.
    from runtime.demo.output import Json, People, recording
    from runtime.demo.runner import DemoError, DemoRunner, Settings
    from runtime.demo.scenarios import DEFAULT, SCENARIOS
    from runtime.demo.scenarios import scenario as scenario_named
    from runtime.mqtt.broker import BrokerError
    from runtime.mqtt.faults import Fault, FaultSyntaxError, Kind, parse_fault
    from runtime.mqtt.session import BrokerAddress

    if timeout is None:
        timeout = max(1.0, torrents**2 / 100)  # each of them hears what every other is told, on this one machine
    if math.isnan(timeout):
        raise typer.BadParameter("nan is no number of seconds.", param_hint="'--timeout'")
    if list_scenarios:
        for known in SCENARIOS:
            typer.echo(f"{known.name:<28}{known.tells}")
        return

    def faults(texts: list[str] | None, kind: Kind) -> list[Fault]:
        for text in texts or []:
            if not text.isprintable():
                raise ValueError(f"{text!r} is no fault to {kind}: expected characters that can be printed")
        return [parse_fault(text, kind) for text in texts or []]

    try:
        chosen = scenario_named(scenario) if scenario else DEFAULT
        settings = Settings(
            chosen,
            torrents=torrents,
            faults=(*faults(lose, "lose"), *faults(duplicate, "duplicate"), *faults(delay, "delay")),
            timeout=timeout,
            seed=seed,
            qos=qos,
            broker=BrokerAddress.parse(broker) if broker else None,
            port=port,
            hardened=hardened,
        )
        if record is not None:
            record.open("a").close()
    except (FaultSyntaxError, ValueError) as error:
        raise fail(str(error), status=2) from None
    except OSError as error:
        raise fail(f"cannot write {record}: {error.strerror or error}", status=2) from None

    console = _Console(highlight=False, emoji=False, markup=False)
    reporter = Json(console) if as_json else People(console)
    show = DemoRunner(settings, reporter)
    try:
        outcome = asyncio.run(_play(show))
        reporter.summary(outcome)
    except (DemoError, BrokerError) as error:
        raise fail(str(error)) from None
    except _Ended as ended:
        what = f"{ended} after {len(show.recorder.arrows)} arrows; everything was taken down"
        raise fail(what, 128 + ended.by) from None
    except BrokenPipeError:
        _leave_output()
        raise typer.Exit(141) from None  # whoever read our output has seen enough
    finally:
        if record is not None:
            in_mermaid = record.suffix.lower() in {".mmd", ".mermaid"}
            _write(record, recording(f"Client Join ({chosen.name})", show.recorder, mermaid=in_mermaid))
    if outcome.recorder.divergences or outcome.missed or not (outcome.expected or settings.faults):
        raise typer.Exit(1)


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


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def _leave_output() -> None:
    """Let the interpreter not flush once more into what cannot be written to."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


app.command()(diagrams)
app.command()(read)
app.command()(check)
app.command()(explore)
app.command()(replay)
app.command()(monitor)
app.command()(verify)


ALIASES = {"--careful": "--hardened"}
"""Names that options had before."""


def main() -> None:
    """The script `clientjoin`."""
    arguments = [ALIASES.get(argument, argument) for argument in sys.argv[1:]]
    try:
        app(arguments, prog_name="clientjoin")
    except OSError as error:  # standard output is a full disk, say
        _leave_output()
        sys.exit(f"clientjoin: cannot go on: {error.strerror or error}")


if __name__ == "__main__":
    main()
