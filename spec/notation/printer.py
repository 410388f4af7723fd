"""A diagram back as text, in one form: heading, lifelines with their groups, then the body, indented.

What is printed reads as what was given: the same meaning and the same presentation. A raw text is printed as it was as
long as it still says its label; a label without one is escaped. Where a spelling would read as something else
(`Linux-box->A`, a name that begins with a keyword), another one is tried.
"""

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import replace

from spec.notation.arrows import Arrow, flipped, is_writable, scan, spell
from spec.notation.model import (
    ArrowStyle,
    Create,
    Destroy,
    Diagram,
    Fragment,
    Lifeline,
    Message,
    Operand,
    Parallel,
    Presentation,
    Reference,
    Statement,
)
from spec.notation.participants import declaration, group_label
from spec.notation.text import plain, raw_behind_style, raw_for, split_style, trim

_INDENT = "  "
_JOINED = frozenset({"//", "#", "=="})
_NO_MESSAGE = re.compile(r"//|#|==.*==\s*(?:#|$)")


def print_diagram(diagram: Diagram) -> str:
    """The text of `diagram`, which declares all its lifelines; a ValueError if a name cannot be written."""
    lifelines = {lifeline.name: lifeline for lifeline in diagram.lifelines}
    for statement in diagram.statements():
        for name in _names(statement):
            lifelines.setdefault(name, Lifeline(name, plain(name)))
    parts = [
        [_spaced("frame", _frame(diagram))] if diagram.frame is not None else [],
        [_spaced("title", raw_for(diagram.title, diagram.raw_title))] if diagram.title is not None else [],
        list(_lifelines(lifelines.values())),
        list(_body(diagram.body, lifelines)),
    ]
    return "".join("\n".join(part) + "\n" for part in _separated(parts))


def _separated(parts: list[list[str]]) -> Iterator[list[str]]:
    """The parts that hold something, with an empty line between them."""
    held = [part for part in parts if part]
    for index, part in enumerate(held):
        yield part if index == 0 else ["", *part]


def _spaced(*words: str) -> str:
    return " ".join(word for word in words if word)


def _names(statement: Statement) -> tuple[str, ...]:
    match statement:
        case Message(sender=sender, receiver=receiver):
            return tuple(name for name in (sender, receiver) if name is not None)
        case Reference(over=over):
            return over
        case Create(name=name) | Destroy(name=name):
            return (name,)
    return ()


def _frame(diagram: Diagram) -> str:
    assert diagram.frame is not None
    style, raw = split_style(diagram.raw_frame)
    return _spaced(style, raw_behind_style(diagram.frame, raw))


def _lifelines(lifelines: Iterable[Lifeline]) -> Iterator[str]:
    open_groups: tuple[str, ...] = ()
    for lifeline in lifelines:
        path = _group_path(lifeline)
        shared = 0
        while path[: shared + 1] == open_groups[: shared + 1] and shared < len(path):
            shared += 1
        for depth in range(len(open_groups), shared, -1):
            yield _INDENT * (depth - 1) + "end"
        for depth, text in enumerate(path[shared:], start=shared):
            yield _INDENT * depth + _spaced("participantgroup", text)
        open_groups = path
        yield _INDENT * len(path) + _declaration(lifeline)
    for depth in range(len(open_groups), 0, -1):
        yield _INDENT * (depth - 1) + "end"


def _group_path(lifeline: Lifeline) -> tuple[str, ...]:
    if group_label(lifeline.group_path) == lifeline.group:
        return lifeline.group_path
    return () if lifeline.group is None else (raw_behind_style(lifeline.group, ""),)


def _declaration(lifeline: Lifeline) -> str:
    """The shortest declaration that reads as this lifeline."""
    name, raw = lifeline.name, raw_for(lifeline.label, lifeline.raw_label)
    inner_quotes = re.sub(r'(?<!\\)"|\\$', r"\\\g<0>", raw)
    spellings = (
        name if raw == name else "",
        f'"{raw}"' if raw == name else "",
        f'"{raw}" as {name}',
        f'"{inner_quotes}" as {name}',
        f'"{raw}" as "{name}"',
        f'"{inner_quotes}" as "{name}"',
    )
    for text in spellings if is_writable(name) else ():
        body = _spaced(lifeline.icon, text, lifeline.style)
        found, odd = declaration(lifeline.kind, body) if text else (None, "")
        if found is None or odd or (found.name, found.label, found.icon) != (name, lifeline.label, lifeline.icon):
            continue
        line = f"{lifeline.kind} {body}"
        arrow = scan(line)
        if arrow is None or arrow.left != lifeline.kind:
            return line
    raise ValueError(f"no declaration reads as a lifeline named {name!r} with the label {lifeline.label!r}")


def _body(body: Iterable[Statement], known: Container[str], depth: int = 0) -> Iterator[str]:
    statements = list(body)
    for index, statement in enumerate(statements):
        match statement:
            case Fragment():
                yield from _fragment(statement, known, depth)
            case Parallel():
                yield _INDENT * depth + "parallel"
                yield from _body(statement.body, known, depth + 1)
                if statement.closed or index < len(statements) - 1:
                    yield _INDENT * depth + "parallel off"
            case _:
                yield _INDENT * depth + _simple(statement, known)


def _fragment(fragment: Fragment, known: Container[str], depth: int) -> Iterator[str]:
    for operand in fragment.operands:
        word = fragment.kind if operand is fragment.operands[0] else operand.by
        yield _INDENT * depth + _spaced(word, operand.style, _guard(operand))
        yield from _body(operand.body, known, depth + 1)
    yield _INDENT * depth + "end"


def _guard(operand: Operand) -> str:
    return raw_behind_style(operand.guard, operand.raw_guard)


def _simple(statement: Statement, known: Container[str]) -> str:
    match statement:
        case Message():
            return _message(statement, known)
        case Reference(over=over, style=style):
            return f"ref over {','.join(over)}{style}:{raw_for(statement.text, statement.raw_text)}"
        case Create(name=name):
            return f"create {name}"
        case Destroy(name=name, how=how):
            return f"{how} {name}"
        case Presentation(keyword=keyword, text=text):
            return keyword + text if keyword in _JOINED else _spaced(keyword, text)
    raise TypeError(f"{type(statement).__name__} is not a statement of one line")


def _message(message: Message, known: Container[str]) -> str:
    """The first spelling that scans as this message."""
    look = message.look
    if message.created or message.both_ways:
        look = replace(look, reversed=False)
    bare = ArrowStyle(look.dashed, look.open_head, look.reversed)
    arrow = _arrow(message, look)
    for wanted in (arrow, flipped(arrow), replace(arrow, look=bare), flipped(replace(arrow, look=bare))):
        ends = (message.receiver, message.sender) if wanted.look.reversed else (message.sender, message.receiver)
        for gap in ("", " "):
            left, right = "[" if ends[0] is None else ends[0], "]" if ends[1] is None else ends[1]
            line = spell(left, right, wanted, gap=gap)
            if not _NO_MESSAGE.match(line) and _says(scan(line, known), (left, right), wanted):
                return line
    raise ValueError(f"no arrow reads as a message from {message.sender!r} to {message.receiver!r}")


def _arrow(message: Message, look: ArrowStyle) -> Arrow:
    return Arrow(
        left="",
        right="",
        start=0,
        end=0,
        lost=message.lost,
        created=message.created,
        both_ways=message.both_ways,
        delay=message.delay,
        look=look,
        text=raw_for(message.label, message.raw_text),
    )


def _says(found: Arrow | None, ends: tuple[str, str], wanted: Arrow) -> bool:
    if found is None:
        return False
    same = replace(found, left="", right="", start=0, end=0, look=wanted.look)
    return (
        same == wanted
        and (found.left, found.right) == ends
        and found.look.reversed == wanted.look.reversed
        and plain(found.text) == plain(trim(wanted.text))
        and (found.look == wanted.look or wanted.look.suffix == wanted.look.left_style == wanted.look.right_style == "")
    )
