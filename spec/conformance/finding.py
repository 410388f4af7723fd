"""What a check finds, what it could not answer, and the verdict that both come to."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from spec.interaction import Action
from spec.system.state import Act

Kind = Literal[
    "chart-cannot",
    "never-runs",
    "undue",
    "owed",
    "endless",
    "implied-scenario",
    "goes-on",
    "ends-early",
    "never-taken",
    "never-goes-on",
    "impossible-branch",
    "unbound-label",
    "wrong-topic",
    "impossible-loss",
    "unplayed-lifeline",
    "sent-to-nobody",
    "wrong-receiver",
    "wrong-repeat",
    "missing-reference",
    "not-realisable",
    "unreadable",
    "no-beginning",
    "not-at-rest",
    "unanswered",
]
Severity = Literal["error", "warning", "unanswered"]


class Verdict(Enum):
    """The answer of a check. Whatever was not asked or not answered makes it undetermined at best."""

    CONFORMS = "conforms"
    DOES_NOT_CONFORM = "does not conform"
    UNDETERMINED = "undetermined"

    @property
    def status(self) -> int:
        """The exit status of a command that ends with it: 0, 1 or 3."""
        return {"conforms": 0, "does not conform": 1}.get(self.value, 3)

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Finding:
    """What was found: where, what the diagram says, what the chart does, and the shortest run that shows it.

    `run` is that run, action by action, and `counterexample` the same as a sequence diagram (see `counterexample`).
    `warning` is about the diagram itself rather than about a chart. `unanswered` is no mistake, but a question without
    an answer.
    """

    kind: Kind
    message: str
    line: int = 0
    lifeline: str = ""
    run: tuple[Action | Act, ...] = ()
    counterexample: str = ""
    warning: bool = False
    accepted: str = ""
    """The reason, where the finding is understood and accepted."""
    unanswered: bool = False
    file: str = ""
    """Where the line stands, if not in the diagram itself: in one that it refers to."""
    in_full: bool = False
    """Whether all of the run belongs to it: without what has nothing to do with its last action it shows nothing."""
    rules: str = ""
    """Of what no scenario allows: the rules of the binding that it was checked against."""

    @property
    def severity(self) -> Severity:
        """Whether it is an error, a warning, or no answer."""
        return "unanswered" if self.unanswered else "warning" if self.warning else "error"

    @property
    def identifier(self) -> str:
        """Eight digits that stand for its content: kind, lifeline, words and run, but no file, line or column."""
        words = re.sub(r"\b(lines?|column) [\d, ]*\d", r"\1", self.message)
        content = "\n".join([self.kind, self.lifeline, words, *(_step(step) for step in self.run)])
        return hashlib.sha256(content.encode()).hexdigest()[:8]


def unanswered(message: str, line: int = 0, lifeline: str = "") -> Finding:
    """A question that was not answered, and why."""
    return Finding("unanswered", message, line, lifeline, unanswered=True)


def counts(finding: Finding, *, strict: bool = False) -> bool:
    """Whether it is a mistake that nobody has accepted; warnings are only if `strict`."""
    return not finding.accepted and not finding.unanswered and (strict or not finding.warning)


def only_warnings(findings: Iterable[Finding]) -> bool:
    """Whether nothing decisive was found: a warning is no reason to ask less."""
    return all(finding.warning for finding in findings)


def verdict(findings: Iterable[Finding], *, strict: bool = False) -> Verdict:
    """What findings come to."""
    found = list(findings)
    if any(counts(finding, strict=strict) for finding in found):
        return Verdict.DOES_NOT_CONFORM
    if any(finding.unanswered and not finding.accepted for finding in found):
        return Verdict.UNDETERMINED
    return Verdict.CONFORMS


def _step(step: Action | Act) -> str:
    label = step.label if isinstance(step, Action) else f"{step.message} {step.detail}"
    return f"{step.lifeline} {step.kind}{' '.join(label.split())} {step.peer or ''}{' lost' if step.lost else ''}"
