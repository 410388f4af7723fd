"""What a user's binding says that cannot be is refused, with the place and what there is; it is never passed over."""

from pathlib import Path

import pytest

from spec.binding import BindingError
from spec.binding.load import load
from spec.conformance.checker import check_all
from spec.conformance.report import Report
from tests.support.asking import Asker, Server

CHARTS = {"A": Asker, "B": Server}
DRAWN = "title Asking\nparticipant A\nparticipant B\nA->B: ask\nB->A: ok\n"
BEGIN = '[[begin]]\ntitle = "*"\n'

WRONG = {
    '[[fault]]\nmessage = "asks"': "'asks'; did you mean 'ask'",
    '[[fault]]\nmessage = "ask"\ninstead = "okk"': "'okk'; did you mean 'ok'",
    '[[may_be_undrawn]]\nlifelines = ["A"]\nactions = ["!asks"]': "A can do no '!asks'; did you mean '!ask'",
    '[[may_be_undrawn]]\nlifelines = ["A"]\nactions = ["?ask"]': "A can do no '?ask'",
    '[[may_be_undrawn]]\nlifelines = ["A"]\nactions = ["*"]\nunless_drawn = ["no"]': "message 'no'",
    '[[ignores]]\nlifelines = ["B"]\nactions = ["?ok"]': "B can do no '?ok'",
    '[[ignores]]\nlifelines = ["A"]\nactions = ["?ok"]\nstates = ["v"]': "A has no atomic state 'v'; there are a, w, z",
    '[[early_sends]]\nlifelines = ["B"]\nactions = ["!okay"]': "B can do no '!okay'",
    BEGIN + 'orders = { A = "Go" }': "orders: A cannot receive 'Go'; there are ok",
    BEGIN + 'later = ["A Go"]': "later: A cannot receive 'Go'",
    BEGIN + 'sessions = { A = "x" }': "only charts of machines have sessions",
    BEGIN + 'services = { A = "retry" }': "only charts of machines have services",
    BEGIN + 'endpoints = { A = "http://a/" }': "only charts of machines have endpoints",
    '[environment]\nA = ["Go"]': "[environment] A: A cannot receive 'Go'",
    '[environment]\nZ = ["ask"]': "[environment] Z: no lifeline 'Z'",
    '[needs]\nask = "no"': "[needs] ask: no chart has a message 'no'",
    '[needs]\nno = "ask"': "[needs] no: no chart has a message 'no'",
    '[lifeline]\nA = { chart = "Askre" }': "[lifeline] A: no chart 'Askre'; did you mean 'Asker'",
    '[lifeline]\nA = { chart = "Server" }': "[lifeline] A: chart = 'Server', but the charts that are given say",
    "[lifeline]\nA = { scripted = true }": "[lifeline] A: scripted, but a chart is given for it",
    "[lifeline]\nA = { environment = true }": "[lifeline] A: environment, but a chart is given for it",
    "[lifeline]\nA = { ignored = true }": "[lifeline] A: ignored, but a chart is given for it",
}


def _check(tmp_path: Path, text: str) -> Report:
    file = tmp_path / "binding.toml"
    file.write_text(text)
    return check_all([("asking.txt", DRAWN)], load([file]), CHARTS)


@pytest.mark.parametrize("text", WRONG)
def test_a_row_that_holds_for_nobody_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BindingError) as refused:
        _check(tmp_path, text)
    assert "binding.toml" in str(refused.value)
    assert WRONG[text] in str(refused.value)


RIGHT = [
    '[[may_be_undrawn]]\nlifelines = ["A", "B"]\nactions = ["!ask"]',
    '[[ignores]]\nlifelines = ["A"]\nactions = ["?*"]',
    '[lifeline]\nA = { chart = "Asker" }',
    '[lifeline]\nSecond = { chart = "Asker" }',
    '[[fault]]\nmessage = "ok"',
    BEGIN + 'A = "a"',
]


@pytest.mark.parametrize("text", RIGHT)
def test_a_row_that_says_what_can_be_is_taken(tmp_path: Path, text: str) -> None:
    assert str(_check(tmp_path, text).verdict) == "conforms"
