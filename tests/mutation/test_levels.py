"""The measurement of what each level of the property-test suite finds: what it counts, and what it does not."""

import json
import socket
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.mutation import properties, table
from tests.mutation.properties import CONTROL, OUT_OF_TIME, Attempt, Planted
from tests.mutation.shares import Bite
from tests.properties import story
from tests.properties.brokers import OnMosquitto
from tests.support.programs import needed

NOTHING = Planted("Clock", "nothing", lambda: nullcontext({}))
Tries = Callable[..., None]


@pytest.fixture
def measures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Tries:
    """Calls the command, with what each level finds of a fault, or of none, in the place of the suite."""

    def command(found: Callable[[Planted, str], tuple[str, str, int]], *options: str) -> None:
        def bite(fault: Planted, level: str, *_: float) -> Bite:
            return Bite(fault.of, fault.name, *found(fault, level))

        monkeypatch.setattr(properties, "bite", bite)
        monkeypatch.setattr(table, "README", tmp_path / "README.md")
        (tmp_path / "README.md").write_text("# Before\n")
        out = ["--out", str(tmp_path / "out.jsonl")]
        monkeypatch.setattr(sys, "argv", ["properties", "Clock", "--sample", "4", "--seed", "77", *out, *options])
        properties.main()

    return command


def all_but_the_broker(fault: Planted, level: str) -> tuple[str, str, int]:
    if fault.of == CONTROL:
        return "", "", 0
    return (OUT_OF_TIME, "", 0) if level == "broker" else ("tour", "a property", 3)


BOTH = ("--level", "broker", "--level", "charts")


def test_levels_stand_side_by_side_with_sample_and_seed(
    measures: Tries, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measures(all_but_the_broker, *BOTH, "--write")
    page = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "| all | 4 | 100.0% | 3 | 0.0% | - |" in page
    assert "drawn with seed 77, 100 examples of each rule machine (4 over a broker), at most 120 s for each" in page
    assert page.count(f"({OUT_OF_TIME})") == 4
    assert page.index("# Before") < page.index(table.TITLES[table.SIDE_BY_SIDE]) < page.index("(a) charts\n")
    assert capsys.readouterr().err.count(f"not found (broker {OUT_OF_TIME})") == 4
    measures(all_but_the_broker, *BOTH, "--write")
    assert page == (tmp_path / "README.md").read_text(encoding="utf-8")


def test_what_is_found_without_a_fault_ends_the_measurement(measures: Tries) -> None:
    with pytest.raises(SystemExit, match="driver: where there is no fault: KeyError, 7 tried"):
        measures(lambda *_: ("tour", "KeyError", 7), "--level", "driver")


def test_a_level_that_is_not_done_in_time_without_a_fault_is_told(measures: Tries) -> None:
    with pytest.raises(SystemExit, match=f"where there is no fault: {OUT_OF_TIME}"):
        measures(lambda *_: (OUT_OF_TIME, "", 0), "--level", "broker")


def test_what_is_known_is_not_tried_again(measures: Tries, tmp_path: Path) -> None:
    measures(all_but_the_broker)
    measures(lambda *_: ("tour", "something else", 1))
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["by"] for line in lines] == ["", *["a property"] * 4]


def test_a_fault_that_takes_too_long_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Attempt, "bite", lambda _: time.sleep(60))
    found = properties.bite(NOTHING, "charts", 1, 0.1)
    assert (found.stage, found.by) == (OUT_OF_TIME, "")


def test_over_mosquitto_a_fault_is_found_and_no_broker_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(OnMosquitto, "program", needed("mosquitto"))
    monkeypatch.setattr(story, "FOLDER", tmp_path)
    name = "drop: awaiting_answer ?TrackerHello describing_view [not is_repeated]"
    fault = next(one for one in properties.planted("TorrentServer") if one.name == name)
    assert properties.bite(fault, "mosquitto", 1, 60.0).stage == "tour"
    (config,) = tmp_path.glob("*/mosquitto-*.conf")
    port = int(config.stem.removeprefix("mosquitto-"))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5).close()


@pytest.mark.parametrize("level", ["charts", "driver", "broker"])
def test_a_fault_in_a_startup_is_found_at_each_level(level: str) -> None:
    name = "negate is_granted: awaiting_connack ?CONNACK offline [not is_granted]"
    fault = next(one for one in properties.planted("TorrentServer") if one.name == name)
    assert properties.bite(fault, level, 1, 60.0).stage == "startups"
