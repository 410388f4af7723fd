"""A few files at a time: which slices there are, that properties need no more, and that charts do not, either."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from immutabledict import immutabledict

from machines import DistributionView, TorrentServer
from machines.calls import AddClient, CheckJoin, JoinPossible
from machines.distribution_view import DistributionViewData
from machines.events import ClientJoinAccepted
from spec.exploration.any_number import looks as looks_module
from spec.exploration.any_number.fixpoint import Options, fixpoint
from spec.exploration.any_number.keywise import FILES as MORE_FILES
from spec.exploration.any_number.keywise import FRAGMENTS as MORE_FRAGMENTS
from spec.exploration.any_number.keywise import KeyByKey, More
from spec.exploration.any_number.kinds import kinds_of
from spec.exploration.any_number.looks import UNREAD, LooksAtFilesError, looks
from spec.exploration.any_number.restriction import NotInterchangeable, Restriction
from spec.exploration.any_number.slices import brings_files, slices_of
from spec.exploration.any_number.verdicts import ASKED, answer
from spec.exploration.engine.choice import engine
from spec.exploration.engine.search import BreadthFirst
from spec.exploration.model.budget import FaultBudget
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.node import ServerState
from spec.exploration.model.reference import successors
from spec.exploration.model.scenario import Scenario, scenario
from spec.exploration.properties.client_join import side_of
from spec.exploration.properties.language import OF_RUNS, OF_STATES, always, instances
from spec.exploration.properties.steps import Step, concerns, step_of
from tests.spec.exploration.any_number.planted_files import FILES

STATES = tuple(one for one in ASKED if one.when in OF_STATES)
STEPS = tuple(one for one in ASKED if one.when == "step")
ONE_FILE: Mapping[str, Any] = {
    "files": {"a-file": {"size": 1, "sequence": ["a"]}, "b-file": {"size": 1, "sequence": ["a", "b"]}},
    "fragments": {"c": {"size": 1}},
}


# Which there are.


def test_a_slice_without_files_and_one_of_each_file() -> None:
    assert [sorted(each.hashes) for each in slices_of(scenario("metadata"))] == [
        [], ["common", "common-file"], ["one", "one-file"], ["two", "two-file"],
    ]  # fmt: skip
    without, file = slices_of(scenario("wiped"))
    assert (sorted(without.hashes), sorted(file.hashes)) == ([], ["torrent2-file", "torrent2-fragment"])
    assert [kind.most for kind in kinds_of(file.scenario)] == [None, 1]
    assert not brings_files(without.scenario)
    assert not brings_files(scenario("standard"))


def test_files_with_a_fragment_in_common_are_one_slice() -> None:
    found = slices_of(Scenario("own", views={"torrent1": ONE_FILE}))
    assert [sorted(each.hashes) for each in found] == [[], ["a", "a-file", "b", "b-file"], ["c"]]
    assert found[1].scenario.view("torrent1").files.keys() == {"a-file", "b-file"}
    assert found[2].scenario.view("torrent1").own.stored_fragments == {"c"}


def test_of_each_kind_of_server_one_brings_its_own_files() -> None:
    mixed = Scenario(
        "mixed", torrents=4, hardened=True, as_drawn=2, conflicting=2, files=True, fixed=frozenset({"conflicting"})
    )
    without, drawn, rival = slices_of(mixed)
    assert [(kind.rival, kind.most) for kind in kinds_of(without.scenario)] == [(False, None), (True, 2)]
    assert [(kind.rival, kind.most) for kind in kinds_of(drawn.scenario)] == [(False, None), (False, 1), (True, 2)]
    assert [(kind.rival, kind.most) for kind in kinds_of(rival.scenario)] == [(False, None), (True, 1), (True, 1)]


def test_what_servers_of_a_kind_have_in_common_stays_with_all() -> None:
    brings = {
        name: {"files": {f"{name}-file": {"size": 1, "sequence": ["common"]}}, "fragments": {"common": {"size": 1}}}
        for name in ("torrent1", "torrent2")
    }
    _, found = slices_of(Scenario("both", views=brings))
    assert sorted(found.hashes) == ["common", "torrent2-file"]
    assert [sorted(found.scenario.view(name).files) for name in found.scenario.names] == [[], ["torrent2-file"]]
    assert all(found.scenario.view(name).own.stored_fragments == {"common"} for name in found.scenario.names)


# Properties need no more: with more hashes anywhere, what is broken is broken in a slice.


@pytest.fixture(scope="module")
def two() -> BreadthFirst:
    search = engine()(FILES.build(drop_inert=False), ())
    assert search.run().complete
    return search


Slices = Sequence[tuple[ClosedSystem, frozenset[str]]]


@pytest.fixture(scope="module")
def slices() -> Slices:
    """Systems of two servers, and the hashes that are looked at in each: of one of them, or of none."""
    found = [
        (replace(FILES, files=False).build(), frozenset(pair)) for pair in zip(MORE_FILES, MORE_FRAGMENTS, strict=True)
    ]
    for name in FILES.names:
        table = {"files": {f"{name}-file": {"size": 10, "sequence": [f"{name}-fragment"]}},
                 "fragments": {f"{name}-fragment": {"size": 10}}}  # fmt: skip
        system = replace(FILES, files=False, views={name: table}).build()
        found.append((system, frozenset({f"{name}-file", f"{name}-fragment"})))
    return found


HASHES = Restriction(
    (*MORE_FILES, *MORE_FRAGMENTS, *(f"{name}-{what}" for name in FILES.names for what in ("file", "fragment"))),
    keeps_clock=True,
)


def broken(system: ClosedSystem, states: Sequence[ServerState], budget: FaultBudget) -> set[str]:
    """The properties of states that are broken, wherever they are said to be looked at."""
    sides = [*(side_of(system, place, state, True) for place, state in enumerate(states)), budget]
    said = ((one.property_.name, one.property_.says(*(sides[place] for place in one.components)))
            for one in instances(STATES, [node.name for node in system.nodes]))  # fmt: skip
    return {name for name, (premise, conclusion) in said if premise and not conclusion}


def test_what_is_broken_of_files_is_broken_in_a_slice(two: BreadthFirst, slices: Slices) -> None:
    chance = random.Random(1)
    system, more, met = two.system, More(chance), set()
    for at in chance.choices(range(two.count), k=400):
        row = two.row(at)
        states: list[Any] = [more(system.numbers.state(place, number)) for place, number in enumerate(row[:-1])]
        budget = system.budgets.known[row[-1]]
        whole = broken(system, states, budget)
        found = [broken(of, [HASHES(each, hashes) for each in states], budget) for of, hashes in slices]
        assert whole <= set().union(*found), "a property is broken by several files together: no slice shows it"
        met |= whole
    assert len(met) > 8


def steps_of(search: BreadthFirst, chance: random.Random, number: int) -> Iterator[Step]:
    system = search.system
    for at in chance.choices(range(search.count), k=number):
        row = search.row(at)
        for label, _ in successors(system, row):
            step = step_of(system, label.component, system.numbers.state(label.component, row[label.component]), label)
            if step is not None:
                yield step


def broken_by(step: Step, place: int) -> set[str]:
    said = {one.name: one.says(step) for one in STEPS if concerns(step.system, one, place, step.kind)}
    return {name for name, (premise, conclusion) in said.items() if premise and not conclusion}


def test_what_a_step_breaks_of_files_it_breaks_in_a_slice(two: BreadthFirst, slices: Slices) -> None:
    chance = random.Random(2)
    more, met = More(chance), set()
    places = {node.name: place for place, node in enumerate(two.system.nodes)}
    for step in steps_of(two, chance, 150):
        wrong = replace(step, **{name: more(getattr(step, name)) for name in ("before", "message", "sent", "after")})
        whole = broken_by(wrong, places[step.name])
        found: set[str] = set()
        for system, hashes in slices:
            parts = {name: HASHES(getattr(wrong, name), hashes) for name in ("before", "message", "sent", "after")}
            node: Any = system.nodes[places[step.name]]
            found |= broken_by(replace(wrong, node=node, system=system, **parts), places[step.name])
        assert whole <= found, "a property is broken by several files together: no slice shows it"
        met |= whole
    assert len(met) > 5


def subject_of(step: Step) -> str:
    """Whom a step is about."""
    about: Any = getattr(step.message, "timer", step.message)
    return getattr(about, "client", "")


def test_what_a_step_of_the_tracker_breaks_two_servers_show() -> None:
    """Of random steps, which are none: what is broken with three servers is broken for the one asked and another."""
    chance = random.Random(3)
    search = engine()(replace(scenario("standard"), torrents=3).build(drop_inert=False), ())
    search.run()
    names = tuple(node.name for node in search.system.nodes[1:])
    restrict = Restriction(names, keeps_clock=True)
    steps = [step for step in steps_of(search, chance, 300) if step.name == search.system.nodes[0].name]
    met: set[str] = set()
    for step in steps:
        sent = chance.choice([each.sent for each in steps if subject_of(each) == subject_of(step)])
        wrong = replace(step, after=chance.choice(steps).after, sent=sent)
        whole, found = broken_by(wrong, 0), set[str]()
        for pair in map(frozenset, combinations(names, 2)):
            if not subject_of(wrong) or subject_of(wrong) in pair:
                sent = tuple(restrict(each, pair) for each in wrong.sent if restrict.is_seen(each, pair))
                parts = {name: restrict(getattr(wrong, name), pair) for name in ("before", "message", "after")}
                found |= broken_by(replace(wrong, sent=sent, **parts), 0)
        assert whole <= found, "a property about steps is broken by three servers together: no view shows it"
        met |= whole
    assert len(met) > 5


# What looks at files is found out.


@always
def the_tracker_holds_nothing(tracker: Any) -> Any:
    """Looks at files where somebody is registered."""
    return bool(tracker.registered), tracker.holds.files == frozenset()


@always
def whatever_is_stored_is_not_asked(tracker: Any) -> Any:
    """Looks at clients, but not at what they store."""
    return bool(tracker.registered), all(endpoints for _, endpoints, _ in tracker.holds.clients)


def test_what_does_not_look_at_files_is_answered_without() -> None:
    found = [*looks(FILES, Options(), (the_tracker_holds_nothing, whatever_is_stored_is_not_asked), None)]
    names = [[each.name for each in look.properties] for look in found]
    assert names == [["whatever is stored is not asked"], ["the tracker holds nothing"]]
    assert ("the tracker holds nothing", True) in found[1].first


@pytest.mark.parametrize(
    "ask", [bool, len, list, lambda it: it == UNREAD, lambda it: it <= set(), lambda it: 1 in it, lambda it: it.keys()]
)  # fmt: skip
def test_whatever_is_asked_of_files_that_are_left_out_is_refused(ask: Any) -> None:
    with pytest.raises(LooksAtFilesError):
        ask(UNREAD)


@pytest.mark.nightly
def test_slices_say_what_one_search_of_all_files_says(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [one for one in ASKED if one.when not in OF_RUNS]
    sliced = answer(FILES, properties=asked)
    assert sliced.fixpoint is not None
    assert (sliced.fixpoint.views, len(sliced.fixpoint.parts)) == (2396, 4)
    monkeypatch.setattr(looks_module, "brings_files", lambda _: False)
    whole = answer(FILES, properties=asked)
    assert whole.fixpoint is not None
    assert whole.fixpoint.views == 407
    words = [[(each.property_.name, each.word) for each in found.verdicts] for found in (sliced, whole)]
    assert words[0] == words[1]
    assert {word for _, word in words[0]} == {"holds for every number", "does not apply"}


# Charts need no more.


class AddsWhatItLacks(DistributionView):
    """Takes over files only where it knows none of them."""

    def add_client(self, message: AddClient) -> None:
        before = self.data.view.files
        super().add_client(message)
        if not before.keys().isdisjoint(message.registered.added_files):
            self.data = DistributionViewData(replace(self.data.view, files=before))


class DeniesWithTwo(DistributionView):
    """An acceptance of two files and more lacks the first."""

    def judge(self, message: CheckJoin) -> None:
        super().judge(message)
        answer = self.data.answer
        if isinstance(answer, JoinPossible) and len(answer.acceptance.add_file_infos) >= 2:
            kept = dict(sorted(answer.acceptance.add_file_infos.items())[1:])
            told = replace(answer.acceptance, add_file_infos=immutabledict(kept))
            self.data = replace(self.data, answer=JoinPossible(acceptance=told))


class StoresNothing(TorrentServer):
    """An acceptance that tells of any fragment tells of nobody."""

    def note_acceptance(self, message: ClientJoinAccepted) -> None:
        clients = immutabledict() if message.add_fragment_infos else message.clients
        super().note_acceptance(replace(message, clients=clients))


@pytest.mark.parametrize(
    ("charts", "told"),
    [
        pytest.param(
            {"DistributionView": AddsWhatItLacks},
            "depends on files besides those that are looked at: files is",
            marks=pytest.mark.nightly,
        ),
        pytest.param(
            {"DistributionView": DeniesWithTwo}, "size against 2 of 'add_file_infos'", marks=pytest.mark.nightly
        ),
        ({"TorrentServer": StoresNothing}, "reads ClientJoinAccepted depends on files besides"),
    ],
)
def test_charts_that_look_at_other_files_are_refused(charts: Any, told: str) -> None:
    _, file = slices_of(FILES)
    done = fixpoint(file.scenario, charts=charts)
    with pytest.raises(NotInterchangeable) as why:
        KeyByKey(file.scenario, charts, file.hashes).check(done)
    assert told in str(why.value)


def test_charts_of_ours_treat_each_file_by_itself() -> None:
    without, _ = slices_of(FILES)
    assert KeyByKey(without.scenario, None, without.hashes).check(fixpoint(without.scenario)) > 300
