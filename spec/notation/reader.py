"""From text to a diagram, a line at a time.

A line is a statement if its first word is a keyword, else a message if an arrow fits into it. A known lifeline whose
name begins with a keyword (`note service->B`) takes its line back. Whatever is left is reported with what was expected,
and, where that is plain, is read as what its author meant; the next line starts afresh, so one bad line hides no other.

Undeclared lifelines come into being where they are first used, from left to right, in a message as in a note; a name
that first comes up inside a `participantgroup` belongs to that group.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import cast

from spec.notation import words
from spec.notation.arrows import is_known, is_writable, scan, unquoted
from spec.notation.dialects import foreign_notation
from spec.notation.doubts import doubts
from spec.notation.mending import Mended, is_prose, mend, shortened
from spec.notation.model import By, Create, Destroy, Destruction, Diagnostic, Diagram, Message
from spec.notation.operands import settled
from spec.notation.participants import declaration
from spec.notation.placed import Line, Placed, has_arrow, is_comment, is_divider
from spec.notation.text import cut_style, plain, split_style, trim

_SPACE = re.compile(r"-?\d*\.?\d+|")
_CLOSING = re.compile(r"\}(?:\s*(else|thread)\b\s*(.*?)\s*\{?)?")
_ON_OFF = {"linear", "autoactivation", "bottomparticipants"}


def read(text: str, *, file: str = "<text>") -> Diagram:
    """The diagram in `text`. Nothing in a text is an exception; what could not be read is in its diagnostics."""
    return _Reader(text, file).diagram()


class _Reader(Placed):
    def __init__(self, text: str, file: str) -> None:
        super().__init__(text)
        self.file = file
        self.heads = {"frame": "", "title": ""}
        self.braced: list[int] = []
        """How deep the fragments are that were opened with a brace."""
        self.statements = {
            **dict.fromkeys(("title", "frame"), self._heading),
            **dict.fromkeys(words.KINDS | words.PICTURED, self._declare),
            **dict.fromkeys(words.FRAGMENTS, self.begin_fragment),
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
        held = [(each.number, each.column, each.text) for each in self.lines]
        foreign = foreign_notation(held, is_prose=self._is_prose_at_first())
        if foreign:
            message = (
                f"this is {foreign.name}, by `{shortened(foreign.text)}`; only the notation of sequencediagram.org is "
                "read so far, and nothing of this text was"
            )
            return Diagram(
                file=self.file,
                diagnostics=(Diagnostic(foreign.line, foreign.column, "error", message),),
                notation=foreign.name,
            )
        while self.next < len(self.lines):
            line = self.lines[self.next]
            self.next += 1
            if not self._reads(line) and not self._closing_brace(line):
                self._mend(line)
        body = self.tree.finish()
        frame, title = self.heads["frame"], self.heads["title"]
        diagram = Diagram(
            file=self.file,
            frame=plain(split_style(frame)[1]) or None,
            title=plain(title) or None,
            lifelines=tuple(self.participants.lifelines.values()),
            body=body,
            diagnostics=tuple(self.report.found),
            raw_frame=frame,
            raw_title=title,
            marks=tuple(self.marks),
        )
        found = [
            *self.report.found,
            *doubts(diagram, self.participants.declared, {n: (c, text) for n, c, text in held}),
        ]
        return replace(diagram, diagnostics=tuple(sorted(found, key=lambda each: (each.line, each.column))))

    def _is_prose_at_first(self) -> bool:
        """Whether the first line that is no comment says nothing in this notation."""
        first = next((each for each in self.lines if not is_comment(each.text)), None)
        return first is not None and self._is_unreadable(first)

    def _reads(self, line: Line) -> bool:
        """Whether the line is a statement; if so it is read."""
        if is_comment(line.text):
            mark = "#" if line.text[0] == "#" else "//"
            self._present(line, mark, line.text[len(mark) :])
            return True
        if is_divider(line.text):
            self._present(line, "==", line.text[2:])
            return True
        statement = self.statements.get(line.word)
        if statement is None and line.word and words.SETTING.fullmatch(line.word):
            statement = self._setting
        if statement and not self._is_speaker(line) and statement(line):
            return True
        return self._message(line)

    def _is_speaker(self, line: Line) -> bool:
        """Whether the keyword is rather (the beginning of) the name of a known lifeline that says something."""
        arrow = scan(line.text, self.participants.lifelines) if "-" in line.rest else None
        if arrow is None:
            return False
        left = unquoted(arrow.left)
        is_kind = left == line.word and line.word in words.KINDS | words.PICTURED
        return left in self.participants.lifelines or (is_kind and arrow.is_pointed(line.text))

    def _mend(self, line: Line) -> None:
        """A line that is no statement: what it should be, said once, and read as that."""
        mended = mend(line.text, self.participants.lifelines)
        if mended.instead is not None:
            found = len(self.report.found)
            self.report.add(line.number, line.column, mended.severity, mended.complaint)
            if self._reads(line.saying(mended.instead)):
                return
            del self.report.found[found:]
            mended = Mended(f"expected a statement or a message, got `{shortened(line.text)}`; skipped", None)
        self.report.error(line.number, line.column, mended.complaint)

    # Statements. Each says whether it took the line; if not, it may still be a message.

    def _heading(self, line: Line) -> bool:
        before = next((each.line for each in self.marks if each.word == line.word), 0)
        if before:
            complaint = (
                f"there is a `{line.word}` on line {before} already, and a file holds one diagram; this one is taken"
            )
            self.report.warning(line.number, line.column, complaint)
        elif not line.rest:
            self.report.warning(line.number, line.column, f"expected a text behind `{line.word}`; read as none")
        self.heads[line.word] = line.rest
        self._mark(line, line.word)
        return True

    def _declare(self, line: Line) -> bool:
        lifeline, odd = declaration(line.word, line.rest)
        column = line.column + len(line.word) + 1
        if lifeline is None:
            odd = odd or f"expected a name behind `{line.word}`"
            self.report.error(line.number, column, f"{odd}; skipped")
            return True
        if has_arrow(lifeline.name) or not is_writable(lifeline.name):
            if '"' not in line.rest and self._message(line):
                return True
            self.report.error(line.number, column, f"a name holds no arrow, got `{shortened(lifeline.name)}`; skipped")
            return True
        if odd:
            self.report.error(line.number, column, odd)
        self._odd_style(line, lifeline.style)
        self._mark(line, line.word)
        if line.word in words.PICTURED and not lifeline.icon:
            self.report.warning(line.number, column, f"expected an icon behind `{line.word}`; read without one")
        again = self.participants.declare(replace(lifeline, line=line.number, column=line.column))
        if again:
            self.report.warning(line.number, column, again)
        return True

    def _group(self, line: Line) -> bool:
        self._mark(line, line.word)
        self.participants.groups.append(line.rest)
        self.tree.open_group(line.number, line.column, self.participants.groups.pop)
        return True

    def begin_fragment(self, line: Line) -> bool:
        line, is_braced = self._without_brace(line)
        self._guard(line)
        self.tree.open_fragment(line.number, line.column, line.word, line.rest)
        if is_braced:
            self.braced.append(len(self.tree.open))
        return True

    def _without_brace(self, line: Line) -> tuple[Line, bool]:
        """`loop until {`, as in languages that close with `}`."""
        if not line.rest.endswith("{") or line.rest.count("{") <= line.rest.count("}"):
            return line, False
        bare = line.saying(trim(f"{line.word} {line.rest[:-1]}"))
        self.report.error(
            line.number, line.column, f"a fragment is closed by `end`, not by `}}`; read as `{shortened(bare.text)}`"
        )
        return bare, True

    def _closing_brace(self, line: Line) -> bool:
        """`}` or `} else {` of a fragment that was opened with a brace."""
        found = _CLOSING.fullmatch(line.text)
        if found is None or not self.braced or self.braced[-1] != len(self.tree.open):
            return False
        instead = trim(f"{found[1]} {found[2]}") if found[1] else "end"
        self.report.error(line.number, line.column, f"`{shortened(line.text)}` is read as `{shortened(instead)}`")
        return self._reads(line.saying(instead))

    def _operand(self, line: Line) -> bool:
        line, _ = self._without_brace(line)
        self._guard(line)
        self._mark(line, line.word)
        self.tree.operand(line.number, line.column, cast("By", line.word), line.rest)
        return True

    def _guard(self, line: Line) -> None:
        """A guard may say anything; a message between lifelines that are there was probably meant as one."""
        known = self.participants.lifelines
        arrow = scan(line.rest, known) if ":" in line.rest else None
        ends_named = arrow and (is_known(arrow.left, known) or any(arrow.left.endswith(f" {name}") for name in known))
        if arrow and ends_named and is_known(arrow.right, known):
            complaint = (
                f"a message stands on a line of its own; `{shortened(line.rest)}` is read as the text of `{line.word}`"
            )
            self.report.warning(line.number, line.column, complaint)

    def _end(self, line: Line) -> bool:
        if line.rest:
            return False
        self._mark(line, line.word)
        self.tree.end(line.number, line.column)
        while self.braced and self.braced[-1] > len(self.tree.open):
            self.braced.pop()
        return True

    def _parallel(self, line: Line) -> bool:
        if line.rest in {"", "on"}:
            self.tree.open_parallel(line.number, line.column)
        elif line.rest == "off":
            self.tree.close_parallel(line.number, line.column)
        else:
            return False
        self._mark(line, line.word)
        return True

    def _activate(self, line: Line) -> bool:
        if not line.rest or ":" in line.rest or has_arrow(line.rest):
            return self._nameless(line)
        names = self._over(line, line.rest)[0]
        if names == ():
            return self._nameless(line.saying(line.word))
        if names is None:
            return True
        self._present(line, line.word, line.rest)
        return True

    def _live(self, line: Line) -> bool:
        """`create X`, `destroy X`."""
        name, style = cut_style(line.rest)
        first, _, more = name.partition(" ")
        foreign = line.word == "create" and first in words.KINDS and more and name not in self.participants.lifelines
        if not name or ":" in name or has_arrow(line.rest) or foreign:
            return False if foreign else self._nameless(line)
        name = self._introduced(line, name) if line.word == "create" else self._name(line, name)
        if not self._uses(line, name):
            return True
        self._odd_style(line, style)
        if line.word == "create":
            self.tree.add(Create(line.number, line.column, name))
        else:
            self.tree.add(Destroy(line.number, line.column, name, cast("Destruction", line.word)))
        return True

    def _introduced(self, line: Line, name: str) -> str:
        """`create "Label" as X`: the label belongs into a declaration."""
        lifeline = (
            declaration("participant", name)[0] if " as " in name and name not in self.participants.lifelines else None
        )
        if lifeline is None or not is_writable(lifeline.name):
            return self._name(line, name)
        instead = f'`participant "{shortened(lifeline.raw_label)}" as {lifeline.name}`'
        self.report.error(
            line.number, line.column, f"a label belongs into a declaration; read as if there were {instead}"
        )
        self.participants.declare(replace(lifeline, line=line.number, column=line.column))
        return lifeline.name

    def _nameless(self, line: Line) -> bool:
        if line.rest:
            return False
        self.report.error(line.number, line.column, f"expected a lifeline behind `{line.word}`; skipped")
        return True

    def _setting(self, line: Line) -> bool:
        """What only draws. Settings are taken as they come, unless they look like a message."""
        if has_arrow(line.rest):
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

    # Messages.

    def _message(self, line: Line) -> bool:
        arrow = scan(line.text, self.participants.lifelines)
        if arrow is None or is_prose(arrow, line.text, self.participants.lifelines):
            return False
        arrow, remarks = settled(line.text, arrow, self.participants.lifelines)
        for remark in remarks:
            self.report.add(line.number, line.column, remark.severity, remark.message)
        left, right = self._end_of(line, arrow.left), self._end_of(line, arrow.right)
        if left is None and right is None:
            self.report.error(line.number, line.column, "expected a lifeline on one side of the arrow; skipped")
            return True
        if not self._uses(line, left, right):
            return True
        self._odd_style(line, arrow.look.suffix)
        self._second_message(line, arrow.text)
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

    def _second_message(self, line: Line, text: str) -> None:
        """`A->B:x;B->A:y`: the second one is a part of the first one's text."""
        for part in text.split(";")[1:]:
            arrow = scan(trim(part), self.participants.lifelines)
            if arrow and all(name in self.participants.lifelines for name in (arrow.left, arrow.right)):
                complaint = f"a message stands on a line of its own; `{shortened(trim(part))}` is read as text"
                self.report.warning(line.number, line.column, complaint)
                return
