"""What happens in a run, in one line: what goes wrong, and the timeouts that expire; what is usual is left out."""

from collections.abc import Hashable, Iterator, Sequence

from machines.calls import TimeoutExceeded
from spec.exploration.model.interruptions import KINDS as INTERRUPTS
from spec.exploration.model.second_tracker import SECOND, STEPPED_DOWN
from spec.exploration.model.steps import Label
from spec.exploration.model.wills import LATE
from spec.exploration.traces.elaboration import Run
from spec.system.process import Addressed, Payload, name_of

BREAKS = {
    "stop": "stops",
    "disconnect": "loses its connection",
    "crash": "crashes",
    "wipe": "crashes and loses its data",
}
"""What orders and faults of a server are called, where they come from outside."""
NOTHING = "nothing goes wrong: the order in which messages come is enough"


def what_happens(names: Sequence[str], run: Run) -> str:
    """The run in a line, such as `torrent1 stops; ClientGoodbye (torrent1) is lost; faults end, with a new tracker`.

    `names` are those of the system's components. What happens several times in a row is said once, with how often.
    """
    told: list[list[str]] = []
    started: set[int] = set()
    for label, _ in run:
        for text in _said(names, label, started):
            if told and told[-1][0] == text:
                told[-1].append(text)
            else:
                told.append([text])
    return "; ".join(f"{each[0]} ({len(each)} times)" if len(each) > 1 else each[0] for each in told) or NOTHING


def _said(names: Sequence[str], label: Label, started: set[int]) -> Iterator[str]:
    name = names[label.component] if label.component < len(names) else "the broker"
    match label.kind:
        case "start":
            if label.component in started:
                yield f"{name} starts again"
            started.add(label.component)
        case "stop" | "disconnect" | "crash" | "wipe":
            yield f"{name} {BREAKS[label.kind]}"
        case kind if kind in INTERRUPTS:
            yield f"{name} crashes inside a step"
        case "will":
            yield f"the broker says {name}'s will"
        case "late will":
            yield f"the broker says {name}'s will, which is late"
        case "restart":
            yield "the broker restarts"
        case "stabilisation":
            yield "faults end, with a new tracker"
        case "lose 1" | "lose 2":
            yield f"{_named(label.message)} is lost"
        case "duplicate":
            yield f"{_named(label.message)} comes twice"
        case "expire":
            yield from _expired(name, label)
        case "read" if label.outcome is not None and getattr(label.outcome.then, "life", "") == STEPPED_DOWN:
            yield f"{name} steps down"
    if label.outcome is not None and label.outcome.fault == LATE:
        yield f"the broker has not said {name}'s will yet"
    elif label.outcome is not None and label.outcome.fault == SECOND:
        yield f"a second tracker comes up, {name}"
    elif label.outcome is not None and label.outcome.fault:
        yield f"{name}: {label.outcome.fault}"
    if label.lost is not None and label.outcome is not None:
        yield f"{_named(label.outcome.sent[label.lost])} is lost"


def _expired(name: str, label: Label) -> Iterator[str]:
    """A timeout that expires; other charts "expire" where they go on by themselves, which is nothing unusual."""
    message = label.outcome.arrows[0].message if label.outcome is not None and label.outcome.arrows else None
    if isinstance(message, TimeoutExceeded):
        client = message.timer.client
        yield f"{name}'s timeout {'expires' if client == name else f'for {client} expires'}"


def _named(message: Hashable) -> str:
    """A message, with the client that it is about."""
    if isinstance(message, Payload | Addressed):
        return str(message)
    client = getattr(message, "client", "")
    return f"{name_of(message)} ({client})" if client else name_of(message)
