"""The arrow in a line: `LEFT ARROW RIGHT[:text]`.

A scanner tries each position from the left. An arrow is a delay `(n)`, a left head `<<` `<` `x`, a style, one or two
dashes, a style, a right head `>>` `>` `x`, a delay, `*` for create; it fits if it has a head, if a left `x` has no
right head, and if neither operand is empty. The right operand goes to the first `:` behind the arrow; a name holds no
`:` or `#`.

Names may hold dashes and an x, so more than one position can fit (`Linux-box->A`). Of those that fit, the first wins,
except that a reading between two lifelines that are known wins over one that is not, and then a reading that leaves no
`<` or `>` inside a name.
"""

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass, replace

from spec.notation.model import ArrowStyle
from spec.notation.text import cut_style, trim

GATES = ("[", "]")

_DELAY = r"\(\s{0,3}\d{1,6}(?:\.\d{1,3})?\s{0,3}\)"
_SHADE = r"[0-9A-WYZa-wyz]"  # no colour has an x, which would be a lost head
_BRACKET = r"\[[^\[\]]{0,200}\]"
_STYLE = (
    rf"(?:{_BRACKET}|##\w{{1,40}}|:\d{{1,4}}(?:\.\d{{1,3}})?"
    rf"|#{_SHADE}{{1,40}}(?::\d{{1,4}}(?:\.\d{{1,3}})?)?(?:;[0-9A-WYZa-wyz.]{{0,20}}){{0,2}})"
)
_BEHIND = rf"(?:\s{{0,9}}(?P<delay>{_DELAY}))?(?:\s{{0,9}}(?P<create>\*))?"
_STYLED_HEAD = re.compile(r"\s*\[\s*(?:#|:\d|;)[^\[\]:]*(?::\d+)?\]\s*[^\s:#]")
_BOTH = re.compile(
    rf"(?:{_DELAY})?(?P<left><<|<)(?P<left_style>{_STYLE})?(?P<dash>--?)(?P<right_style>{_STYLE})?"
    rf"(?P<right>>>|>){_BEHIND}"
)
_LEFT = re.compile(
    rf"(?P<first>{_DELAY})?(?P<left><<|<|x)(?P<inner>{_DELAY})?(?P<left_style>{_STYLE})?(?P<dash>--?)"
    rf"(?P<right_style>{_BRACKET}|#{_SHADE}{{1,40}}(?=\s))?(?P<delay>{_DELAY})?"
)
_RIGHT = re.compile(rf"(?P<dash>--?)(?P<right_style>{_STYLE})?(?P<inner>{_DELAY})?(?P<right>>>|>|x){_BEHIND}")
_STYLED_DASH = re.compile(r"-\s?\[[^\[\]]{0,200}\]$")
"""`A-[hidden]->B` is an arrow of PlantUML with a style in it, and no arrow from `A-[hidden]`."""
_START = re.compile(r"[-<x(]")
_STROKES = "-+*<> "
_ENOUGH = 64
"""So many arrows in one line are looked at: more cannot be a diagram's, and would make the scanner quadratic."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """A line that fits: its operands as written, and what the arrow between them says."""

    left: str
    right: str
    start: int
    end: int
    lost: bool
    created: bool
    both_ways: bool
    delay: float
    look: ArrowStyle
    text: str

    def is_pointed(self, line: str) -> bool:
        """Whether it has a proper head, `<` or `>`, in the line from which it was read."""
        return not {"<", ">"}.isdisjoint(line[self.start : self.end])


def scan(line: str, known: Container[str] = ()) -> Arrow | None:
    """The arrow in `line`, which has no blanks at its ends; None if nothing fits."""
    return min(candidates(line, known), key=lambda arrow: _doubt(arrow, known), default=None)


def _doubt(arrow: Arrow, known: Container[str]) -> int:
    """How unlikely a reading is; of equals the first wins."""
    strangers = (not is_known(arrow.left, known)) + (not is_known(arrow.right, known))
    pointed = any(mark in name for mark in "<>" for name in (arrow.left, arrow.right))
    return strangers + 2 * pointed if strangers else 0


def is_known(operand: str, known: Container[str]) -> bool:
    """Whether the operand is the environment or a lifeline that is there already."""
    return operand in GATES or operand in known or unquoted(operand) in known


def is_writable(name: str) -> bool:
    """Whether a name may be one: on one line, without `:` and `#`; it may hold `<T>`, but no arrow or divider."""
    if name in GATES or name.startswith("==") or name != trim(name) or any(mark in name for mark in ":#\n\r"):
        return False
    if not (_ends(name) and _begins(name)) or cut_style(name)[0] != name:
        return False
    filled = f"?{name}?"
    return {"<", ">"}.isdisjoint(name) or not any(arrow.is_pointed(filled) for arrow in candidates(filled, ()))


def _ends(left: str) -> bool:
    """Whether an operand can end like this before an arrow."""
    return left.rstrip("-+* ")[-1:] != "<" and left.strip(_STROKES) != "" and not _STYLED_DASH.search(left)


def _begins(right: str) -> bool:
    """Whether an operand can begin like this behind an arrow."""
    return right.lstrip("-+* ")[:1] != ">" and right.strip(_STROKES) != ""


def unquoted(name: str) -> str:
    """The name without the quotes that belong to declarations only."""
    if len(name) > len('""') and name[0] in '"“„' and name[-1] in '"”“':
        return trim(name[1:-1])
    return name


def candidates(line: str, known: Container[str]) -> Iterator[Arrow]:
    """Every reading that fits, from the left."""
    tried = 0
    for start in _START.finditer(line, 0, _reach(line)):
        found = _at(line, start.start())
        tried += found is not None
        if tried > _ENOUGH:
            return
        if found:
            yield from _readings(line, found, known)


def _reach(line: str) -> int:
    """Behind the first `:` or `#` no arrow begins: a name holds neither."""
    ends = [end for end in (line.find(":"), line.find("#")) if end >= 0]
    return min(ends, default=len(line))


def _at(line: str, start: int) -> re.Match[str] | None:
    if line[start] == "-":
        return _RIGHT.match(line, start)
    return _BOTH.match(line, start) or _LEFT.match(line, start)


def _readings(line: str, found: re.Match[str], known: Container[str]) -> Iterator[Arrow]:
    """The arrow with all that belongs to it; and without a delay or `*` that is rather a part of a known name."""
    parts = found.groupdict()
    whole = _reading(line, found, found.end())
    if whole and not (parts.get("left") == "x" and _is_headed(line, found.end(), whole.right, known)):
        yield whole
    for part in ("create", "delay"):
        if parts.get(part):
            shorter = _reading(line, found, found.start(part))
            if shorter and shorter.right in known:
                yield shorter


def _is_headed(line: str, end: int, right: str, known: Container[str]) -> bool:
    """A left `x` with a right head behind it, unless that x begins a known name."""
    return line[end : end + 1] in {">", "x"} and not is_known(right, known)


def _reading(line: str, found: re.Match[str], end: int) -> Arrow | None:
    colon = line.find(":", end)
    behind = line[end:] if colon < 0 else line[end:colon]
    right, suffix = cut_style(behind)
    left = trim(line[: found.start()])
    if not _ends(left) or not _begins(right) or _STYLED_HEAD.match(line, end):
        return None
    parts = found.groupdict()
    left_head, right_head = parts.get("left") or "", parts.get("right") or ""
    delays = [parts.get("first"), parts.get("inner"), parts.get("delay") if end >= found.end("delay") else None]
    delay = next((float(each[1:-1]) for each in delays if each), 0)
    return Arrow(
        left=left,
        right=right,
        start=found.start(),
        end=end,
        lost="x" in (left_head, right_head),
        created=bool(parts.get("create")) and end >= found.end("create"),
        both_ways=bool(left_head and right_head),
        delay=delay,
        look=ArrowStyle(
            dashed=parts["dash"] == "--",
            open_head="<<" in left_head or ">>" in right_head,
            reversed=not right_head,
            left_style=parts.get("left_style") or "",
            right_style=parts.get("right_style") or "",
            suffix=suffix,
        ),
        text="" if colon < 0 else trim(line[colon + 1 :]),
    )


def spell(left: str, right: str, arrow: Arrow, *, gap: str = "") -> str:
    """The line that scans as `arrow` between the two operands, in its shortest spelling."""
    look = arrow.look
    delay = f"({arrow.delay:.15g})" if arrow.delay else ""
    dash = "--" if look.dashed else "-"
    head = "x" if arrow.lost else ">>" if look.open_head else ">"
    if look.reversed:
        body = delay + head.replace(">", "<") + look.left_style + dash + look.right_style
    else:
        back = head.replace(">", "<") + look.left_style if arrow.both_ways else ""
        body = back + dash + look.right_style + head + delay + ("*" if arrow.created else "")
    text = f":{arrow.text}" if arrow.text else ""
    return left + gap + body + gap + right + look.suffix + text


def flipped(arrow: Arrow) -> Arrow:
    """The same, drawn with the other end on the left."""
    return replace(arrow, look=replace(arrow.look, reversed=not arrow.look.reversed))
