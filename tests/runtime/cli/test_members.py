"""`--charts M --members N|any`: how many of the charts that a module calls interchangeable."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from runtime.cli.main import app

POOL = """
from statemachine import Event, State, StateChart

class Pool(StateChart):
    idle = State(initial=True)
    busy = State()
    joins = Event(idle.to(busy, on="note") | busy.to.itself(on="note"), name="?join")
    leaves = Event(busy.to(idle, cond="is_last", on="forget") | busy.to.itself(on="forget"), name="?leave")

    def __init__(self):
        self.here = set()
        super().__init__()

    def is_last(self):
        return len(self.here) == LAST

    def note(self, sender=""):
        self.here.add(sender)

    def forget(self, sender=""):
        self.here.discard(sender)

class Swimmer(StateChart):
    out = State(initial=True)
    inside = State()
    gone = State(final=True)
    joins = Event(out.to(inside), name="!join")
    leaves = Event(inside.to(gone), name="!leave")

LAST = 1
CHARTS = {"Pool": Pool, "Ann": Swimmer}
INTERCHANGEABLE = [("Ann",)]
MAY_STAY = {"Pool": ["idle"]}
"""


@pytest.fixture
def module(tmp_path: Path) -> Path:
    path = tmp_path / "pool.py"
    path.write_text(POOL, encoding="utf-8")
    return path


def explore(module: Path, *args: str) -> Result:
    return CliRunner().invoke(app, ["explore", "--charts", str(module), *args])


def test_any_number_is_proved_and_told_as_data(module: Path) -> None:
    found = explore(module, "--members", "any", "--json")
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    assert (told["verdict"], told["members"], told["complete"]) == ("holds for every number", "any", True)
    assert {each["verdict"] for each in told["properties"]} == {"holds for every number"}


def test_a_number_has_so_many(module: Path) -> None:
    found = explore(module, "--members", "3")
    assert found.exit_code == 0, found.output
    assert "Pool, Ann, Ann1, Ann2" in found.stdout


def test_what_is_broken_is_told_with_the_fewest(module: Path) -> None:
    module.write_text(POOL.replace("busy.to(idle, cond", "busy.to(idle, unless"))
    found = explore(module, "--members", "any", "--show", "deadlock")
    assert found.exit_code == 1
    assert "BROKEN with 1 member " in found.stdout
    assert "participant Ann" in found.stdout


def test_where_no_run_is_to_be_shown_it_is_said(module: Path) -> None:
    found = explore(module, "--members", "any", "--show", "deadlock")
    assert found.exit_code == 0
    assert "--show 'deadlock': no such property is broken or open, so there is no run" in found.stderr


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('[("Ann",)]', "[]", "INTERCHANGEABLE names 0 groups"),
        pytest.param(
            "== LAST",
            "== len(self.here)",
            "pool.py:15: the size against len(self.here) of 'here'",
            marks=pytest.mark.nightly,
        ),
        ("LAST = 1", "LAST = 9", "pool.py:15: size against 9 of 'here'"),
        pytest.param(
            "self.here.add(sender)",
            'self.here.add(sender if sender != "Ann" else "")',
            "the name of a member",
            marks=pytest.mark.nightly,
        ),
    ],
)
def test_why_it_is_open_is_told_with_the_place(module: Path, old: str, new: str, said: str) -> None:
    module.write_text(POOL.replace(old, new), encoding="utf-8")
    found = explore(module, "--members", "any", "--property", "callback")
    assert found.exit_code == 3, found.output
    assert said in found.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--members", "few"), "--members 'few': give a number from 1"),
        (("--members", "any", "--stats"), "--stats does not go with --members any"),
        (("--torrents", "any"), "--torrents is about the scenarios of this project"),
    ],
)
def test_what_makes_no_sense_is_refused(module: Path, options: tuple[str, ...], said: str) -> None:
    found = explore(module, *options)
    assert found.exit_code == 2
    assert said in found.stderr


def test_members_are_of_charts_alone() -> None:
    found = CliRunner().invoke(app, ["explore", "--members", "any"])
    assert found.exit_code == 2
    assert "--members goes with --charts" in found.stderr
