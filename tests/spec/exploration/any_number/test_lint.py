"""What charts ask of collections of servers: what depends on more than a few others is refused, with its line."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from machines import Broker, DistributionView, Tracker, View
from machines.events import BusEvent
from machines.limits import Limits
from machines.persistent_map import joined, without
from spec.exploration.any_number.fixpoint import Fixpoint, fixpoint, lines_met, questions
from spec.exploration.any_number.lint import lint
from spec.exploration.any_number.restriction import NotInterchangeable
from spec.exploration.model.scenario import scenario

INDEXED = frozenset({"pending", "clients", "admissions", "running", "sessions", "gone", "attempts"})


def test_ours_ask_for_emptiness_and_twice_whether_it_is_one(standard: Fixpoint) -> None:
    """What counts servers are the limits of the service, which are asked for only where there are any."""
    found, of_broker = questions([standard.system])
    assert {each.file.rpartition("/")[2] for each in found.refused} == {"limits.py", "rules.py"}
    lines = lines_met(scenario("standard"), None, [standard.system], (*found.questions, *of_broker.questions))
    met = found.met(lines)
    assert not met.refused
    sizes = {(each.file.rpartition("/")[2], each.collection) for each in found.questions if each.constant}
    assert sizes >= {("clock.py", "running"), ("tracker.py", "pending")}
    assert found.counted >= {"running", "pending"}
    assert (found.largest, met.largest) == (1, 1)
    assert of_broker.met(lines).questions


class TellsSix(Broker):
    """An event goes to six receivers at most."""

    def take_over(self, message: BusEvent) -> None:
        super().take_over(message)
        if len(self.data.outbox) > 6:
            self.data = replace(self.data, outbox=self.data.outbox[:6])


def test_a_broker_that_counts_its_sessions_is_refused() -> None:
    with pytest.raises(NotInterchangeable, match=r"test_lint\.py:\d+: .* of 'outbox'"):
        fixpoint(scenario("standard"), charts={"Broker": TellsSix})


class Limited(DistributionView):
    """Of a service that takes two clients."""

    def __init__(self, view: View | None = None) -> None:
        super().__init__(replace(view or View(), limits=Limits(clients=2)))


def test_a_limit_of_the_service_is_refused() -> None:
    with pytest.raises(NotInterchangeable, match=r"rules\.py:\d+: the size of 'clients'"):
        fixpoint(scenario("standard"), charts={"DistributionView": Limited})


def first(clients: Mapping[str, int]) -> int:
    return min(clients.values())


class Asks(Tracker):
    """A tracker that asks for too much."""

    def size(self) -> Any:
        return len(self.data.pending)

    def against_another(self) -> Any:
        return len(self.data.pending) == len(self.data.attempts)

    def least(self) -> Any:
        return min(self.data.pending)

    def least_of_ordered(self) -> Any:
        return sorted(self.data.pending)[0]  # noqa: FURB192

    def some(self) -> Any:
        return sorted(self.data.pending)[:2]

    def next_one(self) -> Any:
        return next(iter(self.data.pending))

    def sum_of(self) -> Any:
        return sum(self.data.attempts.values())

    def numbered(self) -> Any:
        return [name for number, name in enumerate(self.data.pending) if number]

    def through_a_name(self) -> Any:
        held = self.data.pending | {"somebody"}
        return max(held)

    def through_a_function(self) -> Any:
        return first(self.data.attempts)

    def counts(self) -> Any:
        number = 0
        for _ in self.data.pending:
            number += 1
        return number

    def ends_early(self) -> Any:
        for name in self.data.pending:
            if name:
                return name
        return ""

    def favours(self) -> Any:
        return "torrent1" in self.data.pending

    def last_of_union(self) -> Any:
        return tuple(self.data.pending.union({""}))[-1]


ASKS = [name for name, member in vars(Asks).items() if getattr(member, "__module__", "") == __name__]


def test_each_of_these_is_refused_with_its_line() -> None:
    found = lint([Asks], INDEXED, ["torrent1"])
    lines = {each.line for each in found.refused if each.file == __file__}
    for name in ASKS:
        code = getattr(Asks, name).__code__
        function = first.__code__ if name == "through_a_function" else code
        spanned = range(function.co_firstlineno, max(line for *_, line in function.co_lines() if line) + 1)
        assert lines & {*spanned}, f"{name} is not refused"


def small(self: Any) -> Any:
    return len(self.data.pending) == 2


@pytest.mark.parametrize("chart", [type("Counts", (Tracker,), {"is_any_pending": small})])
def test_a_larger_constant_is_told(chart: Any) -> None:
    found = lint([chart], INDEXED)
    assert found.largest == 2
    assert not found.refused


def test_source_that_cannot_be_read_is_refused() -> None:
    scope: dict[str, Any] = {}
    exec("def is_any_pending(self):\n    return True", scope)
    found = lint([type("Made", (Tracker,), {"is_any_pending": scope["is_any_pending"]})], INDEXED)
    assert [each.line for each in found.refused] == [0]


class Copies(Tracker):
    """A tracker that asks for too much of what our own functions on mappings make."""

    def least_of_joined(self) -> Any:
        return min(joined(self.data.attempts, {"somebody": 1}))

    def size_of_left(self) -> Any:
        left = without(self.data.attempts, {"somebody"})
        return len(left)

    def held(self) -> Any:
        return joined(self.data.attempts, without(self.data.names, self.data.attempts))


def test_collections_are_followed_through_our_mappings() -> None:
    found = lint([Copies], INDEXED).refused
    assert [(each.file.rpartition("/")[2], each.asks) for each in found] == [
        ("test_lint.py", "min()"),
        ("test_lint.py", "the size"),
    ]
