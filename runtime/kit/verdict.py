"""What became of all cases together: of the server, of each arrow and each obligation, and what was not answered."""

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from runtime.kit.bench import Settings
from runtime.kit.obligations import CASES
from runtime.kit.paths import Arrow, paths
from runtime.kit.playing import RUNS_ALREADY
from runtime.kit.result import OBLIGATIONS, UNANSWERED, Case, Status, worst
from runtime.kit.startup import STARTUPS, packets

STANDARD = "ClientJoin_StandardProcedure/"
"""How the cases are named without which nothing is known of a server."""
COMMON = ("starts", "readable", "itself", "unique", "allowed", "answers")
"""The obligations that all cases are about."""
OBLIGATION = "obligation/"
"""How the cases of obligations are named, before the name of the obligation."""


@dataclass
class Report:
    """What became of all cases, and with them of all arrows and obligations."""

    settings: Settings
    cases: list[Case] = field(default_factory=list)
    seconds: float = 0.0
    planned: int = 0
    """How many cases there are, of which `--only` may have chosen some; 0: as many as were played."""
    unfit: list[str] = field(default_factory=list)
    """Expected failures that did not happen, or are unknown."""
    notes: list[str] = field(default_factory=list)
    """What is to be told, and changes no verdict."""
    accepted: Mapping[str, str] = field(default_factory=dict)
    """Patterns of what may stay unanswered, and why (`accept`)."""

    @property
    def arrows(self) -> dict[str, Status]:
        """By identifier, the worst that was said of each arrow."""
        return self._worst(arrows(self.settings.role), [case.arrows for case in self.cases])

    @property
    def obligations(self) -> dict[str, Status]:
        """By identifier, the worst that was said of each obligation.

        Those that all cases are about hold if any case held, and none violated them.
        """
        found = self._worst(obligations(self.settings.role), [case.obligations for case in self.cases])
        held = any(case.status is Status.CONFORMS for case in self.cases)
        for name in COMMON:
            if found[name] is Status.NOT_EXERCISED and held:
                found[name] = Status.CONFORMS
        return found

    @property
    def status(self) -> Status:
        """Of the server: it conforms if all was answered, and nothing is violated that was not expected."""
        unexpected = [case.status for case in self.cases if not case.is_expected]
        if Status.VIOLATES in unexpected or self.unfit:
            return Status.VIOLATES
        if self.unanswered or Status.CONFORMS not in unexpected:
            return Status.CANNOT_TELL
        return Status.CONFORMS

    @property
    def unanswered(self) -> dict[str, str]:
        """What was asked and not answered, by name, and why; what was accepted so is left out."""
        return {name: why for name, why in self._open() if not self._excused(name)}

    @property
    def excused(self) -> dict[str, str]:
        """What was not answered, by name, and the reason that was given why it may stay so (`accept`)."""
        return {name: self._excused(name) for name, _ in self._open() if self._excused(name)}

    @property
    def choices(self) -> dict[str, str]:
        """The cases in which the question does not arise, and why."""
        return {case.name: case.why for case in self.cases if case.status is Status.ITS_CHOICE}

    @property
    def untested(self) -> str:
        """Why the standard course of Client Join was played and never exercised; empty if it was."""
        played = [case for case in self.cases if case.name.startswith(STANDARD)]
        if any(case.status is not Status.NOT_EXERCISED for case in played):
            return ""
        return next((case.why for case in played), "")

    @property
    def exit_status(self) -> int:
        """0 it conforms, 1 it violates, 3 something was not answered."""
        return {Status.CONFORMS: 0, Status.VIOLATES: 1}.get(self.status, 3)

    def expect(self, names: Iterable[str]) -> None:
        """Note which cases, arrows or obligations are expected to be violated; each has to be, and nothing else."""
        expected = set(names)
        for case in self.cases:
            told = {name for name, status in (*case.arrows.items(), *case.obligations.items()) if status is VIOLATES}
            case.is_expected = case.status is VIOLATES and bool(({case.name} | told) & expected)
        found = {case.name for case in self.cases if case.status is VIOLATES}
        found |= {name for name, status in (*self.arrows.items(), *self.obligations.items()) if status is VIOLATES}
        known = {*(case.name for case in self.cases), *self.arrows, *self.obligations}
        for name in sorted(expected - found):
            if name in known and not self._is_played(name):
                self.notes.append(f"{name} was expected to be violated, and none of the chosen cases is about it")
            else:
                what = "was expected to be violated, and is not" if name in known else "is no case, arrow or obligation"
                self.unfit.append(f"{name} {what}")

    def accept(self, reasons: Mapping[str, str]) -> None:
        """Note what may stay unanswered: patterns of names, and the reason for each."""
        self.accepted = dict(reasons)
        found = [name for name, _ in self._open()]
        for pattern in reasons:
            if not any(matches(name, pattern) for name in found):
                self.notes.append(f"--accept {pattern}: nothing of that name was left unanswered")

    def _is_played(self, name: str) -> bool:
        return any(name == case.name or self._is_about(case, name) for case in self.cases)

    @staticmethod
    def _is_about(case: Case, name: str) -> bool:
        """Whether a case is about an arrow or an obligation."""
        return name in case.arrows or name in case.obligations or case.name == OBLIGATION + name

    def _open(self) -> Iterator[tuple[str, str]]:
        """Cases that were not answered; and arrows and obligations, unless that is since their cases were not."""
        for case in self.cases:
            if case.status in UNANSWERED:
                yield case.name, case.why
        chosen = self.planned > len(self.cases)
        for name, status in (*self.arrows.items(), *self.obligations.items()):
            about = [case for case in self.cases if self._is_about(case, name)]
            is_told = any(case.status in UNANSWERED for case in about)
            if status in UNANSWERED and not is_told and (about or not chosen):
                yield name, self._why(name) if status is Status.NOT_EXERCISED else status.value

    def _why(self, name: str) -> str:
        """Why nothing came to an arrow or an obligation."""
        arrow = arrows(self.settings.role).get(name)
        if arrow is not None and arrow.lost and not self.settings.has_own_broker:
            return (
                "what is lost on its way to a broker is lost at the kit's own only (neither --broker nor --mosquitto)"
            )
        return "no case came there" if self.settings.command else RUNS_ALREADY

    def _excused(self, name: str) -> str:
        return next((why for pattern, why in self.accepted.items() if matches(name, pattern)), "")

    def _worst(self, names: Iterable[str], told: list[dict[str, Status]]) -> dict[str, Status]:
        return {name: worst(one[name] for one in told if name in one) for name in names}


VIOLATES = Status.VIOLATES


def arrows(role: str) -> Mapping[str, Arrow]:
    """The arrows of the protocol's diagrams at the lifelines of a role, by identifier."""
    found = {arrow.name: arrow for path in paths(role) for arrow in path.arrows}
    return found | {arrow.name: arrow for startup in STARTUPS for arrow in packets(role, startup)}


def obligations(role: str) -> list[str]:
    """The identifiers of the obligations of a role."""
    return [name for name in OBLIGATIONS if name in COMMON or name in CASES[role]]


def matches(name: str, pattern: str) -> bool:
    """Whether a pattern means a name: `*` is anything, commas part several; an obligation means its case, too."""
    names = (name, name.removeprefix(OBLIGATION))
    return any(fnmatchcase(each, part.strip()) for part in pattern.split(",") for each in names)


def unknown(patterns: Iterable[str], names: Collection[str]) -> Iterator[str]:
    """Patterns that mean no name, each as a sentence that says what may have been meant."""
    for pattern in (part.strip() for several in patterns for part in several.split(",")):
        if not any(matches(name, pattern) for name in names):
            close = difflib.get_close_matches(pattern, names, 3, 0.5)
            near = f"; did you mean {' or '.join(close)}?" if close else "; --list names all"
            yield f"{pattern!r} is no case, arrow or obligation{near}"
