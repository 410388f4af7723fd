"""The command line: `clientjoin demo`, `clientjoin diagrams`."""

import asyncio
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from machines import CHARTS
from machines.diagrams import decision_page, dot, mermaid

app = typer.Typer(
    help="Client Join of an MQTT Distribution Service: the statecharts of a sequence diagram, live.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Format = Literal["mermaid", "dot", "svg", "png"]
SUFFIXES: dict[str, str] = {"mermaid": "mmd", "dot": "dot", "svg": "svg", "png": "png"}


@app.callback()
def entry() -> None:
    """Client Join of an MQTT Distribution Service: the statecharts of a sequence diagram, live."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s", stream=sys.stderr)


def fail(message: str, status: int = 1) -> typer.Exit:
    """Say what went wrong on standard error, and make the exit."""
    typer.echo(f"clientjoin: {message}", err=True)
    return typer.Exit(status)


@app.command()
def diagrams(
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("diagrams"),
    format: Annotated[Format, typer.Option(help="svg and png need Graphviz.")] = "mermaid",  # noqa: A002 - the option's name
) -> None:
    """Write one state diagram and one decision table for each participant."""
    graphviz = shutil.which("dot")
    if format in {"svg", "png"} and graphviz is None:
        raise fail(
            f"--format {format} needs Graphviz, and no program 'dot' was found; install Graphviz, "
            "or use --format mermaid or --format dot"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        for chart in CHARTS:
            stem = chart.__module__.rpartition(".")[2]
            picture = out / f"{stem}.{SUFFIXES[format]}"
            if format == "mermaid":
                picture.write_text(mermaid(chart), encoding="utf-8")
            elif format == "dot":
                picture.write_text(dot(chart), encoding="utf-8")
            else:
                assert graphviz is not None
                command = [graphviz, f"-T{format}", "-o", str(picture)]
                subprocess.run(command, input=dot(chart), text=True, check=True, capture_output=True)  # noqa: S603
            table = out / f"{stem}.decisions.md"
            table.write_text(decision_page(chart), encoding="utf-8")
            typer.echo(f"{picture}\n{table}")
    except OSError as error:
        raise fail(f"cannot write to {out}: {error.strerror or error}; name another folder with --out") from None
    except subprocess.CalledProcessError as error:
        raise fail(f"Graphviz failed: {error.stderr.strip()}; --format dot writes what it was given") from None


@app.command()
def demo(
    scenario: Annotated[str, typer.Option(help="Which course to play; --list names them.")] = "",
    list_scenarios: Annotated[bool, typer.Option("--list", help="List the scenarios, and stop.")] = False,
    torrents: Annotated[int, typer.Option(min=1, max=100, help="How many torrent servers ask to join.")] = 1,
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
    timeout: Annotated[float, typer.Option(min=0.05, max=3600, help="What every clock counts, in seconds.")] = 1.0,
    seed: Annotated[int, typer.Option(help="For losses with a probability (EVENT@HOP%P).")] = 0,
    qos: Annotated[int, typer.Option(min=0, max=2, help="MQTT quality of service.")] = 2,
    broker: Annotated[str, typer.Option(metavar="URL", help="A broker that runs already: mqtt://host:port.")] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the embedded broker; 0 takes a free one.")] = 0,
    record: Annotated[Path | None, typer.Option(help="Write the run as a sequence diagram (.mmd: in Mermaid).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Play Client Join on a real MQTT broker, by default the story of the seed diagram."""
    # These take time to import, and the other commands do without them.
    from runtime.broker import BrokerError
    from runtime.demo import DemoError, Play, Settings
    from runtime.faults import Fault, FaultSyntaxError, Kind, parse_fault
    from runtime.mqtt import BrokerAddress
    from runtime.printing import Json, People, recording
    from runtime.scenarios import DEFAULT, SCENARIOS
    from runtime.scenarios import scenario as scenario_named

    if list_scenarios:
        for known in SCENARIOS:
            typer.echo(f"{known.name:<28}{known.tells}")
        return

    def faults(texts: list[str] | None, kind: Kind) -> list[Fault]:
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
        )
        if record is not None:
            record.open("a").close()
    except (FaultSyntaxError, ValueError) as error:
        raise fail(str(error), status=2) from None
    except OSError as error:
        raise fail(f"cannot write {record}: {error.strerror or error}", status=2) from None

    console = _Console(highlight=False, emoji=False, markup=False)
    audience = Json(console) if as_json else People(console)
    show = Play(settings, audience)
    try:
        outcome = asyncio.run(show.run())
        audience.summary(outcome)
    except (DemoError, BrokerError) as error:
        raise fail(str(error)) from None
    except KeyboardInterrupt:
        raise fail(f"interrupted after {len(show.stage.arrows)} arrows; everything was taken down", 130) from None
    except BrokenPipeError:
        # Whoever read our output has seen enough: the interpreter must not flush into the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(141) from None
    finally:
        if record is not None and show.stage.arrows:
            title = f"Client Join ({chosen.name})"
            record.write_text(recording(title, show.stage, mermaid=record.suffix == ".mmd"), encoding="utf-8")
    if outcome.stage.divergences or not (outcome.expected or settings.faults):
        raise typer.Exit(1)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def main() -> None:
    """The script `clientjoin`."""
    app(prog_name="clientjoin")


if __name__ == "__main__":
    main()
