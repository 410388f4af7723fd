"""The table of scenarios and properties: nothing stands in it that finds nothing. `test_explorer` searches them."""

import re
from collections.abc import Iterator

from spec.exploration.model.scenario import scenarios
from spec.exploration.pages import FOLDER
from spec.exploration.product import MARKS, explored, text
from spec.exploration.properties.client_join import PROPERTIES
from tests.spec.exploration.findings import table

SMALL = (
    *("standard", "hasty", "losses", "alone", "dying", "duplicates", "both-hops", "misfit", "wrong-size", "wrong-hash"),
    *("spelling", "metadata", "late-expiries", "hardened-leaving", "hardened-disconnected", "asking-again"),
    *("late-wills", "crash-points", "second-tracker", "second-tracker-stops"),
)
"""Small scenarios: each is there for a column of its own."""
LARGER: dict[str, str] = {
    "default": "all faults at once, one server of any kind",
    "leaving": "two goodbyes: the shortest way to a ghost",
    "crashing": "two torrent servers, one of which is back with the view of before",
    "replaced": "a tracker that crashes while events are lost",
    "replaced-twice": "a tracker that says goodbye, and another one that has lost its view",
    "disconnected": "connections that are lost one by one, and all at once",
    "overtaking": "a bus that keeps no order",
    "rivals": "rivals under losses, crashes and stabilisation",
    "files": "files under losses and a tracker that crashes",
    "wills": "two wills of one torrent server, the first of which is not to be forgotten",
    "wiped": "files that a tracker has lost",
    "second-tracker-hardened": "two torrent servers, which both change over to a second tracker",
    "second-tracker-rivals": "two rivals, of which each tracker can register another one",
    "second-tracker-losses": "hellos that are lost, after which two trackers go on",
}
"""What each of the others is there for, though a smaller one may exercise the same properties."""


def test_the_page_has_all_scenarios_and_properties() -> None:
    known = table()
    assert list(known) == [one.name for one in PROPERTIES]
    assert all(list(cells) == list(scenarios()) for cells in known.values())


def test_what_is_broken_leads_to_a_page_about_it() -> None:
    for name, cells in table().items():
        for cell in cells.values():
            if cell not in MARKS.values():
                link = re.fullmatch(r"\[X\]\((.*)\)", cell)
                assert link, cell
                assert (FOLDER / link[1]).read_text(encoding="utf-8").lower().find(name.lower()) > 0, (name, cell)


def test_every_property_is_exercised_somewhere() -> None:
    unexercised = [name for name, cells in table().items() if not {cell[0] for cell in cells.values()} & {"+", "["}]
    assert not unexercised


def test_no_scenario_is_there_that_finds_nothing() -> None:
    """Each is the only one that exercises, or breaks, some properties as it does, or it says what else it is for."""
    assert {*SMALL, *LARGER} == set(scenarios())
    assert all(LARGER.values())
    columns = list(alike())
    assert not columns, "these scenarios have the same verdicts, and say no more than one of them"


def alike() -> Iterator[tuple[str, str]]:
    """Two small scenarios with the same column."""
    known = table()
    columns = {name: tuple(cells[name][0] for cells in known.values()) for name in SMALL}
    for one in SMALL:
        for other in SMALL[SMALL.index(one) + 1 :]:
            if columns[one] == columns[other] and {one, other} not in BY_CODE:
                yield one, other


BY_CODE = ({"misfit", "wrong-size"}, {"misfit", "wrong-hash"}, {"wrong-size", "wrong-hash"})
"""One code each, and both: of two causes that are always there together none could be told from the other."""


def test_the_table_is_told_as_text() -> None:
    told = "\n".join(text([explored(scenarios()[name]) for name in ("standard", "hasty")]))
    assert "  1 standard: 304 states\n  2 hasty: 2,306 states" in told
    assert re.search(r"^ \+  X  whoever is registered counts itself as registered$", told, re.MULTILINE)
    assert re.search(r"^ \.  \.  a denial says what is in conflict$", told, re.MULTILINE)
