"""A verdict on each property for every number of torrent servers: it holds, is broken with so many of them, or is open.

A property about the tracker and at most two servers holds for every number from two on if no view breaks it: it is a
conjunction over pairs, and so are the equalities of sets of servers, element by element. With one server it is explored
as ever. A view that breaks a property need not be seen of any state, since views may be too many. So the explorer is
asked for a run with few servers; if it finds none, the question is open.
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from spec.exploration.any_number import termination
from spec.exploration.any_number.fixpoint import Fixpoint, Options, joined
from spec.exploration.any_number.kinds import populations
from spec.exploration.any_number.kinds import told as population
from spec.exploration.any_number.looks import Look, looks
from spec.exploration.any_number.open_run import open_run
from spec.exploration.any_number.restriction import NotInterchangeable
from spec.exploration.any_number.slices import brings_files
from spec.exploration.engine.search import interruptible
from spec.exploration.explore import Options as OfExplorer
from spec.exploration.explore import explore
from spec.exploration.model.bus import Unbounded
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.scenario import Charts, Recast, Scenario
from spec.exploration.properties.client_join import OF_MEMBERSHIP, PROPERTIES, side_of
from spec.exploration.properties.language import OF_RUNS, Property
from spec.exploration.result import Verdict
from spec.system.garbage import collected_seldom

Word = Literal["holds for every number", "broken", "open", "does not apply"]
ASKED: tuple[Property, ...] = PROPERTIES
"""What views and their steps can be asked, and what they are asked that runs come to."""
MOST_SERVERS = 5
"""Servers with which a run is looked for that breaks what a view breaks."""
MOST_OF_RUNS = 3
"""Servers with which a run is looked for that never ends."""
IN_NO_RUN = f"no run with up to {MOST_OF_RUNS} servers is found that does not terminate"
MOST_STATES = 4_000_000
"""States that are looked at for that with three and more servers, each time."""
RUNS = "what runs come to is not asked of views yet; --torrents N answers for N servers"
UNFOUND = f"no run with up to {MOST_SERVERS} servers is found that breaks it"
STEPS = f"{UNFOUND}, but a step does that a few of any number could take"
COUNTED: Mapping[Word, str] = {
    "broken": "broken",
    "open": "open",
    "holds for every number": "hold for every number",
    "does not apply": "do not apply",
}
"""Verdicts in their order, and how they read behind a number."""
VACUOUS = "its premise holds in no view"


@dataclass(frozen=True)
class ForEveryNumber:
    """What became of a property."""

    property_: Property
    word: Word
    servers: int = 0
    """With how many servers it is broken."""
    found: Verdict | None = None
    """The explorer's verdict with so many."""
    reason: str = ""
    """Why it is open."""
    run: str = ""
    """Where it is open because of a view: how that view is reached, as far as it is seen."""


@dataclass(frozen=True)
class Answer:
    """All verdicts of a scenario, and what they come from."""

    scenario: Scenario
    verdicts: tuple[ForEveryNumber, ...]
    fixpoint: Fixpoint | None
    reason: str = ""
    """Why there is no fixpoint."""

    @property
    def verdict(self) -> Literal["holds for every number", "broken", "open"]:
        """One for all: broken if any is, else open if any is or none holds."""
        return verdict_of(self.verdicts)

    def as_data(self) -> dict[str, Any]:
        """The answer as plain data."""
        done = self.fixpoint
        return {
            "scenario": self.scenario.name,
            "torrents": "any",
            "verdict": self.verdict,
            "views": done.views if done else None,
            "steps": done.steps if done else None,
            "rounds": done.rounds if done else None,
            "seconds": round(done.seconds, 3) if done else None,
            "complete": bool(done and done.complete),
            "reason": self.reason or None,
            "properties": [data_of(each) for each in self.verdicts],
        }

    def lines(self, *, verbose: bool = True, shown: Sequence[str] = ()) -> Iterator[str]:
        """The answer for people: what is broken or open in a line each; the runs of those that are `shown`."""
        yield f"{self.scenario.name}, {population(self.scenario)}: {self.verdict}"
        if self.fixpoint is not None:
            done = self.fixpoint
            covered = "all of them" if done.complete else f"not all of them: {done.stopped}"
            yield (
                f"{done.views:,} views of two servers among any number of others ({covered}), "
                f"{done.steps:,} steps, {done.rounds} rounds, {done.seconds:.1f} s"
            )
        if self.reason:
            yield f"Not proved for every number: {self.reason}"
        yield ""
        yield from told(self.verdicts, self.reason, "torrent server", verbose=verbose, shown=shown)


def told(
    verdicts: Sequence[ForEveryNumber], known: str, member: str, *, verbose: bool, shown: Sequence[str]
) -> Iterator[str]:
    """Verdicts for people, a line each; a reason that is `known` already is not told again."""
    for each in verdicts:
        if not verbose and each.word in {"holds for every number", "does not apply"}:
            continue
        with_ = f" with {each.servers} {member}{'s' * (each.servers > 1)}" if each.servers else ""
        word = f"{each.word.upper()}{with_}" if each.word == "broken" else each.word
        why = f" ({each.reason})" if each.reason and each.reason != known else ""
        yield f"{word:<31}{each.property_.when:<15}{each.property_.name}{why}"
    counts = Counter(each.word for each in verdicts)
    yield ", ".join(f"{counts[word]} {text}" for word, text in COUNTED.items() if counts[word])
    for each in verdicts:
        if any(words.lower() in each.property_.name for words in shown):
            yield from _run_of(each)


def cut_short(cut: Mapping[int, str]) -> str:
    """What is said where searches with so many did not look at all states, each for a reason; empty if all did."""
    numbers = ", ".join(map(str, sorted(cut)))
    return f"; with {numbers} not all states were looked at: {cut[max(cut)]}" if cut else ""


def verdict_of(verdicts: Sequence[ForEveryNumber]) -> Literal["holds for every number", "broken", "open"]:
    """One for all: broken if any is, else open if any is or none holds."""
    words = {each.word for each in verdicts}
    if "broken" in words:
        return "broken"
    return "open" if "open" in words or "holds for every number" not in words else "holds for every number"


def without_run(verdicts: Sequence[ForEveryNumber], shown: Sequence[str]) -> list[str]:
    """Those of the words that are in the name of no property of which there is a run."""
    told_ = [each.property_.name.lower() for each in verdicts if any(_run_of(each))]
    return [words for words in shown if not any(words.lower() in name for name in told_)]


def _run_of(each: ForEveryNumber) -> Iterator[str]:
    if each.found is not None and each.found.trace:
        source = " ".join(each.property_.source.split())
        yield f"\n{each.property_.name}: {len(each.found.run)} steps\n{source}\n\n{each.found.trace}"
    elif each.run:
        yield f"\n{each.property_.name}: open; what is seen of a run, which may not exist\n\n{each.run}"


def data_of(each: ForEveryNumber) -> dict[str, Any]:
    """A verdict as plain data."""
    return {
        "name": each.property_.name,
        "kind": each.property_.when,
        "verdict": each.word,
        "servers": each.servers or None,
        "reason": each.reason or None,
        "counterexample": (each.found.trace if each.found else "") or None,
        "open_run": each.run or None,
    }


@collected_seldom()
def answer(
    scenario: Scenario,
    options: Options | None = None,
    properties: Sequence[Property] = OF_MEMBERSHIP,
    charts: Charts | None = None,
) -> Answer:
    """The verdicts for every number of torrent servers; `charts` take the place of ours of the same name."""
    options = options or Options()
    reason = ""
    found: tuple[Look, ...] = ()
    try:
        with interruptible() as is_stopped:
            found = tuple(looks(scenario, replace(options, is_stopped=is_stopped), properties, charts))
    except NotInterchangeable as why:
        reason = str(why)
    except Unbounded as why:
        reason = f"in a view, {why}"
    few = _Few(scenario, charts, options)
    if not found:
        return Answer(scenario, tuple(few.judged(each, reason) for each in properties), None, reason)
    verdicts = tuple(_verdict(each, found, few) for each in properties)
    reason = next(filter(None, (look.reason for look in found)), "")
    return Answer(scenario, verdicts, joined([look.done for look in found]), reason)


def _verdict(property_: Property, found: Sequence[Look], few: "_Few") -> ForEveryNumber:
    """What became of a property, of the searches that answer it."""
    mine = [look for look in found if property_ in look.properties]
    if not _applies(property_, few.scenario, found):
        return ForEveryNumber(property_, "does not apply")
    if reason := next(filter(None, (look.reason for look in mine)), ""):
        return few.judged(property_, reason)
    rivals = any(part.system.rivals for look in found for part in look.done.parts)
    if property_.when == "termination":
        return _of_runs(property_, mine[0].done, few, pairs=rivals)
    if property_.when in OF_RUNS:
        return few.judged(property_, RUNS)
    key = (property_.name, True)
    broken = next((look.first[key] for look in mine if key in look.first), None)
    if broken is not None:
        judged = few.unfound(property_, f"{UNFOUND}, but a view does")
        return replace(judged, run=open_run(*broken)) if judged.word == "open" else judged
    if any(key in look.met for look in mine):
        return few.unfound(property_, STEPS)
    non_vacuous = any((property_.name, False) in {*look.first, *look.met} for look in mine)
    return few.confirmed(property_, non_vacuous=non_vacuous, pairs=rivals)


def _applies(property_: Property, scenario: Scenario, found: Sequence[Look]) -> bool:
    """Whether a property says anything of servers of some two kinds, or of the scenario as it stands."""
    parts = [part for look in found for part in look.done.parts]
    if any(property_.applies_to(part.system) for part in parts):
        return True
    return (len(parts) > 1 or brings_files(scenario)) and property_.applies_to(scenario.build())


def _of_runs(property_: Property, done: Fixpoint, few: "_Few", *, pairs: bool) -> ForEveryNumber:
    """Whether every run terminates."""
    unproved = termination.unproved(done, is_quiescent)
    if unproved is None:
        return few.confirmed(property_, non_vacuous=True, pairs=pairs)
    found = few.unfound(property_, f"{unproved.reason}; {IN_NO_RUN}", MOST_OF_RUNS)
    return replace(found, run=unproved.run) if found.word == "open" else found


def is_quiescent(system: ClosedSystem, component: int, state: Hashable, idle: bool) -> bool:
    """Whether a server of ours is quiescent, in a local state and with nothing under way to or from it."""
    return side_of(system, component, state, idle).is_quiescent


@dataclass
class _Few:
    """What the explorer says with few servers."""

    scenario: Scenario
    charts: Charts | None
    options: Options

    def __post_init__(self) -> None:
        self._known: dict[tuple[str, Scenario], Verdict] = {}
        self._cut: dict[tuple[str, int], str] = {}
        """Why not all states were looked at, by property and number of servers."""

    def verdicts(self, property_: Property, servers: int) -> Iterator[Verdict]:
        """The explorer's verdicts on a property with so many servers, one for each way to choose their kinds."""
        for chosen in populations(self.scenario, servers):
            if (property_.name, chosen) not in self._known:
                self._explore(property_, chosen)
            yield self._known[property_.name, chosen]

    def _explore(self, property_: Property, chosen: Scenario) -> None:
        few: Any = Recast(chosen, self.charts) if self.charts else chosen
        most = self.options.most
        if chosen.torrents > 2:  # noqa: PLR2004 - those are many states
            most = MOST_STATES if most is None else min(most, MOST_STATES)
        asked = OfExplorer(self.options.symmetric, self.options.reduced, self.options.engine, most, self.options.memory)
        of_states = property_.when not in OF_RUNS
        wanted = [one for one in ASKED if one.when not in OF_RUNS] if of_states else [property_]
        wanted = wanted if property_ in wanted else [property_]
        result = explore(few, asked, wanted)
        for found in result.verdicts:
            self._known[found.property_.name, chosen] = found
            if result.found.stopped:
                self._cut[found.property_.name, chosen.torrents] = result.found.stopped

    def judged(self, property_: Property, reason: str, most: int = 0) -> ForEveryNumber:
        """Broken with the fewest servers, at `most` so many, that break it; otherwise open, for this reason."""
        most = most or (1 if property_.when in OF_RUNS else MOST_SERVERS)
        for servers in range(1, most + 1):
            try:
                found = next((each for each in self.verdicts(property_, servers) if each.holds is False), None)
            except Unbounded as why:
                return ForEveryNumber(property_, "open", reason=f"with {servers} servers, {why}")
            if found is not None:
                return ForEveryNumber(property_, "broken", servers, found)
        return ForEveryNumber(property_, "open", reason=reason)

    def unfound(self, property_: Property, reason: str, most: int = 0) -> ForEveryNumber:
        """The same where the reason says that no run is found: with the searches that did not look at all states."""
        found = self.judged(property_, reason, most)
        cut = {number: why for (name, number), why in self._cut.items() if name == property_.name}
        return replace(found, reason=reason + cut_short(cut)) if found.reason == reason else found

    def confirmed(self, property_: Property, *, non_vacuous: bool, pairs: bool) -> ForEveryNumber:
        """It holds of all views; with one server, and where it is about just two rivals, the explorer says."""
        numbers = (1, 2) if pairs else (1,)
        for servers, found in ((number, each) for number in numbers for each in self.verdicts(property_, number)):
            if found.holds is False:
                return ForEveryNumber(property_, "broken", servers, found)
            if found.holds is None and found.applies and found.reason and found.non_vacuous:
                return ForEveryNumber(property_, "open", reason=f"with {servers} servers: {found.reason}")
            non_vacuous = non_vacuous or found.non_vacuous
        if not non_vacuous:
            return ForEveryNumber(property_, "open", reason=VACUOUS)
        return ForEveryNumber(property_, "holds for every number")
