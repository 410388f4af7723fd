"""A persistent map is the dictionary that its changes make, and those that it was made from stay as they were."""

import copy
import pickle
from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from immutabledict import immutabledict

from machines.events import ClientJoinAccepted, ClientMetadata, ClientRegistered, FileMetadata, FragmentMetadata
from machines.limits import size_of, size_of_known
from machines.persistent_map import SMALL, PersistentMap, common, difference, joined, union, without
from machines.rules import View, add_client, change
from machines.strategies import CLIENT_IDS, METADATA, SERVICE, known_files, known_fragments, torrent_views

LARGE = {f"key {number}": number for number in range(4 * SMALL)}
KEYS = st.one_of(st.sampled_from(sorted(LARGE)[:9]), st.sampled_from(["new", "newer", "newest"]))
FEW = st.dictionaries(KEYS, st.integers(0, 9), max_size=5)
MANY = st.integers(0, 2 * SMALL).map(lambda count: {f"more {number}": number for number in range(count)})
STEPS = st.lists(st.tuples(st.sampled_from(["join", "leave"]), st.one_of(FEW, FEW, FEW, MANY)), max_size=12)


def _stepped(mapping: immutabledict[str, int], steps: list[tuple[str, dict[str, int]]]) -> immutabledict[str, int]:
    for step, news in steps:
        mapping = joined(mapping, news) if step == "join" else without(mapping, news)
    return mapping


def same(mapping: Mapping[str, int], model: dict[str, int]) -> None:
    """Each way to look at a mapping; the single entries first, before all are merged."""
    for key in (*LARGE, *model, "no such key"):
        assert (key in mapping, mapping.get(key)) == (key in model, model.get(key))
    assert len(mapping) == len(model)
    assert mapping == model
    assert mapping == immutabledict(model)
    assert hash(mapping) == hash(immutabledict(model))
    assert dict(mapping.items()) == model
    assert sorted(mapping) == sorted(model)
    assert mapping.keys() == model.keys()


@given(st.sampled_from([{}, LARGE]), STEPS)
def test_it_is_the_dictionary_that_its_changes_make(
    first: dict[str, int], steps: list[tuple[str, dict[str, int]]]
) -> None:
    mapping: immutabledict[str, int] = immutabledict(first)
    before = []
    model = dict(first)
    for step, news in steps:
        before.append((mapping, dict(model)))
        if step == "join":
            mapping = joined(mapping, news)
            model |= news
        else:
            mapping = without(mapping, news)
            model = {key: value for key, value in model.items() if key not in news}
    same(mapping, model)
    for earlier, then in before:
        same(earlier, then)


def test_a_change_copies_the_changes_alone() -> None:
    mapping = joined(immutabledict(LARGE), {"new": 1})
    later = without(joined(mapping, {"newer": 2}), {"key 1"})
    assert isinstance(mapping, PersistentMap)
    assert isinstance(later, PersistentMap)
    assert later._layers[0] is mapping._layers[0]
    assert later._layers[1].keys() == {"new", "newer", "key 1"}
    for number in range(10 * SMALL):
        later = joined(later, {f"new {number}": number})
    assert isinstance(later, PersistentMap)
    assert len(later._layers[1]) < 2 * SMALL


@given(st.sampled_from([{}, LARGE]), FEW, st.lists(STEPS, min_size=2, max_size=2))
def test_a_difference_makes_one_of_the_other(
    first: dict[str, int], change: dict[str, int], steps: list[list[tuple[str, dict[str, int]]]]
) -> None:
    mapping = joined(immutabledict(first), change)
    before, after = (_stepped(mapping, each) for each in steps)
    for one, other in ((before, after), (after, before), (mapping, after), (before, mapping), (dict(before), after)):
        gone, come = difference(one, other)
        assert gone == [key for key in gone if key in one]
        assert {key: value for key, value in one.items() if key not in gone} | come == other
        assert all(one.get(key) != other.get(key) for key in (*gone, *come))


def test_a_difference_looks_at_the_changes_alone() -> None:
    mapping = joined(immutabledict(LARGE), {"new": 1})
    later = without(joined(mapping, {"newer": 2, "new": 3}), {"key 1"})
    gone, come = difference(mapping, later)
    assert (sorted(gone), come) == (["key 1", "new"], {"new": 3, "newer": 2})
    assert isinstance(later, PersistentMap)
    assert len(later._layers[1]) == 3  # nobody has asked for all
    sibling = joined(mapping, {"key 2": 0})
    assert difference(sibling, later)[1] == {"new": 3, "newer": 2, "key 2": 2}


def test_what_changes_nothing_gives_the_same_mapping() -> None:
    mapping = joined(immutabledict(LARGE), {"new": 1})
    assert joined(mapping, {}) is mapping
    assert without(mapping, {"newer"}) is mapping
    assert without(mapping, dict.fromkeys(map(str, range(9 * SMALL)))) is mapping


def test_it_is_copied_and_pickled_with_its_content() -> None:
    mapping = without(joined(immutabledict(LARGE), {"new": 1}), {"key 1"})
    for other in (copy.deepcopy(mapping), pickle.loads(pickle.dumps(mapping)), mapping.copy(), mapping.set("new", 1)):
        assert type(other) is PersistentMap
        same(other, dict(mapping.items()))


@given(st.sampled_from([{}, LARGE]), FEW, STEPS)
def test_what_is_common_is_in_both(
    first: dict[str, int], news: dict[str, int], steps: list[tuple[str, dict[str, int]]]
) -> None:
    mapping = _stepped(joined(immutabledict(first), news), steps)
    for other in (news, frozenset(news), immutabledict(news), list(LARGE), mapping, {}):
        assert set(common(mapping, other)) == set(common(other, mapping)) == set(mapping) & set(other)
    assert union([mapping, news, immutabledict(first)]) == {**mapping, **news, **first}
    assert union([]) == {}


TEXTS = st.text('ab"\\\n\x00é\ud800', max_size=5)
PIECES = st.dictionaries(TEXTS, st.builds(FileMetadata, st.just(1), st.lists(TEXTS, max_size=2).map(tuple)), max_size=4)


@given(st.lists(st.tuples(PIECES, st.frozensets(TEXTS, max_size=3), PIECES), max_size=5))
def test_the_size_of_what_is_known_follows_from_what_has_changed(
    steps: list[tuple[dict[str, FileMetadata], frozenset[str], dict[str, FileMetadata]]],
) -> None:
    many = {f"file {number}": FileMetadata(1, ("a",)) for number in range(4 * SMALL)}
    files: immutabledict[str, FileMetadata] = immutabledict(many)
    fragments: immutabledict[str, FragmentMetadata] = immutabledict()
    for come, gone, pieces in steps:
        files = without(joined(files, come), gone)
        fragments = joined(fragments, dict.fromkeys(pieces, FragmentMetadata(1)))
        assert size_of_known(files, fragments) == size_of(dict(files), list(fragments))


GONE = st.frozensets(st.sampled_from(METADATA))
ACCEPTANCES = st.builds(
    ClientJoinAccepted,
    client=st.just("anna"),
    fragment_size=st.just(SERVICE),
    add_file_infos=known_files,
    add_fragment_infos=known_fragments,
    remove_file_infos=GONE,
    remove_fragment_infos=GONE,
)
NEWS = st.builds(ClientRegistered, client=CLIENT_IDS, info=st.just(ClientMetadata()), added_fragments=known_fragments)


@given(torrent_views(fits=True), st.lists(ACCEPTANCES | NEWS, max_size=4))
def test_what_the_rules_make_of_a_view_is_one(view: View, events: list[ClientJoinAccepted | ClientRegistered]) -> None:
    """They do not check it, as `View` does."""
    for event in events:
        view = change(view, event)[0] if isinstance(event, ClientJoinAccepted) else add_client(view, event)
        assert replace(view) == view
