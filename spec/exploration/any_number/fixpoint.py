"""The fixpoint: the open system is searched again and again, until nothing more becomes known of the others."""

import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

from spec.exploration.any_number.executed import executed, noting
from spec.exploration.any_number.kinds import Kind, kinds_of, rivals_beside, uniform
from spec.exploration.any_number.knowledge import MOST_OTHERS, Knowledge
from spec.exploration.any_number.lint import EMPTY, Lint, Question, lint
from spec.exploration.any_number.open_system import Asking, OpenSystem, SameForAll
from spec.exploration.any_number.reach import Line
from spec.exploration.any_number.restriction import ClockMatters, NotInterchangeable, Restriction, indexed
from spec.exploration.any_number.shares import ANY_KIND, TIMED
from spec.exploration.engine.choice import engine
from spec.exploration.engine.search import BreadthFirst, Engine, Found, Progress
from spec.exploration.engine.tables import LessPossible
from spec.exploration.model.bus import BrokerBus
from spec.exploration.model.closed import NotInert
from spec.exploration.model.node import Node, Server, ServerState
from spec.exploration.model.renaming import permutations_of
from spec.exploration.model.scenario import Charts, Scenario
from spec.exploration.model.symmetry import Asymmetric, Permutation, check

NAMED = 8
"""Servers that there are names for."""
SEEN = (3, 6)
"""Which of them are seen: two, with room for two before, between and behind."""
FIRST_PART, WIDER = 1 << 12, 1 << 2
"""Views that are searched at first, and how many times as many in the next round."""
GAPS = ((1, 2), (4, 5), (7, 8))
"""Those before, between and behind them."""
COUNTED = frozenset({"pending", TIMED})
"""The collections of our charts whose emptiness or size is asked for; the charts are read for more."""
MOST_CONSTANT = 4
"""The largest number that a size may be compared with: one ghost more has to be there, and another one is served."""
MOST_REMEMBERED = 8
"""Searches of which it is remembered which lines of the charts they executed."""
_LINES: dict[Hashable, set[Line]] = {}
OF_BROKER = frozenset({"sessions", "connacks", "subacks", "outbox"})
"""What a broker keeps by client while it is about to send."""


@dataclass
class Part:
    """All views of servers of two kinds."""

    system: OpenSystem
    search: BreadthFirst
    found: Found
    asked: int
    """How much was known of the others when it was last asked what happens among them."""


@dataclass
class Fixpoint:
    """All views, and what is known of the others."""

    parts: tuple[Part, ...]
    """One for each pair of kinds."""
    rounds: int
    seconds: float
    grown: bool
    """Whether it ended before all was known."""

    @property
    def system(self) -> OpenSystem:
        """The open system of the first part: of the only one, where all servers are of one kind."""
        return self.parts[0].system

    @property
    def search(self) -> BreadthFirst:
        """The search of the first part."""
        return self.parts[0].search

    @property
    def views(self) -> int:
        """How many views there are."""
        return sum(part.search.count for part in self.parts)

    @property
    def steps(self) -> int:
        """How many steps there are between views."""
        return sum(part.search.transitions for part in self.parts)

    @property
    def complete(self) -> bool:
        """Whether it is the fixpoint. What was cut says nothing for every number."""
        return all(part.found.complete for part in self.parts) and not self.grown

    @property
    def stopped(self) -> str:
        """Why it is not the fixpoint."""
        why = next((part.found.stopped for part in self.parts if part.found.stopped), "")
        return why or ("" if self.complete else "more became known of the others at its end")


def joined(found: Sequence[Fixpoint]) -> Fixpoint:
    """Several searches as one."""
    parts = tuple(part for done in found for part in done.parts)
    seconds = sum(done.seconds for done in found)
    return Fixpoint(parts, sum(done.rounds for done in found), seconds, any(done.grown for done in found))


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
    needs: Callable[[Part, Sequence[Part]], None] = field(default=lambda *_: None)
    """Raises `NotInert` where messages that were not delivered are needed after all, in one of all parts."""


def open_systems(
    scenario: Scenario,
    charts: Charts | None = None,
    *,
    keeps_clock: bool = False,
    counted: frozenset[str] = frozenset({TIMED}),
    others: int = MOST_OTHERS,
) -> tuple[OpenSystem, ...]:
    """The open systems of a scenario, one for each pair of kinds, with nothing known of the others.

    Raises `NotInterchangeable`.
    """
    if scenario.second_trackers:
        raise NotInterchangeable("it is told for one tracker: take out second_trackers")
    built = {kind: uniform(scenario, kind, NAMED).build(charts) for kind in kinds_of(scenario)}
    closed = next(iter(built.values()))
    names = tuple(node.name for node in closed.nodes[1:])
    places = tuple(tuple(names[place - 1] for place in gap) for gap in GAPS)
    seen = (names[SEEN[0] - 1], names[SEEN[1] - 1])
    knowledge = Knowledge(Restriction(names, keeps_clock=keeps_clock), seen, counted, places=places, most=others)
    knowledge.learn_profile(closed.nodes[0].begin())
    assert isinstance(closed.bus, BrokerBus)
    broker, every, found = closed.bus.broker, Asking(same=knowledge.restrict.same), []
    for pair in product(built, repeat=2):
        if any((kind.most_beside(pair) or 0) < 0 for kind in pair):
            continue  # there are not two of that kind
        those = {place: built[kind].nodes[place] for place, kind in zip(SEEN, pair, strict=True)}
        nodes = (closed.nodes[0], *those.values())

        def bus(*ghosts: int, those: Mapping[int, Node] = those) -> BrokerBus:
            chosen = sorted({*SEEN, *ghosts})
            return BrokerBus((closed.nodes[0], *(those.get(place, closed.nodes[place]) for place in chosen)), broker)

        more = (bus(1), bus(4), bus(7), bus(1, 4, 7), bus(*range(1, NAMED + 1)))
        found.append(
            OpenSystem(
                nodes, SameForAll(bus(), more, frozenset(node.name for node in nodes)), closed.faults,
                keeps_hops=closed.keeps_hops, ordered=closed.ordered, knowledge=_of_kinds(knowledge, [*built], pair),
                asking=replace(every, of_servers={}), speakers=noting(nodes, every.noted, every.same),
                alike=pair[0] == pair[1],
                rivals=tuple(place for place, kind in enumerate(pair, start=1) if kind in rivals_beside(built, pair)),
            )
        )  # fmt: skip
    return tuple(found)


def _of_kinds(knowledge: Knowledge, kinds: Sequence[Kind], pair: Sequence[Kind]) -> Knowledge:
    """What is known, where servers of these two kinds are seen; those of which there is any number are all alike."""
    numbers = [ANY_KIND if kind.most is None else kinds.index(kind) for kind in pair]
    beside = {place: left for place, kind in enumerate(kinds) if (left := kind.most_beside(pair)) is not None}
    return knowledge.of_kinds((numbers[0], numbers[1]), beside)


def fixpoint(scenario: Scenario, options: Options | None = None, charts: Charts | None = None) -> Fixpoint:
    """Search until nothing more becomes known.

    Raises `NotInterchangeable` where servers cannot be looked at apart, or a few do not stand for all.
    """
    options = options or Options()
    keeps_clock, counted, others = False, COUNTED, MOST_OTHERS
    while True:
        systems = open_systems(scenario, charts, keeps_clock=keeps_clock, counted=counted, others=others)
        try:
            done = _fixpoint(systems, options)
        except ClockMatters:
            keeps_clock = True
            continue
        if not done.complete:
            return done
        systems = tuple(part.system for part in done.parts)
        asked, of_broker = questions(systems)
        if any(each.refused or each.largest > 1 for each in (asked, of_broker)):
            lines = lines_met(scenario, charts, systems, (*asked.questions, *of_broker.questions))
            asked, of_broker = asked.met(lines), of_broker.met(lines)
        for each in (asked, of_broker):
            _refuse(each)
        _refuse_pairs(asked, done.system.knowledge)
        needed = max(MOST_OTHERS, asked.largest + 1)
        if asked.counted <= counted and needed <= others:
            if not done.system.knowledge.stands_for_all(asked.largest):
                raise NotInterchangeable(
                    f"{others} others do not stand for all: the collections asked for differ in too many ways"
                )
            return done
        counted, others = counted | asked.counted, max(others, needed)


def _refuse(asked: Lint) -> None:
    """Raise `NotInterchangeable` for what is asked of collections of servers that a few others do not stand for."""
    if asked.refused:
        raise NotInterchangeable(f"a few servers do not stand for all others: {asked.refused[0]}")
    if asked.largest > MOST_CONSTANT:
        line = next(each for each in asked.questions if each.constant == asked.largest)
        raise NotInterchangeable(f"a few servers do not stand for all others: {line}; at most {MOST_CONSTANT} will do")


def _refuse_pairs(asked: Lint, knowledge: Knowledge) -> None:
    """Raise `NotInterchangeable` for what is asked of how large a collection is that says something of two servers."""
    of_pairs = {path[-1] for path in knowledge.between}
    for line in asked.questions:
        if line.collection in of_pairs & asked.counted and (line.constant or line.asks == EMPTY):
            raise NotInterchangeable(f"pairs do not tell how large it is, which says something of two servers: {line}")


def lines_met(
    scenario: Scenario, charts: Charts | None, systems: Sequence[OpenSystem], asked: Iterable[Question]
) -> set[Line]:
    """The lines in which anything is asked that are ever executed; the same question is answered once."""
    wanted = frozenset(frozenset({(each.file, each.line), (each.file, each.statement)}) for each in asked)
    noted = systems[0].asking.noted
    passed = {
        (system.nodes[sender].name, system.numbers.messages[message])
        for system in systems
        for sender, message in system.delivery.passed
    }
    steps = frozenset(
        (kind, frozenset(of.sends), frozenset(of.sent), frozenset(of.received)) for kind, of in noted.items()
    )
    key = (scenario, frozenset((charts or {}).items()), wanted, steps, frozenset(passed))
    if key not in _LINES:
        anew = open_systems(scenario, charts)
        nodes = [node for system in anew for node in system.nodes if isinstance(node, Server)]
        assert isinstance(anew[0].bus, SameForAll)
        machines = [machine for node in nodes for machine in node.machines]
        lines = executed(machines, noted, anew[0].bus.others[-1], passed, wanted)
        while len(_LINES) >= MOST_REMEMBERED:
            del _LINES[next(iter(_LINES))]
        _LINES[key] = lines
    return _LINES[key]


def questions(systems: Sequence[OpenSystem]) -> tuple[Lint, Lint]:
    """What charts of servers ask of collections that are indexed by servers; and what the broker asks of its own.

    How many sessions the broker has does not show in what it passes to those who are seen (`SameForAll`).
    """
    restrict = systems[0].knowledge.restrict
    names: frozenset[str] = frozenset()
    for system in systems:
        wholes: set[tuple[str, Hashable]] = set()
        for (name, state, _, _), found in system.asking.known.items():
            for whole in (state, *(outcome.then for outcome in found)):
                # Chart by chart: most charts of a server are as they were.
                wholes.update((name, part) for part in (whole if isinstance(whole, ServerState) else (whole,)))
        names = names.union(*(indexed(whole, restrict, name) for name, whole in wholes))
    nodes = [node for system in systems for node in system.nodes if isinstance(node, Server)]
    charts = dict.fromkeys(type(part) for node in nodes for part in (node.client, node.clock, node.view))
    brokers = dict.fromkeys(type(node.broker) for node in nodes)
    return lint(charts, names, restrict.names), lint(brokers, OF_BROKER, restrict.names)


def _fixpoint(systems: Sequence[OpenSystem], options: Options) -> Fixpoint:
    """Search in rounds: what became known in one leads to more in the next, from the views that there are already.

    Most becomes known from few views, so each round goes a little further. All that is known only grows, and with it
    what is possible in a view. So in the end there are just the views that a search finds that knows all from the
    beginning.
    """
    began = time.perf_counter()
    knowledge, rounds, most = systems[0].knowledge, 0, FIRST_PART
    parts: tuple[Part, ...] = ()
    while True:
        rounds += 1
        at_most = most if options.most is None else min(most, options.most)
        parts = tuple(_further(part, at_most, options) for part in parts) or tuple(
            _searched(system, options, at_most) for system in systems
        )
        grown = any(part.asked < knowledge.size for part in parts)
        cut = [part for part in parts if not part.found.complete]
        is_part = at_most != options.most and all(part.search.count > at_most for part in cut)
        is_done = not cut and not grown
        for part in parts if is_done else ():
            _check_alike(part.system, options)
        if is_done:
            before, parts = parts, tuple(_needed(part, parts, at_most, options) for part in parts)
            if any(part is not one for part, one in zip(parts, before, strict=True)):
                continue
        if (cut and not is_part) or is_done:
            return Fixpoint(parts, rounds, time.perf_counter() - began, grown)
        most *= WIDER


def _searched(system: OpenSystem, options: Options, most: int) -> Part:
    """What is met with what is known now, and then known, too."""
    while True:
        system = system.again(drop_inert=options.reduced)
        asked = system.knowledge.size
        search = engine(options.engine)(
            system, _permutations(system, options), most=most, memory=options.memory, render=options.render,
            is_stopped=options.is_stopped,
        )  # fmt: skip
        try:
            found = search.run()
        except NotInert:
            continue
        system.learn()
        return Part(system, search, found, asked)


def _needed(part: Part, parts: Sequence[Part], most: int, options: Options) -> Part:
    """The same, or searched anew where messages were not delivered that are needed."""
    try:
        options.needs(part, parts)
    except NotInert:
        return _searched(part.system, options, most)
    return part


def _further(part: Part, most: int, options: Options) -> Part:
    """The same with what has become known since, and with more views."""
    asked = part.system.knowledge.size
    if part.found.complete and part.asked == asked:
        return part
    part.search.most = most
    try:
        found = part.search.run(more=part.asked < asked)
    except (NotInert, LessPossible):
        return _searched(part.system, options, most)
    part.system.learn()
    return replace(part, found=found, asked=asked)


def _permutations(system: OpenSystem, options: Options) -> tuple[Permutation, ...]:
    return permutations_of(3, [(1, 2)]) if options.symmetric and system.alike else ()


def _check_alike(system: OpenSystem, options: Options) -> None:
    try:
        check(system, _permutations(system, options))
    except Asymmetric as why:
        raise NotInterchangeable(f"servers are not interchangeable: {why}") from None
