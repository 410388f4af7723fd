"""Verdicts have three answers, and each kind of mistake that was once passed in silence is found."""

import json
import re
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from statemachine import Event, State, StateChart
from typer.testing import CliRunner

from runtime.cli.main import app
from spec import Binding, Bounds, Verdict, check_all, load
from spec.binding import Begin, MayBeUndrawn, Player, read_binding
from spec.binding.allowances import Allowances
from spec.binding.inheritance import settled
from spec.conformance.baseline import Accepted, read_accepted
from spec.conformance.bounds import Reductions, interruption
from spec.conformance.checker import Report
from spec.conformance.report import as_json
from spec.conformance.rules import rules
from spec.system.driving import CastError
from spec.system.state import Act
from tests.support.places import DIAGRAMS

Charts = dict[str, type[StateChart[Any]]]


def chart(name: str, *branches: Sequence[str]) -> type[StateChart[Any]]:
    """A chart that takes one of the branches, each a sequence of actions; branches share what they begin with."""
    ends = {tuple(branch) for branch in branches}
    places: dict[tuple[str, ...], State] = {(): State(initial=True, final=() in ends)}
    body: dict[str, Any] = {"s": places[()]}
    for branch in branches:
        for step in range(1, len(branch) + 1):
            here, there = tuple(branch[: step - 1]), tuple(branch[:step])
            if there not in places:
                goes_on = any(other[:step] == there and len(other) > step for other in map(tuple, branches))
                places[there] = State(final=not goes_on)
                body[f"s{len(places)}"] = places[there]
                body[f"e{len(places)}"] = Event(places[here].to(places[there]), name=branch[step - 1])
    return types.new_class(name, (StateChart,), exec_body=lambda scope: scope.update(body))


def checked(texts: str | Sequence[str], charts: Charts, binding: Binding | None = None, **how: Any) -> Report:
    listed = [texts] if isinstance(texts, str) else texts
    return check_all([(f"{n}.txt", text) for n, text in enumerate(listed)], binding or Binding(), charts, **how)


ASKS: Charts = {"A": chart("A", ["!ask", "?answer"]), "B": chart("B", ["?ask", "!answer"])}
EXCHANGE = "A->B:ask\nB->A:answer\n"
RACE: Charts = {"A": chart("A", ["!x"]), "B": chart("B", ["?x", "?y"]), "C": chart("C", ["!y"])}


def test_all_that_was_asked_and_answered_conforms() -> None:
    report = checked(EXCHANGE, ASKS)
    assert (report.verdict, report.conforms, report.reasons) == (Verdict.CONFORMS, True, ())
    assert str(report).splitlines()[-1].startswith("conforms: 1 diagram and its charts; 0 errors")
    assert len(repr(report)) < 80


def test_nothing_to_ask_is_no_pass() -> None:
    assert checked([], {}).verdict is Verdict.UNDETERMINED
    assert checked("", {}).verdict is Verdict.UNDETERMINED
    assert (
        checked("User->A:ask\nA->User:answer\n", {"A": chart("A", ["?ask", "!answer"])}).verdict is Verdict.UNDETERMINED
    )


def test_a_search_that_was_stopped_is_no_pass() -> None:
    report = checked(EXCHANGE, ASKS, bounds=Bounds(states=2))
    assert report.verdict is Verdict.UNDETERMINED
    assert all("stopped after 2 states; --states allows more" in reason for reason in report.reasons)
    assert len(report.reasons) == 2


def test_a_search_that_was_interrupted_tells_how_far_it_came() -> None:
    interruption.is_set = True
    try:
        report = checked(EXCHANGE, ASKS)
    finally:
        interruption.is_set = False
    assert report.verdict is Verdict.UNDETERMINED
    assert all(re.search(r"interrupted after [01] states", reason) for reason in report.reasons)


@pytest.mark.parametrize(("model", "conforms"), [("receiver", False), ("pair", True), ("any", True)])
def test_a_race_is_found_where_nobody_keeps_the_order(model: str, conforms: bool) -> None:
    binding = read_binding(f'[channels]\nmodel = "{model}"\n')
    report = checked("A->B:x\nC->B:y\n", RACE, binding)
    assert report.conforms is conforms
    assert conforms or "B cannot take ?y, which has come" in report.reasons[0]


def test_an_unknown_channel_model_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 'receiver', 'pair', 'any', not 'mailbox'"):
        read_binding('[channels]\nmodel = "mailbox"\n')


WAITING: Charts = {
    "A": chart("A", ["!ask", "?late", "?answer"]),
    "B": chart("B", ["?ask", "!answer"]),
    "T": chart("T", ["!late"]),
}
EARLY = "A->B:ask\nT->A:late\nB->A:answer\n"


def test_patience_is_the_same_in_both_directions() -> None:
    players = {"T": Player("T", patient=True)}
    report = checked(EARLY, WAITING, Binding(players=players))
    assert {finding.kind for finding in report.diagrams[0].findings} == {"never-runs"}
    hasty = Binding(players=players, begins=(Begin("*", {}, {}, patient=False),))
    kinds = {finding.kind for finding in checked(EARLY, WAITING, hasty).findings}
    assert "never-taken" in kinds
    assert "never-runs" not in kinds


def test_what_all_do_together_and_nobody_drew_is_found() -> None:
    texts = ["title G (1)\nA->B:a\nC->D:c\n", "title G (2)\nA->B:b\nC->D:d\n"]
    charts = {
        "A": chart("A", ["!a"], ["!b"]),
        "B": chart("B", ["?a"], ["?b"]),
        "C": chart("C", ["!c"], ["!d"]),
        "D": chart("D", ["?c"], ["?d"]),
    }
    assert {finding.kind for finding in checked(texts, charts).implied} == {"implied-scenario"}
    assert checked([*texts, "title G (3)\nA->B:a\nC->D:d\n", "title G (4)\nA->B:b\nC->D:c\n"], charts).conforms


def test_messages_that_cross_are_found_though_all_terminate() -> None:
    charts = {"A": chart("A", ["!m", "?n"], ["!m", "!stop"]), "B": chart("B", ["?m", "!n"], ["?m", "?stop"])}
    report = checked("A->B:m\nalt\nB->A:n\nelse\nA->B:stop\nend\n", charts)
    assert not report.conforms
    assert any("?stop" in reason or "!stop" in reason for reason in report.reasons)


def test_for_each_chart_that_goes_on_it_is_said_with_what() -> None:
    report = checked("title Own\nA->B:ask\n", ASKS)
    assert [finding.message for finding in report.implied] == ["Own: the diagram ends here, B goes on with !answer"]


def test_a_chart_that_plays_nobody_is_refused() -> None:
    with pytest.raises(CastError, match="'Bee' plays nobody: no diagram has a lifeline of that name"):
        checked(EXCHANGE, {**ASKS, "Bee": chart("Bee", ["!q"])})


def test_rows_about_lifelines_that_are_not_drawn_change_nothing() -> None:
    text = (DIAGRAMS / "ClientJoin_Alternative3.txt").read_text(encoding="utf-8")
    referred = [(file.name, file.read_text(encoding="utf-8")) for file in sorted(DIAGRAMS.glob("*.txt"))]
    denial = "Broker-->>Torrent:PUBLISH clients/join/denied"
    lines = [line for line in text.splitlines() if not line.startswith(denial)]
    assert len(lines) == len(text.splitlines()) - 1
    rows = read_binding('[lifeline]\nT1 = { like = "Torrent" }\nT2 = { like = "Torrent" }\n')
    for binding in (load(), settled(rows.over(load()))):
        assert check_all([("own.txt", text)], binding, referred=referred).conforms
        report = check_all([("own.txt", "\n".join(lines))], binding, referred=referred)
        assert any("Torrent can do ?ClientJoinDenied" in reason for reason in report.reasons)


def test_a_finding_is_accepted_by_its_content() -> None:
    (finding,) = checked("title Own\nA->B:ask\n", ASKS).implied
    accepted = [Accepted(finding.identifier, "known")]
    assert checked("\n\ntitle Own\n// a comment\nA->B:ask\n", ASKS, accepted=accepted).conforms
    assert not checked("title Own\nA->B:ask\nA->B:ask\n", ASKS, accepted=accepted).conforms


@pytest.mark.parametrize("reductions", [Reductions(partial_order=False), Reductions(by_pairs=False)])
def test_our_diagrams_are_judged_alike_without_reductions(reductions: Reductions) -> None:
    names = ("TrackerGoodbye_StandardProcedure", "ClientGoodbye_StandardProcedure")
    referred = [(file.name, file.read_text(encoding="utf-8")) for file in sorted(DIAGRAMS.glob("*.txt"))]
    for name in names:
        text = (DIAGRAMS / f"{name}.txt").read_text(encoding="utf-8")
        accepted = read_accepted(DIAGRAMS / "baseline.toml")
        bounds = Bounds(reductions=reductions)
        report = check_all([(name, text)], load(), referred=referred, accepted=accepted, bounds=bounds)
        assert report.conforms, str(report)


@pytest.mark.parametrize("name", ["TrackerServerStartup", "TorrentServerStartup"])
def test_each_diagram_of_ours_conforms_by_itself(name: str) -> None:
    referred = [(file.name, file.read_text(encoding="utf-8")) for file in sorted(DIAGRAMS.glob("*.txt"))]
    for file, text in referred:
        if file.startswith(name):
            assert check_all([(file, text)], load(), referred=referred).conforms, file


def test_the_command_says_the_verdict_by_its_exit_status(tmp_path: Path) -> None:
    whole = DIAGRAMS / "TrackerGoodbye_StandardProcedure.txt"
    cut = tmp_path / "cut.txt"
    cut.write_text(whole.read_text(encoding="utf-8").partition("Tracker->>Broker:DISCONNECT")[0], encoding="utf-8")
    empty = tmp_path / "empty.txt"
    empty.write_text("title Nothing\n", encoding="utf-8")
    for arguments, status, said in [
        ([str(whole)], 0, "conforms"),
        ([str(cut)], 1, "does not conform"),
        ([str(empty)], 3, "undetermined"),
        ([str(whole), "--states", "3"], 3, "undetermined"),
    ]:
        done = CliRunner().invoke(app, ["check", *arguments, "-q"])
        assert (done.exit_code, done.output.strip()) == (status, said), arguments
    data = json.loads(CliRunner().invoke(app, ["check", str(cut), "--json"]).output)
    assert (data["verdict"], data["conforms"]) == ("does not conform", False)
    assert CliRunner().invoke(app, ["check", str(tmp_path / "none.txt")]).exit_code == 2


def test_the_output_of_a_check_is_a_line_for_each_diagram() -> None:
    done = CliRunner().invoke(app, ["check", str(DIAGRAMS / "ClientGoodbye_StandardProcedure.txt")])
    lines = done.output.splitlines()
    assert len(lines) == 4
    assert lines[2] == ""
    assert lines[3].startswith("Next: ")


STARTUP = (DIAGRAMS / "TrackerServerStartup_Alternative1.txt").read_text(encoding="utf-8")
REFUSED = "Tracker->>Broker:CONNECT\nBroker-->>Tracker:CONNACK (refused)\n"
LOST = "Tracker-#redxBroker:CONNECT\n"


@pytest.mark.parametrize(
    "text",
    [
        STARTUP.replace(LOST, ""),
        STARTUP.replace(REFUSED, ""),
        STARTUP.replace(f"else\n{REFUSED}", ""),
        STARTUP.replace(f"{LOST}else\n", ""),
        STARTUP.replace(f"{LOST}else\n", "").replace("\nalt\n", "\nopt\n"),
    ],
    ids=["first branch empty", "second branch empty", "one branch", "another branch", "a choice to do nothing"],
)
def test_branch_in_which_who_is_set_going_does_nothing(text: str) -> None:
    assert text != STARTUP
    report = check_all([("changed.txt", text)], load())
    assert report.verdict is Verdict.DOES_NOT_CONFORM
    assert "the diagram ends here, Tracker goes on with !CONNECT to Broker" in report.reasons


@pytest.mark.parametrize("name", ["TrackerServerStartup_Alternative2", "ClientJoin_Alternative2"])
def test_last_branch_that_is_emptied_is_no_end(name: str) -> None:
    lines = (DIAGRAMS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    place = max(number for number, line in enumerate(lines) if line == "else")
    emptied = [*lines[: place + 1], *lines[lines.index("end", place) :]]
    assert check_all([("changed.txt", "\n".join(emptied))], load()).verdict is Verdict.DOES_NOT_CONFORM


@pytest.mark.parametrize("text", ["sequenceDiagram\n A->>B: hi\n", "@startuml\nA -> B : hi\n@enduml\n"])
def test_text_in_another_notation_cannot_be_used(text: str, tmp_path: Path) -> None:
    file = tmp_path / "theirs.txt"
    file.write_text(text, encoding="utf-8")
    done = CliRunner().invoke(app, ["check", str(file)])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "line 1: this is" in done.stderr


def test_implied_scenario_names_the_rules_of_the_binding() -> None:
    text = (DIAGRAMS / "TorrentServerStartup_StandardProcedure.txt").read_text(encoding="utf-8")
    report = check_all([("changed.txt", "\n".join(text.splitlines()[:-1]))], load())
    assert not report.conforms
    [finding] = report.implied
    assert finding.rules.startswith('[[begin]] title = "Torrent Server Startup (*)" (')
    assert "orders: Torrent Start" in finding.rules
    assert f"    by {finding.rules}" in str(report).splitlines()
    assert as_json(report)["implied_scenarios"][0]["rules"] == finding.rules


def test_without_a_beginning_that_is_said() -> None:
    [finding] = checked("A->B:ask\n", ASKS).implied
    assert finding.rules == "no [[begin]] has this title: each chart begins in its initial state"


def test_rows_that_allow_it_elsewhere_and_the_orders_that_came() -> None:
    binding = load()
    allowances = Allowances(binding, drawn_messages=frozenset({"SUBACK"}))
    begin = binding.begin("Client Join (*)")
    said = rules(Act("?", "Tracker", "SUBACK", "", "Broker"), begin, allowances, ordered=1)
    assert "later: Client ConnectionLost came before it" in said
    assert "not where some diagram draws SUBACK" in said
    row = MayBeUndrawn(frozenset({"Tracker"}), ("!DescribeView",), "mine.toml")
    allowances = Allowances(Binding(early_sends=(row,)))
    said = rules(Act("!", "Tracker", "DescribeView", "", "TrackerView"), begin, allowances, ordered=0)
    assert said.endswith("[[early_sends]] (mine.toml): once, and only where it is drawn to be sent")


def test_what_is_lost_in_the_scenarios_and_arrives_is_told_apart() -> None:
    report = checked("A->B:ask\nB-xA:answer\n", ASKS)
    (finding,) = report.implied
    assert finding.message == (
        "0.txt: B can do !answer to A, and it arrives, which no scenario allows here; the scenarios allow !answer to A "
        "(lost)"
    )


def test_the_run_of_who_is_patient_holds_all_that_came_before() -> None:
    charts = {
        "S": chart("S", ["!data", "?tick", "?tick"]),
        "R": chart("R", ["?data"]),
        "C": chart("C", ["!tick", "!tick"]),
    }
    binding = Binding(players={"C": Player("C", patient=True)})
    report = checked("S->R:data\nC->S:tick\n", charts, binding)
    (finding,) = [each for each in report.implied if each.kind == "goes-on"]
    assert "S->>R:data" in finding.counterexample


ENDS_EARLY = {
    "alt": ["alt\nA->B:ask\nB->A:answer\nelse\nA->B:ask\nend\n"],
    "two scenarios": [f"title Asking (1)\n{EXCHANGE}", "title Asking (2)\nA->B:ask\n"],
}


@pytest.mark.parametrize("kind", ENDS_EARLY)
def test_a_scenario_that_ends_where_another_goes_on_is_told(kind: str) -> None:
    report = checked(ENDS_EARLY[kind], ASKS)
    (warning,) = [finding for finding in report.findings if finding.kind == "ends-early"]
    assert "a scenario ends here, and in another one B goes on with !answer to A" in warning.message
    assert report.conforms
    assert not checked(ENDS_EARLY[kind], ASKS, strict=True).conforms


OPTIONAL = "A->B:ask\nopt\nB->A:answer\nend\n"


@pytest.mark.parametrize(
    "text", [OPTIONAL, OPTIONAL.replace("opt", "alt\nelse"), "A->B:ask\nbreak\nend\nB->A:answer\n"]
)
def test_what_is_drawn_as_optional_and_always_happens_is_told(text: str) -> None:
    report = checked(text, ASKS)
    (warning,) = [finding for finding in report.findings if finding.kind == "ends-early"]
    assert warning.message.startswith("the diagram can end here, and B goes on with !answer in every run")
    assert report.conforms


class Answering(StateChart[Any]):
    """May answer, or leave it."""

    idle = State(initial=True)
    asked = State()
    over = State(final=True)
    recv_ask = Event(idle.to(asked), name="?ask")
    leave = asked.to(over)
    send_answer = Event(asked.to(over), name="!answer")
    internal = ("leave",)


class Pinging(StateChart[Any]):
    idle = State(initial=True)
    up = State()
    pinging = State()
    send_hello = Event(idle.to(up), name="!hello")
    send_ping = Event(up.to(pinging), name="!ping")
    recv_pong = Event(pinging.to(up), name="?pong")


class Pinged(StateChart[Any]):
    idle = State(initial=True)
    up = State()
    pinged = State()
    recv_hello = Event(idle.to(up), name="?hello")
    recv_ping = Event(up.to(pinged), name="?ping")
    send_pong = Event(pinged.to(up), name="!pong")


def test_what_may_happen_or_not_does_not_end_early() -> None:
    may_leave = checked(OPTIONAL, {"A": chart("A", ["!ask", "?answer"]), "B": Answering})
    for_ever = checked("A->B:hello\nloop\nA->B:ping\nB->A:pong\nend\n", {"A": Pinging, "B": Pinged})
    assert (may_leave.findings, for_ever.findings) == ((), ())


MAIN = "title Main\nA->B:ask\nref over A,B:Use Case: Answering\n"
ANSWERING = "title Use Case: Answering\n"


def test_a_use_case_that_is_referred_to_is_compared_too() -> None:
    def referring(tail: str, main: str = MAIN) -> Report:
        return checked(main, ASKS, referred=[("answering.txt", ANSWERING + tail)])

    assert referring("B->A:answer\n").conforms
    assert not referring("A->B:answer\n").conforms
    assert not referring("B->A:answer\nB->A:answer\n").conforms
    other = "title Main\nalt\nA->B:ask\nref over A,B:Use Case: Answering\nelse\nA->B:ask\nB->A:answer\nend\n"
    assert referring("B->A:answer\n", other).conforms
    assert not referring("A->B:answer\n", other).conforms


def test_a_warning_hides_nothing_that_comes_after_a_reference() -> None:
    round_ = ["!ask", "?answer"]
    charts = {"A": chart("A", [*round_, *round_, "!oops"])}
    charts |= {"B": chart("B", ["?ask", "!answer", "?ask", "!answer", "?oops"])}
    whole = f"title Use Case: Asking (1)\n{EXCHANGE}ref over A,B:Use Case: Asking\n"
    report = checked([whole, "title Use Case: Asking (2)\nA->B:ask\n"], charts, complete=True)
    kinds = [finding.kind for finding in report.implied]
    assert "ends-early" in kinds
    assert "implied-scenario" in kinds


def test_a_use_case_that_refers_to_itself_ends_all_the_same() -> None:
    main = f"title Use Case: Asking (1)\n{EXCHANGE}ref over A,B:Use Case: Asking\n"
    report = checked(main, ASKS)
    assert report.verdict is not Verdict.CONFORMS


def test_a_run_holds_what_happened_elsewhere_if_that_matters() -> None:
    charts = {"A": chart("A", ["?go"]), "B": chart("B", ["?go"])}
    report = checked("alt\n[->A:go\nelse\n[->B:go\nend\n", charts)
    for finding in report.implied:
        drawn = [line for line in finding.counterexample.splitlines() if line.startswith("[->")]
        assert len(drawn) == len(finding.run), finding.counterexample


def test_values_and_receivers_are_named_where_the_message_is_right() -> None:
    charts = {"A": chart("A", ["!x", "!x"]), "B": chart("B", ["?x"]), "C": chart("C", ["?x"])}
    binding = read_binding('[routes]\nx = ["B", "C"]\n')
    said = {finding.message for finding in checked("A->B:x\nA->C:x\n", charts, binding).implied}
    assert any("A can do !x to C, which no scenario allows here; the scenarios allow !x to B" in text for text in said)


def test_an_event_may_be_called_as_a_method_of_every_chart() -> None:
    class Sender(StateChart[Any]):
        a = State(initial=True)
        b = State()
        c = State(final=True)
        send = Event(a.to(b), name="!ask")
        answered = Event(b.to(c), name="?answer")

    assert checked(EXCHANGE, {"A": Sender, "B": ASKS["B"]}).conforms


def test_an_arrow_without_a_text_is_told_as_that() -> None:
    (said,) = [each.message for each in checked("A->B:ask\nB->A\n", ASKS).findings if each.kind == "unbound-label"]
    assert said == "the arrow has no text, so it is no message: write one behind a `:`, or take the arrow away"


def test_a_begin_whose_title_is_misspelled_is_named() -> None:
    charts = {"A": chart("A", ["?go", "!ask"]), "B": chart("B", ["?ask"])}
    binding = Binding(begins=(Begin("Askin", {"A": "s1"}, {}, "mine.toml [[begin]] 1"),))
    report = checked("title Asking\nA->B:ask\n", charts, binding)
    assert "no [[begin]] has the title of this diagram, 'Asking', but one has 'Askin'" in str(report)
