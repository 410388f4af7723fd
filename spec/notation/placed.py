"""What stands over or beside lifelines: notes, boxes, `ref over`; and the names of lifelines wherever they stand.

Other notations let the text of a note stand on lines of its own, up to an `end note` or not. Such lines are its text,
and one diagnostic says so.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from spec.notation.arrows import GATES, is_writable, scan, unquoted
from spec.notation.mending import is_prose, mend, shortened, unreadable
from spec.notation.model import Mark, Message, Presentation, Reference
from spec.notation.participants import Participants
from spec.notation.text import beside_style, cut_style, lines, plain, trim
from spec.notation.tree import Report, Tree
from spec.notation.words import PLACED, SETTING

_WORD = re.compile(r"([A-Za-z]\w*[+-]?)(?=[\s#]|$)")
_PLACE = re.compile(r"(over|left\s+of|right\s+of)\s+")
_BESIDE = re.compile(r"(left|right|over)\s*(#\w+)?\s*:\s*(.*)")
_BLOCK_END = re.compile(r"end\s?(?:[rh]?(note)|(ref))", re.IGNORECASE)
_DIVIDER = re.compile(r"==.*==\s*(?:#.*)?")
_SD = re.compile(r"sd\s+", re.IGNORECASE)
_TALLEST_NOTE = 100


@dataclass(frozen=True, slots=True)
class Line:
    """A line that holds something, with its first word if that can be a keyword, and what is behind it."""

    number: int
    column: int
    text: str
    word: str
    rest: str

    def saying(self, text: str) -> Line:
        """Another text in its place."""
        return as_line(self.number, self.column, text)


def as_line(number: int, column: int, text: str) -> Line:
    first = _WORD.match(text)
    return Line(number, column, text, first[1] if first else "", trim(text[first.end() :]) if first else "")


def is_comment(text: str) -> bool:
    return text.startswith(("//", "#"))


def is_divider(text: str) -> bool:
    return text.startswith("==") and _DIVIDER.fullmatch(text) is not None


def has_arrow(text: str) -> bool:
    """Whether a message was meant: an arrow with a proper head."""
    arrow = scan(text)
    return arrow is not None and arrow.is_pointed(text)


class Placed(ABC):
    """A text while it is read, as far as names and what stands over them are concerned."""

    def __init__(self, text: str) -> None:
        self.lines = [as_line(*each) for each in lines(text)]
        self.block_ends: dict[str, list[int]] = {"note": [], "ref": []}
        for index, each in enumerate(self.lines):
            if found := _BLOCK_END.fullmatch(each.text):
                self.block_ends["note" if found[1] else "ref"].append(index)
        self.next = 0
        self.report = Report()
        self.participants = Participants()
        self.tree = Tree(self.report)
        self.marks: list[Mark] = []
        self.last: Message | None = None
        self.statements: dict[str, Callable[[Line], bool]] = {}

    def _mark(self, line: Line, word: str = "") -> None:
        self.marks.append(Mark(line.number, line.column, word))

    def _present(self, line: Line, keyword: str, text: str) -> None:
        self.tree.add(Presentation(line.number, line.column, keyword, text))

    @abstractmethod
    def begin_fragment(self, line: Line) -> bool:
        """Begin the fragment whose keyword is `line.word`; returns whether the line was read, or complained of."""

    def _placed(self, line: Line) -> bool:
        """`note over A,B#colour:text`, boxes, `ref over`."""
        place = _PLACE.match(line.rest)
        if place is None:
            return self.begin_fragment(line) if line.word == "ref" else self._beside(line)
        head, colon, text = line.rest[place.end() :].partition(":")
        if not trim(text) and not has_arrow(head) and (block := self._lines_to_end(line) or self._lines_below()):
            text = r"\n".join(block)
            self.report.error(line.number, line.column, f"expected `{line.word} ... A:text` on one line; read as such")
        elif not colon and not has_arrow(head):
            self.report.error(line.number, line.column, f"expected `:` and the text of the {line.word}; read as empty")
        elif not colon:
            return False
        names, style = self._over(line, head)
        if names is None:
            return True
        if not names:
            self.report.error(line.number, line.column, f"expected a lifeline behind `{line.word} {place[1]}`; skipped")
        elif line.word == "ref":
            self._refer(line, names, style, trim(text))
        else:
            self._present(line, line.word, f"{place[1]} {trim(head)}:{trim(text)}")
        return True

    def _refer(self, line: Line, over: tuple[str, ...], style: str, raw: str) -> None:
        text = plain(raw)
        target = " ".join(_SD.sub("", text, count=1).split()) if _SD.match(text) else " ".join(text.split())
        self.tree.add(Reference(line.number, line.column, over, text, target, raw, style))

    def _beside(self, line: Line) -> bool:
        """PlantUML's `note left: text`, which belongs to the message before it; and its `box "Name"`."""
        beside = _BESIDE.fullmatch(line.rest) or (_BESIDE.fullmatch(f"{line.rest}:") if line.word == "note" else None)
        if beside is None or line.word == "state":
            return False
        block = self._lines_to_end(line) if ":" not in line.rest else []
        text = trim(beside[3]) or r"\n".join(block)
        ends = [end for end in (self.last.sender, self.last.receiver) if end] if self.last else []
        complaint = f"expected `{line.word} (over|left of|right of) NAME:text`"
        if not ends:
            self.report.error(line.number, line.column, f"{complaint}; skipped")
            return True
        place = f"{beside[1]} of" if beside[1] != "over" else "over"
        instead = f"{place} {ends[0] if beside[1] == 'left' else ends[-1]}{beside[2] or ''}:{text}"
        self.report.error(line.number, line.column, f"{complaint}; read as `{shortened(f'{line.word} {instead}')}`")
        self._present(line, line.word, instead)
        return True

    def _lines_to_end(self, line: Line) -> list[str]:
        """The lines up to the next `end note`, which are then no statements; none if there is no such line near.

        Nor if another note begins before it: the end may belong to that one.
        """
        ends = self.block_ends.get("ref" if line.word == "ref" else "note", [])
        index = bisect_right(ends, self.next - 1)
        if index == len(ends) or ends[index] - self.next > _TALLEST_NOTE:
            return []
        held = self.lines[self.next : ends[index]]
        if any(each.word in PLACED and _PLACE.match(each.rest) for each in held):
            return []
        self.next = ends[index] + 1
        for each in (*held, self.lines[ends[index]]):
            self._mark(each)
        return [each.text for each in held]

    def _lines_below(self) -> list[str]:
        """The lines that follow without a gap and say nothing by themselves; they are then no statements."""
        held: list[str] = []
        for each in self.lines[self.next : self.next + _TALLEST_NOTE]:
            if each.number != self.lines[self.next - 1].number + 1 or not self._is_unreadable(each):
                break
            held.append(each.text)
            self.next += 1
            self._mark(each)
        return held

    def _is_unreadable(self, line: Line) -> bool:
        """Whether a line is no statement, and nothing that was meant as one."""
        if (
            is_comment(line.text)
            or is_divider(line.text)
            or line.word in self.statements
            or SETTING.fullmatch(line.word)
        ):
            return False
        arrow = scan(line.text, self.participants.lifelines)
        if arrow and not is_prose(arrow, line.text, self.participants.lifelines):
            return False
        return mend(line.text, self.participants.lifelines) == unreadable(line.text)

    def _over(self, line: Line, text: str) -> tuple[tuple[str, ...] | None, str]:
        """The lifelines that something stands over, None if they cannot be any; and its style."""
        head, style = cut_style(text)
        parts = [head] if head in self.participants.lifelines else [trim(part) for part in head.split(",")]
        names = tuple(self._name(line, part) for part in parts if part)
        self._odd_style(line, style)
        return (names if self._uses(line, *names) else None), style

    def _odd_style(self, line: Line, style: str) -> None:
        """Something behind a name that is no style: a comment, or a name with a `#` in it."""
        if odd := beside_style(style):
            complaint = (
                f"expected a style behind the name, got `{shortened(odd)}`; there are no comments behind a statement"
            )
            self.report.warning(line.number, line.column, f"{complaint}, and a name holds no `#`")

    def _uses(self, line: Line, *names: str | None) -> bool:
        """The lifelines take part from here on; not if one of them cannot be a name."""
        for name in names:
            if name is not None and name not in self.participants.lifelines and not is_writable(name):
                self.report.error(line.number, line.column, f"a name holds no arrow, got `{shortened(name)}`; skipped")
                return False
        if len(names) > 1 and len(set(names)) == 1 and str(names[0]).startswith("//"):
            self.report.error(line.number, line.column, "a message from `//` to itself would be a comment; skipped")
            return False
        for name in names:
            if name is not None:
                self.participants.use(name, line.number, line.column)
        return True

    def _name(self, line: Line, operand: str) -> str:
        """The lifeline that an operand names; quotes are for declarations."""
        if operand in self.participants.lifelines or unquoted(operand) == operand:
            return operand
        self.report.warning(line.number, line.column, f"quotes belong into declarations; read as `{unquoted(operand)}`")
        return unquoted(operand)

    def _end_of(self, line: Line, operand: str) -> str | None:
        return None if operand in GATES else self._name(line, operand)
