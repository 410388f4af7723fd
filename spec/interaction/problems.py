"""What is wrong with a diagram's meaning, as data, and as an exception where there is no meaning to go on with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "refused",
    "lifecycle",
    "loop",
    "missing-reference",
    "ambiguous-reference",
    "uncovered",
    "chain",
    "overtaking",
    "non-local-choice",
    "blind-choice",
    "unkept-order",
    "stuck",
    "undecided",
]
"""Of a diagram by itself: `refused`, a fragment without a meaning; `lifecycle`, events of a lifeline that is not there;
`loop`, bounds that exclude each other; `uncovered`, a lifeline takes part in what a `ref` refers to and is not covered
by it; `chain`, concurrent entries drawn as if one caused the next; `overtaking`, delays that are not understood. From
`non-local-choice` on they are about realisability, see `spec.projection`."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A complaint with its line; `lifeline` if one is to blame. A `warning` leaves the meaning as it is."""

    line: int
    lifeline: str | None
    kind: Kind
    message: str
    file: str = ""
    warning: bool = False


class InteractionError(Exception):
    """What was asked has no answer: the diagram's meaning is undefined, or grows beyond all bounds."""

    def __init__(self, message: str, *, line: int = 0, file: str = "") -> None:
        super().__init__(f"{file or '<text>'}, line {line}: {message}" if line else message)
        self.message = message
        self.line = line
        self.file = file
