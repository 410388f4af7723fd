"""The commands `clientjoin tracker` and `torrent`, which run until they are told to stop, `members` and `acl`."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from runtime.wire.texts import printable

USAGE = 2
"""Exit status: a setting is wrong, or something is missing."""

Broker = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="mqtt://, mqtts://, ws:// or wss://[USER@]HOST[:PORT].  [default: mqtt://127.0.0.1:1883]"
    ),
]
Id = Annotated[str | None, typer.Option("--id", "-i", help="Client identifier, without the prefix.")]
Prefix = Annotated[str | None, typer.Option(help="What topics and MQTT client identifiers of this service begin with.")]
PerClient = Annotated[
    bool | None, typer.Option("--topic-per-client", help="Topics end in the client they are of, or for.")
]
Keepalive = Annotated[int | None, typer.Option("--keepalive", "-k", help="MQTT keepalive, in seconds.  [default: 60]")]
Qos = Annotated[
    int | None,
    typer.Option(
        "--qos",
        "-q",
        help="MQTT quality of service of publications: 0, 1 or 2; subscriptions have 1 at most.  [default: 2]",
    ),
]
CaFile = Annotated[Path | None, typer.Option(help="Certificates to trust the broker by (PEM).")]
Cert = Annotated[Path | None, typer.Option(help="A client certificate (PEM); with --key.")]
Key = Annotated[Path | None, typer.Option(help="The key of --cert (PEM).")]
PasswordFile = Annotated[Path | None, typer.Option(help="A file with the password; or CLIENTJOIN_PASSWORD holds it.")]
Timeout = Annotated[float | None, typer.Option(help="What the clock of Client Join counts, in seconds.  [default: 30]")]
StopWithin = Annotated[float | None, typer.Option(help="Seconds that a goodbye may take.  [default: 10]")]
RetryFirst = Annotated[
    float | None, typer.Option(help="The first pause before it tries or asks again, in seconds.  [default: 1]")
]
RetryMost = Annotated[float | None, typer.Option(help="The longest pause, in seconds.  [default: 60]")]
MaxPayload = Annotated[
    int | None, typer.Option(help="The largest event that is read or written, in bytes.  [default: 4194304]")
]
Metrics = Annotated[int | None, typer.Option(metavar="PORT", help="Serve /metrics, /healthz and /state there; 0: any.")]
MetricsHost = Annotated[str | None, typer.Option(help="The address that --metrics listens at.  [default: 127.0.0.1]")]
Patience = Annotated[
    float | None, typer.Option(help="Seconds that the broker has for each next answer.  [default: 10]")
]
LogFormat = Annotated[
    Literal["human", "json"] | None, typer.Option(help="The log on standard error.  [default: human]")
]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"] | None,
    typer.Option(help="At debug: each transition.  [default: info]"),
]
Config = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Settings in TOML; flags and CLIENTJOIN_... come first.")
]


def tracker(
    broker: Broker = None,
    client_id: Id = None,
    prefix: Prefix = None,
    topic_per_client: PerClient = None,
    keepalive: Keepalive = None,
    qos: Qos = None,
    cafile: CaFile = None,
    cert: Cert = None,
    key: Key = None,
    password_file: PasswordFile = None,
    timeout: Timeout = None,
    stop_within: StopWithin = None,
    retry_first: RetryFirst = None,
    retry_most: RetryMost = None,
    max_payload: MaxPayload = None,
    patience: Patience = None,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Where the view is kept: sqlite:///FILE or postgresql://USER@HOST/DATABASE; else in a file here.",
        ),
    ] = None,
    fragment_size: Annotated[
        int | None, typer.Option(help="The service's fragment size, in bytes.  [default: 262144]")
    ] = None,
    hash_algorithm: Annotated[
        str | None, typer.Option(help="The service's hash algorithm.  [default: sha-256]")
    ] = None,
    max_clients: Annotated[int | None, typer.Option(help="How many clients are admitted.  [default: 10000]")] = None,
    max_files: Annotated[int | None, typer.Option(help="How many files the view holds.  [default: 1000000]")] = None,
    max_fragments: Annotated[
        int | None, typer.Option(help="How many fragments the view holds.  [default: 10000000]")
    ] = None,
    max_endpoints: Annotated[int | None, typer.Option(help="How many endpoints a client has.  [default: 64]")] = None,
    embedded_broker: Annotated[
        bool | None, typer.Option("--embedded-broker", help="Run a broker, too: for a first try, on one machine.")
    ] = None,
    metrics: Metrics = None,
    metrics_host: MetricsHost = None,
    log_format: LogFormat = None,
    log_level: LogLevel = None,
    config: Config = None,
) -> None:
    """Run a tracker until it is told to stop.

    Exit status 0 if it was stopped, 2 for a mistake in the settings, 3 if the broker refused it for good, 4 if what is
    known could not be stored, 5 if another tracker took over.
    """
    flags = dict(locals())

    def begin() -> Coroutine[Any, Any, int]:
        from runtime.services.run import run_tracker
        from runtime.services.settings import TrackerSettings

        return run_tracker(_settings(TrackerSettings, flags))

    _run(begin)


def torrent(
    broker: Broker = None,
    client_id: Id = None,
    share: Annotated[list[Path] | None, typer.Option(metavar="FOLDER", help="Share the files below a folder.")] = None,
    endpoint: Annotated[list[str] | None, typer.Option(metavar="URI", help="Where fragments are served.")] = None,
    prefix: Prefix = None,
    topic_per_client: PerClient = None,
    keepalive: Keepalive = None,
    qos: Qos = None,
    cafile: CaFile = None,
    cert: Cert = None,
    key: Key = None,
    password_file: PasswordFile = None,
    timeout: Timeout = None,
    stop_within: StopWithin = None,
    retry_first: RetryFirst = None,
    retry_most: RetryMost = None,
    max_payload: MaxPayload = None,
    patience: Patience = None,
    fragment_size: Annotated[
        int | None, typer.Option(help="Cut files into fragments of so many bytes.  [default: 262144]")
    ] = None,
    hash_algorithm: Annotated[str | None, typer.Option(help="sha-256, sha-384 or sha-512.  [default: sha-256]")] = None,
    cache: Annotated[Path | None, typer.Option(metavar="FILE", help="Where hashes are kept.")] = None,
    metrics: Metrics = None,
    metrics_host: MetricsHost = None,
    log_format: LogFormat = None,
    log_level: LogLevel = None,
    config: Config = None,
) -> None:
    """Run a torrent server until it is told to stop.

    It joins, stays, and joins again whenever it has to.

    Exit status 0 if it was stopped, 2 for a mistake in the settings, 3 if the broker refused it for good.
    """
    flags = dict(locals())

    def begin() -> Coroutine[Any, Any, int]:
        from runtime.services.run import run_torrent, shared_by
        from runtime.services.settings import TorrentSettings

        settings = _settings(TorrentSettings, flags)
        return run_torrent(settings, shared_by(settings))

    _run(begin)


def members(
    broker: Broker = None,
    prefix: Prefix = None,
    topic_per_client: PerClient = None,
    keepalive: Keepalive = None,
    qos: Qos = None,
    cafile: CaFile = None,
    cert: Cert = None,
    key: Key = None,
    password_file: PasswordFile = None,
    patience: Annotated[float | None, typer.Option(help="Seconds that broker and tracker have to answer.")] = None,
    max_payload: MaxPayload = None,
    hash_algorithm: Annotated[str | None, typer.Option(help="The service's hash algorithm.")] = None,
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Print who is registered, as the tracker tells it.

    Exit status 0 if it told, 1 if not, 2 for a mistake in the settings.
    """
    flags = {"client_id": None, **locals()}
    flags.pop("as_json")

    def begin() -> Coroutine[Any, Any, int]:
        from runtime.services.members import MembersSettings
        from runtime.services.members import members as asked

        async def tell() -> int:
            found = await asked(_settings(MembersSettings, flags))
            rows = [(name, sorted(info.endpoints), len(info.stored_fragments)) for name, info in sorted(found.items())]
            if as_json:
                told = {name: {"endpoints": endpoints, "fragments": count} for name, endpoints, count in rows}
                typer.echo(json.dumps(told))
                return 0
            for name, endpoints, count in rows:
                typer.echo(f"{printable(name)}  {count} fragments  {printable(' '.join(endpoints))}")
            typer.echo(f"{len(rows)} registered")
            return 0

        return tell()

    _run(begin)


def acl(
    form: Annotated[Literal["mosquitto", "emqx"], typer.Option("--format", help="Whose rules.")] = "mosquitto",
    prefix: Annotated[str, typer.Option(help="What topics and MQTT client identifiers begin with.")] = "",
    topic_per_client: Annotated[
        bool, typer.Option("--topic-per-client", help="Topics end in the client they are of, or for.")
    ] = False,
    tracker_id: Annotated[str, typer.Option("--tracker", help="The tracker, without the prefix.")] = "tracker",
) -> None:
    """Print what a broker has to allow.

    Who may publish and subscribe to what, and nothing else.
    """
    from runtime.cli.exits import fail
    from runtime.services.acl import acl as made
    from runtime.services.topics import Topics

    try:
        typer.echo(made(form, Topics(prefix, topic_per_client), tracker_id), nl=False)
    except ValueError as error:
        raise fail(str(error), USAGE) from None


def _settings(kind: type[Any], flags: dict[str, Any]) -> Any:
    """The settings; from here on the log goes where they say."""
    from runtime.services.logs import set_up
    from runtime.services.settings import load

    config = flags.pop("config")
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in flags.items()}
    given["id"] = given.pop("client_id")
    settings = load(kind, given, config)
    set_up(settings.log_format, settings.log_level)
    return settings


def _run(begin: Callable[[], Coroutine[Any, Any, int]]) -> None:
    from runtime.cli.exits import fail
    from runtime.mqtt.broker import BrokerError

    try:
        from runtime.services.members import NoAnswerError
        from runtime.services.settings import SettingsError
    except ImportError as error:
        raise fail(f"services need the extra: pip install 'clientjoin[services]' ({error})", USAGE) from None
    try:
        status = asyncio.run(begin())
    except (SettingsError, BrokerError) as error:
        raise fail(str(error), USAGE) from None
    except NoAnswerError as error:
        raise fail(str(error)) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    raise typer.Exit(int(status))
