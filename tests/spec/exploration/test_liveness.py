"""Properties about runs, system by system: what is fair, what is not, and what is said where nothing is known."""

import asyncio
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from immutabledict import immutabledict
from statemachine import Event, State, StateChart
from typer.testing import CliRunner

from machines.calls import SetTimeout, Timer
from runtime.cli.main import app
from runtime.cli.replay import play_live, played
from spec.exploration.engine.choice import engine
from spec.exploration.engine.components import components
from spec.exploration.engine.search import BreadthFirst
from spec.exploration.explore import Options, Result, Verdict, explore
from spec.exploration.fairness import ASSUMED, Action, Fairness, action, served
from spec.exploration.model.foreign import ForeignSystem, Standing, standing
from spec.exploration.model.node import Arrow, Outcome
from spec.exploration.model.scenario import Scenario, scenario
from spec.exploration.model.steps import Label
from spec.exploration.properties.client_join import side_of
from spec.exploration.properties.client_join_runs import RUN_PROPERTIES, every_client_is_registered_some_day
from spec.exploration.properties.language import Implication, Properties, Property, eventually, leads_to, property_
from spec.exploration.traces.replay import KEPT, play, repeats
from tests.spec.exploration.spinning_charts import Driver, Pinging, Ponging, Spinner, Starter, system
from tests.support.engines import engines
from tests.support.nightly import by_day
from tests.support.servers import Nobody


class OneShot(StateChart[None]):
    """Ticks once."""

    loaded = State(initial=True)
    fired = State(final=True)

    fire = Event(loaded.to(fired), name="!tick")


class Choosing(StateChart[None]):
    """Can end all the time."""

    going = State(initial=True)
    ended = State(final=True)

    on = Event(going.to.itself(), name="!tick")
    over = Event(going.to(ended), name="!last")


class Wavering(StateChart[None]):
    """Can end in every second state only."""

    ready = State(initial=True)
    turned = State()
    ended = State(final=True)

    turn = Event(ready.to(turned) | turned.to(ready), name="!tick")
    over = Event(ready.to(ended), name="!last")


@property_("termination")
def all_come_to_rest() -> Implication:
    """Of runs."""
    return True, True


@leads_to
def who_spins_is_stopped(spinner: Standing) -> Implication:
    """A driver that has started something stops it."""
    return spinner.where == ("spinning",), spinner.where == ("stopped",)


@eventually
def the_spinner_spins(spinner: Standing) -> Implication:
    """A driver starts it."""
    return spinner.where == ("still",), spinner.where == ("spinning",)


@leads_to
def nothing_leads_anywhere(spinner: Standing) -> Implication:
    """A premise that never holds."""
    return spinner.where == ("flying",), True


def ways_to_search() -> list[Options]:
    return [Options(symmetric=both, reduced=both, engine=name) for name in engines() for both in (True, False)]


def told(others: ForeignSystem, one: Property = all_come_to_rest) -> Verdict:
    """The verdict, which is the same whatever is left out; a run that breaks the property can be played again."""
    found = [explore(others, options, (one,), standing).verdicts[0] for options in ways_to_search()]
    assert len({(verdict.holds, verdict.non_vacuous, verdict.reason) for verdict in found}) == 1
    for verdict in found:
        assert verdict.assumed == ASSUMED
        assert bool(verdict.trace) == (verdict.holds is False)
        if verdict.holds is False:
            whole = others.build(drop_inert=False)
            properties = Properties(whole, (one,), standing)
            steps = list(play(whole, [text for key, text in KEPT.findall(verdict.trace) if key.startswith("step ")]))
            assert repeats(whole, properties, one, steps) == verdict.repeats
            assert all(repeats(whole, properties, one, steps[:number]) is None for number in range(len(steps)))
            assert ("goes round for ever" in verdict.trace) == (verdict.repeats > 0)
    return found[0]


# What goes round, and what does not.


def test_a_cycle_is_found_behind_one_that_is_not_fair() -> None:
    assert told(system(one=OneShot, left=Pinging, right=Ponging)).holds is False
    assert told(system(one=OneShot)).holds is True


def test_what_stops_does_not_hide_what_goes_on() -> None:
    assert told(system(driver=Driver, spinner=Spinner, left=Pinging, right=Ponging)).holds is False
    assert told(system(driver=Driver, spinner=Spinner)).holds is True


def test_two_that_are_alike_go_round_whatever_they_are_called() -> None:
    both: dict[str, Any] = {"driver": Starter, "one": Spinner, "two": Spinner}
    assert told(system(**both, interchangeable=(("one", "two"),))).holds is False
    both = {"driver": Driver, "one": Spinner, "two": Spinner}
    assert told(system(**both, interchangeable=(("one", "two"),))).holds is True


def test_the_message_that_comes_first_is_read_some_day() -> None:
    assert told(system(driver=Driver, spinner=Spinner), who_spins_is_stopped).holds is True
    assert told(system(driver=Starter, spinner=Spinner), who_spins_is_stopped).holds is False


def test_what_is_lost_is_not_read() -> None:
    verdict = told(system(losses=1, driver=Driver, spinner=Spinner), who_spins_is_stopped)
    assert verdict.holds is False
    assert "lose" in verdict.trace


def test_what_can_be_sent_all_the_time_is_sent() -> None:
    assert told(system(one=Choosing)).holds is True


def test_what_is_possible_now_and_then_need_not_happen() -> None:
    """It would with strong fairness, which is not assumed."""
    assert told(system(one=Wavering)).holds is False


# Properties about runs.


def test_something_happens_some_day() -> None:
    assert told(system(driver=Driver, spinner=Spinner), the_spinner_spins).holds is True
    assert told(system(driver=OneShot, spinner=Spinner), the_spinner_spins).holds is False


def test_a_premise_that_never_holds_says_nothing() -> None:
    verdict = told(system(driver=Driver, spinner=Spinner), nothing_leads_anywhere)
    assert (verdict.holds, verdict.non_vacuous) == (None, False)
    assert verdict.reason == "its premise holds in no state"


@pytest.mark.parametrize("name", by_day(["standard", "hasty", "losses"], ["losses"]))
def test_client_join_does_what_it_promises_of_runs(name: str) -> None:
    found = [
        [verdict.holds for verdict in explore(scenario(name), options, RUN_PROPERTIES).verdicts]
        for options in ways_to_search()
    ]
    assert all(verdicts == [True, True, name == "standard"] for verdicts in found)


SAVED = Scenario("saved", torrents=1, timeouts="never", faults=immutabledict({"losses": 1}))


def test_a_property_about_runs_is_saved_and_played_again_live(tmp_path: Path) -> None:
    (verdict,) = explore(SAVED, properties=(every_client_is_registered_some_day,)).verdicts
    path = tmp_path / "saved.txt"
    path.write_text(verdict.trace, encoding="utf-8")
    shown = CliRunner().invoke(app, ["replay", str(path)])
    assert shown.exit_code == 0, shown.output
    assert "at their end the property is broken" in shown.output
    run = played(path)
    ending = asyncio.run(play_live(run, Nobody()))
    assert not ending.differences
    assert ending.row is not None
    assert run.breaks(ending.row)


# What is not known.


def undetermined(result: Result, reason: str) -> None:
    assert not result.holds
    for verdict in result.verdicts:
        assert (verdict.holds, verdict.non_vacuous) == (None, True)
        assert reason in verdict.reason


EVERY = (all_come_to_rest, who_spins_is_stopped)


def test_a_search_that_was_cut_says_nothing_of_runs() -> None:
    spinning = system(driver=Driver, spinner=Spinner)
    undetermined(explore(spinning, Options(most=2), EVERY, standing), "more than 2 states were not wanted")
    undetermined(explore(spinning, Options(memory=1), EVERY, standing), "no more memory")


def test_a_cut_search_without_reductions_says_nothing_either() -> None:
    options = Options(most=1500)
    result = explore(scenario("hasty"), options, RUN_PROPERTIES)
    assert not result.found.complete
    undetermined(result, "more than 1,500 states were not wanted")
    result = explore(scenario("hasty"), Options(most=2400), RUN_PROPERTIES)
    assert result.found.complete
    undetermined(result, "with all messages delivered and all names told apart, more than 2,400 states")


def test_a_graph_without_memory_says_nothing_of_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in engines():
        monkeypatch.setattr(engine(name), "step_size", 1 << 50)
    undetermined(explore(system(driver=Driver, spinner=Spinner), Options(memory=1 << 40), EVERY, standing), "no memory")
    done = CliRunner().invoke(
        app, ["explore", "--scenario", "standard", "--property", "terminates", "--memory", "1000000"]
    )
    assert done.exit_code == 3, done.output
    assert "there is no memory left for the graph of all steps" in done.output


def test_a_graph_that_is_interrupted_says_nothing_of_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: Any) -> Any:
        raise KeyboardInterrupt

    for name in engines():
        monkeypatch.setattr(engine(name), "edges", stopped)
    undetermined(explore(system(driver=Driver, spinner=Spinner), None, EVERY, standing), "interrupted")


# The parts.


def test_a_timeout_that_is_set_anew_is_another_one() -> None:
    setting = Outcome(0, (), (Arrow("client", "clock", SetTimeout(timer=Timer("ann", 2))),))
    label = Label("read", 3, "hello", setting)
    assert served(label) == {Action(3, "read", "hello"), Action(3, "expire", "ann")}


def test_faults_and_orders_are_no_actions() -> None:
    sent = Outcome(0, ("m",), (Arrow("a", "b", "m"),))
    assert action(Label("expire", 1, None, sent)) == Action(1, "send", ("b", "m", ""))
    assert action(Label("expire", 1, None, sent, lost=0)) is None
    assert action(Label("expire", 1, None, sent._replace(fault="storage failure"))) is None
    for kind in ("lose 1", "lose 2", "duplicate", "crash", "wipe", "stop", "disconnect", "restart", "stabilisation"):
        assert action(Label(kind, 1, "m", sent)) is None


def test_a_run_that_is_no_lasso_breaks_nothing() -> None:
    whole = system(left=Pinging, right=Ponging).build(drop_inert=False)
    fairness = Fairness(whole, Properties(whole, (), standing))
    (verdict,) = explore(system(left=Pinging, right=Ponging), properties=(all_come_to_rest,), observe=standing).verdicts
    labels = [label for label, _ in verdict.run]
    rows = [whole.initial()]
    for wanted in labels:
        rows.append(next(then for label, then in fairness_steps(fairness, rows[-1]) if label == wanted))
    assert fairness.breaks(all_come_to_rest, rows, labels) == verdict.repeats
    assert fairness.breaks(all_come_to_rest, rows[:-1], labels[:-1]) is None
    assert [*fairness.rounds(rows[:1], [])] == []


def fairness_steps(fairness: Fairness, row: Any) -> Any:
    from spec.exploration.model.reference import successors

    return successors(fairness.system, row)


def test_components_are_those_that_reach_each_other() -> None:
    chance = np.random.default_rng(0)
    compiled: list[dict[str, Any]] = [{}]
    if find_spec("numba"):
        from spec.exploration.engine.compiled.leaf_trimming import label_components

        compiled.append({"label": label_components, "lists": False})
    for _ in range(300):
        size, steps = chance.integers(1, 12), chance.integers(0, 25)
        sources, targets = chance.integers(0, size, (2, steps))
        reaches = np.eye(int(size), dtype=bool)
        reaches[sources, targets] = True
        for between in range(size):
            reaches |= reaches[:, between : between + 1] & reaches[between]
        for how in compiled:
            found = components(int(size), sources, targets, **how)
            assert ((found[:, None] == found) == (reaches & reaches.T)).all()
            assert (found[sources] >= found[targets]).all()


def test_long_chains_need_no_recursion() -> None:
    size = 20_000
    chain = np.arange(size)
    assert len(set(components(size, chain[:-1], chain[1:]).tolist())) == size
    assert len(set(components(size, chain, np.roll(chain, -1)).tolist())) == 1


def test_sides_are_seen_by_engines_as_by_properties() -> None:
    """What a search reads off its arrays about a property is what the property says of each state."""
    for options in ways_to_search():
        whole = SAVED.build(drop_inert=False)
        search: BreadthFirst = engine(options.engine)(whole)
        search.run()
        from spec.exploration.liveness import Graph
        from spec.exploration.properties.language import instances

        properties = Properties(whole, RUN_PROPERTIES, side_of)
        properties.renew()
        graph = Graph(search)
        for instance in instances(RUN_PROPERTIES, [node.name for node in whole.nodes]):
            premise, conclusion = graph.answers(properties, instance)
            for state in range(search.count):
                assert (premise[state], conclusion[state]) == properties.answer(instance, search.row(state))
