"""Labels of arrows, and the messages that they stand for."""

import ast
import re
from collections.abc import Hashable
from dataclasses import dataclass, field

MARK = "\ue000"
"""So many stand behind a label as it has other meanings, between other lifelines: see `spec.conformance.meanings`."""
Ends = tuple[str, str]
"""The lifelines that an arrow comes from and goes to; empty for the environment."""


@dataclass(frozen=True)
class Word:
    """A message as a diagram can mention it; an empty `detail` leaves open which one of its kind is meant."""

    message: str
    detail: str = ""
    topic: str = field(default="", compare=False)
    again: bool = False
    """Whether it is delivered once more."""
    values: tuple[Hashable, ...] | None = field(default=None, compare=False)
    """What a message of a chart that is not ours is sent with; its `detail` says the same."""

    def __str__(self) -> str:
        return f"{self.message} {self.detail}".rstrip() + (" again" if self.again else "")

    def covers(self, message: str, detail: str) -> bool:
        """Whether it can mean this message; a detail need not be told beyond a comma."""
        return self.message == message and self.detail in {"", detail, detail.partition(",")[0]}


@dataclass(frozen=True)
class LabelRule:
    """A label, literally or as a regular expression for the whole of it, and the message that it stands for."""

    pattern: re.Pattern[str]
    shown: str
    message: str
    detail: str = ""
    topic: str = ""
    """Where an event is published, if the label says so; it must be the event's own topic."""
    ignored: bool = False
    """The arrow means nothing to the charts."""
    place: str = ""
    """Where it stands, for errors."""
    again: bool = False
    """Whether the message is delivered once more."""
    sender: str = ""
    """The lifeline that the arrow comes from; empty: any."""
    receiver: str = ""
    """The lifeline that it goes to."""

    def read(self, label: str, ends: Ends = ("", "")) -> Word | None:
        """The message of a normalised label on an arrow, or None if the rule is about another."""
        found = self.pattern.fullmatch(label)
        if found is None or (self.sender and self.sender != ends[0]) or (self.receiver and self.receiver != ends[1]):
            return None
        groups = {name: text or "" for name, text in found.groupdict().items()}
        message, detail, topic = (text.format(**groups) for text in (self.message, self.detail, self.topic))
        return Word(message, detail, topic, self.again)

    def says(self, message: str, detail: str) -> bool:
        """Whether it is the literal text for just this message."""
        return self.pattern.pattern == re.escape(self.shown) and (self.message, self.detail) == (message, detail)


def normal(label: str) -> str:
    """A label as labels are compared: single blanks, no line breaks, none at the ends."""
    return " ".join(label.replace(MARK, "").split())


def values_of(text: str) -> tuple[Hashable, ...] | None:
    """What stands in the parentheses of `amount(7, "x", yes)`: numbers, texts in quotes, and names, which are texts.

    None if it is anything else.
    """
    try:
        parsed = ast.parse(f"values({text})", mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    if not (isinstance(parsed, ast.Call) and isinstance(parsed.func, ast.Name)) or parsed.keywords:
        return None
    values: list[Hashable] = []
    for each in parsed.args:
        if isinstance(each, ast.Name):
            values.append(each.id)
            continue
        try:
            value = ast.literal_eval(each)
        except (ValueError, TypeError):
            return None
        if not isinstance(value, str | int | float | bool | None):
            return None
        values.append(value)
    return tuple(values)


def detail_of_values(values: tuple[Hashable, ...]) -> str:
    """How a word tells apart messages with different values; no comma separates them, see `Word.covers`."""
    return "; ".join(map(repr, values))
