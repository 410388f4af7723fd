"""The two operands of an arrow, once more: marks of other notations at them, a second arrow inside them, a stray x.

Each function takes a reading and gives back a better one, with what it has to say about it, if anything.
"""

import re
from collections.abc import Container
from dataclasses import replace
from typing import NamedTuple

from spec.notation.arrows import Arrow, is_known, scan
from spec.notation.mending import shortened
from spec.notation.model import Severity
from spec.notation.text import trim


class Remark(NamedTuple):
    severity: Severity
    message: str


_ACTIVATED = re.compile(r"(.*?\S)(\s*)(?:\+\+|--|\*\*|!!)")
_DECORATED = re.compile(r"([xo])\s+(\S.*)")


def settled(line: str, arrow: Arrow, known: Container[str]) -> tuple[Arrow, list[Remark]]:
    """The arrow between the operands that were meant."""
    remarks = []
    for step in (_without_foreign_marks, _without_second_arrow, _without_borrowed_x):
        arrow, remark = step(line, arrow, known)
        if remark:
            remarks.append(remark)
    return arrow, remarks


def _without_foreign_marks(line: str, arrow: Arrow, known: Container[str]) -> tuple[Arrow, Remark | None]:
    """`A->+B` and `A-->-B` (Mermaid), `A->B++`, `A ->x B`, `A--->B` (PlantUML)."""
    left, right, lost = arrow.left, arrow.right, arrow.lost
    if left[-1] == "-" and line[arrow.start - 1] == "-" and not is_known(left, known):
        left = trim(left.rstrip("-")) or left
    if not is_known(right, known):
        if right[0] in "+-" and line[arrow.end] in "+-":
            bare = trim(right.lstrip("+-"))
            right = bare if bare[:1].isalpha() or bare in known else right
        elif (found := _ACTIVATED.fullmatch(right)) and (found[2] or found[1] in known):
            right = trim(found[1])
        elif (found := _DECORATED.fullmatch(right)) and found[2] in known:
            right, lost = trim(found[2]), lost or found[1] == "x"
    if (left, right) == (arrow.left, arrow.right):
        return arrow, None
    written = shortened(f"{arrow.left}{line[arrow.start : arrow.end]}{arrow.right}")
    meant = f"`{left}` and `{right}`" + (", lost" if lost and not arrow.lost else "")
    remark = Remark("warning", f"`{written}` has a mark of another notation; read as between {meant}")
    return replace(arrow, left=left, right=right, lost=lost), remark


def _without_second_arrow(_line: str, arrow: Arrow, known: Container[str]) -> tuple[Arrow, Remark | None]:
    """`A->B->C` says one thing too many."""
    remark = None
    for operand in (arrow.left, arrow.right):
        inner = scan(operand, known) if {"<", ">"} & set(operand) and not is_known(operand, known) else None
        if inner:
            name = inner.right if operand == arrow.left else inner.left
            arrow = replace(arrow, left=name) if operand == arrow.left else replace(arrow, right=name)
            remark = Remark("error", f"expected one arrow, got another in `{shortened(operand)}`; read as `{name}`")
    return arrow, remark


def _without_borrowed_x(line: str, arrow: Arrow, known: Container[str]) -> tuple[Arrow, Remark | None]:
    """`A-xylophone`, where a xylophone is known: its x is no head, so there is none."""
    is_left = arrow.look.reversed
    operand = arrow.left if is_left else arrow.right
    name = f"{operand}x" if is_left else f"x{operand}"
    touches = not line[arrow.start - 1 if is_left else arrow.end].isspace()
    if not arrow.lost or not touches or name not in known or is_known(operand, known):
        return arrow, None
    remark = Remark("error", f"expected an arrow with a head: the x belongs to `{name}`; read as `->`")
    arrow = replace(arrow, lost=False, look=replace(arrow.look, reversed=False))
    return (replace(arrow, left=name) if is_left else replace(arrow, right=name)), remark
