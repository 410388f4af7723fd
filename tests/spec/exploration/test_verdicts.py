"""What is not known is no pass: to Python, on the command line, as data and as text."""

import json
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import CliRunner

from runtime.cli.main import app
from spec.exploration import pages
from spec.exploration.explore import Options, Result, explore
from spec.exploration.liveness import Answer, Liveness
from spec.exploration.model.scenario import Scenario, ScenarioError, scenario, with_bounds
from spec.exploration.properties.client_join import PROPERTIES, ClientSide
from spec.exploration.properties.language import Implication, always
from spec.exploration.spin import runner

STANDARD, HASTY = scenario("standard"), scenario("hasty")
OF_RUNS = tuple(property_ for property_ in PROPERTIES if property_.when == "termination")


@always
def whoever_flies_has_wings(client: ClientSide) -> Implication:
    """A premise that never holds."""
    return client.name == "flying", False


@always
def whoever_joins_has_a_name(client: ClientSide) -> Implication:
    """What holds."""
    return client.is_joining, bool(client.name)


@always
def nobody_joins(client: ClientSide) -> Implication:
    """What is broken."""
    return client.is_online, not client.is_joining


AFTER_STABILISATION = tuple(property_ for property_ in PROPERTIES if property_.name == "all views agree")
CASES = {
    "holds": (STANDARD, (whoever_joins_has_a_name,), Options()),
    "holds, and one does not apply": (STANDARD, (whoever_joins_has_a_name, *AFTER_STABILISATION), Options()),
    "broken": (STANDARD, (nobody_joins, whoever_flies_has_wings), Options()),
    "broken before the search was cut": (HASTY, (nobody_joins,), Options(most=500)),
    "undetermined: its premise held in no state": (
        STANDARD,
        (whoever_joins_has_a_name, whoever_flies_has_wings),
        Options(),
    ),
    "undetermined: more than 10 states were not wanted": (HASTY, (whoever_joins_has_a_name,), Options(most=10)),
    "undetermined: there is no more memory": (HASTY, (whoever_joins_has_a_name,), Options(memory=1)),
    "undetermined: none applies": (STANDARD, AFTER_STABILISATION, Options()),
    "undetermined: nothing was claimed": (STANDARD, (), Options()),
}


def consistent(result: Result) -> str:
    """The verdict, which is the same however it is told."""
    assert result.holds is (result.verdict == "holds")
    assert result.as_data()["verdict"] == result.verdict
    assert str(result).splitlines()[0] == f"{result.scenario.name}: {result.verdict}"
    assert len(repr(result)) < 100
    assert result.verdict in repr(result)
    for verdict, data in zip(result.verdicts, result.as_data()["properties"], strict=True):
        assert data["verdict"] == verdict.word
        assert bool(verdict.reason) is (verdict.word == "undetermined"), "with the reason"
        assert verdict.reason in str(result)
    json.dumps(result.as_data())
    return result.verdict


@pytest.mark.parametrize("case", CASES)
def test_three_verdicts(case: str) -> None:
    chosen, properties, options = CASES[case]
    result = explore(chosen, options, properties)
    word, _, reason = case.partition(": ")
    assert consistent(result) == word.partition(",")[0].partition(" ")[0]
    if result.verdicts and any(verdict.applies for verdict in result.verdicts):
        assert reason in " ".join(verdict.reason for verdict in result.verdicts)


def test_steps_that_were_not_looked_at_are_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a graph for which there is no memory, although the states were all searched."""
    monkeypatch.setattr(Liveness, "answer", lambda *_: Answer(None, reason="no memory for the graph"))
    result = explore(STANDARD, properties=OF_RUNS)
    assert result.found.complete
    assert consistent(result) == "undetermined"


def test_a_graph_that_memory_cuts_is_no_pass_on_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Liveness, "answer", lambda *_: Answer(None, reason="no memory for the graph"))
    done = command("--scenario", "standard", "--property", "terminates")
    assert done.exit_code == 3
    assert "undetermined    termination  every run terminates" in done.output
    told = json.loads(command("--scenario", "standard", "--property", "terminates", "--json").stdout)
    assert (told["verdict"], told["properties"][0]["verdict"]) == ("undetermined", "undetermined")
    assert told["properties"][0]["reason"]


def command(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["explore", *arguments])


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--scenario", "standard"], 0),
        (["--scenario", "hasty"], 1),
        (["--scenario", "hasty", "--states", "10"], 3),
        (["--scenario", "standard", "--property", "all views agree"], 3),
        (["--scenario", "standard", "--simulate", "2"], 3),
        (["--scenario", "nothing"], 2),
    ],
)
def test_exit_statuses(arguments: list[str], status: int) -> None:
    assert command(*arguments).exit_code == status


def test_our_properties_are_exercised_wherever_they_apply() -> None:
    for name in ("standard", "hasty", "alone", "leaving"):
        result = explore(scenario(name))
        assert not [verdict.property_.name for verdict in result.verdicts if verdict.word == "undetermined"], name


def test_a_page_says_nothing_of_what_is_not_known() -> None:
    (finding,) = (one for one in pages.findings() if one.name == "registered-but-dead")

    def cut(chosen: Scenario) -> Result:
        return explore(chosen, Options(most=100) if chosen.hardened else Options())

    with pytest.raises(ValueError, match="verdict is undetermined"):
        pages.page(finding, cut)


def test_spin_that_does_not_say_what_is_violated_is_no_pass() -> None:
    told = "errors: 0\nSearch not completed"
    with pytest.raises(runner.SpinError, match="not completed"):
        runner._read(told, 0.0, 1, 10, 10)


# Bounds.


BREAKING = {"stop torrent": None, "crash tracker": None, "broker restart": None}


def test_no_breaks_in_all_means_none() -> None:
    none = Scenario("none", torrents=1, faults={"losses": 1})
    zero = Scenario("zero", torrents=1, faults={**BREAKING, "breaks in all": 0, "losses": 1})
    sizes = [explore(chosen).found.progress.states for chosen in (none, zero)]
    assert sizes[0] == sizes[1]
    once = with_bounds(zero, {"breaks in all": 1})
    assert explore(once).found.progress.states > sizes[0]
    assert not zero.keeps_both_hops
    assert once.keeps_both_hops


@pytest.mark.parametrize("fault", [*BREAKING, "losses", "duplicates", "storage failure", "breaks in all"])
def test_zero_is_the_same_as_not_named(fault: str) -> None:
    named = replace(STANDARD, faults={"losses": 1, fault: 0} if fault != "losses" else {fault: 0})
    unnamed = replace(STANDARD, faults={"losses": 1} if fault != "losses" else {})
    assert explore(named).found.progress.states == explore(unnamed).found.progress.states


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"faults": {"lossses": 1}}, "no fault 'lossses'; did you mean 'losses'\\?; there are losses, duplicates"),
        ({"faults": {"losses": -1}}, "-1 is no bound"),
        ({"faults": {"losses": True}}, "True is no bound"),
        ({"loses": frozenset({"Hello"})}, "no event 'Hello'; there are TrackerHello"),
        ({"timeouts": "soon"}, "no kind of timeouts 'soon'; there are any, patient, never"),
    ],
)
def test_what_is_misspelt_names_what_there_is(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ScenarioError, match=told):
        Scenario("mine", **wrong)
    with pytest.raises(ScenarioError, match=told):
        replace(STANDARD, **wrong)
