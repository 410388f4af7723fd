"""The command `clientjoin monitor`: live traffic, or a log of it, against the statecharts."""

from pathlib import Path
from typing import Annotated

import typer

from runtime.cli.exits import fail, leave_output
from runtime.cli.terminal import PipedConsole
from runtime.cli.watching import Options, Watcher


def monitor(
    logs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[LOG]...", help="A recording, or logs of a bus, one of each subscriber; `-` is standard input."
        ),
    ] = None,
    broker: Annotated[
        str, typer.Option(metavar="URL", help="A broker that runs: mqtt://[user:password@]host[:port].")
    ] = "",
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="With --broker: how long; without it until Ctrl-C.")
    ] = None,
    lossless: Annotated[
        bool, typer.Option("--lossless", help="Servers lose what they publish with their connections only (QoS 1, 2).")
    ] = False,
    unordered: Annotated[
        bool, typer.Option("--unordered", help="Events may overtake each other on their way, or come twice.")
    ] = False,
    as_drawn: Annotated[
        bool,
        typer.Option(
            "--as-drawn",
            help="Assume servers as drawn: one that does not name its requests neither retries nor has a last will.",
        ),
    ] = False,
    gaps: Annotated[
        bool, typer.Option("--gaps", help="Lines may be missing: what only a missing one explains cannot be told.")
    ] = False,
    prefix: Annotated[str, typer.Option(help="What the topics of the service begin with.")] = "",
    topic_per_client: Annotated[
        bool, typer.Option("--topic-per-client", help="Topics end in the client they are of, or for.")
    ] = False,
    from_the_start: Annotated[
        bool, typer.Option("--from-the-start", help="No server was there before the first line.")
    ] = False,
    tracker: Annotated[
        str, typer.Option(help="Client identifier of the tracker, for logs that do not name the publisher.")
    ] = "",
    lag: Annotated[float, typer.Option(min=0, help="Seconds that an event lies unread at most.")] = 10.0,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds that timeouts of the servers last at least.")] = 0.0,
    save: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write the last minute before each forbidden event there.")
    ] = None,
    metrics: Annotated[
        int | None, typer.Option(min=0, max=65535, help="With --broker: a port for counters that Prometheus reads.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Judge what is on the bus, live or in a log.

    Each server is checked against its statechart, as soon as its state is known: a torrent server from its next
    request, a tracker from its next hello.

    Exit status: 0 allowed, 1 forbidden, 3 nobody can tell, 2 cannot be used.
    """
    from runtime.runs.format import RunError
    from runtime.services.topics import Topics

    if bool(logs) == bool(broker):
        raise _unusable("give either a LOG or --broker URL")
    if logs and "-" in logs and len(logs) > 1:
        raise _unusable("- is read as it comes, and put together with no other log")
    if (seconds or metrics is not None) and not broker:
        raise _unusable("--seconds and --metrics go with --broker")
    try:
        topics = Topics(prefix, topic_per_client)
    except ValueError as error:
        raise _unusable(f"--prefix: {error}") from None
    options = Options(tracker, lag, timeout, lossless, unordered, from_the_start, as_drawn, gaps, topics)
    try:
        if save is not None:
            save.mkdir(parents=True, exist_ok=True)
        watcher = Watcher(options, PipedConsole(), as_json=as_json, folder=save)
        if broker:
            watcher.live(broker, seconds, metrics)
        else:
            watcher.read(logs or [])
    except RunError as error:
        raise _unusable(str(error)) from None
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            leave_output()
            raise typer.Exit(141) from None
        raise _unusable(f"{error.filename or save}: {error.strerror or error}") from None
    raise typer.Exit(watcher.end())


def _unusable(message: str) -> typer.Exit:
    return fail(message, status=2)
