"""The settings of the services: a flag over an environment variable (`CLIENTJOIN_...`) over a TOML file.

A password never comes from a flag, where everybody on the machine could read it: it is in the environment, in a file
that `password_file` names, or in the TOML file. Every setting is checked before anything is started, and a mistake is a
`SettingsError` of one line that says where it stands.
"""

import os
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from machines.tracker import TRACKER_ID
from runtime.mqtt.session import BrokerAddress
from runtime.services.topics import Topics

ENV = "CLIENTJOIN_"
KIB = 1024
MIB = 1024 * KIB
MQTT_LARGEST = 268_435_455
"""Bytes that one MQTT packet can hold (MQTT 3.1.1, 2.2.3)."""


class SettingsError(ValueError):
    """A setting is missing or wrong: the message names it, and what is expected."""


class ServiceSettings(BaseSettings):
    """What a tracker and a torrent server both need; times in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix=ENV, extra="forbid", frozen=True)
    table: ClassVar[str] = ""
    """The table of the TOML file that belongs to this service; what stands outside of tables belongs to all."""
    toml: ClassVar[Path | None] = None

    broker: str = "mqtt://127.0.0.1:1883"
    id: str
    prefix: str = ""
    topic_per_client: bool = False
    keepalive: int = Field(60, ge=5, le=65535)
    qos: Literal[0, 1, 2] = 2
    cafile: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    timeout: float = Field(30.0, ge=0.05, le=86400)
    patience: float = Field(10.0, ge=0.1, le=3600)
    retry_first: float = Field(1.0, ge=0.01, le=3600)
    retry_most: float = Field(60.0, ge=0.01, le=86400)
    stop_within: float = Field(10.0, ge=0.1, le=3600)
    max_payload: int = Field(4 * MIB, ge=KIB, le=MQTT_LARGEST)
    log_format: Literal["human", "json"] = "human"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    metrics: int | None = Field(None, ge=0, le=65535)
    metrics_host: str = "127.0.0.1"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then the environment, then the file."""
        del dotenv_settings, file_secret_settings
        sources = (init_settings, env_settings)
        return (*sources, _Toml(settings_cls, cls.toml, cls.table)) if cls.toml else sources

    @field_validator("broker")
    @classmethod
    def _is_broker(cls, value: str) -> str:
        BrokerAddress.parse(value)
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        self.topics.check_id(self.id)
        if (self.key is None) != (self.cert is None):
            raise ValueError("a client certificate takes both cert and key")
        if self.password is not None and self.password_file is not None:
            raise ValueError("both password and password_file are given: leave one out")
        if self.retry_first > self.retry_most:
            raise ValueError(f"retry_first ({self.retry_first:g}) is more than retry_most ({self.retry_most:g})")
        if (self.cafile or self.cert) and not BrokerAddress.parse(self.broker).tls:
            raise ValueError(
                f"certificates are of no use to {BrokerAddress.parse(self.broker)}: use mqtts:// or wss://"
            )
        return self

    @property
    def topics(self) -> Topics:
        """How topics and identifiers look on the bus."""
        return Topics(self.prefix, self.topic_per_client)

    def address(self) -> BrokerAddress:
        """Where the broker is, with the password. Raises `SettingsError` if the file with it cannot be read."""
        address = BrokerAddress.parse(self.broker)
        password = self.password.get_secret_value() if self.password else address.password
        if self.password_file is not None:
            try:
                password = self.password_file.read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsError(f"password_file: cannot read {self.password_file}: {_why(error)}") from None
        if password is not None and address.user is None:
            raise SettingsError(
                f"there is a password, but no user: put one into broker, as in mqtt://USER@{address.host}"
            )
        return BrokerAddress(address.host, address.port, address.user, password, address.tls, address.websocket_path)

    def tls(self) -> ssl.SSLContext | None:
        """What TLS is done with; None without TLS. Raises `SettingsError` for a file that cannot be used."""
        if not BrokerAddress.parse(self.broker).tls:
            return None
        place: object = self.cafile
        try:
            context = ssl.create_default_context(cafile=str(self.cafile) if self.cafile else None)
            if self.cert is not None:
                place = f"{self.cert} with {self.key}"
                context.load_cert_chain(self.cert, self.key)
        except (OSError, ValueError) as error:
            raise SettingsError(f"TLS: cannot use {place}: {_why(error)}") from None
        return context


class TrackerSettings(ServiceSettings):
    """The settings of `clientjoin tracker`."""

    table = "tracker"

    id: str = TRACKER_ID
    hash_algorithm: str = Field("sha-256", min_length=1)
    fragment_size: int = Field(256 * KIB, ge=1, le=2**63 - 1)
    store: str = ""
    max_clients: int = Field(10_000, ge=1)
    max_files: int = Field(1_000_000, ge=0)
    max_fragments: int = Field(10_000_000, ge=0)
    max_endpoints: int = Field(64, ge=0)
    embedded_broker: bool = False

    @property
    def store_url(self) -> str:
        """Where the Distribution View is kept."""
        return self.store or f"sqlite:///clientjoin-{re.sub('[^A-Za-z0-9._-]', '_', self.topics.client_id(self.id))}.db"


class TorrentSettings(ServiceSettings):
    """The settings of `clientjoin torrent`."""

    table = "torrent"

    id: str = Field(default_factory=lambda: f"torrent-{os.uname().nodename}" if hasattr(os, "uname") else "torrent")
    share: tuple[Path, ...] = ()
    endpoint: tuple[str, ...] = ()
    hash_algorithm: Literal["sha-256", "sha-384", "sha-512"] = "sha-256"
    fragment_size: int = Field(256 * KIB, ge=1, le=2**63 - 1)
    cache: Path | None = None

    @field_validator("share", "endpoint", mode="before")
    @classmethod
    def _is_one_or_more(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value


class _Toml(TomlConfigSettingsSource):
    """The file: what stands outside of tables, and the table of this service over it."""

    def __init__(self, settings: type[BaseSettings], path: Path, table: str) -> None:
        self._table = table
        super().__init__(settings, path)

    def _read_file(self, file_path: Any) -> dict[str, Any]:
        given = super()._read_file(file_path)
        tables = {name for name, value in given.items() if isinstance(value, dict)}
        unknown = tables - {"tracker", "torrent"}
        if unknown:
            raise SettingsError(f"{file_path}: unknown table {sorted(unknown)}: expected [tracker] or [torrent]")
        shared = {name: value for name, value in given.items() if name not in tables}
        return {**shared, **given.get(self._table, {})}


S = TypeVar("S", bound=ServiceSettings)


def load(kind: type[S], flags: Mapping[str, Any], config: Path | None = None) -> S:
    """The settings of a service, from the flags that were given, the environment, and a TOML file.

    Raises `SettingsError`.
    """
    given = {name: value for name, value in flags.items() if value is not None and value != ()}
    if "broker" in given:
        _refuse_password(given["broker"])
    name = os.environ.get(f"{ENV}CONFIG")
    path = config or (Path(name) if name else None)
    if path is not None and not path.is_file():
        raise SettingsError(f"there is no file {path}: name a TOML file with settings, or none")
    bound = type(kind.__name__, (kind,), {"toml": path, "__module__": kind.__module__})
    try:
        settings: S = bound(**given)
    except ValidationError as error:
        raise SettingsError("; ".join(_said(one, given) for one in error.errors())) from None
    except SettingsError:
        raise
    except ValueError as error:  # the file is no TOML, a list in the environment is no JSON
        raise SettingsError(f"{path or 'the environment'}: {_why(error)}") from None
    return settings


def _refuse_password(broker: str) -> None:
    try:
        password = BrokerAddress.parse(broker).password
    except ValueError:
        return  # said later, in the same words as for the environment
    if password is not None:
        raise SettingsError(
            "--broker has a password in it, which everybody on this machine can read: leave it out, and give it in "
            f"{ENV}PASSWORD, or in a file that --password-file names"
        )


def _said(error: Any, given: Mapping[str, Any]) -> str:
    """One mistake, in the words of whoever made it."""
    name = str(error["loc"][0]) if error["loc"] else ""
    problem = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        problem = "there is no such setting"
    if not name:
        return problem
    source = f"--{name.replace('_', '-')}" if name in given else f"{name} ({ENV}{name.upper()}, or in the file)"
    shown = "" if "password" in name or "broker" in name else f", not {error['input']!r:.60}"
    return f"{source}: {problem}{shown}"


def _why(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
