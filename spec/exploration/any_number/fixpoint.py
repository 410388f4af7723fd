"""The fixpoint: the open system is searched again and again, until nothing more becomes known of the others."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace

from spec.exploration.any_number.executed import Line, executed
from spec.exploration.any_number.knowledge import MOST_OTHERS, TIMED, Knowledge
from spec.exploration.any_number.lint import Lint, lint
from spec.exploration.any_number.open_system import OpenSystem, SameForAll
from spec.exploration.any_number.restriction import ClockMatters, NotInterchangeable, Restriction, indexed
from spec.exploration.engine.choice import engine
from spec.exploration.engine.search import BreadthFirst, Engine, Found, Progress
from spec.exploration.model.bus import BrokerBus
from spec.exploration.model.closed import NotInert
from spec.exploration.model.node import Server
from spec.exploration.model.renaming import permutations_of
from spec.exploration.model.scenario import Charts, Scenario
from spec.exploration.model.symmetry import Asymmetric, check

NAMED = 8
"""Servers that there are names for."""
SEEN = (3, 6)
"""Which of them are seen: two, with room for two before, between and behind."""
FIRST_PART, WIDER = 1 << 12, 1 << 5
"""Views that are searched at first, and how many times as many when nothing becomes known from them."""
GAPS = ((1, 2), (4, 5), (7, 8))
"""Those before, between and behind them."""
COUNTED = frozenset({"pending", TIMED})
"""The collections of our charts whose emptiness or size is asked for; the charts are read for more."""
MOST_CONSTANT = 2
"""The largest number that a size may be compared with."""
MOST_REMEMBERED = 8
"""Searches of which it is remembered which lines of the charts they executed."""
_LINES: dict[Hashable, set[Line]] = {}
OF_BROKER = frozenset({"sessions", "connacks", "subacks", "outbox"})
"""What a broker keeps by client while it is about to send."""


@dataclass
class Fixpoint:
    """All views, and what is known of the others."""

    system: OpenSystem
    search: BreadthFirst
    found: Found
    rounds: int
    seconds: float
    grown: bool
    """Whether it ended before all was known."""

    @property
    def complete(self) -> bool:
        """Whether it is the fixpoint. What was cut says nothing for every number."""
        return self.found.complete and not self.grown

    @property
    def stopped(self) -> str:
        """Why it is not the fixpoint."""
        return self.found.stopped or ("" if self.complete else "more became known of the others at its end")


@dataclass
class Options:
    """How to search; none of it changes a verdict."""

    symmetric: bool = True
    reduced: bool = True
    engine: Engine = "auto"
    most: int | None = None
    memory: int | None = None
    render: Callable[[Progress], None] = field(default=lambda _: None)
    is_stopped: Callable[[], bool] = field(default=lambda: False)


def open_system(
    scenario: Scenario,
    charts: Charts | None = None,
    *,
    keeps_clock: bool = False,
    counted: frozenset[str] = frozenset({TIMED}),
    others: int = MOST_OTHERS,
) -> OpenSystem:
    """The open system of a scenario, with nothing known of the others. Raises `NotInterchangeable`."""
    own = sorted({*scenario.views} & {*scenario.names})
    if own:
        raise NotInterchangeable(f"servers are not interchangeable: {own[0]} begins with a view of its own")
    if scenario.files:
        raise NotInterchangeable("files name who brought them, and views of pairs do not hold who knows whose")
    rivals = NAMED if scenario.conflicting else 0
    closed = replace(scenario, torrents=NAMED, conflicting=rivals).build(charts)
    nodes = (closed.nodes[0], *(closed.nodes[place] for place in SEEN))
    names = tuple(node.name for node in closed.nodes[1:])
    places = tuple(tuple(names[place - 1] for place in gap) for gap in GAPS)
    restrict = Restriction(names, keeps_clock=keeps_clock)
    knowledge = Knowledge(restrict, (nodes[1].name, nodes[2].name), places, counted, others)
    assert isinstance(closed.bus, BrokerBus)
    broker = closed.bus.broker

    def bus(*ghosts: int) -> BrokerBus:
        chosen = sorted({*SEEN, *ghosts})
        return BrokerBus((nodes[0], *(closed.nodes[place] for place in chosen)), broker)

    more = (bus(1), bus(4), bus(7), bus(1, 4, 7), bus(*range(1, NAMED + 1)))
    system = OpenSystem(
        nodes, SameForAll(bus(), more, frozenset(node.name for node in nodes)), closed.faults,
        keeps_hops=closed.keeps_hops, ordered=closed.ordered, knowledge=knowledge,
    )  # fmt: skip
    knowledge.learn_profile(nodes[0].begin())
    return system


def fixpoint(scenario: Scenario, options: Options | None = None, charts: Charts | None = None) -> Fixpoint:
    """Search until nothing more becomes known.

    Raises `NotInterchangeable` where servers cannot be looked at apart, or a few do not stand for all.
    """
    options = options or Options()
    keeps_clock, counted, others = False, COUNTED, MOST_OTHERS
    while True:
        system = open_system(scenario, charts, keeps_clock=keeps_clock, counted=counted, others=others)
        try:
            done = _fixpoint(system, options)
        except ClockMatters:
            keeps_clock = True
            continue
        if not done.complete:
            return done
        asked = questions(done.system)
        if asked.refused or asked.largest > 1:
            asked = asked.met(_lines(scenario, charts, done.system, asked))
        if asked.refused:
            raise NotInterchangeable(f"a few servers do not stand for all others: {asked.refused[0]}")
        if asked.largest > MOST_CONSTANT:
            (line,) = [each for each in asked.questions if each.constant == asked.largest][:1]
            raise NotInterchangeable(
                f"a few servers do not stand for all others: {line}; at most {MOST_CONSTANT} will do"
            )
        needed = max(MOST_OTHERS, asked.largest + 1)
        if asked.counted <= counted and needed <= others:
            if not done.system.knowledge.stands_for_all(asked.largest):
                raise NotInterchangeable(
                    f"{others} others do not stand for all: the collections asked for differ in too many ways"
                )
            return done
        counted, others = counted | asked.counted, max(others, needed)


def _lines(scenario: Scenario, charts: Charts | None, system: OpenSystem, asked: Lint) -> set[Line]:
    """The lines in which anything is asked that are ever executed; the same question is answered once."""
    files = frozenset(each.file for each in asked.questions)
    key = (scenario, frozenset((charts or {}).items()), files, frozenset(system.asking.known))
    if key not in _LINES:
        anew = open_system(scenario, charts)
        nodes = {node.name: node for node in anew.nodes if isinstance(node, Server)}
        while len(_LINES) >= MOST_REMEMBERED:
            del _LINES[next(iter(_LINES))]
        _LINES[key] = executed(nodes, system.asking.known, files)
    return _LINES[key]


def questions(system: OpenSystem) -> Lint:
    """What the charts ask of collections that are indexed by servers."""
    restrict = system.knowledge.restrict
    wholes = {(name, state) for name, state, _, _ in system.asking.known}
    for (name, _, _, _), found in system.asking.known.items():
        wholes |= {(name, outcome.then) for outcome in found}
    names = frozenset().union(*(indexed(whole, restrict, name) for name, whole in wholes))
    charts = dict.fromkeys(
        type(part) for node in system.nodes if isinstance(node, Server)
        for part in (node.client, node.clock, node.view, node.broker)
    )  # fmt: skip
    return lint(charts, names | OF_BROKER, restrict.names)


def _fixpoint(system: OpenSystem, options: Options) -> Fixpoint:
    """What becomes known shows in small parts of the graph, so these are searched first."""
    began = time.perf_counter()
    permutations = permutations_of(3, [(1, 2)]) if options.symmetric else ()
    rounds, part = 0, FIRST_PART
    while True:
        rounds += 1
        size = system.knowledge.size
        system = system.again(drop_inert=options.reduced)
        most = part if options.most is None else min(part, options.most)
        search = engine(options.engine)(
            system, permutations, most=most, memory=options.memory, render=options.render,
            is_stopped=options.is_stopped,
        )  # fmt: skip
        try:
            found = search.run()
        except NotInert:
            continue
        system.learn()
        if found.complete and system.knowledge.size == size:
            try:
                check(system, permutations)
            except Asymmetric as why:
                raise NotInterchangeable(f"servers are not interchangeable: {why}") from None
        grown = system.knowledge.size > size
        is_part = not found.complete and search.count > most and most != options.most
        if (not grown and not is_part) or not (found.complete or is_part):
            return Fixpoint(system, search, found, rounds, time.perf_counter() - began, grown)
        if not grown:
            part *= WIDER
