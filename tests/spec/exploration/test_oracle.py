"""The explorer says of random systems what the oracle says; the oracle finds what is planted in the explorer.

More systems: `python -m tests.spec.exploration.oracle --systems 2000 --seed 1`.
"""

import ast
from itertools import islice
from pathlib import Path

import pytest

from tests.spec.exploration import oracle
from tests.spec.exploration.oracle.many import Tally, compared, systems
from tests.spec.exploration.oracle.planted import FAULTS, tells
from tests.support.nightly import by_day, share

SEED = 4
SYSTEMS = 32
PARTS = 4
SMALL = 300
MET: tuple[tuple[str, int], ...] = (
    ("scenarios", 3_000_025),  # a patient timeout makes a server ask again, while a new tracker's hello is on its way
    ("charts", 3_000_969),  # of two events of one name the first raises an error; the other one can happen
    ("charts", 3_000_341),  # one of two that are alike can crash, the other one cannot
)
"""Systems of which the explorer, or one of its engines, has said something else before."""
BOTH = {"__init__", "__main__", "cases", "compare", "many", "planted"}
"""The modules that know both explorers."""


@pytest.mark.parametrize("part", range(PARTS))
def test_random_systems_are_the_same_to_both(part: int) -> None:
    tally = Tally()
    share = SYSTEMS // PARTS
    for kind, number in islice(systems(SEED), part * share, (part + 1) * share):
        compared(kind, number, tally, SMALL)
    assert not tally.differences
    if tally.unseen:
        pytest.skip(f"teach tests/spec/exploration/oracle/sides.py what these ask for: {sorted(tally.unseen)}")
    assert tally.systems.total() >= share / 6, "most are too large"
    assert tally.systems.total() + tally.too_large.total() == share


@pytest.mark.parametrize(("kind", "wanted"), [("wills", share(8)), ("crash points", share(10))])
def test_wills_and_crashes_inside_a_step_are_the_same_to_both(kind: str, wanted: int) -> None:
    """More of them: `python -m tests.spec.exploration.oracle --kind wills --systems 100`."""
    tally = Tally()
    for of_kind, number in systems(SEED, kind):
        compared(of_kind, number, tally, SMALL)
        if tally.systems.total() == wanted:
            break
    assert not tally.differences
    assert not tally.unseen


@pytest.mark.parametrize("number", by_day([1, 12], [1]))
def test_interrupted_stops_are_the_same_to_both(number: int) -> None:
    """There are more configurations than random systems may have."""
    tally = Tally()
    assert compared("interrupted stops", number, tally, 10_000)
    assert not tally.differences
    assert not tally.unseen


def test_wills_that_a_broker_forgets_are_the_same_to_both() -> None:
    """There are more configurations than random systems may have."""
    tally = Tally()
    assert compared("forgotten wills", 0, tally, 10_000)
    assert not tally.differences


@pytest.mark.parametrize("number", by_day([1_000_009, 1_000_038, 1_000_006], [1_000_038]))
def test_second_trackers_are_the_same_to_both(number: int) -> None:
    """There are more configurations than random systems may have; of two that are hardened, in the third."""
    tally = Tally()
    assert compared("second trackers", number, tally, 16_000)
    assert not tally.differences
    assert not tally.unseen


@pytest.mark.parametrize(("kind", "number"), MET)
def test_what_was_wrong_once_is_right(kind: str, number: int) -> None:
    tally = Tally()
    assert compared(kind, number, tally)
    assert not tally.differences


@pytest.mark.parametrize("name", by_day(FAULTS, [*FAULTS][1::2]))
def test_a_planted_fault_is_told(name: str) -> None:
    assert tells(*FAULTS[name]), "the system that told it before says nothing"


def test_the_oracle_shares_nothing_with_the_explorer() -> None:
    for path in Path(oracle.__file__).parent.glob("*.py"):
        if path.stem in BOTH:
            continue
        imported = {
            node.module or ""
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom)
        }
        assert not {name for name in imported if name.startswith("spec")}, path.name
