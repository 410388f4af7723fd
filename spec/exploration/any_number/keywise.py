"""Whether charts treat each file and fragment by itself: asked of them, with more hashes in every place.

What the charts of a slice (`slices`) were asked is asked once more, with more files and fragments in what they hold
and in what they read. What comes of it, without these, has to be what came of it before. Steps are taken of each
*class*: who is in which state, what it reads, and what it sends then. Where a hash is put is drawn by lot, for each
hash and each place by itself, so that any two places have it together, and one without the other; with the same
metadata or not. Up to `MORE` hashes of each kind can be put anywhere, so charts must not ask how many there are:
`lint` reads them for that, and for what else is refused there, such as the first or the least.
"""

import random
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from immutabledict import immutabledict

from machines import FileMetadata, FragmentMetadata
from machines.events import ClientMetadata
from machines.rules import View
from spec.exploration.any_number.executed import Noted, executed, noting
from spec.exploration.any_number.fixpoint import Fixpoint, open_systems
from spec.exploration.any_number.lint import lint
from spec.exploration.any_number.open_system import OpenSystem, SameForAll
from spec.exploration.any_number.restriction import NotInterchangeable, Restriction, indexed
from spec.exploration.model.node import Node, Outcome, Server, ServerState
from spec.exploration.model.scenario import Charts, Scenario
from spec.exploration.model.surroundings import said

MORE = 3
"""Files, and fragments, that are put in."""
OF_A_CLASS = 16
"""Steps of a class that are asked again."""
SIZES = (10, 20)
FILES, FRAGMENTS = (tuple(f"more{number}-{what}" for number in range(1, MORE + 1)) for what in ("file", "fragment"))
HELD: Mapping[str, tuple[str, ...]] = immutabledict(
    dict.fromkeys(("files", "known_file_infos", "add_file_infos", "remove_file_infos", "added_files"), FILES)
    | dict.fromkeys(("fragments", "add_fragment_infos", "remove_fragment_infos", "added_fragments"), FRAGMENTS)
    | {"stored_fragments": FRAGMENTS}
)
"""Where data of ours holds hashes, by the name of the attribute, and what is put there."""
Asked = tuple[str, Hashable, str, Hashable]


@dataclass
class More:
    """Puts more hashes in. `chance` says where."""

    chance: random.Random

    def __call__(self, value: Any) -> Any:
        """The value with more hashes."""
        if isinstance(value, View):
            return self._view(value)
        if is_dataclass(value) and not isinstance(value, type):
            parts = {each.name: getattr(value, each.name) for each in fields(value)}
            return type(value)(**{name: self._held(name, part) for name, part in parts.items()})
        if isinstance(value, tuple):
            parts_ = [self(part) for part in value]
            return type(value)(*parts_) if hasattr(value, "_fields") else tuple(parts_)
        if isinstance(value, Mapping):
            return immutabledict({key: self(part) for key, part in value.items()})
        return value

    def _held(self, name: str, part: Any) -> Any:
        if name not in HELD or not isinstance(part, frozenset | Mapping):
            return self(part)
        chosen = [one for one in HELD[name] if self.chance.random() < 0.5]  # noqa: PLR2004 - either way
        if isinstance(part, frozenset):
            return part.union(chosen)
        return immutabledict({**part, **{one: self._metadata(one) for one in chosen}})

    def _metadata(self, one: str) -> FileMetadata | FragmentMetadata:
        size = self.chance.choice(SIZES)
        return FileMetadata(size, (one.replace("file", "fragment"),)) if one in FILES else FragmentMetadata(size)

    def _view(self, view: View) -> View:
        """A view, which knows the fragments that it stores."""
        parts = {each.name: self._held(each.name, getattr(view, each.name)) for each in fields(view)}
        own: ClientMetadata = parts["own"]
        stored = {one: self._metadata(one) for one in own.stored_fragments - parts["fragments"].keys()}
        return View(**{**parts, "fragments": immutabledict({**parts["fragments"], **stored})})


@dataclass
class KeyByKey:
    """Asks the charts of a slice again; the hashes of the slice are `kept`."""

    scenario: Scenario
    charts: Charts | None
    kept: frozenset[str]
    names: set[str] = field(default_factory=lambda: set(HELD))
    """The attributes that were seen to hold hashes."""

    def __post_init__(self) -> None:
        self._less = Restriction((*sorted(self.kept), *FILES, *FRAGMENTS), keeps_clock=True)
        self._more = More(random.Random(0))  # noqa: S311 - no secret: the same in each run

    def check(self, done: Fixpoint) -> int:
        """How many steps were asked again. Raises `NotInterchangeable` where one depends on other files."""
        asked, noted = 0, Noted()
        for part in done.parts:
            nodes = {node.name: node for node in noting(part.system.nodes, noted)}
            for question, before in _chosen(part.system):
                self._again(nodes[question[0]], question, before)
                asked += 1
        self._lint(noted)
        return asked

    def _again(self, node: Node, question: Asked, before: tuple[Outcome, ...]) -> None:
        """Ask once more, with more hashes."""
        name, state, kind, message = question
        more, about = self._more(state), self._more(message)
        found = said(node, more, kind, about)
        for outcome in found:
            self.names |= indexed((outcome.then, *outcome.sent), self._less, "")
        expected, without = self._told(before, kind), self._told(found, kind)
        if expected != without:
            where = state.where if isinstance(state, ServerState) else ""
            what = f"reads {type(message).__name__}" if message is not None else f"is told to {kind}"
            raise NotInterchangeable(
                f"what {name} does in {where!r} when it {what} depends on files besides those that are looked at: "
                f"{_difference(expected, without)}"
            )

    def _told(self, outcomes: tuple[Outcome, ...], kind: str) -> frozenset[Hashable]:
        """What outcomes come to, without the hashes that were put in."""
        return frozenset(
            self._less((each.then, each.sent, each.fault, each.arrows[:1] if kind == "expire" else ()), self.kept)
            for each in outcomes
        )

    def _lint(self, noted: Noted) -> None:
        """Raise `NotInterchangeable` for what is asked of how many hashes there are, and in what order."""
        charts = [kind for kind, steps in noted.items() if steps.sends or steps.sent or steps.received]
        found = [each for each in lint(charts, frozenset(self.names)).questions if each.refused or each.constant]
        wanted = [frozenset({(each.file, each.line), (each.file, each.statement)}) for each in found]
        anew = open_systems(self.scenario, self.charts)
        machines = [
            machine for one in anew for node in one.nodes if isinstance(node, Server) for machine in node.machines
        ]
        assert isinstance(anew[0].bus, SameForAll)
        lines = executed(machines, noted, anew[0].bus.others[-1], (), wanted)
        for each in found:
            if not each.line or {(each.file, each.line), (each.file, each.statement)} & lines:
                raise NotInterchangeable(f"files are not looked at one by one: {each}")


def _chosen(system: OpenSystem) -> Iterator[tuple[Asked, tuple[Outcome, ...]]]:
    """Some steps of each class."""
    classes: dict[Hashable, list[tuple[Asked, tuple[Outcome, ...]]]] = defaultdict(list)
    for question, outcomes in system.asking.known.items():
        name, state, kind, message = question
        assert isinstance(state, ServerState)
        is_own = getattr(message, "client", "") == name
        sends = frozenset(tuple(map(type, outcome.sent)) for outcome in outcomes)
        classes[name, state.where, kind, type(message), is_own, sends].append((question, outcomes))
    for steps in classes.values():
        yield from steps[:: max(1, len(steps) // OF_A_CLASS)]


def _difference(one: frozenset[Hashable], other: frozenset[Hashable]) -> str:
    """What is in one and not in the other, as the first attributes in which they differ."""
    found = [*_apart(min(one, key=repr, default=()), min(other, key=repr, default=()), "")]
    return "; ".join(found[:2]) or f"{len(one)} outcomes, and {len(other)}"


def _apart(one: Any, other: Any, where: str) -> Iterator[str]:
    if one == other:
        return
    if is_dataclass(one) and type(one) is type(other):
        for each in fields(one):
            yield from _apart(getattr(one, each.name), getattr(other, each.name), each.name)
    elif isinstance(one, tuple) and type(one) is type(other) and len(one) == len(other):
        for mine, theirs in zip(one, other, strict=True):
            yield from _apart(mine, theirs, where)
    elif isinstance(one, Mapping) and isinstance(other, Mapping) and one.keys() == other.keys():
        for key in one:
            yield from _apart(one[key], other[key], where)
    else:
        yield f"{where} is {one!r:.150}, and with other files {other!r:.150}"
