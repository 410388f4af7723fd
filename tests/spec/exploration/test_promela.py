"""SPIN's second opinion: it finds the states and verdicts that a reference search finds, and planted mistakes show."""

import itertools
import re
import shutil
from functools import cache
from typing import Any

import pytest

from spec.exploration.model.closed import ClosedSystem, NotInert
from spec.exploration.model.scenario import Scenario
from spec.exploration.model.steps import Row
from spec.exploration.model.surroundings import Kept
from spec.exploration.properties.client_join import PROPERTIES, side_of
from spec.exploration.properties.language import Properties
from spec.exploration.spin.model import write
from spec.exploration.spin.properties import Bad, bad
from spec.exploration.spin.refusals import Unwritable
from spec.exploration.spin.runner import Hole, Report, SpinError, run
from tests.support.nightly import by_day

pytestmark = pytest.mark.usefixtures("spin_programs")


def searched(system: ClosedSystem) -> tuple[set[Row], int]:
    """All states, and the number of transitions."""
    components = range(len(system.nodes))
    steps, push, spend = cache(system.steps), cache(system.push), cache(system.spend)
    found, todo, transitions = {system.initial()}, [system.initial()], 0
    while todo:
        row = todo.pop()
        idle = all(system.is_idle(component, row[component]) for component in components)
        for component in components:
            for step in steps(component, row[component]):
                budget = row[-1]
                for price in step.prices:
                    budget = spend(budget, price) if budget >= 0 else budget
                if budget < 0 or (step.late and not idle):
                    continue
                after = [*row[:-1], budget]
                after[component] = step.then
                for receiver, message in system.numbers.publications[step.publication]:
                    after[receiver] = push(receiver, after[receiver], message)
                transitions += 1
                then = tuple(after)
                if then not in found:
                    found.add(then)
                    todo.append(then)
    return found, transitions


def quickly(model: str, **options: Any) -> Report:
    """What SPIN finds, compiled fast rather than well."""
    return run(model, options=("-O0", "-DNOREDUCE", "-DSAFETY"), table=20, **options)


def known(scenario: Scenario, **options: Any) -> tuple[ClosedSystem, set[Row], int]:
    """A system that has been searched completely, its states, and the number of its transitions."""
    kept = Kept()
    while True:
        system = scenario.build(kept=kept, **options)
        try:
            return system, *searched(system)
        except NotInert:
            continue


ALL = {f"{order} {server}": 1 for order in ("disconnect", "wipe") for server in ("tracker", "torrent")}
SCENARIOS = {
    "one that loses": Scenario("", torrents=1, faults={"losses": None}),
    "two that lose": Scenario("", torrents=2, stabilisation=True, faults={"losses": None, "storage failure": None}),
    "two hops": Scenario("", torrents=1, keeps_hops=True, faults={"losses": 2, "stop torrent": 1, "broker restart": 1}),
    "two hops, some are lost": Scenario(
        "", keeps_hops=True, timeouts="never", loses=frozenset({"ClientJoinRequested"}), faults={"losses": None}
    ),
    "duplicates": Scenario(
        "", torrents=1, stabilisation=True, faults={"duplicates": 2, "wipe tracker": 1, "losses": None}
    ),
    "duplicates, two hops": Scenario("", torrents=1, keeps_hops=True, faults={"duplicates": 2, "losses": 1}),
    "unordered": Scenario("", torrents=1, unordered=True, faults={"losses": 2, "duplicates": 1, "crash tracker": 1}),
    "unordered, two hops": Scenario(
        "", torrents=1, unordered=True, keeps_hops=True, timeouts="never", faults={"losses": 1}
    ),
    "conflicting": Scenario("", torrents=2, conflicting=2, faults={"losses": None, "crash tracker": 1}),
    "files": Scenario("", torrents=2, files=True, faults={"losses": 1, "storage failure": 1}),
    "patient": Scenario("", torrents=2, timeouts="patient", faults={"stop torrent": 1}),
    "patient, stabilisation": Scenario(
        "", torrents=1, timeouts="patient", stabilisation=True, faults={"broker restart": 1, **ALL}
    ),
    "an expiry after stabilisation": Scenario(
        "", torrents=1, timeouts="never", stabilisation=True, faults={"losses": 1, "disconnect torrent": 1}
    ),
    "breaks, stabilisation": Scenario(
        "",
        torrents=1,
        stabilisation=True,
        faults={"losses": None, "storage failure": 1, "crash torrent": 1, "stop torrent": 1},
    ),
    "breaks, stabilisation, unordered": Scenario(
        "",
        torrents=1,
        stabilisation=True,
        unordered=True,
        faults={"losses": None, "disconnect torrent": 1, "wipe torrent": 1},
    ),
    "breaks, stabilisation, two hops": Scenario(
        "",
        torrents=1,
        stabilisation=True,
        keeps_hops=True,
        faults={"losses": 1, "crash torrent": 1, "disconnect torrent": 1},
    ),
    "leaving, stabilisation": Scenario(
        "", torrents=2, stabilisation=True, timeouts="never", faults={"losses": None, "stop torrent": 1}
    ),
    "wills": Scenario(
        "",
        torrents=1,
        hardened=True,
        wills=True,
        stabilisation=True,
        timeouts="never",
        faults={"losses": None, "crash torrent": 1, "late will": 1},
    ),
    "wills, two hops": Scenario(
        "", torrents=1, hardened=True, wills=True, keeps_hops=True, faults={"disconnect torrent": 1, "late will": 1}
    ),
    "three": Scenario("", torrents=3, timeouts="patient", faults={"losses": 1}),
}
LARGER = (
    "leaving, stabilisation",
    "three",
    "conflicting",
    "patient, stabilisation",
    "two that lose",
    "files",
    "duplicates, two hops",
    "breaks, stabilisation, unordered",
    "breaks, stabilisation, two hops",
    "wills, two hops",
)
"""What is in them is in the others; of `files` it is asked where every message is delivered."""


@pytest.mark.parametrize("name", by_day(SCENARIOS, LARGER))
def test_spin_finds_the_same_states_and_transitions(name: str) -> None:
    system, states, transitions = known(SCENARIOS[name])
    found = quickly(write(system))
    assert (found.states, found.transitions, found.errors) == (len(states), transitions, 0)


def test_spin_finds_the_same_where_every_message_is_delivered() -> None:
    system, states, transitions = known(SCENARIOS["files"], drop_inert=False)
    found = quickly(write(system))
    assert (found.states, found.transitions) == (len(states), transitions)


def test_a_broker_that_forgets_wills_is_not_written() -> None:
    lossy = {"losses": None, "broker restart": 1}
    forgets = Scenario("", torrents=1, hardened=True, wills=True, timeouts="never", faults=lossy)
    with pytest.raises(Unwritable, match="bound 'broker restart' by 0"):
        write(known(forgets)[0])


SMALL = Scenario("", torrents=1, stabilisation=True, faults={"losses": None, "stop torrent": 1, "broker restart": 1})


@cache
def small() -> tuple[ClosedSystem, set[Row], int]:
    return known(SMALL)


# What is planted in the model shows in the numbers, or at once.


MISTAKES = {
    "another target": (r"(way1_0\[\] = \{\{)1", r"\g<1>2"),
    "a server hears while it is offline": (r"(online1\[\] = \{)0", r"\g<1>1"),
    "an expiry after stabilisation as before it": (r"now\.stabilisation && idle\(\)", "now.stabilisation"),
    "a loss after stabilisation": (
        r"can_be_lost\[now\.down0\[1\]\] && !now\.stabilisation",
        "can_be_lost[now.down0[1]]",
    ),
    "a stop for nothing": (r" now\.left0--;", ""),
    "a restart that one server does not notice": (r"  if \(online1\[now\.at1\]\) \{ finds1.*", "  {"),
    "what was read stays": (r"take\(now\.down1, 1\);(?= act1)", ""),
}


@pytest.mark.parametrize("mistake", by_day(MISTAKES, [*MISTAKES][1::2]))
def test_a_planted_mistake_is_found(mistake: str) -> None:
    system, states, transitions = small()
    pattern, instead = MISTAKES[mistake]
    model = write(system)
    wrong, replaced = re.subn(pattern, instead, model)
    assert replaced
    try:
        found = quickly(wrong)
    except Hole:
        return
    assert (found.states, found.transitions) != (len(states), transitions)


# Properties.


def masks(system: ClosedSystem) -> Bad:
    """Bit 0: all begin. Bit 1: all are online, and nothing is under way. Bit 2: the same after stabilisation, with
    nothing left to spend. Bit 3: everybody is in a state that there is not. Bit 130: somebody is offline after
    stabilisation.
    """
    components = []
    for component, states in enumerate(system.numbers.locals):
        rows = {}
        for (local, state), idle in itertools.product(enumerate(states), (False, True)):
            begins, online = state == system.nodes[component].begin(), system.numbers.online[component][local]
            offline = not online or component != 1
            rows[local, idle] = begins | (online and idle) * 0b110 | offline << 130
        components.append(rows)
    budgets = {
        number: 0b1011 | (budget.stabilisation and not budget.left) << 2 | budget.stabilisation << 130
        for number, budget in enumerate(system.budgets.known)
    }
    return Bad(tuple(components), budgets)


def violated(system: ClosedSystem, row: Row, here: Bad) -> int:
    found = here.budgets.get(row[-1], 0)
    for component, rows in enumerate(here.masks):
        slot = system.numbers.slots[component][row[component]]
        found &= rows.get((slot.local, not slot.up and not slot.down), 0)
    return found


def test_spin_finds_the_same_properties_violated() -> None:
    system, states, transitions = small()
    here = masks(system)
    expected = 0
    for row in states:
        expected |= violated(system, row, here)
    assert expected == 0b111 | 1 << 130
    model = write(system, here)
    found = quickly(model)
    assert (found.states, found.transitions) == (len(states), transitions)
    assert (found.violated, found.errors) == (expected, 0)
    for property_ in (2, 3, 130):
        assert quickly(model, properties=1 << property_).errors == expected >> property_ & 1


@pytest.mark.parametrize("name", by_day(["files", "breaks, stabilisation, unordered"], ["files"]))
def test_spin_gives_the_same_verdicts(name: str) -> None:
    system, states, _ = known(SCENARIOS[name])
    properties = Properties(system, PROPERTIES, side_of)
    found = quickly(write(system, bad(properties)))
    watches = [watch for number, watch in enumerate(properties.watches) if found.violated >> number & 1]
    broken, non_vacuous = (
        {w.instance.property_.name for w in watches if w.broken is wanted} for wanted in (True, False)
    )
    judged = [properties.judge(row, PROPERTIES) for row in states]
    assert broken == set().union(*(names for names, _ in judged))
    assert non_vacuous == set().union(*(names for _, names in judged))
    assert broken
    assert non_vacuous - broken


# Where SPIN does not answer.


def test_a_system_that_is_not_known_has_holes() -> None:
    system = SMALL.build(drop_inert=False)
    for component, number in enumerate(system.initial()[:-1]):
        system.steps(component, number)
    with pytest.raises(Hole, match="search the system completely"):
        quickly(write(system))


def test_a_search_that_is_cut_short_is_an_error() -> None:
    model = write(small()[0])
    with pytest.raises(SpinError, match="paths are longer than 3; give"):
        quickly(model, depth=3)
    with pytest.raises(SpinError, match="more than 10 megabytes; give"):
        quickly(model, memory=10)
    with pytest.raises(SpinError, match=r"longer than 0\.0001 s"):
        quickly(model, timeout=0.0001)


@pytest.mark.parametrize("program", ["spin", "cc"])
def test_a_program_that_is_missing_is_named_with_its_remedy(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == program else which(name))
    with pytest.raises(SpinError, match=f"{program}.*apt-get install"):
        run("")


def test_a_model_that_spin_refuses_is_shown_with_its_reason() -> None:
    with pytest.raises(SpinError, match="exit status"):
        run("no model\n")
