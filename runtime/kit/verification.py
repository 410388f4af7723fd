"""All cases of a verification, one after the other: the diagrams' paths, the obligations, and random ones."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from runtime.kit.bench import Bench, Settings
from runtime.kit.obligations import CASES, draw, run_obligation, run_random
from runtime.kit.paths import Arrow, Path, paths
from runtime.kit.playing import play_path
from runtime.kit.result import OBLIGATIONS, Case, Status, worst
from runtime.kit.startup import STARTUPS, packets, run_startup
from runtime.kit.subject import SubjectError
from runtime.mqtt.session import NotConnectedError, RefusedError
from runtime.runs.live import UnreachableError

FAILED_STARTS = 3
"""After so many cases in which the server has not started, it is not started for the others."""
STANDARD = "ClientJoin_StandardProcedure/"
"""How the cases are named without which nothing is known of a server."""
SHRINKS = 8
"""How often a random case that fails is played again with fewer actions."""
COMMON = ("starts", "readable", "itself", "unique", "allowed", "answers")
"""The obligations that all cases are about."""
Player = Callable[[Bench, Case], Awaitable[None]]


@dataclass
class Report:
    """What became of all cases, and with them of all arrows and obligations."""

    settings: Settings
    cases: list[Case] = field(default_factory=list)
    seconds: float = 0.0
    unfit: list[str] = field(default_factory=list)
    """Expected failures that did not happen, or are unknown."""

    @property
    def arrows(self) -> dict[str, Status]:
        """By identifier, the worst that was said of each arrow."""
        return self._worst(arrows(self.settings.role), [case.arrows for case in self.cases])

    @property
    def obligations(self) -> dict[str, Status]:
        """By identifier, the worst that was said of each obligation.

        Those that all cases are about hold if any case held, and none violated them.
        """
        owed = [name for name in OBLIGATIONS if name in COMMON or name in CASES[self.settings.role]]
        found = self._worst(owed, [case.obligations for case in self.cases])
        held = any(case.status is Status.CONFORMS for case in self.cases)
        for name in COMMON:
            if found[name] is Status.NOT_EXERCISED and held:
                found[name] = Status.CONFORMS
        return found

    @property
    def status(self) -> Status:
        """Of the server: it conforms if it joins, or lets join, and nothing is violated that was not expected."""
        unexpected = [case.status for case in self.cases if not case.is_expected]
        if Status.VIOLATES in unexpected or self.unfit:
            return Status.VIOLATES
        if self.untested:
            return Status.CANNOT_TELL
        return Status.CONFORMS if Status.CONFORMS in unexpected else Status.CANNOT_TELL

    @property
    def untested(self) -> str:
        """Why the standard course of Client Join was played and never exercised; empty if it was."""
        played = [case for case in self.cases if case.name.startswith(STANDARD)]
        if any(case.status is not Status.NOT_EXERCISED for case in played):
            return ""
        return next((case.why for case in played), "")

    @property
    def exit_status(self) -> int:
        """0 it conforms, 1 it violates, 3 nobody can tell."""
        return {Status.CONFORMS: 0, Status.VIOLATES: 1}.get(self.status, 3)

    def expect(self, names: Sequence[str]) -> None:
        """Note which cases, arrows or obligations are expected to be violated; each has to be, and nothing else."""
        expected = set(names)
        for case in self.cases:
            told = {name for name, status in (*case.arrows.items(), *case.obligations.items()) if status is VIOLATES}
            case.is_expected = case.status is VIOLATES and bool(({case.name} | told) & expected)
        found = {case.name for case in self.cases if case.status is VIOLATES}
        found |= {name for name, status in (*self.arrows.items(), *self.obligations.items()) if status is VIOLATES}
        known = {*(case.name for case in self.cases), *self.arrows, *self.obligations}
        for name in sorted(expected - found):
            what = "was expected to be violated, and is not" if name in known else "is no case, arrow or obligation"
            self.unfit.append(f"{name} {what}")

    def _worst(self, names: Iterable[str], told: list[dict[str, Status]]) -> dict[str, Status]:
        return {name: worst(one[name] for one in told if name in one) for name in names}


VIOLATES = Status.VIOLATES


def arrows(role: str) -> dict[str, Arrow]:
    """The arrows of the protocol's diagrams at the lifelines of a role, by identifier."""
    found = {arrow.name: arrow for path in paths(role) for arrow in path.arrows}
    return found | {arrow.name: arrow for startup in STARTUPS for arrow in packets(role, startup)}


def cases(settings: Settings) -> Iterator[tuple[Case, Player]]:
    """All cases, and how each is played."""
    role = settings.role
    for path in paths(role):
        yield Case(path.name, path.title), partial(_path, path)
    for name in STARTUPS:
        yield Case(f"startup/{name}", f"startup: {name}"), partial(_startup, name)
    for name in CASES[role]:
        yield Case(f"obligation/{name}", OBLIGATIONS[name]), partial(_obligation, name)
    chance = random.Random(settings.seed)  # noqa: S311 - it has to be repeatable, not secret
    for number in range(1, settings.random_cases + 1):
        names = draw(role, chance)
        yield Case(f"random/{settings.seed}/{number}", ", ".join(names)), partial(_random, names)


async def verify(settings: Settings, only: str = "", tell: Callable[[Case], None] = lambda _: None) -> Report:
    """Verify a server; `tell` is called with each case when it is over, `only` names cases by a part of their names.

    Raises `SubjectError` if the server cannot be started, `UnreachableError` and the like if a broker that was
    given cannot be used.
    """
    report = Report(settings)
    began = time.monotonic()
    async for case in _all(settings, only):
        report.cases.append(case)
        report.seconds = time.monotonic() - began
        tell(case)
    return report


async def _all(settings: Settings, only: str) -> AsyncIterator[Case]:
    failed = 0
    for case, player in cases(settings):
        if only in case.name:
            if failed == FAILED_STARTS:
                case.why = f"it has not started in {failed} cases: it was not started any more"
                yield case
                continue
            await run_case(settings, case, player)
            failed = failed + 1 if case.obligations.get("starts") is Status.VIOLATES else 0
            if case.status is Status.VIOLATES and case.name.startswith("random/"):
                yield await _shrunk(settings, case)
            else:
                yield case


async def run_case(settings: Settings, case: Case, player: Player) -> None:
    """Run one case on a bench of its own, within its time."""
    began = time.monotonic()
    bench = Bench(settings)
    most = settings.seconds(settings.case + settings.longest)
    try:
        async with asyncio.timeout(most), bench:
            try:
                await player(bench, case)
                _leave_open(case, bench)
            finally:
                case.run = tuple(bench.run.lines())
                case.output = bench.subject.tail()
    except TimeoutError:
        case.status = Status.CANNOT_TELL
        case.why = f"it was not over after {most:g} s"
    except (NotConnectedError, RefusedError, UnreachableError) as error:
        if settings.broker is not None:
            raise
        case.status, case.why = Status.CANNOT_TELL, f"the kit lost its own broker: {error}"
    case.seconds = time.monotonic() - began


def _leave_open(case: Case, bench: Bench) -> None:
    """Nobody can tell of a case whether it conforms in which the server decided what the diagrams leave open."""
    found = [one.why for one in bench.monitor.unjudged if one.is_open and one.client == bench.settings.subject]
    if found and case.status is Status.CONFORMS:
        case.status, case.why = Status.CANNOT_TELL, "; ".join(dict.fromkeys(found))
        held = [name for name, status in case.obligations.items() if status is Status.CONFORMS]
        case.obligations |= dict.fromkeys(held, Status.CANNOT_TELL)


async def _shrunk(settings: Settings, case: Case) -> Case:
    """The same random case with fewer actions, as far as it still violates the same obligation."""
    names = case.title.split(", ")
    owed = set(case.obligations)
    tries, place = 0, len(names) - 1
    while place >= 0 and tries < SHRINKS:
        fewer = [*names[:place], *names[place + 1 :]] if place < len(names) else names
        half = names[: len(names) // 2] if tries == 0 and len(names) > 1 else fewer
        other = Case(case.name, ", ".join(half))
        await run_case(settings, other, partial(_random, half))
        tries += 1
        if other.status is Status.VIOLATES and set(other.obligations) == owed:
            case, names = other, half
            place = min(place, len(names)) - 1
        elif half is fewer:
            place -= 1
    return case


async def _path(path: Path, bench: Bench, case: Case) -> None:
    await play_path(bench, path, case)


async def _startup(name: str, bench: Bench, case: Case) -> None:
    await run_startup(bench, case, name)


async def _obligation(name: str, bench: Bench, case: Case) -> None:
    await run_obligation(bench, case, name)


async def _random(names: Sequence[str], bench: Bench, case: Case) -> None:
    await run_random(bench, case, names)


__all__ = ["Report", "SubjectError", "arrows", "cases", "run_case", "verify"]
