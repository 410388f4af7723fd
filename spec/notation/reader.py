"""From text to a diagram, a line at a time.

A line is a statement if its first word is a keyword, else a message if an arrow fits into it. A known lifeline whose
name begins with a keyword (`note service->B`) takes its line back. Whatever is left is reported with what was expected,
and, where that is plain, is read as what its author meant; the next line starts afresh, so one bad line hides no other.

Undeclared lifelines come into being where they are first used, from left to right, in a message as in a note; a name
that first comes up inside a `participantgroup` belongs to that group.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

from spec.notation import words
from spec.notation.arrows import GATES, is_writable, scan, unquoted
from spec.notation.cast import Cast, declaration
from spec.notation.mending import is_prose, mend, shortened
from spec.notation.model import (
    By,
    Create,
    Destroy,
    Destruction,
    Diagram,
    Message,
    Presentation,
    Reference,
)
from spec.notation.operands import settled
from spec.notation.text import lines, plain, split_style, trim
from spec.notation.tree import Report, Tree

_WORD = re.compile(r"([A-Za-z]\w*[+-]?)(?=[\s#]|$)")
_DIVIDER = re.compile(r"==.*==\s*(?:#.*)?")
_PLACE = re.compile(r"(over|left\s+of|right\s+of)\s+")
_BESIDE = re.compile(r"(left|right|over)\s*(#\w+)?\s*:\s*(.*)")
_BLOCK_END = re.compile(r"end\s?(?:[rh]?(note)|(ref))", re.IGNORECASE)
_SPACE = re.compile(r"-?\d*\.?\d+|")
_ON_OFF = {"linear", "autoactivation", "bottomparticipants"}
_SD = re.compile(r"sd\s+", re.IGNORECASE)
_TALLEST_NOTE = 100


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    column: int
    text: str
    word: str
    rest: str

    def saying(self, text: str) -> _Line:
        """Another text in its place."""
        return _line(self.number, self.column, text)


def _line(number: int, column: int, text: str) -> _Line:
    first = _WORD.match(text)
    return _Line(number, column, text, first[1] if first else "", trim(text[first.end() :]) if first else "")


def read(text: str, *, file: str = "<text>") -> Diagram:
    """The diagram in `text`. Nothing in a text is an exception; what could not be read is in its diagnostics."""
    return _Reader(text, file).diagram()


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.lines = [_line(*each) for each in lines(text)]
        self.block_ends: dict[str, list[int]] = {"note": [], "ref": []}
        for index, each in enumerate(self.lines):
            if found := _BLOCK_END.fullmatch(each.text):
                self.block_ends["note" if found[1] else "ref"].append(index)
        self.next = 0
        self.report = Report()
        self.cast = Cast()
        self.tree = Tree(self.report)
        self.heads = {"frame": "", "title": ""}
        self.last: Message | None = None
        self.statements: dict[str, Callable[[_Line], bool]] = {
            **dict.fromkeys(("title", "frame"), self._heading),
            **dict.fromkeys(words.KINDS | words.PICTURED, self._declare),
            **dict.fromkeys(words.FRAGMENTS, self._fragment),
            **dict.fromkeys(words.PLACED, self._placed),
            **dict.fromkeys(words.ACTIVATIONS, self._activate),
            **dict.fromkeys(words.DESTRUCTIONS | {"create"}, self._live),
            **dict.fromkeys(words.SETTINGS, self._setting),
            **dict.fromkeys(("else", "thread"), self._operand),
            "participantgroup": self._group,
            "end": self._end,
            "parallel": self._parallel,
        }

    def diagram(self) -> Diagram:
        while self.next < len(self.lines):
            line = self.lines[self.next]
            self.next += 1
            if not self._reads(line):
                self._mend(line)
        body = self.tree.finish()
        frame, title = self.heads["frame"], self.heads["title"]
        return Diagram(
            file=self.file,
            frame=plain(split_style(frame)[1]) or None,
            title=plain(title) or None,
            lifelines=tuple(self.cast.lifelines.values()),
            body=body,
            diagnostics=tuple(sorted(self.report.found, key=lambda each: (each.line, each.column))),
            raw_frame=frame,
            raw_title=title,
        )

    def _reads(self, line: _Line) -> bool:
        """Whether the line is a statement; if so it is read."""
        if line.text.startswith(("//", "#")):
            mark = "#" if line.text[0] == "#" else "//"
            self._present(line, mark, line.text[len(mark) :])
            return True
        if line.text.startswith("==") and _DIVIDER.fullmatch(line.text):
            self._present(line, "==", line.text[2:])
            return True
        statement = self.statements.get(line.word)
        if statement is None and line.word and words.SETTING.fullmatch(line.word):
            statement = self._setting
        if statement and not self._is_speaker(line) and statement(line):
            return True
        return self._message(line)

    def _is_speaker(self, line: _Line) -> bool:
        """Whether the keyword is rather (the beginning of) the name of a known lifeline that says something."""
        arrow = scan(line.text, self.cast.lifelines) if "-" in line.rest else None
        if arrow is None:
            return False
        left = unquoted(arrow.left)
        is_kind = left == line.word and line.word in words.KINDS | words.PICTURED
        return left in self.cast.lifelines or (is_kind and arrow.is_pointed(line.text))

    def _mend(self, line: _Line) -> None:
        """A line that is no statement: what it should be, said once, and read as that."""
        mended = mend(line.text, self.cast.lifelines)
        if mended.instead is not None:
            found = len(self.report.found)
            self.report.error(line.number, line.column, mended.complaint)
            if self._reads(line.saying(mended.instead)):
                return
            del self.report.found[found:]
            mended = mended._replace(
                complaint=f"expected a statement or a message, got `{shortened(line.text)}`; skipped"
            )
        self.report.error(line.number, line.column, mended.complaint)

    # Statements. Each says whether it took the line; if not, it may still be a message.

    def _heading(self, line: _Line) -> bool:
        self.heads[line.word] = line.rest
        return True

    def _declare(self, line: _Line) -> bool:
        lifeline, odd = declaration(line.word, line.rest)
        column = line.column + len(line.word) + 1
        if lifeline is None:
            odd = odd or f"expected a name behind `{line.word}`"
            self.report.error(line.number, column, f"{odd}; skipped")
            return True
        if _has_arrow(lifeline.name) or not is_writable(lifeline.name):
            if '"' not in line.rest and self._message(line):
                return True
            self.report.error(line.number, column, f"a name holds no arrow, got `{shortened(lifeline.name)}`; skipped")
            return True
        if odd:
            self.report.error(line.number, column, odd)
        if line.word in words.PICTURED and not lifeline.icon:
            self.report.warning(line.number, column, f"expected an icon behind `{line.word}`; read without one")
        again = self.cast.declare(replace(lifeline, line=line.number, column=line.column))
        if again:
            self.report.warning(line.number, column, again)
        return True

    def _group(self, line: _Line) -> bool:
        self.cast.groups.append(line.rest)
        self.tree.open_group(line.number, line.column, self.cast.groups.pop)
        return True

    def _fragment(self, line: _Line) -> bool:
        self.tree.open_fragment(line.number, line.column, line.word, line.rest)
        return True

    def _operand(self, line: _Line) -> bool:
        self.tree.operand(line.number, line.column, cast("By", line.word), line.rest)
        return True

    def _end(self, line: _Line) -> bool:
        if line.rest:
            return False
        self.tree.end(line.number, line.column)
        return True

    def _parallel(self, line: _Line) -> bool:
        if line.rest in {"", "on"}:
            self.tree.open_parallel(line.number, line.column)
        elif line.rest == "off":
            self.tree.close_parallel(line.number, line.column)
        else:
            return False
        return True

    def _placed(self, line: _Line) -> bool:
        """`note over A,B#colour:text`, boxes, `ref over`."""
        place = _PLACE.match(line.rest)
        if place is None:
            return self._fragment(line) if line.word == "ref" else self._beside(line)
        head, colon, text = line.rest[place.end() :].partition(":")
        if not colon and (block := self._lines_to_end(line)):
            text = r"\n".join(block)
            self.report.error(line.number, line.column, f"expected `{line.word} ... A:text` on one line; read as such")
        elif not colon and not _has_arrow(head):
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

    def _refer(self, line: _Line, over: tuple[str, ...], style: str, raw: str) -> None:
        text = plain(raw)
        target = " ".join(_SD.sub("", text, count=1).split()) if _SD.match(text) else " ".join(text.split())
        self.tree.add(Reference(line.number, line.column, over, text, target, raw, style))

    def _beside(self, line: _Line) -> bool:
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

    def _lines_to_end(self, line: _Line) -> list[str]:
        """The lines up to the next `end note`, which are then no statements; none if there is no such line near."""
        ends = self.block_ends.get(line.word, [])
        index = bisect_right(ends, self.next - 1)
        if index == len(ends) or ends[index] - self.next > _TALLEST_NOTE:
            return []
        first, self.next = self.next, ends[index] + 1
        return [each.text for each in self.lines[first : self.next - 1]]

    def _over(self, line: _Line, text: str) -> tuple[tuple[str, ...] | None, str]:
        """The lifelines that something stands over, None if they cannot be any; and its style."""
        head, sharp, style = text.partition("#")
        head = trim(head)
        parts = [head] if head in self.cast.lifelines else [trim(part) for part in head.split(",")]
        names = tuple(self._name(line, part) for part in parts if part)
        return (names if self._uses(line, *names) else None), trim(sharp + style)

    def _uses(self, line: _Line, *names: str | None) -> bool:
        """The lifelines take part from here on; not if one of them cannot be a name."""
        for name in names:
            if name is not None and name not in self.cast.lifelines and not is_writable(name):
                self.report.error(line.number, line.column, f"a name holds no arrow, got `{shortened(name)}`; skipped")
                return False
        if len(names) > 1 and len(set(names)) == 1 and str(names[0]).startswith("//"):
            self.report.error(line.number, line.column, "a message from `//` to itself would be a comment; skipped")
            return False
        for name in names:
            if name is not None:
                self.cast.use(name, line.number, line.column)
        return True

    def _name(self, line: _Line, operand: str) -> str:
        """The lifeline that an operand names; quotes are for declarations."""
        if operand in self.cast.lifelines or unquoted(operand) == operand:
            return operand
        self.report.warning(line.number, line.column, f"quotes belong into declarations; read as `{unquoted(operand)}`")
        return unquoted(operand)

    def _activate(self, line: _Line) -> bool:
        if not line.rest or ":" in line.rest or _has_arrow(line.rest):
            return self._nameless(line)
        if not self._over(line, line.rest)[0]:
            return True
        self._present(line, line.word, line.rest)
        return True

    def _live(self, line: _Line) -> bool:
        """`create X`, `destroy X`."""
        name = trim(line.rest.partition("#")[0])
        first, _, more = name.partition(" ")
        foreign = line.word == "create" and first in words.KINDS and more and name not in self.cast.lifelines
        if not name or ":" in name or _has_arrow(line.rest) or foreign:
            return False if foreign else self._nameless(line)
        name = self._name(line, name)
        if not self._uses(line, name):
            return True
        if line.word == "create":
            self.tree.add(Create(line.number, line.column, name))
        else:
            self.tree.add(Destroy(line.number, line.column, name, cast("Destruction", line.word)))
        return True

    def _nameless(self, line: _Line) -> bool:
        if line.rest:
            return False
        self.report.error(line.number, line.column, f"expected a lifeline behind `{line.word}`; skipped")
        return True

    def _setting(self, line: _Line) -> bool:
        """What only draws. Settings are taken as they come, unless they look like a message."""
        if _has_arrow(line.rest):
            return False
        if line.word in _ON_OFF and line.rest not in {"", "on", "off"}:
            self.report.warning(
                line.number, line.column, f"expected `{line.word} on` or `{line.word} off`; kept as it is"
            )
        if line.word == "space" and not _SPACE.fullmatch(line.rest):
            self.report.warning(
                line.number, line.column, f"expected a number behind `space`, got `{shortened(line.rest)}`"
            )
        self._present(line, line.word, line.rest)
        return True

    def _present(self, line: _Line, keyword: str, text: str) -> None:
        self.tree.add(Presentation(line.number, line.column, keyword, text))

    # Messages.

    def _message(self, line: _Line) -> bool:
        arrow = scan(line.text, self.cast.lifelines)
        if arrow is None or is_prose(arrow, line.text, self.cast.lifelines):
            return False
        arrow, remarks = settled(line.text, arrow, self.cast.lifelines)
        for remark in remarks:
            self.report.add(line.number, line.column, remark.severity, remark.message)
        left, right = self._end_of(line, arrow.left), self._end_of(line, arrow.right)
        if left is None and right is None:
            self.report.error(line.number, line.column, "expected a lifeline on one side of the arrow; skipped")
            return True
        if not self._uses(line, left, right):
            return True
        sender, receiver = (right, left) if arrow.look.reversed else (left, right)
        self.last = Message(
            line=line.number,
            column=line.column,
            sender=sender,
            receiver=receiver,
            label=plain(arrow.text),
            raw_text=arrow.text,
            lost=arrow.lost,
            created=arrow.created and receiver is not None,
            both_ways=arrow.both_ways,
            delay=arrow.delay,
            look=arrow.look,
        )
        self.tree.add(self.last)
        return True

    def _end_of(self, line: _Line, operand: str) -> str | None:
        return None if operand in GATES else self._name(line, operand)


def _has_arrow(text: str) -> bool:
    """Whether a message was meant: an arrow with a proper head."""
    arrow = scan(text)
    return arrow is not None and arrow.is_pointed(text)
