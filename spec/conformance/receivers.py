"""To whom messages go that charts send without saying to whom: as the diagrams draw it, checked against what is known.

A chart that is not ours may leave open who receives what it sends. Then the diagrams alone would say it, and a wrong
receiver would conform. So arrows are checked against the binding's `[routes]` (or ROUTES of a module of charts), where
these say it. Whether what leaves the diagram was meant for somebody in it who takes it cannot be told without that.
"""

from collections.abc import Iterator
from dataclasses import replace

from spec.binding import Binding, Word
from spec.conformance.finding import Finding, unanswered
from spec.conformance.meanings import Meanings
from spec.notation.model import Diagram, Message, Reference
from spec.system.setup import Charts, is_participant, name_given, spoken

OUTSIDE = "]"
"""Somebody outside the diagram, among those to whom a message goes."""


def receivers_said(lifeline: str, message: str, binding: Binding) -> tuple[str, ...] | None:
    """To whom the binding says that a message of a lifeline goes, empty for outside; None if it does not say."""
    said = binding.routes.get(f"{lifeline} {message}", binding.routes.get(message))
    return None if said is None else tuple("" if name == OUTSIDE else name for name in said or (OUTSIDE,))


def sent_by(lifeline: str, binding: Binding, charts: Charts) -> Iterator[str]:
    """The messages of a lifeline that a chart plays which does not say itself to whom it sends."""
    if not _is_ours(lifeline, binding, charts):
        yield from (action[1:] for action in sorted(_actions(lifeline, binding, charts)) if action[0] == "!")


def misdirected(as_drawn: Diagram, played: Diagram, meanings: Meanings) -> list[Finding]:
    """What is drawn to go to somebody else than is said, or to leave the diagram though somebody in it takes it.

    `played` is the diagram `as_drawn` in the words of the charts.
    """
    binding, charts = meanings.binding, meanings.charts
    leaves = {message.line for message in as_drawn.messages() if message.receiver is None}
    found = []
    for message in played.messages():
        if message.sender is None or _is_ours(message.sender, binding, charts):
            continue
        word, _ = meanings.word(message.label, message.line)
        if word is None or (message.receiver is None and message.line not in leaves):
            continue  # to a lifeline that is part of the environment: the binding says that it goes there
        said = receivers_said(message.sender, word.message, binding)
        if said is not None and (message.receiver or "") not in said:
            to = " or ".join(name or "nobody here" for name in said)
            text = f"{message.sender} sends {word} to {message.receiver or 'somebody outside'}, but it goes to {to}"
            found.append(Finding("wrong-receiver", f"{text} ([routes])", message.line, message.sender))
        elif said is None and message.receiver is None:
            takers = _takers(word, played, message.sender, binding, charts)
            if takers:
                text = (
                    f"whether {message.sender} sends {word} to somebody outside, for {' and '.join(takers)} can "
                    f"receive it: draw the arrow to {takers[0]}, or say in [routes] that it goes to nobody here "
                    f"({word.message} = [])"
                )
                found.append(unanswered(text, message.line, message.sender))
    return found


def repeats_of_nothing(played: Diagram, meanings: Meanings) -> list[Finding]:
    """Messages that are drawn as delivered again, where none before could have been delivered at first.

    MQTT 3.1.1, 3.3.1.1 [MQTT-3.3.1-1]: the DUP flag is 0 when a PUBLISH is sent for the first time. What a use case
    that is referred to has sent is not looked at.
    """
    found: list[Finding] = []
    before: set[tuple[str | None, str | None, str, str]] = set()
    for statement in played.statements():
        if isinstance(statement, Reference):
            return found
        if not isinstance(statement, Message):
            continue
        word, _ = meanings.word(statement.label, statement.line)
        if word is None:
            continue
        ends = (statement.sender, statement.receiver, word.message)
        if not word.again:
            before |= {(*ends, word.detail), (*ends, "")}
        elif (*ends, word.detail) not in before and (*ends, "") not in before:
            text = (
                f"{replace(word, again=False)} is drawn as delivered again from {statement.sender or 'outside'} to "
                f"{statement.receiver or 'outside'}, and no arrow before draws that it was sent at first "
                "[MQTT-3.3.1-1]: draw that, or take the (DUP) away"
            )
            found.append(Finding("wrong-repeat", text, statement.line, statement.sender or ""))
    return found


def _takers(word: Word, diagram: Diagram, sender: str, binding: Binding, charts: Charts) -> list[str]:
    """Who of the diagram, besides the sender, has a transition for a message."""
    return [
        each.name
        for each in diagram.lifelines
        if each.name != sender and f"?{word.message}" in _actions(each.name, binding, charts)
    ]


def _actions(lifeline: str, binding: Binding, charts: Charts) -> frozenset[str]:
    name = name_given(lifeline, binding, charts)
    return spoken(name, charts[name], binding) if name else frozenset()


def _is_ours(lifeline: str, binding: Binding, charts: Charts) -> bool:
    """Whether it is played by a chart that says itself to whom it sends, or does what is drawn of it."""
    return is_participant(charts.get(name_given(lifeline, binding, charts)))
