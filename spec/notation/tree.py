"""The tree of statements while it grows: fragments, operands, blocks and groups that are still open."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from spec.notation.model import TRANSPARENT, By, Diagnostic, Fragment, Operand, Parallel, Severity, Statement, essence
from spec.notation.text import plain, split_style

_TEXT_COLOUR = re.compile(r"(?P<label>.*?\S)\s*(?P<colour>##?\w+)\s*(?P<more>\[.*)")

DEEPEST = 60
"""Nesting that no reader of a drawing could follow; deeper fragments are read as if they had no frame."""


@dataclass(slots=True)
class Report:
    """The diagnostics so far."""

    found: list[Diagnostic] = field(default_factory=list)

    def error(self, line: int, column: int, message: str) -> None:
        self.add(line, column, "error", message)

    def warning(self, line: int, column: int, message: str) -> None:
        self.add(line, column, "warning", message)

    def add(self, line: int, column: int, severity: Severity, message: str) -> None:
        self.found.append(Diagnostic(line, column, severity, message))


@dataclass(slots=True)
class _Open:
    """Something that waits for its end. A `flat` one only waits, and its statements go to what encloses it."""

    kind: str
    line: int
    column: int
    body: list[Statement]
    operands: list[Operand] = field(default_factory=list)
    head: Operand | None = None
    flat: bool = False
    ends_parallel: bool = False
    on_end: Callable[[], object] | None = None


class Tree:
    """Opened and closed line by line; at the end it is the body of the diagram."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.open: list[_Open] = [_Open("diagram", 0, 0, [])]
        self.depth = 0
        self.block: int | None = None
        """Where the open block stands; there is at most one."""

    def add(self, statement: Statement) -> None:
        self.open[-1].body.append(statement)

    def open_fragment(self, line: int, column: int, kind: str, text: str) -> None:
        """`alt text` and its kin."""
        opened = self._push(kind, line, column)
        if not opened.flat:
            opened.head = _operand(line, column, _text_colour_first(text) if kind in TRANSPARENT else text, "start")

    def open_group(self, line: int, column: int, on_end: Callable[[], object]) -> None:
        """`participantgroup`: waits for its end, and holds nothing of its own."""
        self.open.append(_Open("participantgroup", line, column, self.open[-1].body, flat=True, on_end=on_end))

    def open_parallel(self, line: int, column: int) -> None:
        """`parallel`; a second one in an open block changes nothing, the site's switch is on already."""
        if self.block is None:
            self.block = len(self.open)
            self._push("parallel", line, column)
        else:
            since = self.open[self.block].line
            self.report.warning(line, column, f"the block of line {since} is open still; read as one block with it")

    def close_parallel(self, line: int, column: int) -> None:
        """`parallel off`; without an open block it says nothing."""
        if self.block is None:
            self.report.warning(
                line, column, "`parallel off` closes nothing: no block is open; read as if it were not there"
            )
            return
        if self.block == len(self.open) - 1:
            self._pop(closed=True)
            return
        inner = self.open[self.block + 1]
        inner.ends_parallel = True
        self.report.warning(
            line,
            column,
            f"`parallel off` stands inside the {_quoted(inner.kind)} of line {inner.line}, its `parallel` outside; "
            "read as standing behind its end",
        )

    def operand(self, line: int, column: int, by: By, text: str) -> None:
        """`else` or `thread`."""
        self._end_block()
        opened = self.open[-1]
        if opened.head is None:
            if opened.kind in {"diagram", "participantgroup"}:
                self.report.error(line, column, f"`{by}` has no open fragment to belong to; skipped")
            return
        if by == "thread" and opened.kind != "par":
            self.report.warning(
                line, column, f"`thread` separates the operands of `par`; read as one of `{opened.kind}`"
            )
        if by == "else" and opened.kind not in {"alt", "par"}:
            self.report.warning(line, column, f"`else` separates the operands of `alt`; read as one of `{opened.kind}`")
        self._finish_operand(opened)
        opened.head = _operand(line, column, text, by)

    def end(self, line: int, column: int) -> None:
        """`end`: of the innermost fragment or group, and of a block in it that was left open."""
        if len(self.open) - (self.block is not None) == 1:
            complaint = "`end` closes nothing: no fragment or group is open; read as if it were not there"
            self.report.warning(line, column, complaint)
            return
        self._end_block()
        if self._pop(closed=True).ends_parallel:
            self._pop(closed=True)

    def finish(self) -> tuple[Statement, ...]:
        """The whole body, with a complaint about whatever is still open."""
        while len(self.open) > 1:
            opened = self._pop(closed=False)
            if opened.kind != "parallel":
                self.report.warning(
                    opened.line,
                    opened.column,
                    f"{_quoted(opened.kind)} is not closed: expected `end`; read as going to the end of the file",
                )
        return tuple(self.open[0].body)

    def _push(self, kind: str, line: int, column: int) -> _Open:
        flat = self.depth >= DEEPEST
        if flat:
            self.report.error(
                line, column, f"nested deeper than {DEEPEST}; {_quoted(kind)} is read as if it had no frame"
            )
        opened = _Open(kind, line, column, self.open[-1].body if flat else [], flat=flat)
        self.open.append(opened)
        self.depth += not flat
        return opened

    def _pop(self, *, closed: bool) -> _Open:
        opened = self.open.pop()
        if self.block == len(self.open):
            self.block = None
        if opened.on_end:
            opened.on_end()
        if opened.flat:
            return opened
        self.depth -= 1
        if opened.kind == "parallel":
            if not closed and len(essence(opened.body)) > 1:
                self.report.warning(
                    opened.line,
                    opened.column,
                    "`parallel` is not closed: expected `parallel off`; read as going to the end of "
                    + ("the file" if len(self.open) == 1 else _quoted(self.open[-1].kind)),
                )
            self.add(Parallel(opened.line, opened.column, tuple(opened.body), closed))
        else:
            self._finish_operand(opened)
            self.add(Fragment(opened.line, opened.column, opened.kind, tuple(opened.operands)))
        return opened

    def _finish_operand(self, opened: _Open) -> None:
        assert opened.head is not None
        head = opened.head
        body = tuple(opened.body)
        opened.operands.append(Operand(head.line, head.column, head.guard, body, head.by, head.raw_guard, head.style))
        opened.body = []

    def _end_block(self) -> None:
        if self.open[-1].kind == "parallel":
            self._pop(closed=False)


def _operand(line: int, column: int, text: str, by: By) -> Operand:
    style, raw = split_style(text)
    return Operand(line, column, plain(raw), (), by, raw, style)


def _text_colour_first(text: str) -> str:
    """`#red label #white [bracket text]` with both colours before the label."""
    style, rest = split_style(text)
    found = _TEXT_COLOUR.fullmatch(rest)
    return text if found is None else " ".join(filter(None, (style, found["colour"], found["label"], found["more"])))


def _quoted(kind: str) -> str:
    return f"`{kind}`"
