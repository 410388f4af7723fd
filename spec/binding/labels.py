"""Labels of arrows, and the messages that they stand for."""

import re
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Word:
    """A message as a diagram can mention it; an empty `detail` leaves open which one of its kind is meant."""

    message: str
    detail: str = ""
    topic: str = field(default="", compare=False)
    again: bool = False
    """Whether it is delivered once more."""

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

    def read(self, label: str) -> Word | None:
        """The message of a normalised label, or None if the rule is about another."""
        found = self.pattern.fullmatch(label)
        if found is None:
            return None
        groups = {name: text or "" for name, text in found.groupdict().items()}
        message, detail, topic = (text.format(**groups) for text in (self.message, self.detail, self.topic))
        return Word(message, detail, topic, self.again)

    def says(self, message: str, detail: str) -> bool:
        """Whether it is the literal text for just this message."""
        return self.pattern.pattern == re.escape(self.shown) and (self.message, self.detail) == (message, detail)


def normal(label: str) -> str:
    """A label as labels are compared: single blanks, no line breaks, none at the ends."""
    return " ".join(label.split())
