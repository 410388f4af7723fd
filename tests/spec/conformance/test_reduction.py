"""What is alike stands in one order in place of all: the charts treat it so, and nothing is judged otherwise by that.

That charts treat topics alike is this: if two topics change places in a chart's state and in a message, they have
changed places in what comes out, and nothing else has. Exchanges of neighbours make every other order.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from itertools import pairwise, product
from typing import Any

import pytest
from immutabledict import immutabledict

from machines import Broker, RegisteredClient, TorrentServer, Tracker
from machines.broker import BrokerData
from machines.calls import SUBACK, SUBSCRIBE
from machines.participant import Output, Snapshot
from machines.session import MqttClient
from spec import load
from spec.conformance.checker import check_all
from spec.conformance.reduction import in_one_order
from spec.interaction import Library, compile_diagram
from spec.notation import read
from spec.projection import project
from spec.system.process import ChartMachine, Sending, Taking
from tests.support.places import DIAGRAMS

CLIENTS: tuple[type[MqttClient], ...] = (Tracker, TorrentServer, RegisteredClient)
STEPS = ("first", "under way", "granted")
"""Where a topic is: not yet subscribed to, or not yet acknowledged, or done."""
CALLED = "somebody"
"""An MQTT client identifier."""


def exchanged(value: Any, one: str, other: str) -> Any:
    """The same with two topics in each other's place."""
    if isinstance(value, str):
        return {one: other, other: one}.get(value, value)
    if isinstance(value, Snapshot | Output | Sending):
        return type(value)(*(exchanged(each, one, other) for each in value))
    if isinstance(value, tuple | frozenset):
        return type(value)(exchanged(each, one, other) for each in value)
    if isinstance(value, Mapping):
        return immutabledict({key: exchanged(each, one, other) for key, each in value.items()})
    if is_dataclass(value):
        return replace(value, **{f.name: exchanged(getattr(value, f.name), one, other) for f in fields(value)})  # type: ignore[type-var]
    return value


def outcomes(machine: ChartMachine, state: Snapshot, topics: list[str]) -> dict[Any, Any]:
    """What a chart does with everything that the binding calls alike, about these topics."""
    messages: list[SUBSCRIBE | SUBACK] = [SUBSCRIBE(topic=topic) for topic in topics]
    messages += [SUBACK(topic=topic, accepted=accepted) for topic in topics for accepted in (True, False)]
    found: dict[Any, Any] = {("?", message): machine.receive(state, message, CALLED)[:2] for message in messages}
    sendings = [sending for sending in machine.sends(state) if isinstance(sending.message, SUBSCRIBE | SUBACK)]
    return found | {("!", sending): machine.send(state, sending) for sending in sendings}


def assert_alike(machine: ChartMachine, state: Snapshot, one: str, other: str) -> None:
    there = outcomes(machine, exchanged(state, one, other), [other, one])
    expected = {
        (kind, exchanged(what, one, other)): exchanged(then, one, other)
        for (kind, what), then in outcomes(machine, state, [one, other]).items()
    }
    assert there == expected, f"{machine.name} in {state}: {one} and {other} are not alike"


def test_the_binding_calls_alike_what_is_tried_here() -> None:
    assert {message for row in load().interchangeable for message in row.messages} == {"SUBSCRIBE", "SUBACK"}


def startups(chart: MqttClient, one: str, other: str) -> Iterator[Snapshot]:
    """Where each of two topics can be, at first, under way or granted, whatever the rest is."""
    rest = sorted(chart.topics - {one, other})
    others = [dict.fromkeys(rest, step) for step in STEPS]
    others.append(dict(zip(rest, STEPS * len(rest), strict=False)))
    for here, there, beside in product(STEPS, STEPS, others):
        steps = {one: here, other: there, **beside}
        unsubscribed = frozenset(topic for topic, step in steps.items() if step == "first")
        unacknowledged = frozenset(topic for topic, step in steps.items() if step != "granted")
        if unacknowledged:
            state = "subscribing" if unsubscribed else "awaiting_subacks"
            data = replace(chart.data, unsubscribed=unsubscribed, unacknowledged=unacknowledged)
            yield Snapshot((state,), data)


@pytest.mark.parametrize("chart", CLIENTS, ids=lambda chart: chart.__name__)
def test_a_client_treats_its_topics_alike(chart: type[MqttClient]) -> None:
    machine = ChartMachine(chart(CALLED, start="offline"))
    taken = 0
    for one, other in pairwise(sorted(chart.topics)):
        for state in startups(chart(CALLED, start="offline"), one, other):
            assert_alike(machine, state, one, other)
            taken += machine.receive(state, SUBACK(topic=one, accepted=True), "broker")[0] is Taking.TAKEN
    assert taken > len(chart.topics)


def test_the_broker_treats_the_topics_of_a_session_alike() -> None:
    machine = ChartMachine(Broker())
    for one, other in pairwise(sorted(Tracker.topics | TorrentServer.topics)):
        for granted, owed in product([(), (one,), (other,), (one, other)], repeat=2):
            subacks = tuple((CALLED, topic) for topic in owed)
            sessions = immutabledict({CALLED: frozenset(granted), "another": frozenset({"topic"})})
            places = ("listening", "acknowledging" if owed else "settled", "quiet")
            assert_alike(machine, Snapshot(places, BrokerData(sessions=sessions, subacks=subacks)), one, other)


class Partial(Tracker):
    """A tracker that forgets another topic whenever it is granted the first one of all."""

    def note_acknowledged(self, message: SUBACK) -> None:
        super().note_acknowledged(message)
        if message.topic == min(self.topics):
            self.data = replace(self.data, unacknowledged=self.data.unacknowledged - {max(self.topics)})


def test_a_chart_that_prefers_a_topic_is_found() -> None:
    with pytest.raises(AssertionError, match="are not alike"):
        test_a_client_treats_its_topics_alike(Partial)


# One order in place of all.

STARTUP = (DIAGRAMS / "TrackerServerStartup_StandardProcedure.txt").read_text(encoding="utf-8")


def sizes(text: str) -> tuple[int, int]:
    """How many states a tracker's lifeline has, in every order and in one."""
    binding = load()
    interaction = compile_diagram(diagram := read(text), Library([diagram], families="opaque"))
    words = {action.label: word for action in interaction.actions() if (word := binding.word(action.label)) is not None}
    ordered = in_one_order(interaction, words, binding)
    return len(project(interaction, "Tracker").edges), len(project(ordered, "Tracker").edges)


def test_seven_topics_stand_in_one_order() -> None:
    every, one = sizes(STARTUP)
    assert (every, one) == (579, 18)


def test_what_differs_in_more_than_its_topic_keeps_every_order() -> None:
    every, one = sizes(STARTUP.replace("SUBACK clients/goodbye", "SUBACK clients/goodbye (refused)", 1))
    assert every == one > 100


class Few(Tracker):
    """A tracker with few topics, so that every order can be tried."""

    topics = frozenset(sorted(Tracker.topics)[:4])


class Deaf(Tracker):
    """One that never subscribes to the last of these."""

    topics = frozenset(sorted(Few.topics)[:-1])


@pytest.mark.parametrize(("chart", "conforms"), [(Few, True), (Deaf, False)])
def test_the_verdict_is_the_same_in_every_order(chart: type[Tracker], conforms: bool) -> None:
    text = STARTUP
    for topic in Tracker.topics - Few.topics:
        text = re.sub(rf"thread\ncritical\n.* {topic}\n.* {topic}\nend\n", "", text)
    for binding in (load(), replace(load(), interchangeable=())):
        report = check_all([("startup", text)], binding, {"Tracker": chart})
        found = {finding.kind for finding in (*report.diagrams[0].findings, *report.implied)}
        assert found == (set() if conforms else {"chart-cannot", "implied-scenario"})
        assert all(looked.complete for looked in report.explored.values())
