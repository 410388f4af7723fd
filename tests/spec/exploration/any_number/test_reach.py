"""Which steps of charts can come to a line, by the names that functions mention; beside all steps, done and watched."""

import operator
from dataclasses import replace
from typing import Any

import pytest

from machines import DistributionView, rules
from machines.calls import AddClient
from machines.participant import Participant
from spec.exploration.any_number.executed import executed
from spec.exploration.any_number.fixpoint import Fixpoint, fixpoint, open_systems, questions
from spec.exploration.any_number.open_system import SameForAll
from spec.exploration.any_number.reach import Line, Names, Reach
from spec.exploration.any_number.restriction import NotInterchangeable
from spec.exploration.model.node import Server
from spec.exploration.model.scenario import Charts, Scenario, scenario
from tests.spec.exploration.any_number.made_up import ByMadeUpText
from tests.support.nightly import by_day


class Everything(Reach):
    """Says of each step that it may come anywhere: the long way."""

    def can_come(self, names: Names | None, chart: type[Participant], where: tuple[str, ...], label: str) -> bool:
        return True


class Nothing(Reach):
    """A mistake: no step comes anywhere."""

    def can_come(self, names: Names | None, chart: type[Participant], where: tuple[str, ...], label: str) -> bool:
        return False


def lines_of(charts: Charts | None, done: Fixpoint, chosen: Scenario, kind: type[Reach]) -> tuple[set[Line], list[Any]]:
    systems = [part.system for part in done.parts]
    asked = [each for lint in questions(systems) for each in lint.questions]
    wanted = [frozenset({(each.file, each.line), (each.file, each.statement)}) for each in asked]
    anew = open_systems(chosen, charts)
    machines = [machine for one in anew for node in one.nodes if isinstance(node, Server) for machine in node.machines]
    noted = done.system.asking.noted
    assert isinstance(anew[0].bus, SameForAll)
    passed = {
        (system.nodes[sender].name, system.numbers.messages[message])
        for system in systems
        for sender, message in system.delivery.passed
    }
    lines = executed(machines, noted, anew[0].bus.others[-1], passed, wanted, reach=kind(noted))
    return lines, [
        each for each in asked if not lines.isdisjoint({(each.file, each.line), (each.file, each.statement)})
    ]


CHOSEN = [
    scenario("hasty"),
    replace(scenario("losses"), hardened=True),
    Scenario("two-rivals", torrents=2, conflicting=2, timeouts="patient"),
]


@pytest.mark.parametrize("chosen", by_day(CHOSEN, CHOSEN[:2]), ids=lambda one: one.name)
def test_what_is_left_out_comes_to_no_line(chosen: Scenario) -> None:
    done = fixpoint(chosen)
    (_, some), (_, every) = (lines_of(None, done, chosen, kind) for kind in (Reach, Everything))
    assert some
    assert some == every


# Lines that are met in few of the steps of their kind, in all ways in which functions call each other.


def asked(view: Any, client: str) -> Any:
    """Asks for too much, but in none of the first steps."""
    if not any(view.clients):
        return client
    return min(view.clients)


class Asking(DistributionView):
    """The lint knows the function by this method, which nobody calls."""

    def never(self) -> Any:
        return asked(self.data.view, "")


def among(*ask: Any) -> Any:
    return ask


TABLE = {"late": asked}
ASKED = operator.itemgetter("late")


class Lazily:
    """Asks when it is told to."""

    def __init__(self, ask: Any) -> None:
        self.ask_it = ask

    @property
    def by_attribute(self) -> Any:
        return self.ask_it


LAZY = Lazily(asked)


class ByName(Asking):
    def add_client(self, message: AddClient) -> None:
        asked(self.data.view, message.registered.client)
        super().add_client(message)


class ByMethod(Asking):
    def add_client(self, message: AddClient) -> None:
        self.helps(message)
        super().add_client(message)

    def helps(self, message: AddClient) -> Any:
        return asked(self.data.view, message.registered.client)


class ByText(Asking):
    def add_client(self, message: AddClient) -> None:
        getattr(self, "ask_for_it")(message)  # noqa: B009 - so that it is a text
        super().add_client(message)

    def ask_for_it(self, message: AddClient) -> Any:
        return asked(self.data.view, message.registered.client)


class ByTable(Asking):
    def add_client(self, message: AddClient) -> None:
        TABLE["late"](self.data.view, message.registered.client)
        super().add_client(message)


class ByObject(Asking):
    def add_client(self, message: AddClient) -> None:
        LAZY.by_attribute(self.data.view, message.registered.client)
        super().add_client(message)


class Handed(Asking):
    def add_client(self, message: AddClient) -> None:
        (ask,) = among(asked)
        ask(self.data.view, message.registered.client)
        super().add_client(message)


class InTheMiddle(Asking):
    """What all charts do, this one does otherwise."""

    def snapshot(self) -> Any:
        asked(self.data.view, "")
        return super().snapshot()


def under_another_name(self: Any, message: AddClient) -> None:
    asked(self.data.view, message.registered.client)
    DistributionView.add_client(self, message)


Renamed = type("Renamed", (Asking,), {"add_client": under_another_name, "__module__": __name__})
WAYS = [ByName, ByMethod, ByText, ByTable, ByObject, Handed, InTheMiddle, Renamed]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_each_way_to_a_line_is_known(way: Any) -> None:
    code = asked.__code__
    reach = Reach([way])
    names = reach.names([(__file__, code.co_firstlineno + 4)])
    assert names is None or "asked" in names
    assert reach.can_come(names, way, ("idle",), "?AddClient")


REFUSED = r"test_reach\.py:\d+: min\(\) of 'clients'"


@pytest.mark.parametrize(
    "way", by_day(WAYS, [one for one in WAYS if one not in {ByName, InTheMiddle}]), ids=lambda way: way.__name__
)
def test_what_few_steps_ask_is_refused_all_the_same(way: Any) -> None:
    with pytest.raises(NotInterchangeable, match=REFUSED):
        fixpoint(scenario("standard"), charts={"DistributionView": way})


def test_whoever_makes_up_names_may_come_anywhere() -> None:
    with pytest.raises(NotInterchangeable, match=r"made_up\.py:\d+: min\(\) of 'clients'"):
        fixpoint(scenario("standard"), charts={"DistributionView": ByMadeUpText})


def test_a_step_that_is_left_out_wrongly_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the test above shows it."""
    monkeypatch.setattr("spec.exploration.any_number.executed.Reach", Nothing)
    monkeypatch.setattr("spec.exploration.any_number.fixpoint._LINES", {})
    assert fixpoint(scenario("standard"), charts={"DistributionView": ByName}).complete


def test_what_cannot_come_to_a_line_is_left_out() -> None:
    code = rules.admit.__code__
    reach = Reach([DistributionView])
    names = reach.names([(code.co_filename, code.co_firstlineno + 1)])
    assert names is not None
    labels = [f"?{message.__name__}" for message in DistributionView.inputs]
    assert [label for label in labels if reach.can_come(names, DistributionView, ("idle",), label)] == ["?CheckJoin"]
    assert not reach.can_come(names, DistributionView, ("describing",), "")


def test_source_that_cannot_be_read_may_come_anywhere() -> None:
    scope: dict[str, Any] = {"DistributionView": DistributionView, "__name__": "nowhere"}
    exec("class Made(DistributionView):\n    def add_client(self, message):\n        pass", scope)
    reach = Reach([scope["Made"]])
    assert reach.can_come(reach.names([(__file__, 1)]), scope["Made"], ("idle",), "?CheckJoin")
