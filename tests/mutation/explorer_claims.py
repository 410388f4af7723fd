"""What the explorer promises of itself, as named claims: checked against the definition, in a few small systems.

The definition is `spec.exploration.model.reference`: every successor of every state, no tables, no reduction and no
symmetry; and each property asked of each state and each step. It is asked once, of the explorer without a fault.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

from immutabledict import immutabledict

from machines import Output, TorrentServer, Tracker
from machines.events import ClientEvent, ClientJoinFailed
from spec.exploration.explore import Explorable, Options, Result, explore
from spec.exploration.model.reference import successors
from spec.exploration.model.scenario import Recast, Scenario, scenario
from spec.exploration.model.steps import Row
from spec.exploration.properties.client_join import PROPERTIES, side_of
from spec.exploration.properties.language import OF_RUNS, Properties
from spec.exploration.properties.steps import judged
from spec.exploration.traces.replay import play, read


class Prefers(Tracker):
    """A tracker that knows nothing of what it promised to the second torrent server."""

    def is_pending(self, message: ClientEvent) -> bool:
        return super().is_pending(message) and message.client != "torrent2"


class FailsAgain(TorrentServer):
    """A torrent server that names another request when its view cannot be changed once more."""

    def compose_client_join_failed(self) -> tuple[Output, ...]:
        named = "another" if self.data.retried else self.data.request_id
        return (Output(ClientJoinFailed(client=self.data.client, request_id=named), "broker"),)


SYSTEMS: tuple[Explorable, ...] = (
    Scenario("standard", timeouts="patient"),
    Scenario("conflict", conflicting=2, timeouts="patient", views=immutabledict(
        {"torrent2": immutabledict({"endpoints": ("HTTP://Shared:80",)})})),
    Scenario("leaving", torrents=1, timeouts="any", faults=immutabledict({"stop torrent": 1, "losses": 1})),
    Scenario("twice", torrents=1, timeouts="any", faults=immutabledict({"duplicates": 1})),
    Scenario("stuck", torrents=1, timeouts="never", faults=immutabledict({"losses": 1})),
    Scenario("stabilisation", torrents=1, stabilisation=True,
             faults=immutabledict({"losses": None, "stop torrent": 1})),
    Scenario("breaks", torrents=1, timeouts="patient", files=True, faults=immutabledict(
        {"crash torrent": 1, "wipe tracker": 1, "disconnect tracker": 1, "disconnect torrent": 1, "broker restart": 1,
         "breaks in all": 1})),
    replace(scenario("metadata"), timeouts="patient"),  # some of its shortest runs read what is ignored on their way
    Recast(Scenario("asymmetric", timeouts="patient"), {"Tracker": Prefers}),
    Recast(Scenario("once", torrents=1, hardened=True, retries=1, timeouts="patient",
                    faults=immutabledict({"storage failure": 1})), {"TorrentServer": FailsAgain}),
)  # fmt: skip
MOST = 20_000
"""States: a faulty explorer may find no end of them."""
WAYS = {
    "with all reductions": Options(most=MOST),
    "without reductions": Options(symmetric=False, reduced=False, most=MOST),
    "without numba": Options(engine="vectorised", most=MOST),
    "without symmetry": Options(symmetric=False, most=MOST),
    "with symmetry alone": Options(engine="vectorised", reduced=False, most=MOST),
}
CUT = 20


@dataclass(frozen=True)
class Definition:
    """What the definition says of a system."""

    states: int
    transitions: int
    broken: frozenset[str]
    non_vacuous: frozenset[str]
    of_runs: frozenset[tuple[str, str]]
    """The words of the verdicts on properties about runs, without reductions."""


@cache
def definition(number: int) -> Definition:
    """All states of a system, and all that is said of them."""
    system = SYSTEMS[number].build(drop_inert=False)
    watched = Properties(system, (), side_of)
    broken: frozenset[str] = frozenset()
    non_vacuous: frozenset[str] = frozenset()
    seen: set[Row] = {system.initial()}
    todo = [*seen]
    transitions = 0
    while todo:
        row = todo.pop()
        found = [watched.judge(row, PROPERTIES)]
        for label, then in successors(system, row):
            transitions += 1
            found.append(judged(system, row, label, PROPERTIES))
            if then not in seen:
                seen.add(then)
                todo.append(then)
        broken = broken.union(*(one for one, _ in found))
        non_vacuous = non_vacuous.union(*(other for _, other in found))
    whole = explore(SYSTEMS[number], WAYS["without reductions"])
    words = frozenset((one.property_.name, one.word) for one in whole.verdicts if one.property_.when in OF_RUNS)
    return Definition(len(seen), transitions, broken, non_vacuous, words)


def _is_of_runs(result: Result) -> frozenset[tuple[str, str]]:
    return frozenset((one.property_.name, one.word) for one in result.verdicts if one.property_.when in OF_RUNS)


Claim = Callable[[Result, Definition, Options], bool]


def a_search_finds_all_states_and_no_others(result: Result, known: Definition, options: Options) -> bool:
    """Without reductions."""
    progress = result.found.progress
    exact = not options.symmetric and not options.reduced
    return not exact or (progress.states, progress.transitions) == (known.states, known.transitions)


def states_that_differ_in_names_only_count_once(result: Result, known: Definition, options: Options) -> bool:
    """Where the servers act alike there are fewer states than by the definition, and no asymmetry is told."""
    two = len(result.system.nodes) > 2
    alike = isinstance(result.scenario, Scenario) and bool(result.scenario.interchangeable_groups())
    merged = result.found.progress.states < known.states and not result.asymmetry
    return not (two and alike and options.symmetric) or merged


def what_acts_otherwise_is_told_apart(result: Result, known: Definition, options: Options) -> bool:
    """Where they do not act alike, symmetry is off, and that is said."""
    alone = len(result.system.nodes) <= 2
    return isinstance(result.scenario, Scenario) or alone or not options.symmetric or bool(result.asymmetry)


def what_a_state_or_a_step_breaks_is_broken(result: Result, known: Definition, options: Options) -> bool:
    """Every property that is broken by the definition is found to be broken, and no other."""
    about = {one.property_.name for one in result.verdicts if one.property_.when not in OF_RUNS}
    return {one.property_.name for one in result.verdicts if one.holds is False} & about == known.broken


def what_holds_was_exercised_in_a_search_of_all_states(result: Result, known: Definition, options: Options) -> bool:
    """A verdict "holds" needs a premise that held, as it does by the definition."""
    held = {one.property_.name for one in result.verdicts if one.holds and one.property_.when not in OF_RUNS}
    if any(one.holds and not one.property_.applies_to(result.system) for one in result.verdicts):
        return False
    return held <= known.non_vacuous and result.found.complete >= bool(held)


def what_is_exercised_is_found_to_be(result: Result, known: Definition, options: Options) -> bool:
    """Without reductions, which may leave out what is always ignored."""
    found = {one.property_.name for one in result.verdicts if one.non_vacuous and one.property_.when not in OF_RUNS}
    return options.reduced or found == known.non_vacuous


def runs_are_judged_alike_whatever_is_reduced(result: Result, known: Definition, options: Options) -> bool:
    """Properties about runs."""
    return _is_of_runs(result) == known.of_runs


def every_counterexample_can_be_replayed_and_breaks_its_property(
    result: Result, known: Definition, options: Options
) -> bool:
    """In the system in which nothing is left out."""
    return all(_replays(result, one.trace, one.property_.name) for one in result.verdicts if one.trace)


def _replays(result: Result, trace: str, name: str) -> bool:
    (property_,) = (one for one in PROPERTIES if one.name == name)
    if not isinstance(result.scenario, Scenario) or property_.when in OF_RUNS:
        return True
    saved = read(trace, "the trace")
    system = saved.scenario.build(drop_inert=False)
    steps = [*play(system, saved.steps)]
    rows = [system.initial(), *(step.row for step in steps)]
    if property_.when == "step":
        return name in judged(system, rows[-2], steps[-1].label, [property_])[0]
    shortest = not any(Properties(system, [property_], side_of).broken_in(row, name) for row in rows[:-1])
    return shortest and Properties(system, [property_], side_of).broken_in(rows[-1], name)


def a_search_that_was_cut_says_so(result: Result, known: Definition, options: Options) -> bool:
    """Nothing holds after a search that was cut: it is undetermined."""
    cut = explore(result.scenario, Options(engine=options.engine, most=CUT))
    return not any(one.holds for one in cut.verdicts) and not cut.found.complete


CLAIMS: tuple[Claim, ...] = (
    a_search_finds_all_states_and_no_others,
    states_that_differ_in_names_only_count_once,
    what_acts_otherwise_is_told_apart,
    what_a_state_or_a_step_breaks_is_broken,
    what_holds_was_exercised_in_a_search_of_all_states,
    what_is_exercised_is_found_to_be,
    runs_are_judged_alike_whatever_is_reduced,
    every_counterexample_can_be_replayed_and_breaks_its_property,
    a_search_that_was_cut_says_so,
)


def _holds(claim: Claim, result: Result, known: Definition, options: Options) -> bool:
    try:
        return claim(result, known, options)
    except Exception:  # noqa: BLE001 - a trace that cannot be read, a search that does not end with a verdict
        return False


def definitions() -> None:
    """Ask for all of them, before there is a fault."""
    for number in range(len(SYSTEMS)):
        definition(number)


def broken_claims(numbers: Sequence[int] = range(len(SYSTEMS))) -> Iterator[tuple[str, str, int]]:
    """The claims that are broken now: their names, in which system and how it was searched, and how many states."""
    for number in numbers:
        system, known = SYSTEMS[number], definition(number)
        for way, options in WAYS.items():
            try:
                result = explore(system, options)
            except Exception as error:  # noqa: BLE001 - whatever a faulty explorer does but answer
                yield f"every search ends with a verdict ({type(error).__name__})", f"{system.name}, {way}", 0
                continue
            for claim in CLAIMS:
                if not _holds(claim, result, known, options):
                    yield claim.__name__.replace("_", " "), f"{system.name}, {way}", result.found.progress.states
