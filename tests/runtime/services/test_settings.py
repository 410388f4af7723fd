"""Settings: where they come from, which comes first, and what is said of a mistake."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_type_hints

import pytest

from runtime.cli.services import torrent, tracker
from runtime.mqtt.session import BrokerAddress
from runtime.services.settings import ServiceSettings, SettingsError, TorrentSettings, TrackerSettings, load


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("BROKER", "PASSWORD", "PASSWORD_FILE", "CONFIG", "TIMEOUT", "ID"):
        monkeypatch.delenv(f"CLIENTJOIN_{name}", raising=False)


def test_a_flag_comes_before_the_environment_and_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    config.write_text('timeout = 1\nkeepalive = 10\nqos = 1\n[tracker]\nkeepalive = 20\n[torrent]\nshare = "here"\n')
    monkeypatch.setenv("CLIENTJOIN_TIMEOUT", "2")
    monkeypatch.setenv("CLIENTJOIN_KEEPALIVE", "30")
    settings = load(TrackerSettings, {"timeout": 3.0, "qos": None}, config)
    assert (settings.timeout, settings.keepalive, settings.qos) == (3.0, 30, 1)
    monkeypatch.delenv("CLIENTJOIN_KEEPALIVE")
    assert load(TrackerSettings, {}, config).keepalive == 20
    torrent = load(TorrentSettings, {}, config)
    assert (torrent.keepalive, torrent.timeout, torrent.share) == (10, 2.0, (Path("here"),))
    monkeypatch.setenv("CLIENTJOIN_CONFIG", str(config))
    assert load(TrackerSettings, {}).keepalive == 20


@pytest.mark.parametrize(
    ("flags", "text", "said"),
    [
        ({"qos": 3}, "", "--qos: Input should be 0, 1 or 2, not 3"),
        (
            {"broker": "mqtt://h:0"},
            "",
            "--broker: 'mqtt://h:0' is no broker: the port must be from 1 to 65535; the form",
        ),
        ({"prefix": "a/+"}, "", "the prefix 'a/+' cannot begin a topic"),
        ({"id": "a/b", "topic_per_client": True}, "", "'a/b' cannot be a level of a topic"),
        ({"id": ""}, "", "'' is no client identifier"),
        ({"cert": Path("c")}, "", "a client certificate takes both cert and key"),
        ({"cafile": Path("c")}, "", "certificates are of no use to mqtt://127.0.0.1:1883: use mqtts:// or wss://"),
        ({"retry_first": 9.0, "retry_most": 2.0}, "", "retry_first (9) is more than retry_most (2)"),
        ({}, "qqs = 1", "qqs (CLIENTJOIN_QQS, or in the file): there is no such setting"),
        ({}, "[trakcer]\nqos = 1", "unknown table ['trakcer']: expected [tracker] or [torrent]"),
        ({}, "qos = ", "settings.toml: Invalid value"),
        ({}, "timeout = nan", "timeout (CLIENTJOIN_TIMEOUT, or in the file): Input should be less"),
        (
            {"broker": "mqtt://u:secret@h"},
            "",
            "--broker has a password in it, which everybody on this machine can read",
        ),
    ],
)
def test_a_mistake_is_one_line_that_says_where(flags: dict[str, object], text: str, said: str, tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    config.write_text(text)
    with pytest.raises(SettingsError) as mistake:
        load(TrackerSettings, flags, config)
    assert said in str(mistake.value)
    assert "\n" not in str(mistake.value)
    assert "secret" not in str(mistake.value)


def test_a_file_that_is_not_there_is_said() -> None:
    with pytest.raises(SettingsError, match=r"there is no file nowhere\.toml"):
        load(TrackerSettings, {}, Path("nowhere.toml"))


def test_a_password_is_in_the_environment_or_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("hush hush\n")
    given = load(TrackerSettings, {"broker": "mqtt://me@h", "password_file": secret})
    assert given.address() == BrokerAddress("h", 1883, "me", "hush hush")
    monkeypatch.setenv("CLIENTJOIN_PASSWORD", "sesame")
    settings = load(TrackerSettings, {"broker": "mqtt://me@h"})
    assert settings.address().password == "sesame"
    assert "sesame" not in f"{settings} {settings!r} {settings.address()!r} {settings.model_dump()}"
    monkeypatch.delenv("CLIENTJOIN_PASSWORD")
    monkeypatch.setenv("CLIENTJOIN_BROKER", "mqtt://me:sesame@h")
    assert load(TrackerSettings, {}).address().password == "sesame"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"password_file": Path("none")}, "password_file: cannot read none: No such file or directory"),
        ({"broker": "mqtts://h", "cafile": Path("none")}, "TLS: cannot use none: No such file"),
    ],
)
def test_what_cannot_be_read_is_said(flags: dict[str, object], said: str) -> None:
    settings = load(TrackerSettings, {"broker": "mqtt://me@h", **flags})
    with pytest.raises(SettingsError, match=said):
        assert (settings.address(), settings.tls()) is None


def test_a_password_without_a_user_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIENTJOIN_PASSWORD", "sesame")
    with pytest.raises(SettingsError, match="a password, but no user"):
        load(TrackerSettings, {}).address()


def test_without_the_extra_one_line_says_so(tmp_path: Path) -> None:
    (tmp_path / "pydantic_settings.py").write_text("raise ImportError('not installed')")
    line = [sys.executable, "-m", "runtime.cli", "tracker"]
    top = Path(__file__).parents[3]
    ran = subprocess.run(
        line, capture_output=True, text=True, check=False, env={"PYTHONPATH": f"{tmp_path}:{top}"}, cwd=top
    )
    assert ran.returncode == 2
    assert ran.stderr == "clientjoin: services need the extra: pip install 'clientjoin[services]' (not installed)\n"


@pytest.mark.parametrize(("command", "settings"), [(tracker, TrackerSettings), (torrent, TorrentSettings)])
def test_each_setting_is_a_flag_that_names_its_default(
    command: Callable[..., None], settings: type[ServiceSettings]
) -> None:
    hints = get_type_hints(command, include_extras=True)
    options = {"id" if name == "client_id" else name: hint for name, hint in hints.items() if name != "return"}
    fields = settings.model_fields
    assert fields.keys() - {"password"} == options.keys() - {"config"}
    for name in fields.keys() - {"id", "password"}:
        default = fields[name].default
        if default and isinstance(default, int | float | str) and default is not True:
            shown = f"{default:g}" if isinstance(default, float) else default
            assert f"[default: {shown}]" in options[name].__metadata__[0].help, name
