"""The two operands of an arrow, once more: marks of other notations at them, a second arrow inside them, a stray x.

Each function takes a reading and gives back a better one, with what it has to say about it, if anything.
"""

import re
from collections.abc import Container
from dataclasses import replace
from typing import NamedTuple

from spec.notation.arrows import Arrow, is_known, is_writable, scan
from spec.notation.mending import shortened
from spec.notation.model import Severity
from spec.notation.text import trim


class Remark(NamedTuple):
    severity: Severity
    message: str


_ACTIVATED = re.compile(r"(.*?\S)(\s*)(\+\+|--|\*\*|!!)")
_REMEDIES = {"**": "what creates a lifeline is written `->*`", "!!": "write `destroy` on a line of its own"}
_DECORATED = re.compile(r"([xXo])\s+(\S.*)")
_TAILED = re.compile(r"(\S.*?)\s+([xXo])")
_DELAYED = re.compile(r"(\S.*?)\s+\(\s*(\d{1,6}(?:\.\d{1,3})?)\s*\)")
_CROSSED_GATE = re.compile(r"(\[)([xXo])|([xXo])(\])")
_ENDS = ("left", "right")


def settled(line: str, arrow: Arrow, known: Container[str]) -> tuple[Arrow, list[Remark]]:
    """The arrow between the operands that were meant."""
    remarks = []
    for step in (
        _without_foreign_marks,
        _without_decoration,
        _without_punctuation,
        _without_left_create,
        _without_left_delay,
        _without_second_arrow,
        _without_borrowed_x,
    ):
        arrow, remark = step(line, arrow, known)
        if remark:
            remarks.append(remark)
    return arrow, remarks


def _without_foreign_marks(line: str, arrow: Arrow, known: Container[str]) -> tuple[Arrow, Remark | None]:
    """`A->+B` and `A-->-B` (Mermaid), `A->B++`, `A->**B`, `A--->B`, `&A->B` (PlantUML)."""
    left, right, remedy = arrow.left, arrow.right, ""
    if left[0] == "&" and not is_known(left, known):
        left = trim(left[1:]) or left
    if left[-1] == "-" and line[arrow.start - 1] == "-" and not is_known(left, known):
        left = trim(left.rstrip("-")) or left
    if not is_known(right, known):
        if right[0] in "+-" and line[arrow.end] in "+-":
            bare = trim(right.lstrip("+-"))
            right = bare if bare[:1].isalpha() or bare in known else right
        elif right[0] == "*" and arrow.created and line[arrow.end] == "*":
            right = trim(right[1:]) or right
        elif (found := _ACTIVATED.fullmatch(right)) and (found[2] or found[1] in known):
            right, remedy = trim(found[1]), _REMEDIES.get(found[3], "")
    if (left, right) == (arrow.left, arrow.right):
        return arrow, None
    return _remarked(line, replace(arrow, left=left, right=right), arrow, remedy)


def _remarked(line: str, arrow: Arrow, before: Arrow, remedy: str = "") -> tuple[Arrow, Remark]:
    written = shortened(f"{before.left}{line[before.start : before.end]}{before.right}")
    meant = f"`{arrow.left}` and `{arrow.right}`" + (", lost" if arrow.lost and not before.lost else "")
    more = f"; {remedy}" if remedy else ""
    return arrow, Remark("warning", f"`{written}` has a mark of another notation; read as between {meant}{more}")


def _without_decoration(line: str, arrow: Arrow, known: Container[str]) -> tuple[Arrow, Remark | None]:
    """`A ->x B`, `A ->o B`, `A x<- B`, `A ->x]`: a cross or a dot at a head; the cross loses the message.

    Not that of an arrow that goes both ways: it is not said which of the two is lost.
    """
    left, right, lost = arrow.left, arrow.right, arrow.lost
    is_lossy = not arrow.both_ways
    is_left_head, is_right_head = arrow.look.reversed or arrow.both_ways, not arrow.look.reversed
    if not is_known(right, known):
        touches = not line[arrow.end].isspace()
        found, gate = _DECORATED.fullmatch(right), _CROSSED_GATE.fullmatch(right)
        if found and (touches or is_known(found[2], known)):
            right, lost = trim(found[2]), lost or (is_lossy and is_right_head and found[1] in "xX")
        elif gate and touches and gate[4]:
            right, lost = gate[4], lost or (is_lossy and is_right_head and gate[3] in "xX")
    if not is_known(left, known):
        touches = not line[arrow.start - 1].isspace()
        found, gate = _TAILED.fullmatch(left), _CROSSED_GATE.fullmatch(left)
        if found and (is_known(found[1], known) or (touches and is_left_head)):
            left, lost = trim(found[1]), lost or (is_lossy and is_left_head and found[2] in "xX")
        elif gate and touches and gate[1]:
            left, lost = gate[1], lost or (is_lossy and is_left_head and gate[2] in "xX")
        elif found and touches:
            return arrow, Remark("warning", f"`{shortened(left)}` ends like a mark of another notation; read as a name")
    if (left, right) == (arrow.left, arrow.right):
        return arrow, None
    return _remarked(line, replace(arrow, left=left, right=right, lost=lost), arrow)


def _without_punctuation(_line: str, arrow: Arrow, known: Container[str]) -> tuple[Arrow, Remark | None]:
    """`A->B;`, and a quote that is not closed."""
    remark = None
    for end in _ENDS:
        operand = arrow.left if end == "left" else arrow.right
        bare, why = operand, ""
        if end == "right" and operand.endswith(";"):
            bare, why = trim(operand.rstrip("; ")), "a message does not end in `;`"
        elif operand.count('"') == 1 and '"' in {operand[0], operand[-1]}:
            bare, why = trim(operand.strip('"')), "the quote is not closed"
        if why and bare and not is_known(operand, known) and is_writable(bare):
            arrow = replace(arrow, left=bare) if end == "left" else replace(arrow, right=bare)
            remark = Remark("warning", f"{why}; read as `{shortened(bare)}`")
    return arrow, remark


def _without_left_create(line: str, arrow: Arrow, known: Container[str]) -> tuple[Arrow, Remark | None]:
    """`A*<-B`, the mirror image of `B->*A`."""
    bare = trim(arrow.left[:-1])
    touches = line[arrow.start - 1] == "*" and arrow.left[-1] == "*"
    if not (touches and arrow.look.reversed and bare and is_writable(bare)) or is_known(arrow.left, known):
        return arrow, None
    remark = Remark(
        "warning", f"the `*` that creates stands behind the arrow; read as `{shortened(arrow.right)}->*{bare}`"
    )
    return replace(arrow, left=bare, created=True), remark


def _without_left_delay(_line: str, arrow: Arrow, known: Container[str]) -> tuple[Arrow, Remark | None]:
    """`A (5)<-B`, where A is known: a delay with a blank before it."""
    found = _DELAYED.fullmatch(arrow.left)
    if not found or arrow.delay or is_known(arrow.left, known) or not is_known(found[1], known):
        return arrow, None
    remark = Remark("warning", f"`{shortened(arrow.left)}` is read as `{found[1]}` and a delay of {found[2]}")
    return replace(arrow, left=found[1], delay=float(found[2])), remark


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
