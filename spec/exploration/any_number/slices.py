"""A scenario with files, looked at a few files at a time: the same servers, of which views hold these files alone.

A tracker that has lost its files is told of each by anybody, so that views of two servers with the files of both are
more than can be searched. But what is said of files and fragments is said of each by itself. A *slice* is the scenario
in which all hashes but a few are left out of what everybody begins with. Slices are

- of no hash: it answers what does not look at files (`Unread` refuses a look);
- of a file, with the fragments of its sequence, for each of them. A file that servers bring under their own names is
  brought by one of them, among any number of others of its kind who do not.

**Why that is enough.** Let H be the hashes of a slice, and p what is left of a state or a message without all set
elements and mapping keys that name other hashes. Let charts be *key by key*: p of what a step comes to is what the step
comes to from p of the state and of the message. Then p of each run of C(N) is a run of C(N) in the slice, step by step,
with the same faults, timeouts and events; so what holds there of p holds of the run. A property about files that is
broken in a state is broken in p of it for some slice: of the file, or the fragment, that is missing or held otherwise.
Files that servers bring under their own names differ in these names only, so one of each kind of server stands for all.

**What watches that.** Of the properties, a test compares them with their slices in all states with two servers, with
more hashes besides. Of the charts, `keywise` asks them all again with more hashes in every place.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from immutabledict import immutabledict

from machines.tracker import TRACKER_ID
from spec.exploration.any_number.kinds import ITSELF, NO_VIEW, Kind, kinds_of
from spec.exploration.any_number.restriction import OTHERS
from spec.exploration.model.beginnings import frozen, table_of
from spec.exploration.model.renaming import Renaming
from spec.exploration.model.scenario import Scenario

OF_FILES = ("files", "fragments", "stored")
"""What a view to begin with says of files."""
Hashes = frozenset[str]
NO_HASHES: Hashes = frozenset()


@dataclass(frozen=True)
class Slice:
    """A scenario that is left of another one."""

    scenario: Scenario
    hashes: Hashes
    """Of files and fragments; no other occurs."""


def brings_files(scenario: Scenario) -> bool:
    """Whether anybody begins with a file or a fragment."""
    return any(map(_hashes_of, _explicit(scenario).views.values()))


def slices_of(scenario: Scenario) -> tuple[Slice, ...]:
    """The slice without files, and one of each file. Raises `NotInterchangeable` as `kinds_of` does."""
    whole = _explicit(scenario)
    kinds, tracker = kinds_of(whole), whole.views.get(TRACKER_ID, NO_VIEW)
    found = [_slice(whole, [_only(kind, NO_HASHES) for kind in kinds], NO_HASHES)]
    begins = [kind.begins for kind in kinds]
    for hashes in _bundles([tracker, *begins]):
        if any(ITSELF in one for one in hashes):
            found += _own(whole, kinds, hashes)
        else:
            found.append(_slice(whole, [_only(kind, hashes) for kind in kinds], hashes))
    return tuple(found)


def _explicit(scenario: Scenario) -> Scenario:
    """The same scenario, with all files in the views to begin with."""
    views = {name: dict(view) for name, view in scenario.views.items()}
    for name in (TRACKER_ID, *scenario.names):
        table = table_of(scenario.view(name))
        if table["files"] or table["fragments"]:
            views[name] = {**views.get(name, {}), **{key: table[key] for key in OF_FILES}}
    return replace(scenario, files=False, views=frozen(views))


def _hashes_of(begins: Mapping[str, Any]) -> Hashes:
    return frozenset((*begins.get("files", ()), *begins.get("fragments", ())))


def _bundles(views: Sequence[Mapping[str, Any]]) -> list[Hashes]:
    """Files with the fragments of their sequences, in whatever view; what has one in common is one."""
    found = [frozenset({one}) for view in views for one in sorted(_hashes_of(view))]
    for view in views:
        found += [frozenset({one, *file["sequence"]}) for one, file in view.get("files", {}).items()]
    joined: list[Hashes] = []
    for one in found:
        meeting = [each for each in joined if each & one]
        joined = [*(each for each in joined if each not in meeting), one.union(*meeting)]
    return sorted(joined, key=sorted)


def _only(kind: Kind, hashes: Hashes) -> Kind:
    return kind._replace(begins=_left_of(kind.begins, hashes))


def _left_of(begins: Mapping[str, Any], hashes: Hashes) -> Mapping[str, Any]:
    """What a view to begin with says, with these hashes alone."""
    left: dict[str, Any] = {key: value for key, value in begins.items() if key not in OF_FILES}
    if _hashes_of(begins) & hashes:
        left["files"] = {
            one: {**file, "sequence": [each if each in hashes else OTHERS for each in file["sequence"]]}
            for one, file in begins.get("files", {}).items()
            if one in hashes
        }
        fragments = begins.get("fragments", {})
        left["fragments"] = {one: fragment for one, fragment in fragments.items() if one in hashes}
        left["stored"] = sorted(hashes.intersection(begins.get("stored", fragments)))
    return frozen(left) if left else NO_VIEW


def _own(whole: Scenario, kinds: Sequence[Kind], hashes: Hashes) -> Iterator[Slice]:
    """For each kind of those who bring some of these under their own names: one of them brings its own."""
    shared = frozenset(one for one in hashes if ITSELF not in one)
    for place, kind in enumerate(kinds):
        if _hashes_of(kind.begins) & hashes - shared:
            left = None if kind.most is None else kind.most - 1
            others = [_only(each._replace(most=left) if each is kind else each, shared) for each in kinds]
            others.insert(place + 1, _only(kind, hashes)._replace(most=1))
            yield _slice(whole, [each for each in others if each.most != 0], hashes)


def _slice(whole: Scenario, kinds: Sequence[Kind], hashes: Hashes) -> Slice:
    """The scenario with servers of these kinds, as many of each as there are, or any number."""
    numbers: dict[Kind, int | None] = {}
    for kind in kinds:
        plain = kind._replace(most=None)
        before = numbers.get(plain, 0)
        numbers[plain] = None if before is None or kind.most is None else before + kind.most
    those = [kind for kind, most in numbers.items() for _ in range(most or (2 if kind.rival else 1))]
    those.sort(key=lambda kind: (whole.hardened and kind.hardened, kind.rival))
    names = Scenario("", torrents=len(those)).names
    views = {
        name: Renaming({ITSELF: name})(kind.begins) for name, kind in zip(names, those, strict=True) if kind.begins
    }
    if tracker := _left_of(whole.views.get(TRACKER_ID, NO_VIEW), hashes):
        views[TRACKER_ID] = tracker
    made = replace(
        whole,
        torrents=len(those),
        as_drawn=sum(not kind.hardened for kind in those) if whole.hardened else 0,
        conflicting=sum(kind.rival for kind in those),
        views=immutabledict(views),
        fixed=frozenset(name for name, kind in zip(names, those, strict=True) if numbers[kind] is not None),
    )
    own = [
        name for name, kind in zip(names, those, strict=True) if any(ITSELF in one for one in _hashes_of(kind.begins))
    ]
    return Slice(made, frozenset(Renaming({ITSELF: own[0]})(one) for one in hashes) if own else hashes)
