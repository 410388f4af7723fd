"""The searches that a scenario is answered by, and which view of each breaks a property, or exercises it.

Where nobody brings files that is one search. Where somebody does it is one for each slice (`slices`), if the charts
treat files key by key (`keywise`); otherwise one of all files together, which may have too many views. The slice
without files answers each property that does not look at files, which is found out by asking it: its sides hold
`UNREAD` in the place of files, which refuses to be looked at. All others are answered by the slices of files.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, NoReturn

from spec.exploration.any_number.fixpoint import Fixpoint, Options, Part, fixpoint
from spec.exploration.any_number.keywise import KeyByKey
from spec.exploration.any_number.open_system import OpenSystem, timed
from spec.exploration.any_number.restriction import OTHERS, NotInterchangeable
from spec.exploration.any_number.slices import Slice, brings_files, slices_of
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.node import Outcome
from spec.exploration.model.scenario import Charts, Scenario
from spec.exploration.model.steps import TRACKER, Label
from spec.exploration.properties.client_join import ClientSide, TrackerSide, side_of
from spec.exploration.properties.client_join_sides import Holding
from spec.exploration.properties.language import Implication, Properties, Property
from spec.exploration.properties.steps import concerns, step_of
from spec.exploration.step_search import deliver_what_matters

First = dict[tuple[str, bool | None], tuple[Part, int]]
"""By property, and whether it is broken or exercised: the first view that does so."""
Met = set[tuple[str, bool | None]]
"""The same of properties about steps, if any step does so."""


@dataclass
class Look:
    """A search, and what is seen of some properties in it."""

    done: Fixpoint
    properties: tuple[Property, ...]
    first: First
    met: Met
    why: str = ""
    """Why not all properties are answered, beside what `done` says."""

    @property
    def reason(self) -> str:
        """Why it answers nothing; empty if it does."""
        return "" if self.done.complete else f"{self.done.stopped}{self.why}"


class LooksAtFilesError(Exception):
    """A property looks at files, which the slice without files does not hold."""


class Unread:
    """In the place of files: whatever is asked of it is refused. It is one object, equal to itself."""

    def _refuse(self, *_: Any) -> NoReturn:
        raise LooksAtFilesError

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __len__ = __iter__ = __contains__ = _refuse
    __and__ = __rand__ = __or__ = __ror__ = __sub__ = __rsub__ = __xor__ = __rxor__ = __getattr__ = _refuse

    def __hash__(self) -> int:
        return 0


UNREAD: Any = Unread()


def looks(
    scenario: Scenario, options: Options, properties: Sequence[Property], charts: Charts | None
) -> Iterator[Look]:
    """The searches that answer these properties. Raises `NotInterchangeable`, `Unbounded`."""
    why = ""
    if brings_files(scenario):
        try:
            found = list(_of_slices(scenario, options, properties, charts))
        except NotInterchangeable as refused:
            why = f"; file by file: {refused}"
        else:
            yield from found
            return
    judged = Judged(properties)
    done = fixpoint(scenario, _delivering(options, judged), charts)
    yield _look(done, judged, why)


def _look(done: Fixpoint, judged: "Judged", why: str = "") -> Look:
    properties = judged.properties
    first, met = (first_of(done, properties), judged.met(done.parts)) if done.complete else ({}, set())
    return Look(done, tuple(properties), first, met, why)


def _of_slices(
    scenario: Scenario, options: Options, properties: Sequence[Property], charts: Charts | None
) -> Iterator[Look]:
    without, *files = slices_of(scenario)
    done = _searched(without, options, charts)
    guards = [Guarded(each) for each in properties]
    first = first_of(done, [each.property_ for each in guards], _without_files) if done.complete else {}
    plain = tuple(each.about for each in guards if not each.looks_at_files)
    names = {each.name for each in plain}
    yield Look(done, plain, {key: at for key, at in first.items() if key[0] in names}, set())
    about = tuple(each.about for each in guards if each.looks_at_files)
    for each in files if about else ():
        judged = Judged(about)
        yield _look(_searched(each, _delivering(options, judged), charts), judged)


def _searched(slice_: Slice, options: Options, charts: Charts | None) -> Fixpoint:
    done = fixpoint(slice_.scenario, options, charts)
    KeyByKey(slice_.scenario, charts, slice_.hashes).check(done)
    return done


def _delivering(options: Options, judged: "Judged") -> Options:
    """Where a property about steps needs a message that is always ignored, that is delivered."""

    def needs(part: Part, parts: Sequence[Part]) -> None:
        if part is parts[0]:
            met.clear()
            met.update(dict.fromkeys(judged.met(parts), 0))
        deliver_what_matters(part.system, judged.properties, met)

    met: dict[tuple[str, bool | None], int] = {}

    return replace(options, needs=needs) if judged.about_steps else options


@dataclass
class Guarded:
    """A property that is asked without files, and whether it looked at any. Those about steps may always."""

    about: Property
    looks_at_files: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.looks_at_files = self.about.when == "step"
        self.property_ = replace(self.about, says=self._says)

    def _says(self, *sides: Any) -> Implication:
        try:
            premise, conclusion = self.about.says(*sides)
        except (LooksAtFilesError, TypeError):  # a tuple stands in the place of a set of clients with what they store
            self.looks_at_files = True
            return False, True
        return bool(premise), bool(conclusion)


def first_of(done: Fixpoint, properties: Sequence[Property], observe: Any = None) -> First:
    """The first view that breaks each property about views, and the first that exercises it."""
    first: First = {}
    for part in done.parts:
        watched = Properties(part.system, properties, observe or observed)
        for watch, at in zip(watched.watches, part.search.scan(watched), strict=True):
            key = (watch.instance.property_.name, watch.broken)
            if at is not None and (key not in first or at < first[key][1]):
                first[key] = (part, at)
    return first


def steps_met(parts: Sequence[Part], properties: Sequence[Property]) -> Met:
    """Which properties about steps are broken, or exercised, by a step of the charts in some completion.

    Steps about hidden servers are left out, since whoever looks at these sees them; but not news, which tells somebody
    who is seen of the files of another one.
    """
    return Judged(properties).met(parts)


class Judged:
    """What steps of charts do to properties about steps. Each step is judged once: what was said stays said."""

    def __init__(self, properties: Sequence[Property]) -> None:
        self.properties = tuple(properties)
        self.about_steps = tuple(each for each in properties if each.when == "step")
        self._of_systems: dict[int, _OfSystem] = {}

    def met(self, parts: Sequence[Part]) -> Met:
        """See `steps_met`."""
        found: Met = set()
        for part in parts if self.about_steps else ():
            of = self._of_systems.get(id(part.system))
            if of is None:  # which keeps the system, so that no other one comes to have its id
                of = self._of_systems[id(part.system)] = _OfSystem(part.system, self.about_steps)
            found |= of.judged()
        return found


class _OfSystem:
    """The same in one system."""

    def __init__(self, system: OpenSystem, properties: Sequence[Property]) -> None:
        self.system, self.properties, self.met = system, properties, Met()
        self.restrict = system.knowledge.restrict
        self.places = {node.name: place for place, node in enumerate(system.nodes)}
        self.visible = frozenset(system.knowledge.seen)
        self.hidden = frozenset(self.restrict.names) - self.visible
        self._concerned: dict[tuple[str, str], tuple[Property, ...]] = {}
        self._judged = [0, 0]

    def judged(self) -> Met:
        """What all steps do, with those that have been asked for since this was asked last."""
        asking = self.system.asking
        for at, said in enumerate((asking.of_servers, asking.of_tracker)):
            new = [*islice(said.items(), self._judged[at], None)]
            self._judged[at] += len(new)
            for question, outcomes in new:
                self._judge(question, outcomes)
        return self.met

    def _judge(self, question: tuple[str, Hashable, str, Hashable], outcomes: Sequence[Outcome]) -> None:
        name, state, kind, message = question
        about = self._concerned.get((name, kind))
        if about is None:
            system, place = self.system, self.places[name]
            about = tuple(each for each in self.properties if concerns(system, each, place, kind))
            self._concerned[name, kind] = about
        for outcome in outcomes if about else ():
            step = step_of(self.system, self.places[name], state, Label(kind, self.places[name], message, outcome))
            assert step is not None
            whose = timed(outcome.arrows[0]) if kind == "expire" else ""
            if whose in self.hidden or not self.restrict.is_seen(step.message, self.visible):
                continue
            for each in about:
                premise, conclusion = each.says(step)
                if premise:
                    self.met.add((each.name, False))
                    if not conclusion:
                        self.met.add((each.name, True))


def observed(system: ClosedSystem, component: int, state: Hashable, idle: bool) -> Hashable:
    """How properties see a view: quiescent only if everybody can be, and with rivals among the others."""
    assert isinstance(system, OpenSystem)
    side = side_of(system, component, state, idle)
    if isinstance(side, TrackerSide) and component == TRACKER and side.is_quiescent:
        return replace(side, is_quiescent=system.knowledge.can_be_quiescent(state))
    if isinstance(side, ClientSide) and component in system.rivals:
        return replace(side, rivals=side.rivals | {OTHERS})
    return side


def _without_files(system: ClosedSystem, component: int, state: Hashable, idle: bool) -> Hashable:
    """The same where no files are looked at."""
    side = observed(system, component, state, idle)
    assert isinstance(side, TrackerSide | ClientSide)
    clients: Any = tuple((name, endpoints, UNREAD) for name, endpoints, _ in sorted(side.holds.clients, key=repr))
    holds = Holding(clients, UNREAD, UNREAD)
    if isinstance(side, TrackerSide):
        return replace(side, holds=holds)
    return replace(side, holds=holds, brought=UNREAD, stores=UNREAD, unknown=UNREAD)
