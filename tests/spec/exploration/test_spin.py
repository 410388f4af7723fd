"""SPIN's opinion on fair cycles, where its fairness is ours.

That is where messages stay in order, nothing goes wrong, and each component has at most one timeout or send in all
states together. With several, SPIN's fairness asks for less or more: for any of them, whichever.
"""

from collections.abc import Iterator
from itertools import islice

import pytest

from spec.exploration.explore import Options, explore
from spec.exploration.model.faults import Faults
from spec.exploration.spin.model import write
from spec.exploration.spin.refusals import Unwritable
from spec.exploration.spin.runner import has_fair_cycle
from tests.spec.exploration.agreement import Case, cases
from tests.spec.exploration.crafted import crafted
from tests.spec.exploration.random_systems import every_run_terminates, seen
from tests.spec.exploration.spinning_charts import Driver, Pinging, Ponging, Spinner, Starter, system

pytestmark = pytest.mark.usefixtures("spin_programs")
EACH = 3
"""Systems that terminate, and that do not."""


def is_comparable(case: Case) -> bool:
    """Whether SPIN's fairness is ours, there is a cycle, and all ends are quiescent."""
    oracle = case.oracle
    kinds = [done[:2] for done in oracle.turns if done[1] != "read"]
    ends_well = all(possible or oracle.is_quiescent(row) for row, possible in oracle.possible.items())
    is_alike = len(kinds) == len(set(kinds)) and oracle.system.ordered and not case.system.faults.bounds
    return is_alike and ends_well and has_cycle(case)


def has_cycle(case: Case) -> bool:
    """Whether it takes fairness to terminate, if it does."""
    left = {row: {then for _, then in steps} for row, steps in case.oracle.steps.items()}
    while ends := [row for row, after in left.items() if not after & left.keys()]:
        for row in ends:
            del left[row]
    return bool(left)


def comparable() -> Iterator[Case]:
    made = (case for case in (*crafted(), *cases(500)) if case.properties[0] is every_run_terminates)
    found = [case for case in made if is_comparable(case)]
    for may_stay in (True, False):
        yield from islice((case for case in found if case.expected[0] is may_stay), EACH)


@pytest.mark.nightly
def test_spin_finds_the_same_fair_cycles() -> None:
    found = [*comparable()]
    assert {case.expected[0] for case in found} == {True, False}
    for case in found:
        (verdict,) = explore(case.system, Options(), (every_run_terminates,), seen).verdicts
        assert verdict.holds is not has_fair_cycle(write(case.oracle.system, by_kind=True))


@pytest.mark.parametrize(("second", "goes_round"), [(Driver, False), (Starter, True)])
def test_spin_agrees_on_a_spinner_that_is_stopped(second: type, goes_round: bool) -> None:
    made = system(driver=second, spinner=Spinner)
    whole = explore(made, Options(symmetric=False, reduced=False), (), seen).system
    assert has_fair_cycle(write(whole, by_kind=True)) is goes_round


def test_spin_agrees_that_two_can_go_on_for_ever() -> None:
    whole = explore(system(left=Pinging, right=Ponging), Options(reduced=False), (), seen).system
    assert has_fair_cycle(write(whole, by_kind=True))


def test_such_a_model_has_no_faults() -> None:
    whole = explore(system(losses=1, left=Pinging, right=Ponging), Options(reduced=False), (), seen).system
    assert whole.faults == Faults({"losses": 1})
    with pytest.raises(Unwritable, match="allow none"):
        write(whole, by_kind=True)
