"""The searches that a scenario is answered by, and which view of each breaks a property, or exercises it.

Where nobody brings files that is one search. Where somebody does it is one for each slice (`slices`), if the charts
treat files key by key (`keywise`); otherwise one of all files together, which may have too many views. The slice
without files answers each property that does not look at files, which is found out by asking it: its sides hold
`UNREAD` in the place of files, which refuses to be looked at. All others are answered by the slices of files.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from spec.exploration.any_number.fixpoint import Fixpoint, Options, Part, fixpoint
from spec.exploration.any_number.keywise import KeyByKey
from spec.exploration.any_number.open_system import OpenSystem, timed
from spec.exploration.any_number.restriction import OTHERS, NotInterchangeable
from spec.exploration.any_number.slices import Slice, brings_files, slices_of
from spec.exploration.model.closed import ClosedSystem
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
    done = fixpoint(scenario, _delivering(options, properties), charts)
    yield _look(done, properties, why)


def _look(done: Fixpoint, properties: Sequence[Property], why: str = "") -> Look:
    first, met = (first_of(done, properties), steps_met(done.parts, properties)) if done.complete else ({}, set())
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
        yield _look(_searched(each, _delivering(options, about), charts), about)


def _searched(slice_: Slice, options: Options, charts: Charts | None) -> Fixpoint:
    done = fixpoint(slice_.scenario, options, charts)
    KeyByKey(slice_.scenario, charts, slice_.hashes).check(done)
    return done


def _delivering(options: Options, properties: Sequence[Property]) -> Options:
    """Where a property about steps needs a message that is always ignored, that is delivered."""

    def needs(part: Part, parts: Sequence[Part]) -> None:
        if part is parts[0]:
            met.clear()
            met.update(dict.fromkeys(steps_met(parts, properties), 0))
        deliver_what_matters(part.system, properties, met)

    met: dict[tuple[str, bool | None], int] = {}

    return replace(options, needs=needs) if any(each.when == "step" for each in properties) else options


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
    about = [each for each in properties if each.when == "step"]
    return {key for part in parts for key in _of_part(part, about)} if about else set()


def _of_part(part: Part, properties: Sequence[Property]) -> Iterator[tuple[str, bool | None]]:
    system, restrict = part.system, part.system.knowledge.restrict
    places = {node.name: place for place, node in enumerate(system.nodes)}
    visible = frozenset(system.knowledge.seen)
    hidden = frozenset(restrict.names) - visible
    for (name, state, kind, message), outcomes in system.asking.known.items():
        mine = [each for each in properties if concerns(system, each, places[name], kind)]
        for outcome in outcomes if mine else ():
            step = step_of(system, places[name], state, Label(kind, places[name], message, outcome))
            assert step is not None
            whose = timed(outcome.arrows[0]) if kind == "expire" else ""
            if not restrict.is_seen(step.message, visible) or whose in hidden:
                continue
            for each in mine:
                premise, conclusion = each.says(step)
                if premise:
                    yield each.name, False
                    if not conclusion:
                        yield each.name, True


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
