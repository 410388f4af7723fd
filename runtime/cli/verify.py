"""The command `clientjoin verify`: does a server that others wrote speak the protocol?"""

import asyncio
import contextlib
import json
import signal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runtime.cli.exits import fail

if TYPE_CHECKING:
    from runtime.kit.bench import Settings
    from runtime.kit.result import Case
    from runtime.kit.verification import Report


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends a verification, with all that it has started."""


class _EndedError(Exception):
    """A signal asked for an end, and everything was taken down."""

    def __init__(self, by: signal.Signals) -> None:
        super().__init__(by.name)
        self.by = by


class StopSignal(StrEnum):
    """What asks a server to stop."""

    SIGTERM = "SIGTERM"
    SIGINT = "SIGINT"
    SIGHUP = "SIGHUP"
    SIGQUIT = "SIGQUIT"
    SIGUSR1 = "SIGUSR1"


class Role(StrEnum):
    """What the server under test is."""

    tracker = "tracker"
    torrent = "torrent"


def verify(
    role: Annotated[Role, typer.Option(help="What the server under test is.")],
    command: Annotated[
        str, typer.Option("--exec", metavar="CMD", help="Starts it: '{url}', '{host}', '{port}', '{id}' are filled in.")
    ] = "",
    broker: Annotated[
        str, typer.Option(metavar="URL", help="The broker at which it runs already; losses happen at our end only.")
    ] = "",
    mosquitto: Annotated[
        str, typer.Option(metavar="PROGRAM", help="With --exec: this Mosquitto is the broker; losses at our end only.")
    ] = "",
    client: Annotated[str, typer.Option("--id", help="The MQTT client identifier that it has, or is to take.")] = "",
    only: Annotated[str, typer.Option(metavar="TEXT", help="Only the cases whose names hold this text.")] = "",
    list_cases: Annotated[bool, typer.Option("--list", help="List the cases and arrows, and stop.")] = False,
    xfail: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Cases, arrows or obligations, one a line, that have to be violated."),
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=REASON", help="What may stay unanswered, and why; `*` is any text, commas part names."
        ),
    ] = None,
    time_factor: Annotated[float, typer.Option(min=0.1, max=1000, help="All times as much longer.")] = 1.0,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds that its own timeouts last at least.")] = 0.5,
    longest: Annotated[
        float,
        typer.Option(
            "--longest-timeout", min=0, help="Seconds that they last at most: what is taken later than that violates."
        ),
    ] = 0.0,
    asks_again: Annotated[
        bool, typer.Option("--asks-again", help="It may ask again by itself, though it does not name its requests.")
    ] = False,
    stop_signal: Annotated[
        StopSignal, typer.Option(case_sensitive=False, help="What asks it to stop, so that it says goodbye.")
    ] = StopSignal.SIGTERM,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="It has to skip events with properties missing, given twice or of another type."),
    ] = False,
    hash_algorithm: Annotated[str, typer.Option(help="Of the service that a tracker runs.")] = "sha-256",
    random_cases: Annotated[int, typer.Option("--random", min=0, help="How many random cases.")] = 4,
    seed: Annotated[int, typer.Option(help="For the random cases.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="The report as one JSON object.")] = False,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report as JUnit XML.")] = None,
    page: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the report as an HTML page.")
    ] = None,
) -> None:
    """Verify a server that others wrote.

    The kit plays all others, on a broker of its own, and a network that loses events.

    Exit status: 0 it conforms, 1 it violates, 3 something was not answered (the last line says what, and what
    would help), 2 it cannot be verified.
    """
    from runtime.kit.bench import Settings
    from runtime.kit.subject import SubjectError
    from runtime.kit.verdict import arrows, obligations, unknown
    from runtime.kit.verification import cases
    from runtime.mqtt.session import BrokerAddress, NotConnectedError, RefusedError
    from runtime.runs.live import UnreachableError

    if not list_cases and bool(command) == bool(broker):
        raise _unusable("give either --exec CMD, or --broker URL of a server that runs already")
    if mosquitto and not command:
        raise _unusable("--mosquitto goes with --exec")
    try:
        address = BrokerAddress.parse(broker) if broker else None
        expected = _expected(xfail)
        accepted = _accepted(accept or [])
    except (ValueError, OSError) as error:
        raise _unusable(str(error)) from None
    settings = Settings(
        role.value,
        command,
        address,
        client,
        time_factor,
        timeout=timeout * time_factor,
        longest=longest,
        strict=strict,
        hash_algorithm=hash_algorithm,
        random_cases=random_cases,
        seed=seed,
        mosquitto=mosquitto,
        asks_again=asks_again,
        stop_signal=signal.Signals[stop_signal.value],
    )
    names = [case.name for case, _ in cases(settings)]
    if not any(only in name for name in names):
        raise _unusable(f"--only {only!r}: no case has such a name; --list without --only names all")
    if list_cases:
        named = [name for name in names if only in name]
        typer.echo("\n".join([*named, "", *(f"{name:<48} {arrow}" for name, arrow in arrows(role.value).items())]))
        return
    every = [*names, *arrows(role.value), *obligations(role.value)]
    for option, told in (("--xfail", expected), ("--accept", accepted)):
        for what in unknown(told, every):
            raise _unusable(f"{option}: {what}")
    try:
        report = asyncio.run(_verify(settings, only, quiet=as_json))
        report.expect(expected)
        report.accept(accepted)
        _write(report, junit, page)
    except (SubjectError, NotConnectedError, RefusedError, UnreachableError) as error:
        raise _unusable(str(error)) from None
    except OSError as error:
        raise _unusable(f"{error.filename}: {error.strerror or error}") from None
    except (_EndedError, KeyboardInterrupt) as error:
        by = error.by if isinstance(error, _EndedError) else signal.SIGINT
        typer.echo(f"clientjoin: ended by {by.name}; the server under test and its broker were ended, too", err=True)
        raise typer.Exit(128 + by) from None
    _print(report, as_json=as_json)
    raise typer.Exit(report.exit_status)


def _unusable(message: str) -> typer.Exit:
    return fail(message, status=2)


def _expected(path: Path | None) -> list[str]:
    """The names in a file; what follows a `#` is a comment."""
    if path is None:
        return []
    rows = (row.partition("#")[0].strip() for row in path.read_text(encoding="utf-8").splitlines())
    return [row for row in rows if row]


def _accepted(given: list[str]) -> dict[str, str]:
    """What may stay unanswered, and why. Raises `ValueError` where no reason is given."""
    found = {}
    for each in given:
        name, _, reason = (part.strip() for part in each.partition("="))
        if not name or not reason:
            raise ValueError(f"--accept {each!r}: say NAME=REASON, as in 'stops=it runs until the machine stops'")
        found[name] = reason
    return found


async def _verify(settings: "Settings", only: str, *, quiet: bool) -> "Report":
    """Raises `_EndedError` where a signal asks for an end, once everything is taken down."""
    from runtime.kit.report import line
    from runtime.kit.verification import verify as verify_all

    def tell(case: "Case") -> None:
        if not quiet:
            typer.echo(line(case))

    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    ended: list[signal.Signals] = []

    def end(by: signal.Signals) -> None:
        if task is not None and not ended:  # whoever asks twice waits, too: the server must not be left behind
            ended.append(by)
            task.cancel()

    for by in SIGNALS:
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(by, end, by)
    try:
        return await verify_all(settings, only, tell)
    except asyncio.CancelledError:
        if ended:
            raise _EndedError(ended[0]) from None
        raise


def _write(report: "Report", junit: Path | None, page: Path | None) -> None:
    from runtime.kit.report import as_html, as_junit

    if junit is not None:
        junit.write_text(as_junit(report), encoding="utf-8")
    if page is not None:
        page.write_text(as_html(report), encoding="utf-8")


def _print(report: "Report", *, as_json: bool) -> None:
    from runtime.kit.report import as_json as report_as_json
    from runtime.kit.report import lines

    if as_json:
        typer.echo(json.dumps(report_as_json(report), indent=1))
    else:
        typer.echo("\n".join(lines(report)))
