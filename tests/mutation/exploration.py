"""How well the properties bite: charts with one fault each, explored, and which property notices.

`python -m tests.mutation.exploration [CHART ...]` tries every mutant of the charts' tables and prints a table; it takes
a while. `test_exploration.py` takes a deterministic part of them, and the mutants of the whole system below.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from immutabledict import immutabledict

from machines import Clock, DistributionView, Participant, TorrentServer, Tracker
from machines import rules as of_view
from machines.calls import CheckJoin, ForgetAdmission, RegisterClient, StopTimeout
from machines.distribution_view import DistributionViewData
from machines.participant import Output
from spec.exploration.explore import Options, Result, explore
from spec.exploration.model.bus import Unbounded
from spec.exploration.model.faults import ORDERS
from spec.exploration.model.scenario import Recast, Scenario
from tests.mutation.mutants import Mutant, mutants_of

FIRST = 2000
"""States that are searched of a system that has no end of them."""
BREAKS = {f"{order} {server}": None for order in ORDERS for server in ("tracker", "torrent")}

SCENARIOS = (
    Scenario("standard", timeouts="patient"),
    Scenario("losses", torrents=1, faults={"losses": None, "storage failure": None, "duplicates": None}),
    Scenario("breaks", torrents=1, stabilisation=True, faults={**BREAKS, "breaks in all": 1, "losses": None}),
    Scenario("goodbye", torrents=1, timeouts="patient", faults={"stop torrent": 1}),
    Scenario("rivals", conflicting=2, stabilisation=True, faults={"storage failure": None}),
    Scenario("two", timeouts="patient", faults={"stop torrent": 1, "losses": 1}),
)
"""Small, and together they exercise every property."""


@dataclass(frozen=True)
class Bite:
    """Which scenario showed a fault, and by what."""

    scenario: str
    property_: str


def bite(charts: Mapping[str, type[Participant]], baselines: Mapping[str, Result]) -> Bite | None:
    """The first claim that is broken, or no longer exercised, with these charts and not with ours."""
    for scenario in SCENARIOS:
        try:
            result = explore(Recast(scenario, charts))
        except Unbounded:  # there is no end of states: what the first ones break is enough
            try:
                result = explore(Recast(scenario, charts), Options(most=FIRST))
            except Unbounded:
                return Bite(scenario.name, "no end of states")
        for ours, theirs in zip(baselines[scenario.name].verdicts, result.verdicts, strict=True):
            if theirs.holds is False and ours.holds is not False:
                return Bite(scenario.name, theirs.property_.name)
        for ours, theirs in zip(baselines[scenario.name].verdicts, result.verdicts, strict=True):
            if ours.non_vacuous and not theirs.non_vacuous:
                return Bite(scenario.name, f"{theirs.property_.name} (never exercised)")
    return None


def baselines() -> dict[str, Result]:
    """Our own charts in every scenario."""
    return {scenario.name: explore(scenario) for scenario in SCENARIOS}


# Faults of the system that no table shows.


class NeverStopped(Clock):
    """A clock that is never stopped."""

    def is_set(self, message: StopTimeout) -> bool:
        return False


class NeverReleased(DistributionView):
    """A view that does not release what a pending admission was promised."""

    def forget_admission(self, message: ForgetAdmission) -> None:
        return None


class RegisteredTwice(DistributionView):
    """A view that keeps the admission of a client that it has registered, and could register it again."""

    def register(self, message: RegisterClient) -> None:
        admission = self.data.view.admissions[message.client]
        super().register(message)
        kept = immutabledict({**self.data.view.admissions, message.client: admission})
        self.data = replace(self.data, view=replace(self.data.view, admissions=kept))


class PromisesNothing(DistributionView):
    """A view that forgets, when it judges, what it has promised to others."""

    def judge(self, message: CheckJoin) -> None:
        view, answer = of_view.admit(replace(self.data.view, admissions=immutabledict()), message.request)
        kept = replace(view, admissions=immutabledict({**self.data.view.admissions, **view.admissions}))
        self.data = DistributionViewData(kept, answer=answer)


class RemembersAll(DistributionView):
    """A view that begins a new round with the clients of the old one."""

    def forget_clients(self) -> None:
        return None


class AnswersAnother(Tracker):
    """A tracker that accepts another client than the one that asked."""

    def compose_client_join_accepted(self) -> tuple[Output, ...]:
        (due,) = super().compose_client_join_accepted()
        other = {"torrent1": "torrent2", "torrent2": "torrent1"}[due.message.client]  # type: ignore[union-attr]
        message: Any = due.message
        return (Output(replace(message, client=other), due.to),)


class TellsNobody(TorrentServer):
    """A torrent server whose goodbye names nobody that is known."""

    def compose_client_goodbye(self) -> tuple[Output, ...]:
        (due,) = super().compose_client_goodbye()
        message: Any = due.message
        return (Output(replace(message, client="nobody"), due.to),)


SYSTEM: tuple[tuple[str, type[Any]], ...] = (
    ("Clock", NeverStopped),
    ("DistributionView", NeverReleased),
    ("DistributionView", RegisteredTwice),
    ("DistributionView", PromisesNothing),
    ("DistributionView", RemembersAll),
    ("Tracker", AnswersAnother),
    ("TorrentServer", TellsNobody),
)


def sampled(chart: type[Participant], every: int) -> Iterator[Mutant]:
    """Each so-many-th mutant of the actions that the explorer plays."""
    yield from [one for one in mutants_of(chart) if not one.equivalent][::every]


def main() -> None:
    """Try them all."""
    charts = {chart.__name__: chart for chart in (Tracker, TorrentServer, DistributionView, Clock)}
    ours = baselines()
    for name in sys.argv[1:] or charts:
        by: Counter[str] = Counter()
        missed = []
        for mutant in sampled(charts[name], 1):
            try:
                found = bite({name: mutant.make()}, ours)
            except Exception as error:  # noqa: BLE001 - a chart that cannot be run at all is noticed, too
                found = Bite("any", f"cannot be explored: {type(error).__name__}")
            by[found.property_ if found else "missed"] += 1
            if found is None:
                missed.append(mutant.name)
        print(f"{name}: {sum(by.values()) - by['missed']} of {sum(by.values())}")
        for property_, count in by.most_common():
            print(f"  {count:4} {property_}")
        for line in missed:
            print(f"  missed {line}")


if __name__ == "__main__":
    main()
