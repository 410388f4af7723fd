"""What an arrow's label says: the message that the binding makes of it, if there is a chart that knows it."""

import difflib
from typing import Any

from statemachine import StateChart

from machines import BUS_EVENTS, Participant
from spec.binding import Binding, Word, normal
from spec.cast import Charts
from spec.conformance import Finding
from spec.foreign import actions_of

SURE = 0.8
"""How alike two labels are if one is taken as the other."""
TOPICS = {event.__name__: event.topic for event in BUS_EVENTS}


def word_of(label: str, line: int, binding: Binding, charts: Charts) -> tuple[Word | None, Finding | None]:
    """The message of a label, and what is wrong with it. A chart that is not ours may name its messages like labels.

    What is nearly right is taken as what it was probably meant to be, so that the rest can be compared.
    """
    shown = normal(label)
    theirs = {action[1:] for chart in charts.values() if not is_ours(chart) for action in actions_of(chart)}
    known = {action[1:] for chart in charts.values() for action in actions_of(chart)}
    word = binding.word(label)
    if word is None or (shown in theirs and word.message not in theirs):
        word = Word(shown) if shown in known else None
    if word is None:
        near = binding.nearest(label, theirs)
        word = None
        if near and difflib.SequenceMatcher(None, shown.lower(), near.lower()).ratio() > SURE:
            word = binding.word(near) or (Word(near) if near in known else None)
        hint = f"; the nearest that is bound is {near!r}" + (", as which it is read" if word else "") if near else ""
        said = f"nothing binds {shown!r} to a message{hint}; add a [[label]] for it"
        return word, Finding("unbound-label", said, line)
    if word.message not in known:
        nearest = difflib.get_close_matches(word.message, known, n=1)
        hint = f"; did you mean {nearest[0]}?" if nearest else ""
        likely = Word(nearest[0], word.detail) if nearest else None
        return likely, Finding(
            "unbound-label", f"{shown!r} is bound to {word.message}, but no chart has such a message{hint}", line
        )
    topic = TOPICS.get(word.message, word.topic)
    if word.topic and word.topic != topic:
        return word, Finding("wrong-topic", f"{word.message} is published to {topic}, not to {word.topic}", line)
    return word, None


def is_ours(chart: type[StateChart[Any]]) -> bool:
    """Whether a chart is one of `machines`, or made from one."""
    return issubclass(chart, Participant)
