"""Files that name who brought them, for every number of torrent servers."""

from typing import Any

import pytest
from immutabledict import immutabledict

from machines import ClientMetadata, FileMetadata, View
from machines.events import ClientJoinAccepted, ClientJoinRequested, ClientRegistered
from machines.rules import Admission
from spec.exploration.any_number import looks
from spec.exploration.any_number.entries import Pairs, bearing, entries
from spec.exploration.any_number.fixpoint import Options, fixpoint
from spec.exploration.any_number.knowledge import Knowledge
from spec.exploration.any_number.restriction import NotInterchangeable, Restriction
from spec.exploration.any_number.verdicts import ASKED, answer
from tests.spec.exploration.any_number.agreement import met, of_any_number, of_number
from tests.spec.exploration.any_number.planted_files import FILES, PLANTED_FILES

ONE, TWO, GHOST = "torrent3", "torrent6", "torrent1"
RESTRICT = Restriction(tuple(f"torrent{number}" for number in range(1, 9)))
SEEN = frozenset({ONE, TWO})


def files(*names: str) -> immutabledict[str, FileMetadata]:
    return immutabledict({f"{name}-file": FileMetadata(10, (f"{name}-fragment",)) for name in names})


def registered(client: str, *brought: str) -> ClientRegistered:
    return ClientRegistered(
        client=client, info=ClientMetadata(frozenset({f"http://{client}/"})), added_files=files(*brought)
    )


def test_what_views_hold_is_so_for_every_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """With all files in one search, as where charts do not treat each by itself."""
    found = fixpoint(FILES)
    assert (found.views, found.complete) == (407, True)
    assert of_number(FILES, 2) < of_any_number(found)
    monkeypatch.setattr(looks, "fixpoint", lambda *_: found)
    monkeypatch.setattr(looks, "brings_files", lambda _: False)
    words = {each.property_.name: each.word for each in answer(FILES, properties=ASKED).verdicts}
    assert {*words.values()} == {"holds for every number", "does not apply"}
    assert words["nothing that a registered client brought is missing at another"] == "holds for every number"


def test_random_runs_of_five_stay_within() -> None:
    views = of_any_number(fixpoint(FILES, Options(reduced=False)))
    assert views.issuperset(met(FILES, 5, runs=2, length=50))


@pytest.mark.nightly
def test_a_file_that_is_missing_at_a_third_server_is_found() -> None:
    name = "nothing that a registered client brought is missing at another"
    found = answer(
        FILES,
        properties=[one for one in ASKED if one.name == name],
        charts=PLANTED_FILES["an acceptance omits a file"].charts,
    )
    assert [(each.word, each.servers) for each in found.verdicts] == [("broken", 3)]


def test_what_is_said_of_three_servers_at_once_is_refused() -> None:
    planted = PLANTED_FILES["fragments are held of three at once"]
    with pytest.raises(NotInterchangeable, match=r"stored_fragments says something of three servers at once"):
        fixpoint(FILES, charts=planted.charts)


def test_what_is_told_of_files_that_are_seen_stays() -> None:
    """An event about a hidden server is left out, but for what it tells everybody of files that are seen."""
    assert RESTRICT.is_seen(registered(ONE), SEEN)
    assert RESTRICT.is_seen(registered(GHOST, GHOST, TWO), SEEN)
    assert not RESTRICT.is_seen(registered(GHOST, GHOST), SEEN)
    asks = ClientJoinRequested(client=GHOST, hash_algorithm="sha-256", known_file_infos=files(ONE))
    answers = ClientJoinAccepted(client=GHOST, fragment_size=1, add_file_infos=files(ONE))
    assert not any(RESTRICT.is_seen(each, SEEN) for each in (asks, answers))
    told = RESTRICT(registered(GHOST, GHOST, TWO), SEEN)
    assert RESTRICT.is_of_hidden(told)
    assert told.added_files == files(TWO)


def admitted(client: str, *brings: str) -> View:
    return View(admissions=immutabledict({client: Admission(ClientMetadata(), files(*brings))}))


def test_entries_name_those_on_their_way() -> None:
    found = {entry for entry in entries(admitted(ONE, TWO), RESTRICT) if len(entry.names) > 1}
    assert {entry.names for entry in found} == {(ONE, TWO)}
    assert bearing(admitted(ONE, TWO), RESTRICT, ONE, TWO)
    assert not bearing(admitted(ONE, TWO), RESTRICT, TWO, ONE)
    Pairs(RESTRICT).check(admitted(ONE, TWO), "")
    with pytest.raises(NotInterchangeable, match=r"admissions\.files says something of three servers"):
        Pairs(RESTRICT).check(admitted(ONE, TWO), GHOST)


def test_what_a_ghost_knows_of_those_who_are_seen_is_tried() -> None:
    """A pair was seen of which one was about to bring the file of the other; so a ghost can be about to do so, too."""
    places = ((GHOST,), ("torrent4",), ("torrent7",))
    knowledge = Knowledge(RESTRICT, (ONE, TWO), frozenset({"running"}), places=places)
    brings: Any = {ONE: (admitted(ONE, TWO),), TWO: (admitted(TWO, ONE),), "": (View(),)}
    for local in brings.values():
        knowledge.learn_profile(local)
        knowledge.learn_local("", local)
    knowledge.learn_local("", (admitted(ONE),))
    knowledge.learn_profile((admitted(ONE),))
    wholes = [whole for _, (whole,) in knowledge.completions("", (View(),))]
    known = {frozenset(whole.admissions[GHOST].files) for whole in wholes if GHOST in whole.admissions}
    assert known == {frozenset(files(*names)) for names in ((), (ONE,), (TWO,), (ONE, TWO))}
