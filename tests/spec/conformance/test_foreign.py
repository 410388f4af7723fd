"""Foreign protocols with charts that are not ours: what conforms, and what does not."""

import re
import types
from typing import Any

import pytest
from statemachine import Event, State, StateChart

from spec import check, load
from spec.binding import Begin, Binding, MayBeUndrawn, Player
from spec.conformance.checker import Report
from spec.conformance.inclusion import Finding
from spec.system.driving import CastError
from spec.system.foreign import ChartError
from tests.support.foreign_protocols import (
    ALTERNATING,
    HANDSHAKE,
    TWO_PHASE,
    Alarm,
    Client,
    Coordinator,
    Receiver,
    Sender,
    Server,
    Voter,
)

Charts = dict[str, type[StateChart[Any]]]
PATIENT = Binding(players={"T": Player("Alarm", patient=True)})
PROTOCOLS: dict[str, tuple[str, Binding, Charts]] = {
    "two-phase commit": (TWO_PHASE, Binding(), {"C": Coordinator, "P1": Voter, "P2": Voter}),
    "alternating bit": (ALTERNATING, PATIENT, {"S": Sender, "R": Receiver, "T": Alarm}),
    "handshake": (HANDSHAKE, load(), {"Client": Client, "Server": Server}),
}


def found(report: Report) -> list[Finding]:
    return [*report.diagrams[0].findings, *report.implied]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_of_others_conforms(name: str) -> None:
    report = check(*PROTOCOLS[name])
    assert found(report) == []
    assert all(row.conforms and row.chart_states > 0 for row in report.diagrams[0].rows)
    assert all(found.complete and found.states > 5 for found in report.explored.values())


class Forgetful(Sender):
    """It never turns its bit."""

    def flip(self) -> None:
        pass


class Hasty(StateChart[Any]):
    """A voter that can change its mind."""

    idle = State(initial=True)
    voting = State()
    ready = State()
    refused = State()
    finished = State(final=True)
    recv_prepare = Event(idle.to(voting), name="?prepare")
    send_yes = Event(voting.to(ready), name="!yes")
    send_no = Event(voting.to(refused) | ready.to(refused), name="!no")
    recv_commit = Event(ready.to(finished), name="?commit")
    recv_abort = Event(ready.to(finished) | refused.to(finished), name="?abort")


class HalfOpen(StateChart[Any]):
    """A server that does not end its own half."""

    listening = State(initial=True)
    answering = State()
    awaiting_ack = State()
    opened = State()
    acking = State()
    closed = State(final=True)
    syn = Event(listening.to(answering), name="?SYN")
    syn_ack = Event(answering.to(awaiting_ack), name="!SYN+ACK")
    ack = Event(awaiting_ack.to(opened), name="?ACK")
    got_fin = Event(opened.to(acking), name="?FIN")
    ack_fin = Event(acking.to(closed), name="!FINACK")


@pytest.mark.parametrize(
    ("name", "lifeline", "chart", "kind", "says"),
    [
        ("alternating bit", "S", Forgetful, "chart-cannot", "S sends data1 to R"),
        ("two-phase commit", "P2", Hasty, "implied-scenario", "P2 can do !no"),
        ("handshake", "Server", HalfOpen, "chart-cannot", "Server sends FIN to Client"),
    ],
)
def test_a_mistake_in_a_chart_is_found(
    name: str, lifeline: str, chart: type[StateChart[Any]], kind: str, says: str
) -> None:
    text, binding, charts = PROTOCOLS[name]
    report = check(text, binding, {**charts, lifeline: chart})
    assert not report.conforms
    assert any(f.kind == kind and says in f.message and f.counterexample for f in found(report)), found(report)


def test_where_a_chart_begins_is_said_in_the_binding() -> None:
    binding = Binding(
        begins=(Begin("*", {"Server": "opened", "Client": "open_out/open_in"}, {}),),
        ignores=(MayBeUndrawn(frozenset({"Server"}), ("?PING",)),),
    )
    charts: Charts = {"Client": Client, "Server": Server}
    text = "Client->Server:FIN\nServer->Client:FINACK\nServer->Client:FIN\nClient->Server:FINACK\n"
    assert check(text, binding, charts).conforms
    wrong = check(text, Binding(begins=(Begin("*", {"Server": "open"}, {}),)), charts)
    (finding,) = wrong.diagrams[0].findings
    assert finding.kind == "no-beginning"
    assert "no atomic state 'open'; there are listening, " in finding.message


class NoAction(StateChart[Any]):
    a = State(initial=True)
    b = State(final=True)
    go = a.to(b)


class NeedsMore(StateChart[Any]):
    a = State(initial=True)
    b = State(final=True)
    go = Event(a.to(b), name="!x")

    def __init__(self, more: int) -> None:
        super().__init__()


class Breaks(StateChart[Any]):
    a = State(initial=True)
    b = State(final=True)
    go = Event(a.to(b, on="burst"), name="?x")

    def burst(self) -> None:
        raise ZeroDivisionError


class Takes(StateChart[Any]):
    a = State(initial=True)
    b = State(final=True)
    go = Event(a.to(b), name="?x")


class Sends(StateChart[Any]):
    a = State(initial=True)
    b = State(final=True)
    go = Event(a.to(b), name="!x")


@pytest.mark.parametrize(
    ("chart", "says"),
    [
        (NoAction, "the event 'go' is no action: name events '?message'"),
        (NeedsMore, "give a chart whose constructor needs no arguments"),
    ],
)
def test_a_chart_that_cannot_be_used_is_named_with_the_remedy(chart: Any, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        check("A->B:x\n", Binding(), {"A": Sends, "B": chart})


def test_a_callback_that_raises_is_an_error_in_its_own_words() -> None:
    with pytest.raises(ChartError, match=r"breaks on \?x: ZeroDivisionError\(\) in burst"):
        check("A->B:x\n", Binding(), {"A": Sends, "B": Breaks})


@pytest.mark.parametrize("chart", [Sends(), int, None])
def test_what_is_no_chart_is_refused(chart: Any) -> None:
    with pytest.raises(CastError, match="charts: 'B': expected a class made from StateChart, not "):
        check("A->B:x\n", Binding(), {"A": Sends, "B": chart})


def test_a_lifeline_that_nobody_plays_is_one_finding() -> None:
    findings = found(check("User->A:x\n", Binding(), {"A": Takes}))
    assert [(f.kind, f.line) for f in findings if f.kind == "unplayed-lifeline"] == [("unplayed-lifeline", 1)]


def ring(number: int, others: list[int], rounds: int) -> type[StateChart[Any]]:
    """One of several that pass a token on, by way of names that say where it is."""
    count = 2 * rounds + 1
    states = {f"s{n}": State(initial=n == 0, final=n == count - 1) for n in range(count)}
    body: dict[str, Any] = dict(states)
    for turn in range(rounds):
        got, gave = f"t{turn}_{number}", f"t{turn}_{number + 1}" if number < len(others) - 1 else f"t{turn + 1}_0"
        before, between, after = (states[f"s{2 * turn + step}"] for step in range(3))
        body[f"recv{turn}"] = Event(before.to(between), name=f"?{got}")
        body[f"send{turn}"] = Event(between.to(after), name=f"!{gave}")
    return types.new_class(f"Ring{number}", (StateChart,), exec_body=lambda space: space.update(body))


def test_sixty_arrows_between_six_lifelines_take_few_states() -> None:
    members, rounds = list(range(6)), 10
    lines = ["[->L0:t0_0"]
    for turn in range(rounds):
        lines += [f"L{n}->L{n + 1}:t{turn}_{n + 1}" for n in members[:-1]]
        lines.append(f"L5->{'L0' if turn < rounds - 1 else ']'}:t{turn + 1}_0")
    charts: Charts = {f"L{n}": ring(n, members, rounds) for n in members}
    report = check("\n".join(lines), Binding(), charts)
    assert found(report) == []
    assert report.diagrams[0].nodes < 10 * len(lines)
    assert report.explored["<text>"].states < 10 * len(lines)
