"""A failure is a story: the run that shows it, as a sequence diagram, and the one command that plays it again."""

import re
from pathlib import Path

from spec.exploration.properties.client_join import PROPERTIES
from spec.exploration.traces.replay import NO_PROPERTY
from tests.properties.runs import Run

KNOWN = frozenset(one.name for one in PROPERTIES)
"""The properties that a trace can name; the suite's own are told in its last line only."""

FOLDER = Path(".hypothesis", "failures")
"""Where failures are kept. The last one of its name is that of the shrunk run."""


class Violation(AssertionError):  # noqa: N818 - what was found, not a defect of the suite
    """A run that breaks a property, or in which what runs differs from its charts.

    `text` is the run in the notation of the specification, `file` where it stands, `command` what plays it again.
    """

    def __init__(self, level: str, property_: str, run: Run, why: str = "") -> None:
        self.level = level
        self.property_ = property_
        self.texts = run.texts()
        self.text = run.told(property_)
        if property_ not in KNOWN:
            self.text = self.text.replace(f"// property: {property_}", f"// property: {NO_PROPERTY}", 1)
        self.text += "".join(f"// {line}\n" for line in why.splitlines())
        self.file = FOLDER / f"{_slug(level)}-{_slug(property_)}.txt"
        self.command = f"clientjoin replay {self.file}"
        if level != "charts":
            self.command = f"clientjoin replay --live {self.file}"
        FOLDER.mkdir(parents=True, exist_ok=True)
        self.file.write_text(self.text, encoding="utf-8")
        told = f"{property_}: broken after {len(self.texts)} steps, at the level of the {level}"
        super().__init__(told + (f".\n{why}" if why else ""))

    def __str__(self) -> str:
        return f"{super().__str__()}\n\n{self.text}\nTo play it again: {self.command}"


def _slug(property_: str) -> str:
    return re.sub(r"\W+", "-", property_)[:80].strip("-")
