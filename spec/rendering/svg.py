"""A run as a picture: SVG with the lifelines from left to right and time from top to bottom.

Ends of arrows stand in the order in which they happened. An arrow that comes before anything else happens is level, one
that is under way for longer slants down, and arrows that overtake each other cross, which no table of rows can show. A
lost arrow is red and ends in a cross on its way.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from spec.rendering.sequence import Comment, Divider, Group, Message, Note, Reference, Row

COLUMN, LEFT, TOP, STEP, LINE = 150, 90, 74, 15, 13
"""In pixels: between lifelines, before the first one and above the first row, between two ends, between two lines."""
BOX = 124
"""Width of the head of a lifeline."""
LETTER = 6
"""Pixels that a letter takes on the average; some more, so that nothing sticks out of its box."""
NAMESPACE = "http://www.w3.org/2000/svg"
HEAD = (
    '<defs><marker id="a" orient="auto" markerWidth="8" markerHeight="8" refX="7" refY="4">'
    '<path d="M0,0L7,4L0,8" class="m"/></marker></defs>'
)
"""Of an arrow."""
STYLE = (
    "text{font:11px sans-serif;fill:#1f2937;text-anchor:middle}.t{font:bold 13px sans-serif}"
    ".h{fill:#fff;stroke:#6b7280}.g{fill:#f3f4f6}.l{stroke:#9ca3af}.m{stroke:#1f2937;fill:none}"
    ".x{stroke:#dc2626;fill:none}.n{fill:#fef9c3;stroke:#ca8a04}.d{fill:#fff;stroke:#dc2626}.b{paint-order:stroke;"
    "stroke:#fff;stroke-width:3px}.r{fill:#dc2626}"
)


def to_svg(title: str, groups: Iterable[Group], rows: Iterable[Row]) -> str:
    """The sketch as SVG on a white ground. The same sketch is always the same text."""
    shown = tuple(groups)
    kept = [row for row in rows if not isinstance(row, Comment)]
    names = [lifeline.alias for group in shown for lifeline in group.lifelines]
    x_of = {name: LEFT + place * COLUMN for place, name in enumerate(names)}
    body, height = _body(kept, x_of)
    width = LEFT * 2 + COLUMN * (len(names) - 1)
    return "\n".join(
        (
            f'<svg xmlns="{NAMESPACE}" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
            f"<title>{_text(title)}</title><style>{STYLE}</style>",
            HEAD,
            f'<rect width="{width}" height="{height}" fill="#fff"/>',
            f'<text class="t" x="{width // 2}" y="18">{_text(title)}</text>',
            *_heads(shown, x_of, height),
            *body,
            "</svg>",
            "",
        )
    )


def _heads(groups: Sequence[Group], x_of: dict[str, int], height: int) -> Iterator[str]:
    for group in groups:
        first, last = x_of[group.lifelines[0].alias], x_of[group.lifelines[-1].alias]
        yield f'<rect class="g" x="{first - 68}" y="26" width="{last - first + 136}" height="{height - 32}" rx="4"/>'
        yield f'<text x="{(first + last) // 2}" y="39">{_text(group.label)}</text>'
    for group in groups:
        for lifeline in group.lifelines:
            x = x_of[lifeline.alias]
            yield f'<path class="l" d="M{x},66V{height - 8}" stroke-dasharray="4"/>'
            yield f'<rect class="h" x="{x - BOX // 2}" y="45" width="{BOX}" height="21" rx="3"/>'
            yield f'<text x="{x}" y="59"{_squeezed(lifeline.label, BOX)}>{_text(lifeline.label)}</text>'


def _body(rows: Sequence[Row], x_of: dict[str, int]) -> tuple[list[str], int]:
    """What stands below the heads, and the height of the picture."""
    numbers = sorted({number for row in rows if isinstance(row, Message) for number in (row.sent, row.came)})
    room: dict[int, int] = {}
    """By the number of an end the lines of text above it."""
    for row in rows:
        if isinstance(row, Message):
            room[row.sent] = max(room.get(row.sent, 1), len(_lines(row.label)))
    marks = _marks(rows, numbers)
    level = {row.came for row in rows if isinstance(row, Message) and row.came == row.sent + 1} - marks.keys()
    y, y_of = TOP, dict[int, int]()
    drawn: list[str] = []
    for number in (*numbers, None):
        for mark in marks.get(number, ()):
            y += 30
            drawn += _mark(mark, y, x_of)
        if number in level:
            y_of[number] = y
        elif number is not None:
            y += STEP if number not in room else max(STEP, LINE * room[number] + 6)
            y_of[number] = y
    arrows = (row for row in rows if isinstance(row, Message))
    return [*(line for arrow in arrows for line in _arrow(arrow, y_of, x_of)), *drawn], y + 30


def _marks(rows: Sequence[Row], numbers: Sequence[int]) -> dict[int | None, list[Divider | Note | Reference]]:
    """Marks by the number of the first end below them; None for those at the bottom."""
    found: dict[int | None, list[Divider | Note | Reference]] = {}
    for place, row in enumerate(rows):
        if not isinstance(row, Message | Comment):
            below = [arrow.sent for arrow in rows[place:] if isinstance(arrow, Message)]
            above = [arrow.came for arrow in rows[:place] if isinstance(arrow, Message)]
            number = next((each for each in numbers if each > max(above)), None) if above else min(below, default=None)
            found.setdefault(number, []).append(row)
    return found


def _arrow(arrow: Message, y_of: dict[int, int], x_of: dict[str, int]) -> Iterator[str]:
    begin = x_of.get(arrow.sender)
    end = x_of.get(arrow.receiver)
    begin, end = (begin if begin is not None else (end or 0) - COLUMN // 2), end if end is not None else (begin or 0)
    end = end if arrow.receiver in x_of else begin - COLUMN // 2
    top, bottom = y_of[arrow.sent], y_of[arrow.came]
    if begin == end:
        yield f'<path class="m" d="M{begin},{top - 6}h24v8h-22" marker-end="url(#a)"/>'
        yield _label(arrow.label, begin + 60, top - 8, lost=False)
        return
    if arrow.lost:
        end, bottom = begin + (end - begin) * 3 // 4, top
        yield f'<path class="x" d="M{begin},{top}H{end}M{end - 5},{top - 5}l10,10m0,-10l-10,10"/>'
    else:
        way = 1 if end > begin else -1
        yield f'<path class="m" d="M{begin},{top}L{end - way},{bottom}" marker-end="url(#a)"/>'
    near = begin + (COLUMN if end > begin else -COLUMN) // 2 if abs(end - begin) > COLUMN else (begin + end) // 2
    yield _label(arrow.label, near, top - 4, lost=arrow.lost)


def _label(label: str, x: int, y: int, *, lost: bool) -> str:
    lines = _lines(label)
    rows = "".join(
        f'<tspan x="{x}" y="{y - LINE * (len(lines) - 1 - place)}">{_text(line)}</tspan>'
        for place, line in enumerate(lines)
    )
    return f'<text class="b{" r" if lost else ""}">{rows}</text>'


def _mark(mark: Divider | Note | Reference, y: int, x_of: dict[str, int]) -> Iterator[str]:
    over = list(x_of) if isinstance(mark, Divider) else [name for name in mark.lifelines if name in x_of]
    first, last = min(x_of[name] for name in over), max(x_of[name] for name in over)
    style = "d" if isinstance(mark, Divider) else "n"
    text = f"ref: {mark.label}" if isinstance(mark, Reference) else mark.label
    yield f'<rect class="{style}" x="{first - 62}" y="{y - 20}" width="{last - first + 124}" height="20" rx="3"/>'
    squeezed = _squeezed(text, last - first + BOX)
    yield f'<text x="{(first + last) // 2}" y="{y - 6}"{squeezed}>{_text(text)}</text>'


def _squeezed(label: str, width: int) -> str:
    """What makes a label fit into a box that would be too narrow for it; nothing if it is wide enough."""
    if len(" ".join(_lines(label))) * LETTER <= width:
        return ""
    return f' textLength="{width - 8}" lengthAdjust="spacingAndGlyphs"'


def _lines(label: str) -> list[str]:
    r"""A label without the notation's markup, line by line; `\n` stands between them."""
    return re.sub(r"//(.+?)//", r"\1", label).split(r"\n")


def _text(text: str) -> str:
    return escape(" ".join(_lines(text)), quote=False)
