"""The tests of the single charts, tried on charts with a fault in them: they find every one that can be found."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from inspect import getmembers, isfunction, signature
from itertools import product
from types import ModuleType
from typing import Any

import pytest

from machines.broker import Broker
from machines.clock import Clock
from machines.distribution_view import DistributionView
from machines.events import BUS_EVENTS, ClientJoinRequested, TrackerHello
from machines.participant import Participant
from machines.torrent_server import TorrentServer
from machines.tracker import Tracker
from tests.machines import (
    test_asking_again,
    test_broker,
    test_clock,
    test_distribution_view,
    test_last_will,
    test_second_tracker,
    test_torrent_server,
    test_torrent_server_hardened,
    test_torrent_server_session,
    test_tracker,
    test_tracker_session,
)
from tests.mutation.mutants import Mutant, copy_of, mutants_of

Check = Callable[[type[Participant]], None]

BATTERIES: Mapping[type[Participant], tuple[ModuleType, ...]] = {
    Tracker: (test_tracker, test_tracker_session, test_second_tracker),
    TorrentServer: (
        test_torrent_server,
        test_torrent_server_hardened,
        test_torrent_server_session,
        test_asking_again,
    ),
    Broker: (test_broker, test_last_will),
    Clock: (test_clock,),
    DistributionView: (test_distribution_view,),
}


def checks_of(module: ModuleType) -> Iterator[Check]:
    """Every test of a module that takes a chart, with each set of its parameters."""
    for name, function in getmembers(module, isfunction):
        if name.startswith("test_") and "chart" in signature(function).parameters:
            for arguments in parameters_of(function):
                yield partial(run, function, arguments)


def run(function: Callable[..., None], arguments: dict[str, Any], chart: type[Participant]) -> None:
    function(chart=chart, **arguments)


def parameters_of(function: Callable[..., None]) -> Iterator[dict[str, Any]]:
    marks = [mark for mark in getattr(function, "pytestmark", []) if mark.name == "parametrize"]
    for values in product(*(mark.args[1] for mark in marks)):
        arguments: dict[str, Any] = {}
        for mark, value in zip(marks, values, strict=True):
            names = mark.args[0]
            arguments |= {names: value} if isinstance(names, str) else dict(zip(names, value, strict=True))
        yield arguments


class Battery:
    """The checks of one chart, each with what it visits: the states, and the actions that it tries in them."""

    def __init__(self, chart: type[Participant]) -> None:
        self.checks: list[tuple[Check, set[tuple[str, str]]]] = []
        visited: set[tuple[str, str]] = set()
        recorder = recording(chart, visited)
        for module in BATTERIES[chart]:
            for check in checks_of(module):
                visited.clear()
                check(recorder)
                self.checks.append((check, set(visited)))

    def kills(self, mutant: Mutant) -> bool:
        """Whether a check fails. Only those that visit a state in which the fault can show are asked."""
        tried = {(state, mutant.label) for state in mutant.sources}
        sources = mutant.sources
        able = [
            (not tried & visited, len(visited), check)
            for check, visited in self.checks
            if any(state in sources for state, _ in visited)
        ]
        chart = mutant.make()
        return any(fails(check, chart) for *_, check in sorted(able, key=lambda one: one[:2]))


def fails(check: Check, chart: type[Participant]) -> bool:
    try:
        check(chart)
    except Exception:  # noqa: BLE001 - whatever a faulty chart does but pass
        return True
    return False


def recording(chart: type[Participant], visited: set[tuple[str, str]]) -> type[Participant]:
    """A copy of a chart that notes what is tried in which state."""
    copy = copy_of(chart)
    original = {name: getattr(copy, name) for name in ("receive", "decide", "emit", "due")}

    def noting(name: str) -> Callable[..., Any]:
        def note(self: Participant, *arguments: Any) -> Any:
            message = next(iter(arguments), None)
            kind = message if isinstance(message, type) else type(getattr(message, "message", message))
            visited.update((state, f"{'!' if name == 'emit' else '?'}{kind.__name__}") for state in self.where)
            return original[name](self, *arguments)

        return note

    for name in original:
        setattr(copy, name, noting(name))
    return copy


ANOTHER_REGION = "the region of the sessions decides first, and what it does not take it ignores"
WITHOUT_EFFECT: Mapping[str, str] = {
    "flip 0: ignored CONNECT in delivery subscriptions": ANOTHER_REGION,
    "flip 0: ignored DISCONNECT in delivery subscriptions": ANOTHER_REGION,
    "flip 0: ignored ConnectionLost in delivery subscriptions": ANOTHER_REGION,
}
"""The mutants that nobody can tell from their chart, and why; those that lost a guard that decides nothing say so."""

TRIED = (TrackerHello, ClientJoinRequested)
"""The broker has the same arrows for every event, made by the same two functions: two events stand for all."""


def sample(chart: type[Participant]) -> list[Mutant]:
    """Every fourth mutant of a chart; all of them are a matter of a minute, with `[::1]`."""
    others = {kind.__name__ for kind in BUS_EVENTS if kind not in TRIED} if chart is Broker else set()
    return [mutant for mutant in mutants_of(chart) if mutant.label[1:] not in others][::4]


@pytest.mark.parametrize("chart", BATTERIES, ids=lambda chart: chart.__name__)
def test_every_fault_is_found(chart: type[Participant]) -> None:
    battery, mutants = Battery(chart), sample(chart)
    survivors = [mutant.name for mutant in mutants if not battery.kills(mutant)]
    assert survivors == [mutant.name for mutant in mutants if mutant.equivalent or mutant.name in WITHOUT_EFFECT]
