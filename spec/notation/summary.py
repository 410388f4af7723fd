"""What a diagram says, for a program (`summary`, ready for JSON) and for a reader at a terminal (`render_text`)."""

from collections.abc import Iterable, Iterator
from typing import Any

from spec.notation.model import (
    Create,
    Destroy,
    Diagram,
    Fragment,
    Lifeline,
    Message,
    Parallel,
    Reference,
    Statement,
)

_ENVIRONMENT = "(environment)"


def summary(diagram: Diagram) -> dict[str, Any]:
    """Lifelines, arrows and diagnostics as plain data. A message that goes both ways is two arrows; a `ref` is none."""
    return {
        "file": diagram.file,
        "frame": diagram.frame,
        "title": diagram.title,
        "lifelines": [
            {"name": each.name, "label": each.label, "kind": each.kind, "group": each.group}
            for each in diagram.lifelines
        ],
        "arrows": [arrow for message in diagram.messages() for arrow in _arrows(message)],
        "diagnostics": [
            {"line": each.line, "column": each.column, "severity": each.severity, "message": each.message}
            for each in diagram.diagnostics
        ],
    }


def _arrows(message: Message) -> Iterator[dict[str, Any]]:
    ends = [(message.sender, message.receiver)]
    if message.both_ways:
        ends.append((message.receiver, message.sender))
    for sender, receiver in ends:
        yield {
            "line": message.line,
            "sender": sender,
            "receiver": receiver,
            "label": message.label,
            "lost": message.lost,
            "created": message.created,
        }


def render_text(diagram: Diagram) -> str:
    """The same to be read, with the tree of fragments; a number at the margin is a line of the source."""
    out = [diagram.file]
    if diagram.frame is not None:
        out.append(f"frame: {_flat(diagram.frame)}")
    if diagram.title is not None:
        out.append(f"title: {_flat(diagram.title)}")
    out += ["", f"lifelines ({len(diagram.lifelines)})", *map(_lifeline, diagram.lifelines)]
    count = sum(message.both_ways + 1 for message in diagram.messages())
    out += ["", f"body ({count} arrows)", *_tree(diagram.body)]
    out += ["", f"diagnostics ({len(diagram.diagnostics)})"]
    out += [f"  {each.line}:{each.column}: {each.severity}: {each.message}" for each in diagram.diagnostics]
    return "\n".join(out) + "\n"


def _flat(text: str) -> str:
    return " ".join(text.split())


def _lifeline(lifeline: Lifeline) -> str:
    label = f' "{_flat(lifeline.label)}"' if lifeline.label != lifeline.name else ""
    group = f" in {_flat(lifeline.group)}" if lifeline.group else ""
    return f"{lifeline.line:6}  {lifeline.name}{label} ({lifeline.kind}){group}"


def _tree(body: Iterable[Statement], depth: int = 0) -> Iterator[str]:
    for statement in body:
        match statement:
            case Fragment(kind=kind, operands=operands):
                for operand in operands:
                    word = kind if operand.by == "start" else operand.by
                    yield _row(operand.line, depth, f"{word} {_flat(operand.guard)}")
                    yield from _tree(operand.body, depth + 1)
                yield _row(None, depth, "end")
            case Parallel(line=line):
                yield _row(line, depth, "parallel")
                yield from _tree(statement.body, depth + 1)
                yield _row(None, depth, "parallel off" if statement.closed else "(parallel, left open)")
            case Message(line=line):
                yield _row(line, depth, _message(statement))
            case Reference(line=line, over=over, target=target):
                yield _row(line, depth, f"ref over {', '.join(over)}: {target}")
            case Create(line=line, name=name):
                yield _row(line, depth, f"create {name}")
            case Destroy(line=line, name=name, how=how):
                yield _row(line, depth, f"{how} {name}")


def _row(line: int | None, depth: int, text: str) -> str:
    return f"{line or '':6}  {'  ' * depth}{text}".rstrip()


def _message(message: Message) -> str:
    arrow = "<->" if message.both_ways else "-x" if message.lost else "->*" if message.created else "->"
    remarks = [word for word, holds in (("lost", message.lost), ("creates", message.created)) if holds]
    remarks += [f"delay {message.delay:g}"] if message.delay else []
    remark = f" ({', '.join(remarks)})" if remarks else ""
    label = f": {_flat(message.label)}" if message.label else ""
    return f"{message.sender or _ENVIRONMENT} {arrow} {message.receiver or _ENVIRONMENT}{remark}{label}"
