"""All cases of a verification, one after the other: the diagrams' paths, the obligations, and random ones."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial

from runtime.kit.bench import Bench, Settings
from runtime.kit.obligations import CASES, draw, run_obligation, run_random
from runtime.kit.paths import Path, paths
from runtime.kit.playing import play_path
from runtime.kit.result import OBLIGATIONS, Case, Status
from runtime.kit.startup import STARTUPS, run_startup
from runtime.kit.subject import SubjectError
from runtime.kit.verdict import OBLIGATION, Report, arrows
from runtime.mqtt.session import NotConnectedError, RefusedError
from runtime.runs.live import UnreachableError

FAILED_STARTS = 3
"""After so many cases in which the server has not started, it is not started for the others."""
SHRINKS = 8
"""How often a random case that fails is played again with fewer actions."""
RANDOM = "random/"
"""How the random cases are named."""
LONGEST = (f"{OBLIGATION}expires", f"{OBLIGATION}stays", f"{OBLIGATION}overdue")
"""Cases that let every timeout of a server be exceeded."""
LONG = (
    f"{OBLIGATION}waits",
    f"{OBLIGATION}stops",
    f"{OBLIGATION}retires",
    "startup/connection lost",
    "startup/connection refused",
)
"""Other cases that mostly wait."""
Player = Callable[[Bench, Case], Awaitable[None]]


def cases(settings: Settings) -> Iterator[tuple[Case, Player]]:
    """All cases, and how each is played."""
    role = settings.role
    for path in paths(role):
        yield Case(path.name, path.title), partial(_path, path)
    for name in STARTUPS:
        yield Case(f"startup/{name}", f"startup: {name}"), partial(_startup, name)
    for name in CASES[role]:
        yield Case(f"{OBLIGATION}{name}", OBLIGATIONS[name]), partial(_obligation, name)
    chance = random.Random(settings.seed)  # noqa: S311 - it has to be repeatable, not secret
    for number in range(1, settings.random_cases + 1):
        names = draw(role, chance)
        yield Case(f"{RANDOM}{settings.seed}/{number}", ", ".join(names)), partial(_random, names)


async def verify(settings: Settings, only: str = "", tell: Callable[[Case], None] = lambda _: None) -> Report:
    """Verify a server; `tell` is called with each case when it is over, `only` names cases by a part of their names.

    Cases that wait for long run beside the others, where each has a server of its own.

    Raises `SubjectError` if the server cannot be started, `UnreachableError` and the like if a broker that was
    given cannot be used.
    """
    every = list(cases(settings))
    report = Report(settings, planned=len(every))
    order = {case.name: place for place, (case, _) in enumerate(every)}
    lanes: dict[int, list[tuple[Case, Player]]] = {}
    for case, player in every:
        if only in case.name:
            lanes.setdefault(_lane(case) if settings.command else 0, []).append((case, player))
    began = time.monotonic()

    def over(case: Case) -> None:
        report.cases.append(case)
        report.cases.sort(key=lambda one: order[one.name])
        report.seconds = time.monotonic() - began
        tell(case)

    starts = Starts()
    try:
        async with asyncio.TaskGroup() as group:
            for lane in lanes.values():
                group.create_task(_run(settings, lane, starts, over, report.notes))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return report


class Starts:
    """How often, one case after the other, the server has not started."""

    failed = 0

    def note(self, case: Case) -> None:
        """Take notice of a case that is over."""
        self.failed = self.failed + 1 if case.obligations.get("starts") is Status.VIOLATES else 0


def _lane(case: Case) -> int:
    """Which cases run one after the other: those that mostly wait, beside the others."""
    if case.name in LONGEST:
        return 1 + LONGEST.index(case.name)
    return 1 + len(LONGEST) if case.name in LONG or case.name.startswith(RANDOM) else 0


async def _run(
    settings: Settings,
    lane: Sequence[tuple[Case, Player]],
    starts: Starts,
    over: Callable[[Case], None],
    notes: list[str],
) -> None:
    for case, player in lane:
        if starts.failed >= FAILED_STARTS:
            what = "started in" if settings.command else "said a word in"
            case.why = f"it has not {what} {FAILED_STARTS} cases: it was not tried any more"
            over(case)
            continue
        if not await run_case(settings, case, player):
            notes.append(f"{case.name} was played once more: {case.why}")
            case = Case(case.name, case.title)  # noqa: PLW2901 - the kit itself failed: once more
            await run_case(settings, case, player)
        starts.note(case)
        is_random = case.status is Status.VIOLATES and case.name.startswith(RANDOM)
        over(await _shrunk(settings, case) if is_random else case)


async def run_case(settings: Settings, case: Case, player: Player) -> bool:
    """Run one case on a bench of its own, within its time; whether the kit was able to."""
    began = time.monotonic()
    bench = Bench(settings)
    most = settings.seconds(settings.case + sum(settings.waits))
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
        return False
    finally:
        case.seconds = time.monotonic() - began
    return True


def _leave_open(case: Case, bench: Bench) -> None:
    """Of a case in which the server decided what the diagrams leave open it is said that it did."""
    found = [one.why for one in bench.monitor.unjudged if one.is_open and one.client == bench.settings.subject]
    if found and case.status is Status.CONFORMS:
        case.status, case.why = Status.ITS_CHOICE, "; ".join(dict.fromkeys(found))


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
