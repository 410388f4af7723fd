"""Obligations of participants: nothing else is sent undrawn, each is met once, and none stays pending."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from statemachine import Event, State, StateChart

from machines import Broker, BusEvent, ClientJoinAccepted
from spec import check, load
from spec.binding import Binding, MayBeUndrawn, read_binding
from spec.binding.obligations import EMPTY, Discipline, Forgets, Obligation, Said
from spec.conformance.checker import Report
from spec.conformance.inclusion import Finding
from tests.support.places import DIAGRAMS

STANDARD = (DIAGRAMS / "ClientJoin_StandardProcedure.txt").read_text(encoding="utf-8")
STANDARD = STANDARD[: STANDARD.index("\nopt\n==Tracker")] + "\n"


def found(report: Report, *kinds: str) -> list[Finding]:
    findings = [*report.diagrams[0].findings, *report.implied]
    return [finding for finding in findings if not kinds or finding.kind in kinds]


# Our broker, with a fault that shows only in what the diagram leaves out.


def is_of_interest(message: BusEvent) -> bool:
    """Before that, everybody comes to where the diagram begins."""
    return isinstance(message, ClientJoinAccepted) and message.client == "torrent"


class Gossip(Broker):
    """It tells everybody."""

    def take_over(self, message: BusEvent) -> None:
        super().take_over(message)
        if is_of_interest(message):
            self.data = replace(self.data, outbox=tuple((client, message) for client in self.data.sessions))


class Forgetful(Broker):
    """It leaves one out."""

    def take_over(self, message: BusEvent) -> None:
        super().take_over(message)
        if is_of_interest(message):
            self.data = replace(self.data, outbox=self.data.outbox[1:])


class Parrot(Broker):
    """It says everything twice."""

    def take_over(self, message: BusEvent) -> None:
        super().take_over(message)
        if is_of_interest(message):
            super().take_over(message)


ONE_RECEIVER = r"""
title Client Join (one receiver)
Torrent->Broker:PUBLISH clients/join/requested\n(ClientJoinRequested Event)
Broker->Tracker:PUBLISH clients/join/requested\n(ClientJoinRequested Event)
Tracker->Broker:PUBLISH clients/join/accepted\n(ClientJoinAccepted Event)
Broker->Torrent:PUBLISH clients/join/accepted\n(ClientJoinAccepted Event)
"""


def test_who_draws_some_receivers_only_need_not_draw_the_others() -> None:
    assert found(check(ONE_RECEIVER), "undue", "owed", "chart-cannot") == []


@pytest.mark.parametrize(
    ("chart", "kind", "says"),
    [
        (Gossip, "undue", "Broker can send ClientJoinAccepted torrent to Tracker without a pending obligation"),
        (Forgetful, "owed", "Broker has a pending obligation to send ClientJoinAccepted torrent to "),
        (Parrot, "undue", "Broker can send ClientJoinAccepted torrent to "),
    ],
)
@pytest.mark.parametrize("text", [ONE_RECEIVER, STANDARD], ids=["one receiver", "standard"])
def test_a_broker_that_does_not_pass_on_as_it_should_is_found(
    text: str, chart: type[Broker], kind: str, says: str
) -> None:
    findings = found(check(text, load(), {"Broker": chart}), kind)
    assert says in findings[0].message
    assert "the rule is: an event of a client that has a session is passed on once" in findings[0].message
    assert findings[0].run


def test_the_beginning_of_a_diagram_counts_too() -> None:
    class Mute(Broker):
        """It greets nobody."""

        def take_over(self, message: BusEvent) -> None:
            pass

    (finding,) = found(check(STANDARD, load(), {"Broker": Mute}), "no-beginning")
    assert (
        "Broker, before the diagram begins, has a pending obligation to send ClientJoinRequested client to Tracker"
        in finding.message
    )


# Charts of others, and a binding of theirs.


class Answerer(StateChart[Any]):
    idle = State(initial=True)
    thinking = State()
    recv_question = Event(idle.to(thinking), name="?question")
    send_answer = Event(thinking.to(idle), name="!answer")


class Eager(StateChart[Any]):
    """It answers as often as it likes."""

    idle = State(initial=True)
    told = State()
    recv_question = Event(idle.to(told) | told.to.itself(), name="?question")
    send_answer = Event(told.to.itself(), name="!answer")


class Silent(StateChart[Any]):
    idle = State(initial=True)
    recv_question = Event(idle.to.itself(), name="?question")
    send_answer = Event(idle.to.itself(cond="never"), name="!answer")

    def never(self) -> bool:
        return False


OBLIGATIONS = """
[lifeline]
A = { scripted = true }

[[obligation]]
lifelines = ["B"]
received = ["question"]
sends = "answer"
why = "a question has one answer"
"""
RULE = "; the rule is: a question has one answer"
TWO_QUESTIONS = "A->B:question\nB->A:answer\nA->B:question\nB->A:answer\n"


@pytest.mark.parametrize(
    ("chart", "messages"),
    [
        (Answerer, []),
        (Eager, ["B can send answer to A without a pending obligation" + RULE]),
        (
            Silent,
            ["B has a pending obligation to send answer to A, and is about to send A nothing of the kind" + RULE],
        ),
    ],
)
def test_a_binding_of_others_states_their_charts_obligations(chart: type[StateChart[Any]], messages: list[str]) -> None:
    report = check(TWO_QUESTIONS, read_binding(OBLIGATIONS), {"B": chart})
    assert [finding.message for finding in found(report)] == messages


def test_what_a_scripted_lifeline_does_is_drawn() -> None:
    assert found(check("A->B:question\nA->B:question\n", read_binding(OBLIGATIONS), {"B": Answerer})) == []
    (finding,) = found(check("B->A:answer\n", read_binding(OBLIGATIONS), {"B": Answerer}))
    assert (finding.kind, finding.line, finding.lifeline) == ("chart-cannot", 1, "B")


def test_a_client_of_our_broker_can_be_scripted(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[lifeline]\nGuest = { scripted = true, group = "Guest", role = "client", client = "guest" }\n')
    text = "Guest->Broker:CONNECT\nBroker->Guest:CONNACK\nGuest->Broker:CONNECT\nBroker->Guest:CONNACK\n"
    assert found(check(text, load([file]))) == []
    (finding,) = found(check(text + "Broker->Guest:CONNACK\n", load([file])))
    assert (finding.kind, finding.line) == ("chart-cannot", 5)


# Without end.


class Ticking(StateChart[Any]):
    idle = State(initial=True)
    send_tick = Event(idle.to.itself(), name="!tick")
    send_tock = Event(idle.to.itself(cond="never"), name="!tock")

    def never(self) -> bool:
        return False


class Deaf(StateChart[Any]):
    idle = State(initial=True)
    recv_tock = Event(idle.to.itself(), name="?tock")
    recv_tick = Event(idle.to.itself(cond="never"), name="?tick")

    def never(self) -> bool:
        return False


def test_who_sends_undrawn_without_end_is_found() -> None:
    binding = Binding(may_be_undrawn=(MayBeUndrawn(frozenset({"A"}), ("!tick",)),))
    findings = found(check("A->B:tock\nA->B:tick\n", binding, {"A": Ticking, "B": Deaf}), "endless")
    assert {finding.lifeline for finding in findings} == {"A"}
    assert findings[0].message.endswith(
        "A sends tick to B again and again: 11 wait there, and nothing keeps it from sending more"
    )


# The ledger.

BUS = Discipline(
    "B",
    (
        Obligation(frozenset({"B"}), ("join",), sends="joined", why="who joins is told so"),
        Obligation(frozenset({"B"}), ("news*",), sender="joined", to="joined"),
    ),
    (Forgets(frozenset({"B"}), ("leave",)),),
)


def said(message: str, peer: str, number: int = 0) -> Said:
    return Said(message, "", "", number, peer)


def test_what_is_passed_on_goes_once_to_each_in_order() -> None:
    ledger = EMPTY
    for peer in "xy":
        ledger = BUS.sent(BUS.received(ledger, said("join", peer), ignored=False), said("joined", peer))
    for number in (1, 2):
        ledger = BUS.received(ledger, said(f"news{number}", "x", number), ignored=False)
    assert [(pending.to, pending.number) for pending in ledger.pending_obligations] == [
        ("x", 1),
        ("y", 1),
        ("x", 2),
        ("y", 2),
    ]
    assert BUS.pending_for(ledger, said("news2", "x", 2)) is None
    ledger = BUS.sent(ledger, said("news1", "x", 1))
    assert BUS.pending_for(ledger, said("news2", "x", 2)) is not None
    assert BUS.pending_for(ledger, said("news1", "x", 1)) is None
    ledger = BUS.received(ledger, said("leave", "x"), ignored=False)
    assert [(pending.to, pending.number) for pending in ledger.pending_obligations] == [("y", 1), ("y", 2)]
    assert ledger.sent == {("y", "joined")}
    assert not ledger.wrong


@pytest.mark.parametrize(
    ("message", "ignored", "says"),
    [
        ("join", True, "ignores join from x, though it counts here; the rule is: who joins is told so"),
        ("news", False, "takes news from x, though it means nothing here, and should be ignored"),
        ("leave", False, "takes leave from x, though it means nothing here, and should be ignored"),
        ("join", False, ""),
        ("news", True, ""),
        ("leave", True, ""),
        ("something else", True, ""),
    ],
)
def test_what_counts_is_taken_and_what_does_not_is_ignored(message: str, ignored: bool, says: str) -> None:
    assert BUS.received(EMPTY, said(message, "x"), ignored=ignored).wrong == says
