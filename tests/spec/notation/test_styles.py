"""Texts in the many styles that people write in: each arrow that they mean, and the lines that a diagnostic is about.

`tests/data/notation/styles.txt` holds them: a text, `>>>` with the lines of its diagnostics, and its arrows.
"""

from typing import NamedTuple

import pytest

from spec.notation import Fragment, read
from tests.support.arrows import arrows
from tests.support.places import DATA


class Style(NamedTuple):
    """A text, what it means, and which lines of it are doubtful."""

    text: str
    doubtful: list[int]
    arrows: list[str]


def styles() -> list[Style]:
    """All of the file."""
    found = []
    for part in (DATA / "notation" / "styles.txt").read_text(encoding="utf-8").split("=====\n"):
        text, _, said = part.partition("\n>>> ")
        doubtful, *means = said.rstrip("\n").split("\n")
        found.append(Style(text + "\n", [int(each) for each in doubtful.split()], means))
    return found


STYLES = styles()


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.text.splitlines()[0])
def test_text_is_read_as_it_is_meant(style: Style) -> None:
    diagram = read(style.text)
    assert [arrow.replace("\n", "\\n") for arrow in arrows(diagram)] == style.arrows
    assert [found.line for found in diagram.diagnostics] == style.doubtful


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.text.splitlines()[0])
def test_each_line_is_accounted_for(style: Style) -> None:
    diagram = read(style.text)
    known = {each.line for each in (*diagram.statements(), *diagram.marks, *diagram.diagnostics, *diagram.lifelines)}
    fragments = [each for each in diagram.statements() if isinstance(each, Fragment)]
    known |= {operand.line for fragment in fragments for operand in fragment.operands}
    said = {number for number, line in enumerate(style.text.splitlines(), 1) if line.strip() and line[:1] not in "/#"}
    assert said <= known
