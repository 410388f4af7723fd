"""What stands in `runtime/services/deploy` is what its programs take."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import trustme

from runtime.mqtt.session import BrokerAddress
from runtime.services.acl import acl
from runtime.services.settings import TorrentSettings, TrackerSettings, load
from runtime.services.topics import Topics
from runtime.services.web import Metrics
from tests.support.mosquitto import Mosquitto
from tests.support.mqtt_clients import live
from tests.support.places import TOP
from tests.support.programs import needed
from tests.support.services import a_bus

DEPLOY = TOP / "runtime" / "services" / "deploy"


def broker(folder: Path) -> Mosquitto:
    """Mosquitto with the configuration as it stands, but for the port and the folder."""
    authority = trustme.CA()
    (folder / "tls").mkdir()
    made = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(folder / "tls" / "ca.pem")
    made.cert_chain_pems[0].write_to_path(folder / "tls" / "broker.pem")
    made.private_key_pem.write_to_path(folder / "tls" / "broker.key")
    (folder / "passwords").write_text("tracker:tracker\none:one\n")
    subprocess.run([needed("mosquitto_passwd"), "-U", folder / "passwords"], check=True, capture_output=True)
    (folder / "acl").write_text(acl("mosquitto", Topics(per_client=True)))
    text = (DEPLOY / "mosquitto.conf").read_text().replace("/etc/clientjoin", str(folder))
    lines = [line for line in text.splitlines() if not line.startswith(("listener", "persistence", "per_listener"))]
    return Mosquitto(needed("mosquitto"), folder, "\n".join(lines) + "\n")


@live
async def test_services_join_by_the_broker_configuration(tmp_path: Path) -> None:
    mosquitto = broker(tmp_path)
    try:

        def address(name: str) -> BrokerAddress:
            return BrokerAddress("127.0.0.1", mosquitto.port, name, name, tls=True)

        url, cafile = f"mqtts://127.0.0.1:{mosquitto.port}", tmp_path / "tls" / "ca.pem"
        async with a_bus(address("tracker")) as bus:
            tracker = await bus.tracker(broker=url, cafile=cafile, topic_per_client=True).member()
            bus.address = address("one")
            await bus.torrent("one", broker=url, cafile=cafile, topic_per_client=True).member()
            await tracker.members("one")
    finally:
        mosquitto.kill()


def test_the_settings_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIENTJOIN_PASSWORD_FILE", "/run/credentials/password")
    tracker = load(TrackerSettings, {}, DEPLOY / "clientjoin.toml")
    assert tracker.topic_per_client
    assert tracker.store_url == "sqlite:////var/lib/clientjoin/tracker.db"
    torrent = load(TorrentSettings, {"id": "one", "broker": "mqtts://one@localhost:8883"}, DEPLOY / "clientjoin.toml")
    assert torrent.share == (Path("/srv/clientjoin"),)


@pytest.mark.parametrize("unit", ["clientjoin-tracker.service", "clientjoin-torrent@.service"])
def test_the_units_are_units(unit: str, tmp_path: Path) -> None:
    program = needed("systemd-analyze")
    place = tmp_path / unit.replace("@", "@one")
    place.write_text((DEPLOY / unit).read_text())
    said = subprocess.run([program, "verify", "--man=no", place], capture_output=True, text=True, check=False)
    assert unit.partition("@")[0] not in said.stderr, said.stderr
    text = place.read_text()
    assert "TimeoutStopSec=20" in text  # more than `stop_within`
    statuses = {"clientjoin-tracker.service": "2 3 5"}.get(unit, "2 3")
    assert f"RestartPreventExitStatus={statuses}\n" in text


def test_the_compose_file_is_one() -> None:
    program = shutil.which("docker")
    if program is None or subprocess.run([program, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not installed")
    line = [program, "compose", "-f", str(DEPLOY / "compose.yml"), "config", "--format", "json"]
    ran = subprocess.run(line, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)["services"]
    assert set(found) == {"broker", "store", "tracker", "one", "two"}
    assert Path(found["tracker"]["build"]["context"]).resolve() == TOP


@live
async def test_the_dashboard_shows_metrics_that_there_are(tmp_path: Path) -> None:
    async with a_bus(BrokerAddress("127.0.0.1", 9)) as bus:
        known = set()
        for running in (bus.tracker(), bus.torrent("one")):
            for family in Metrics(running.service).collect():
                known |= {family.name, f"{family.name}_total"}
    text = (DEPLOY / "grafana-dashboard.json").read_text()
    panels = json.loads(text)["panels"]
    shown = " ".join(target["expr"] for panel in panels for target in panel["targets"])
    used = set(re.findall(r"clientjoin_\w+", shown))
    assert len(used) > 8
    assert used <= known
