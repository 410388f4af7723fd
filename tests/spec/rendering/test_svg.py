"""Runs as pictures: well-formed SVG, time goes down, arrows that overtake each other cross, what is lost is marked."""

import re
import xml.etree.ElementTree as ET
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from spec.rendering.sequence import Divider, End, Group, Lifeline, Message, Note, Reference, rows_of
from spec.rendering.svg import to_svg

GROUPS = (Group("A & B", (Lifeline("A", "one <1>"), Lifeline("B", "two"))), Group("", (Lifeline("C", "three"),)))
ARROW = re.compile(r'<path class="m" d="M(\d+),(\d+)L(\d+),(\d+)" marker-end')


def arrows(svg: str) -> list[tuple[int, int, int, int]]:
    return [(int(a), int(b), int(c), int(d)) for a, b, c, d in ARROW.findall(svg)]


def drawn(*rows: object) -> str:
    svg = to_svg("A title", GROUPS, rows)  # type: ignore[arg-type]
    ET.fromstring(svg)
    return svg


def test_an_arrow_that_comes_at_once_is_level() -> None:
    ((left, top, right, bottom),) = arrows(drawn(Message("A", "B", "hello", sent=1, came=2)))
    assert top == bottom
    assert left < right


def test_arrows_that_overtake_each_other_cross() -> None:
    svg = drawn(Message("A", "B", "slow", sent=1, came=4), Message("A", "B", "fast", sent=2, came=3))
    (_, slow, _, slow_end), (_, fast, _, fast_end) = arrows(svg)
    assert slow < fast
    assert fast_end < slow_end


def test_a_lost_arrow_is_red_and_does_not_arrive() -> None:
    svg = drawn(Message("A", "C", "gone", lost=True, sent=1, came=1))
    assert not arrows(svg)
    assert '<path class="x"' in svg
    assert 'class="b r"' in svg


def test_marks_stand_in_their_place_and_labels_are_escaped() -> None:
    svg = drawn(
        Divider("begin & end"),
        Message("", "A", "in<br>", sent=1, came=1),
        Note(("A", "B"), "a note"),
        Message("B", "", r"out\n//slanted//", sent=2, came=2),
        Reference(("B", "C"), "other"),
    )
    texts = ["begin &amp; end", "in&lt;br&gt;", "a note", "out", "slanted", "ref: other"]
    assert all(f">{text}<" in svg for text in texts)
    places = {text: int(re.findall(rf'y="(\d+)">{re.escape(text)}<', svg)[0]) for text in texts}
    order = [places[text] for text in ("begin &amp; end", "in&lt;br&gt;", "a note", "slanted", "ref: other")]
    assert order == sorted(order)


ENDS = st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from("ABC"), st.integers(0, 2)), max_size=12)


@given(ENDS, st.randoms(use_true_random=False))
def test_on_every_lifeline_ends_stand_in_their_order(sends: list[tuple[str, str, int]], chance: Random) -> None:
    ends: list[End] = []
    waiting: list[End] = []
    for number, (sender, receiver, wait) in enumerate(each for each in sends if each[0] != each[1]):
        ends.append(End("!", sender, receiver, f"m{number}", arrow=number))
        waiting.append(End("?", receiver, sender, f"m{number}", arrow=number))
        ends += [waiting.pop(chance.randrange(len(waiting))) for _ in range(min(wait, len(waiting)))]
    rows = rows_of([*ends, *waiting])
    svg = drawn(*rows)
    kept = [row for row in rows if isinstance(row, Message)]
    heights: dict[int, int] = {}
    for row, (_, top, _, bottom) in zip(kept, arrows(svg), strict=True):
        heights |= {row.sent: top, row.came: bottom}
    for lifeline in "ABC":
        own = sorted(
            {row.sent for row in kept if row.sender == lifeline}
            | {row.came for row in kept if row.receiver == lifeline}
        )
        assert all(heights[earlier] < heights[later] for earlier, later in pairwise(own))
