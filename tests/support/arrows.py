"""The arrows of a diagram as short texts."""

from spec.notation import Diagram


def arrows(diagram: Diagram) -> list[str]:
    out = []
    for message in diagram.messages():
        sign = "<>" if message.both_ways else "x>" if message.lost else "*>" if message.created else ">"
        ends = f"{message.sender or '[]'}{sign}{message.receiver or '[]'}"
        out.append(f"{message.line} {ends} {message.label}".rstrip())
    return out
