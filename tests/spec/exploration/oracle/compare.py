"""Where the explorer says something else than the oracle about one system.

Five questions, each for all ways in which the explorer can search.
- *Both hops*: its reference search, with hops kept apart and nothing reduced, has the same configurations.
- *One hop*, by default: it has the same combinations of local states, and the same where nothing is under way.
- *A real bus*: the same as on a bus on which a loss takes any message, and on which what is on its way to the broker
  can outlast the connection of its sender.
- *Engines*: each has just these configurations, and under symmetry one of each that differ in names only.
- *Verdicts*: the same, for each engine, with symmetry and reduction switched on and off.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import product
from typing import Any, NamedTuple

from spec.exploration.engine.choice import engine
from spec.exploration.engine.search import Engine
from spec.exploration.explore import Options, explore
from spec.exploration.model.closed import ClosedSystem, Unbounded
from spec.exploration.model.reference import successors
from spec.exploration.model.renaming import permutations_of
from spec.exploration.model.steps import Row
from spec.exploration.model.symmetry import Asymmetric, check
from spec.exploration.properties.language import OF_RUNS, Property
from tests.spec.exploration.oracle.plain import Plain, renamed
from tests.spec.exploration.oracle.search import Searched, TooLarge, is_idle, verdicts
from tests.spec.exploration.oracle.world import Config, World

ENGINES: tuple[Engine, ...] = ("vectorised", "compiled") if find_spec("numba") else ("vectorised",)
Observed = Callable[[World, int, Any, bool], Any]


class Joint(NamedTuple):
    """A configuration as both explorers can be asked for it."""

    parties: tuple[tuple[Plain, ...], ...]
    left: frozenset[tuple[str, int]]
    stable: bool
    changed: bool


@dataclass(frozen=True)
class Case:
    """One system, for both explorers."""

    name: str
    system: Any
    """What the explorer explores."""
    world: Callable[..., World]
    """The same for the oracle; `lingers` and `anywhere` say how its bus is."""
    properties: Sequence[Property]
    observe: Any
    """How the explorer's properties see a component."""
    observed: Observed
    """How the oracle's do."""
    of_oracle: Callable[[World, Config], Joint]
    of_explorer: Callable[[ClosedSystem, Row], Joint]
    stabilises: bool = False
    keeps_hops: bool = False
    """Whether the explorer keeps hops apart by default."""
    is_direct: bool = False
    """Whether there is no bus: by default what is sent is with its receivers at once, which then makes a difference."""
    forgets: Callable[[Joint], bool] = lambda _: True
    """Whether several states of the explorer can be this configuration here."""


@dataclass
class Sizes:
    """How much was compared."""

    configurations: int = 0
    real: int = 0
    """Configurations on a real bus; 0 if there are too many."""
    verdicts: int = 0
    unseen: set[str] = field(default_factory=set)
    """Properties that ask for something that the oracle does not see, with what that is."""


def differences(case: Case, most: int, sizes: Sizes, number: int = 0) -> Iterator[str]:
    """Each difference as a sentence. Verdicts are asked for in two ways, those of the `number`.

    Raises `TooLarge` for a system with more than `most` configurations.
    """
    searched = Searched(case.world(lingers=case.stabilises), most)
    sizes.configurations = len(searched.parents)
    whole = {case.of_oracle(searched.world, config): config for config in searched.parents}
    system = case.system.build(keeps_hops=True, drop_inert=False)
    yield from _both_hops(case, system, searched, whole)
    default = Searched(case.world(direct=True), most) if case.is_direct else searched
    yield from _one_hop(case, system, default, most)
    try:
        real = None if case.is_direct else Searched(case.world(lingers=True, anywhere=True), most)
    except TooLarge:
        real = None
    if real is not None:
        sizes.real = len(real.parents)
        yield from _differ("on a real bus", _shown(case, searched), _shown(case, real))
    yield from _engines(case, system, whole, most)
    asked = [one for one in case.properties if one.when not in OF_RUNS]
    expected = verdicts(default, asked, case.observed, sizes.unseen)
    sizes.verdicts = len(expected)
    for chosen in options(most, number):
        result = explore(case.system, chosen, asked, case.observe)
        every = {verdict.property_.name: verdict.holds for verdict in result.verdicts}
        told = {name: holds for name, holds in every.items() if name in expected}
        if told != expected:
            wrong = [
                f"{name}: {told[name]} instead of {expected[name]}" for name in told if told[name] != expected[name]
            ]
            yield f"{_said(chosen)}: {'; '.join(wrong)}"


def options(most: int, number: int) -> tuple[Options, ...]:
    """Two of the ways to search, in turn: with a switch each for names, messages that are ignored, and the engine."""
    switches = [*product((True, False), (True, False), ENGINES)]
    chosen = [switches[(number // 3) % len(switches)], switches[-1 - (number // 3) % len(switches)]]
    return tuple(
        Options(symmetric=symmetric, reduced=reduced, engine=name, most=2 * most) for symmetric, reduced, name in chosen
    )


def _said(chosen: Options) -> str:
    return f"{chosen.engine}, symmetric={chosen.symmetric}, reduced={chosen.reduced}"


def _both_hops(case: Case, system: ClosedSystem, searched: Searched, whole: dict[Joint, Config]) -> Iterator[str]:
    try:
        rows = _rows(system, 4 * len(searched.parents) + 100)
    except Unbounded as found:
        yield f"both hops: {found}"
        return
    known = {case.of_explorer(system, row) for row in rows}
    for joint in sorted(whole.keys() - known, key=lambda each: len(searched.way(whole[each])))[:1]:
        yield f"both hops: not found: {', then '.join(searched.way(whole[joint]))}: {joint}"
    for joint in [*(known - whole.keys())][:1]:
        way = _way(rows, next(row for row in rows if case.of_explorer(system, row) == joint))
        yield f"both hops: not there: {way}: {joint}"


def _rows(system: ClosedSystem, most: int) -> dict[Row, tuple[Row, str] | None]:
    """All rows of the explorer's own reference, each with that which it was reached from."""
    parents: dict[Row, tuple[Row, str] | None] = {system.initial(): None}
    todo = [*parents]
    for row in todo:
        for label, then in successors(system, row):
            if then not in parents:
                parents[then] = (row, f"{label.kind} {label.component} {label.message}")
                todo.append(then)
        if len(todo) > most:
            break
    return parents


def _way(parents: dict[Row, tuple[Row, str] | None], row: Row) -> str:
    found = []
    while (parent := parents[row]) is not None:
        row, called = parent
        found.append(called)
    return ", then ".join(found[::-1])


def _one_hop(case: Case, system: ClosedSystem, searched: Searched, most: int) -> Iterator[str]:
    if case.keeps_hops:
        return  # that is the same
    system = system.again(drop_inert=False, keeps_hops=False)
    rows = _rows(system, most)
    found = _projected(
        (case.of_explorer(system, row), all(system.is_idle(at, slot) for at, slot in enumerate(row[:-1])))
        for row in rows
    )
    yield from _differ("by default", found, _shown(case, searched))


def _shown(case: Case, searched: Searched) -> dict[str, set[Any]]:
    world = searched.world
    everybody = range(len(world.parties))
    return _projected(
        (case.of_oracle(world, config), all(is_idle(world, config, at) for at in everybody))
        for config in searched.parents
    )


def _projected(joints: Iterable[tuple[Joint, bool]]) -> dict[str, set[Any]]:
    """Combinations of local states, and those with nothing under way."""
    locals_, idle = set(), set()
    for joint, is_still in joints:
        shown = (tuple(party[0] for party in joint.parties), joint.stable, joint.changed)
        locals_.add(shown)
        if is_still:
            idle.add(shown)
    return {"local states": locals_, "idle": idle}


def _differ(where: str, found: dict[str, set[Any]], wanted: dict[str, set[Any]]) -> Iterator[str]:
    for kind, here in found.items():
        for word, part in (("not found", wanted[kind] - here), ("not there", here - wanted[kind])):
            if part:
                yield f"{where}, {kind}: {len(part)} of {len(here | wanted[kind])} {word}: {next(iter(part))}"


def _engines(case: Case, system: ClosedSystem, whole: dict[Joint, Config], most: int) -> Iterator[str]:
    for name in ENGINES:
        system = system.again(drop_inert=False)
        names = [node.name for node in system.nodes]
        permutations = permutations_of(len(names), case.system.interchangeable_groups())
        for group in dict.fromkeys(((), permutations if len(permutations) > 1 else ())):
            search = engine(name)(system, group, most=2 * most)
            ended = search.run()
            try:
                check(system, group)
            except Asymmetric:
                continue
            where = f"{name}, {len(group) or 1} permutations"
            rows = {search.row(at) for at in range(search.count)}
            if not ended.complete:
                yield f"{where}: cut, {ended.stopped}"
            if len(rows) != search.count:
                yield f"{where}: {search.count} states, of which {len(rows)} are different"
            known = {case.of_explorer(system, row) for row in rows}
            orbits = {_orbit(joint, group, names) for joint in known} if group else known
            wanted = {_orbit(joint, group, names) for joint in whole} if group else {*whole}
            yield from _differ(where, {"orbits": orbits}, {"orbits": wanted})
            if len(rows) > len(orbits) and not any(map(case.forgets, known)):
                yield f"{where}: {len(rows)} states stand for {len(orbits)}"


def _orbit(joint: Joint, permutations: Sequence[tuple[int, ...]], names: Sequence[str]) -> Any:
    """The configurations that differ from one in names only."""
    found = set()
    for permutation in permutations:
        there = {name: names[to] for name, to in zip(names, permutation, strict=True)}
        moved: Any = renamed(joint, there)
        parties = [moved.parties[permutation.index(at)] for at in range(len(names))]
        found.add(moved._replace(parties=tuple(parties)))
    return frozenset(found)
