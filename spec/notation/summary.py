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
    Operand,
    Parallel,
    Presentation,
    Reference,
    Statement,
)

_ENVIRONMENT = "(environment)"


def summary(diagram: Diagram) -> dict[str, Any]:
    """What a diagram says as plain data, ready for JSON.

    `arrows` is flat: a message that goes both ways is two of them, and a `ref` is none. `body` is the tree, a list of
    nodes with `type` and `line`: `message` (`both_ways` if it is one; `delay` in the site's units), `fragment` with its
    `operands` (each with `by`, the word that opened it, `guard` and `body`), `parallel` with its `body` (not `closed`
    if its end is missing), `ref`, `create`, `destroy` (`how`: the keyword), and `space`, which matters beside delays.
    What else only draws is left out.
    """
    return {
        "file": diagram.file,
        "frame": diagram.frame,
        "title": diagram.title,
        "lifelines": [
            {"name": each.name, "label": each.label, "kind": each.kind, "group": each.group}
            for each in diagram.lifelines
        ],
        "arrows": [arrow for message in diagram.messages() for arrow in _arrows(message)],
        "body": _nodes(diagram.body),
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


def _nodes(body: Iterable[Statement]) -> list[dict[str, Any]]:
    return [node for statement in body if (node := _node(statement)) is not None]


def _node(statement: Statement) -> dict[str, Any] | None:
    """A statement with what it holds; None if it only draws."""
    said: dict[str, Any]
    match statement:
        case Message():
            said = {"type": "message", **next(_arrows(statement))}
            del said["line"]
            said |= {"both_ways": statement.both_ways, "delay": statement.delay}
        case Fragment(kind=kind, operands=operands):
            said = {"type": "fragment", "kind": kind, "operands": [_operand(each) for each in operands]}
        case Parallel(body=body, closed=closed):
            said = {"type": "parallel", "closed": closed, "body": _nodes(body)}
        case Reference(over=over, text=text, target=target):
            said = {"type": "ref", "over": list(over), "text": text, "target": target}
        case Create(name=name):
            said = {"type": "create", "name": name}
        case Destroy(name=name, how=how):
            said = {"type": "destroy", "name": name, "how": how}
        case Presentation(keyword="space", text=text):
            said = {"type": "space", "text": text}
        case _:
            return None
    return {"line": statement.line, **said}


def _operand(operand: Operand) -> dict[str, Any]:
    return {"line": operand.line, "by": operand.by, "guard": operand.guard, "body": _nodes(operand.body)}


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
