"""`clientjoin explore --charts M --members any`: the verdicts on charts of others for any number of members.

A property that no view breaks holds for every number of members: views speak of two and more, the explorer of one, and,
where a property is about systems in which nothing can happen any more, of all numbers below those that views speak of.
What a view breaks, or what there are no views of, is looked for by the explorer with few members: it is *broken with n*
only where a run with n members shows it, and n is the fewest. All else is *open*, with the reason.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from spec.exploration.any_number import charts_termination
from spec.exploration.any_number.charts_fixpoint import MOST_VIEWS, Limits, Views, views_of
from spec.exploration.any_number.charts_properties import Judged, LooksInside, about_pairs
from spec.exploration.any_number.open_run import FOR_EVER
from spec.exploration.any_number.open_system import READS, SPENDS
from spec.exploration.any_number.population import Population, population
from spec.exploration.any_number.restriction import NotInterchangeable
from spec.exploration.any_number.verdicts import VACUOUS, ForEveryNumber, cut_short, data_of, told, verdict_of
from spec.exploration.engine.search import interruptible
from spec.exploration.explore import Options, explore
from spec.exploration.model.bus import Unbounded
from spec.exploration.model.foreign import ForeignSystem
from spec.exploration.model.steps import Label
from spec.exploration.properties.language import EACH, OF_RUNS, OF_STATES, Property
from spec.exploration.result import Verdict
from spec.system.garbage import collected_seldom
from spec.system.process import name_of

MOST_MEMBERS = 5
"""Members with which a run is looked for that breaks what a view breaks."""
MOST_OF_RUNS = 3
"""Members with which a run is looked for that never ends."""
IN_NO_RUN = f"no run with up to {MOST_OF_RUNS} members is found that does not terminate"
MOST_STATES = 300_000
"""States that are looked at for that, each time, where nobody says how many."""
REST = "what becomes of runs is not asked of views; --members N answers for N members"
STEPS = "what single steps do is not asked of views; --members N answers for N members"


@dataclass(frozen=True)
class AnswerOfCharts:
    """All verdicts on a system of charts, and what they come from."""

    system: ForeignSystem
    verdicts: tuple[ForEveryNumber, ...]
    views: Views | None
    reason: str = ""
    """Why there are no views, or not all."""

    @property
    def verdict(self) -> Literal["holds for every number", "broken", "open"]:
        """One for all: broken if any is, else open if any is or none holds."""
        return verdict_of(self.verdicts)

    def as_data(self) -> dict[str, Any]:
        """The answer as plain data."""
        done = self.views
        return {
            "charts": self.system.name,
            "members": "any",
            "verdict": self.verdict,
            "views": len(done.parents) if done else None,
            "steps": done.steps if done else None,
            "rounds": done.rounds if done else None,
            "others": done.others if done else None,
            "seconds": round(done.seconds, 3) if done else None,
            "complete": bool(done and not done.stopped),
            "reason": self.reason or None,
            "properties": [{**data_of(each), "members": each.servers or None} for each in self.verdicts],
        }

    def lines(self, *, verbose: bool = True, shown: Sequence[str] = ()) -> Iterator[str]:
        """The answer for people: what is broken or open in a line each; the runs of those that are `shown`."""
        group = ", ".join(name for each in self.system.interchangeable for name in each)
        like = f" like {group}" if group else ""
        yield f"{self.system.name}, any number of members{like}: {self.verdict}"
        if self.views is not None:
            done = self.views
            covered = f"not all of them: {done.stopped}" if done.stopped else "all of them"
            yield (
                f"{len(done.parents):,} views of two members among any number of others ({covered}), {done.steps:,} "
                f"steps, {done.rounds} rounds, {done.others} others at once, {done.seconds:.1f} s"
            )
        if self.reason:
            yield f"Not proved for every number: {self.reason}"
        yield ""
        yield from told(self.verdicts, self.reason, "member", verbose=verbose, shown=shown)


@collected_seldom()
def answer_of_charts(
    system: ForeignSystem,
    properties: Sequence[Property],
    options: Options | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> AnswerOfCharts:
    """The verdicts for every number of members; `tell` is given a line about how far it is."""
    options = options or Options()
    reason, done = "", None
    try:
        of = population(system)
        with interruptible() as is_stopped:
            done = views_of(of, Limits(options.most or MOST_VIEWS, is_stopped, tell))
        reason = done.stopped
    except NotInterchangeable as why:
        reason = str(why)
    except Unbounded as why:
        reason = f"in a view, {why}"
    try:
        few = _Few(population(system), options, properties)
    except NotInterchangeable:
        verdicts = tuple(ForEveryNumber(each, "open", reason=reason) for each in properties)
        return AnswerOfCharts(system, verdicts, None, reason)
    if done is None or done.stopped:
        return AnswerOfCharts(system, tuple(few.judged(each, reason) for each in properties), done, reason)
    judged = Judged(few.of, done)
    return AnswerOfCharts(system, tuple(_verdict(each, judged, few) for each in properties), done)


def _verdict(property_: Property, judged: Judged, few: "_Few") -> ForEveryNumber:
    if property_.when == "termination":
        return _of_runs(property_, judged.views, few)
    known = {EACH, "budget", *few.of.system.charts}
    if property_.when in OF_RUNS or property_.when not in OF_STATES:
        return few.judged(property_, REST if property_.when in OF_RUNS else STEPS)
    strange = [name for name in property_.concerns if name not in known]
    if strange:
        return few.judged(property_, f"it is about {strange[0]}, which is no chart of this system")
    if about_pairs(few.of, property_) is None:
        return few.judged(property_, "it is about more than two members, and views are of two")
    try:
        row, is_met = judged.first(property_)
    except LooksInside as inside:
        return few.judged(property_, f"it looks at what {inside} holds of members, of which a view shows two only")
    if row is not None:
        found = few.unfound(
            property_, f"no run with up to {MOST_MEMBERS} members is found that breaks it, but a view does"
        )
        return replace(found, run=open_run(judged.views, row)) if found.word == "open" else found
    fewest = 2 + judged.views.others if property_.when != "always" else 2
    return few.confirmed(property_, range(1, fewest), non_vacuous=is_met)


def _of_runs(property_: Property, views: Views, few: "_Few") -> ForEveryNumber:
    """Whether every run terminates."""
    unproved = charts_termination.unproved(views)
    if unproved is None:
        return few.confirmed(property_, (1,), non_vacuous=True)
    reason, row, cycle = unproved
    found = few.unfound(property_, f"{reason}; {IN_NO_RUN}")
    return replace(found, run=open_run(views, row, cycle)) if found.word == "open" else found


@dataclass
class _Few:
    """What the explorer says with few members."""

    of: Population
    options: Options
    properties: Sequence[Property]

    def __post_init__(self) -> None:
        self._known: dict[tuple[str, int], Verdict] = {}
        self._cut: dict[tuple[str, int], str] = {}
        """Why not all states were looked at, by property and number of members."""

    def says(self, property_: Property, members: int) -> bool:
        """Whether all whom a property names are there with so many members."""
        return all(name not in self.of.group or name in self.of.names(members) for name in property_.concerns)

    def verdict(self, property_: Property, members: int) -> Verdict:
        """The explorer's verdict with so many members."""
        if (property_.name, members) not in self._known:
            system = self.of.of(members)
            of_states = property_.when not in OF_RUNS
            wanted = [one for one in self.properties if (one.when not in OF_RUNS) == of_states]
            wanted = [one for one in wanted if self.says(one, members) and (of_states or one is property_)]
            named = any(name in self.of.group for name in property_.concerns)
            wanted = [one for one in wanted if any(name in self.of.group for name in one.concerns) == named]
            options = replace(self.options, most=min(self.options.most or MOST_STATES, MOST_STATES))
            result = explore(system, options, wanted, system.observe)
            for found in result.verdicts:
                self._known[found.property_.name, members] = found
                if result.found.stopped:
                    self._cut[found.property_.name, members] = result.found.stopped
        return self._known[property_.name, members]

    def judged(self, property_: Property, reason: str) -> ForEveryNumber:
        """Broken with the fewest members that break it; otherwise open, for this reason."""
        for members in range(1, 1 + (MOST_OF_RUNS if property_.when in OF_RUNS else MOST_MEMBERS)):
            if self.says(property_, members):
                found = self.verdict(property_, members)
                if found.holds is False:
                    return ForEveryNumber(property_, "broken", members, found)
        return ForEveryNumber(property_, "open", reason=reason)

    def unfound(self, property_: Property, reason: str) -> ForEveryNumber:
        """The same where the reason says that no run is found: with the searches that did not look at all states."""
        found = self.judged(property_, reason)
        cut = {number: why for (name, number), why in self._cut.items() if name == property_.name}
        return replace(found, reason=reason + cut_short(cut)) if found.reason == reason else found

    def confirmed(self, property_: Property, numbers: Sequence[int], *, non_vacuous: bool) -> ForEveryNumber:
        """No view breaks it; with so few members as views do not speak of, the explorer says."""
        for members in numbers:
            if not self.says(property_, members):
                continue
            found = self.verdict(property_, members)
            if found.holds is False:
                return ForEveryNumber(property_, "broken", members, found)
            if found.holds is None and found.applies and found.non_vacuous:
                return ForEveryNumber(property_, "open", reason=f"with {members} members: {found.reason}")
            non_vacuous = non_vacuous or found.non_vacuous
        if not non_vacuous:
            return ForEveryNumber(property_, "open", reason=VACUOUS)
        return ForEveryNumber(property_, "holds for every number")


def open_run(views: Views, row: tuple[int, ...], cycle: Sequence[Label] = ()) -> str:
    """A shortest run of the open system to a view, one line a step, in the notation of diagrams; and what goes round.

    What goes round may do so under exchanged names.
    """
    names = [node.name for node in views.system.nodes]
    lines = [f"participant {name}" for name in ("others", *names)]
    lines += [_line(names, label) for label in views.path(row)]
    if cycle:
        lines += [FOR_EVER, *(f"  {_line(names, label)}" for label in cycle), "end"]
    return "\n".join(lines) + "\n"


def _line(names: Sequence[str], label: Label) -> str:
    name = names[label.component]
    if label.kind == READS:
        return f"others->{name}: (something of others)"
    if label.kind == SPENDS:
        return "others->others: (a fault)"
    sent = label.outcome.sent if label.outcome and label.kind == "expire" else ()
    about = name_of(label.message) if label.message is not None else ", ".join(map(name_of, sent))
    return f"{name}->{name}: {label.kind} {about}".rstrip()
