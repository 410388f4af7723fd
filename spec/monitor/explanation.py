"""Why an event is forbidden: in a sentence, and as a sequence diagram with the nearest allowed run beside it.

The diagram tells what was seen at the participant, shortened: whatever can be left out without a change in where the
participant was and what it could have published there says nothing.
"""

import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace

from machines.calls import CONNECT, DISCONNECT
from machines.events import SIDES, TRACKER, BusEvent
from machines.lifelines import BROKER, groups_of
from machines.tracker import TRACKER_ID
from spec.monitor import drawn
from spec.monitor.monitor import Monitor
from spec.monitor.observation import (
    Connected,
    Delivered,
    Disconnected,
    Gap,
    Observed,
    Published,
    Sent,
    Subscribed,
    Unreadable,
    publisher,
)
from spec.monitor.verdict import Forbidden
from spec.notation.text import escape
from spec.rendering.labels import label, label_about, subscriptions
from spec.rendering.sequence import Divider, Group, Lifeline, Message, Note, Row, to_mermaid, to_notation
from spec.rendering.servers import event_bus
from spec.rendering.svg import to_svg

TITLES: Mapping[str, str] = {side: groups_of(side)[0].title for side in SIDES}
"""What servers are, by the side that they are on."""
MISSING = object()
SHOWN = 100
"""Characters of a value that are told."""
WIDTH = 60
MOST = 120
"""Observations that are tried to be left out, each at the cost of judging the rest once more."""


def sentences(found: Forbidden) -> Iterator[str]:
    """What is forbidden, where that is drawn, and what was allowed instead."""
    name = "" if found.event is None else type(found.event).__name__
    yield f"{found.client}: {name}: {found.what}" if name else f"{found.client}: {found.what}"
    if found.event is not None and found.role in TITLES:
        yield f"drawn: !{name} of a {TITLES[found.role]} ({drawn.shown(drawn.sends(type(found.event)))})"
    if found.where:
        yield f"where it was: {', '.join(where.replace('_', ' ') for where in found.where)}"
    if found.role in TITLES and not _is_owed(found):
        yield f"allowed instead: {'; '.join(allowed(found)) or 'to publish nothing'}"


def allowed(found: Forbidden) -> Iterator[str]:
    """Each event that was allowed instead, with where it is drawn, and how it differs if it is one of the same name."""
    for event in found.expected:
        told = list(_differences(event, found.event)) if type(event) is type(found.event) else []
        difference = f" with {', '.join(told)}" if told else ""
        yield f"!{type(event).__name__}{difference} ({drawn.shown(drawn.sends(type(event)))})"


def shortest(found: Forbidden, again: Callable[[], Monitor]) -> Forbidden:
    """The same with as little before it as says the same; `again` makes a monitor like that which found it."""

    def same(before: Sequence[Observed]) -> bool:
        monitor = again()
        for seen in before:
            if monitor.see(seen) is not None:
                return False
        other = monitor.see(found.seen)
        return other is not None and (other.where, other.expected, other.what) == (
            found.where,
            found.expected,
            found.what,
        )

    kept = list(found.before)
    end = next((place for place, seen in enumerate(reversed(kept)) if not isinstance(seen, Unreadable)), len(kept))
    last = kept[len(kept) - end :]
    if not same(kept):
        return found  # it is about more than this participant
    for seen in reversed(found.before[-MOST:]):
        if any(seen is one for one in last):
            continue  # what it should have skipped may be why it did that
        fewer = [one for one in kept if one is not seen]
        if same(fewer):
            kept = fewer
    return replace(found, before=tuple(kept))


def alone(found: Forbidden, monitor: Monitor) -> Callable[[], Monitor]:
    """Makes monitors of one participant that judge as the one that found something."""
    starts = bool(found.before) and isinstance(found.before[0], Connected)
    return lambda: Monitor(
        monitor.sight,
        from_the_start=starts or monitor.from_the_start,
        tracker=monitor.tracker,
        roles={found.client: found.role},
        assumed=monitor.assumed if monitor.from_the_start else monitor.assumed._replace(under_way=0.0),
        charts=monitor.charts,
        judges_broker=False,
        as_drawn=monitor.as_drawn,
        leaves_open=monitor.leaves_open,
    )


def diagram(found: Forbidden, *, mermaid: bool = False, before: Sequence[Observed] | None = None) -> str:
    """What was seen, down to what is forbidden; `before` in place of what was seen of the participant alone."""
    draw = to_mermaid if mermaid else to_notation
    said = [escape(line) for one in sentences(found) for line in textwrap.wrap(one, WIDTH)]
    return draw(*_seen(found, found.before if before is None else before, r"\n".join(["FORBIDDEN", *said])))


def nearest(found: Forbidden, *, mermaid: bool = False) -> str:
    """A run that is allowed and differs in the last event only: another event of the same name, if one is allowed."""
    return (to_mermaid if mermaid else to_notation)(*_right(found))


def pictures(found: Forbidden) -> tuple[str, str]:
    """What was seen, and the nearest run that is allowed, each as a picture (SVG). Why it is forbidden is not in it."""
    return to_svg(*_seen(found, found.before, "FORBIDDEN")), to_svg(*_right(found))


def _is_owed(found: Forbidden) -> bool:
    """Whether what is wrong is that nothing came, and nobody says which event should have."""
    return found.event is None and not found.expected


Sketch = tuple[str, list[Group], list[Row]]
"""A title, the lifelines and the rows of a diagram."""


def _seen(found: Forbidden, before: Sequence[Observed], said: str) -> Sketch:
    return _sketch("What was seen", found, before, found.event, said)


def _right(found: Forbidden) -> Sketch:
    like = [event for event in found.expected if type(event) is type(found.event)]
    event = next(iter((*like, *found.expected)), None)
    said = "Allowed." if event is not None else "It goes on as drawn." if _is_owed(found) else "It publishes nothing."
    return _sketch("What is allowed", found, found.before, event, said)


def _sketch(title: str, found: Forbidden, before: Sequence[Observed], event: BusEvent | None, said: str) -> Sketch:
    """What was seen, and an event in the end; `said` of its client."""
    me = _alias(found.client)
    names = {found.client: me}
    rows = list(_rows(before, names, found.client if found.role == TRACKER else TRACKER_ID))
    number = 2 * len(rows) + 1
    if event is not None:
        ends = (BROKER, me) if isinstance(found.seen, Delivered) else (me, BROKER)
        rows.append(Message(*ends, label_about(event), False, number, number + 1))
    rows.append(Note((me,), said))
    groups = [event_bus()]
    for client, alias in names.items():
        role = TITLES.get(found.role, "") if client == found.client else ""
        groups.insert(0, Group("", (Lifeline(alias, escape(f"{role} {client}".strip())),)))
    return f"{title}: {found.client}", groups, rows


def _rows(before: Sequence[Observed], names: dict[str, str], tracker: str) -> Iterator[Row]:
    """What was seen, row by row; subscriptions are told together. `tracker` is what the tracker is called."""
    number, topics = 1, 0
    garbage: Counter[str] = Counter()
    for seen in before:
        if isinstance(seen, Unreadable):
            garbage[seen.topic] += 1
            continue
        yield from _unreadable(garbage)
        if isinstance(seen, Subscribed):
            topics += 1
            continue
        if topics:
            yield Note((BROKER,), subscriptions(topics))
            topics = 0
        client = getattr(seen, "client", "")
        if isinstance(seen, Published) and not client:
            client = publisher(seen.event, tracker)
        me = names.setdefault(client, _alias(client)) if client else ""
        match seen:
            case Published() | Sent():
                me = me or names.setdefault(client or "?", _alias(client or "unknown"))
                yield Message(me, BROKER, label_about(seen.event), False, number, number + 1)
            case Delivered():
                yield Message(BROKER, me, label_about(seen.event), False, number, number + 1)
            case Connected():
                yield Message(me, BROKER, label(CONNECT()), False, number, number + 1)
            case Disconnected():
                yield Note((me,), label(DISCONNECT()) if seen.clean else "Its connection is lost.")
            case Gap():
                yield Divider("Something was not seen here")
        number += 2
    if topics:
        yield Note((BROKER,), subscriptions(topics))
    yield from _unreadable(garbage)


def _unreadable(garbage: Counter[str]) -> Iterator[Row]:
    """That so many payloads came on these topics that are no events; they are told together."""
    for topic, number in garbage.items():
        yield Note((BROKER,), escape(f"{number} of {topic} that {'are no events' if number > 1 else 'is no event'}"))
    garbage.clear()


def _alias(client: str) -> str:
    """What a lifeline is called in the text of a diagram: letters, digits and underscores."""
    return "".join(sign if sign.isalnum() and sign.isascii() else "_" for sign in client) or "_"


def _differences(right: object, wrong: object, path: str = "") -> Iterator[str]:
    """Where two values differ, each as `path right and not wrong`; event identifiers are nobody's business."""
    if is_dataclass(right) and type(right) is type(wrong):
        for field in fields(right):
            if field.name != "event_id":
                inner = f"{path}.{field.name}" if path else field.name
                yield from _differences(getattr(right, field.name), getattr(wrong, field.name), inner)
    elif isinstance(right, Mapping) and isinstance(wrong, Mapping):
        for key in sorted({*right, *wrong}):
            yield from _differences(right.get(key, MISSING), wrong.get(key, MISSING), f"{path}[{key!r}]")
    elif right != wrong:
        yield f"{path} {_short(right)} and not {_short(wrong)}"


def _short(value: object) -> str:
    if value is MISSING:
        return "missing"
    text = repr(sorted(value) if isinstance(value, frozenset) else value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
