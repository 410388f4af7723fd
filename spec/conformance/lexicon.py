"""What a diagram's words say: the message that the binding makes of a label, and who is played by nobody."""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from statemachine import StateChart

from machines.events import EVENT_OF_NAME
from spec.binding import Binding, BindingError, Word, normal
from spec.binding.labels import Ends, detail_of_values, values_of
from spec.conformance.finding import Finding, unanswered
from spec.notation.model import Diagram
from spec.system.chart_error import ChartError
from spec.system.setup import Charts, is_participant, spoken
from spec.system.structure import labels_of

SURE = 0.8
"""How alike two labels are if one is taken as the other."""


def word_of(
    label: str, line: int, binding: Binding, charts: Charts, ends: Ends = ("", "")
) -> tuple[Word | None, Finding | None]:
    """The message of a label on an arrow, and what is wrong with it. A chart that is not ours may name its messages
    like labels: `amount`, or `amount(7)` for one with a value.

    What is nearly right is taken as what it was probably meant to be, so that the rest can be compared.
    """
    shown = normal(label)
    theirs = messages_of({name: chart for name, chart in charts.items() if not is_ours(chart)}, binding)
    known = messages_of(charts, binding)
    word = binding.word(label, ends)
    if word is None or (shown in theirs and word.message not in theirs):
        word = Word(shown) if shown in known else _with_values(shown, theirs)
    elif word.message in theirs and word.detail:
        values = values_of(word.detail)
        if values is None:
            said = f'{shown!r} is bound to {word.message} with {word.detail!r}, which are no values: expected 7, "x"'
            return word, Finding("unbound-label", said, line)
        word = replace(word, detail=detail_of_values(values), values=values)
    if word is None and (elsewhere := binding.bound_elsewhere(label)):
        places = " and ".join(
            f"from {sender or 'anybody'} to {receiver or 'anybody'}" for sender, receiver in elsewhere
        )
        here = f"from {ends[0] or 'the environment'} to {ends[1] or 'the environment'}"
        said = f"nothing binds {shown!r} {here} to a message, only {places}; add a [[label]] for it"
        return None, Finding("unbound-label", said, line)
    if word is None:
        near = binding.nearest(label, theirs)
        word = None
        spelled = (shown, shown.partition("(")[0])  # `vote(yes)`: what is in parentheses may be any
        if near and max(difflib.SequenceMatcher(None, text.lower(), near.lower()).ratio() for text in spelled) > SURE:
            word = binding.word(near) or (Word(near) if near in known else None)
        hint = f"; the nearest that is bound is {near!r}" + (", as which it is read" if word else "") if near else ""
        said = f"nothing binds {shown!r} to a message{hint}; add a [[label]] for it"
        if not shown:
            said = "the arrow has no text, so it is no message: write one behind a `:`, or take the arrow away"
        return word, Finding("unbound-label", said, line)
    if word.message not in known:
        nearest = difflib.get_close_matches(word.message, known, n=1)
        hint = f"; did you mean {nearest[0]}?" if nearest else ""
        likely = Word(nearest[0], word.detail) if nearest else None
        return likely, Finding(
            "unbound-label", f"{shown!r} is bound to {word.message}, but no chart has such a message{hint}", line
        )
    event = EVENT_OF_NAME.get(word.message)
    topic = event.topic if event else word.topic
    if word.topic and word.topic != topic:
        return word, Finding("wrong-topic", f"{word.message} is published to {topic}, not to {word.topic}", line)
    return word, None


def _with_values(shown: str, theirs: Collection[str]) -> Word | None:
    """The message of a label such as `amount(7, "x")`, if it is one of a chart that is not ours."""
    name, opened, rest = shown.partition("(")
    if not opened or not rest.endswith(")") or name.strip() not in theirs:
        return None
    values = values_of(rest[:-1])
    if values is None:
        return None
    return Word(name.strip(), detail_of_values(values), values=values) if values else Word(name.strip())


def messages_of(charts: Charts, binding: Binding) -> set[str]:
    """The names of all messages that charts send or receive."""
    return {action[1:] for name, chart in charts.items() for action in spoken(name, chart, binding)}


def refuse_events(binding: Binding, charts: Charts) -> None:
    """Raise `BindingError` where it says of a chart, or of an event, that is not there what it is."""
    for name, said in binding.events.items():
        found = [chart for key, chart in charts.items() if name in {key, chart.__name__}]
        if not found:
            known = sorted({*charts, *(chart.__name__ for chart in charts.values())})
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise BindingError(f"{said.place}: no chart {name!r}{hint}; there are {', '.join(known)}")
        for chart in found:
            if is_ours(chart):
                raise BindingError(
                    f"{said.place}: the events of {chart.__name__} say what they are: leave out the table"
                )
            try:
                labels_of(chart, **said.declared())
            except ChartError as error:
                raise BindingError(f"{said.place}: {error}") from None


def is_ours(chart: type[StateChart[Any]]) -> bool:
    """Whether a chart is one of `machines`, or made from one."""
    return is_participant(chart)


def unplayed(diagram: Diagram, binding: Binding, charts: Charts, meant: Mapping[str, str]) -> list[Finding]:
    """What is wrong with the lifelines: those that nobody plays, and the labels of the arrows between them.

    `meant` are the lifelines as which misspelled ones are read.
    """
    known = {*binding.players, *binding.outside}
    left_out: dict[tuple[str, Ends], int] = {}
    for message in diagram.messages():
        ends = (message.sender or "", message.receiver or "")
        if not {message.sender, message.receiver} & known and not binding.ignores_label(message.label, ends):
            left_out.setdefault((message.label, ends if binding.tells_ends else ("", "")), message.line)
    words = (word_of(label, line, binding, charts, ends)[1] for (label, ends), line in left_out.items())
    unbound = [finding for finding in words if finding is not None]
    if not any(True for _ in diagram.messages()):
        unbound = [unanswered("there is no arrow in it: nothing is compared")]
    return unbound + [
        Finding(
            "unplayed-lifeline",
            f"nobody plays {each.name}"
            + (f"; it is read as {meant[each.name]}" if each.name in meant else ": what it does is not compared")
            + "; mend the name, add it to [lifeline], or say there that it is ignored or part of the environment",
            each.line,
            each.name,
            unanswered=each.name not in meant,
        )
        for each in diagram.lifelines
        if each.name not in known
    ]


def impossible_losses(diagram: Diagram, binding: Binding) -> list[Finding]:
    """Calls inside a server that are drawn lost: they take no way on which anything could lose them."""
    found = []
    for message in diagram.messages():
        sender, receiver = (binding.players.get(end or "") for end in (message.sender, message.receiver))
        if message.lost and sender and receiver and sender.group == receiver.group != "":
            label = " ".join(message.label.split())
            text = (
                f"{label!r} is drawn lost, but {message.sender} and {message.receiver} are parts of one server "
                f"({sender.group!r}): a call inside it cannot be lost; draw an arrow that arrives, or end before it"
            )
            found.append(Finding("impossible-loss", text, message.line, message.sender or ""))
    return found
