"""The binding: labels to messages, and errors that say where and what to do."""

from pathlib import Path

import pytest

from machines import CALLS, CHARTS, PACKETS
from machines.events import BUS_EVENTS
from machines.participant import atomic_states
from spec.binding import Binding, BindingError, Word, load, read_binding

MESSAGES = {message.__name__ for message in (*BUS_EVENTS, *CALLS, *PACKETS)}


@pytest.mark.parametrize(
    ("label", "word"),
    [
        (r"PUBLISH clients/join/denied" + "\n(ClientJoinDeniedEvent)", Word("ClientJoinDenied")),
        ("PUBLISH tracker/hello\n(TrackerHello Event)", Word("TrackerHello")),
        ("Set timeout.", Word("SetTimeout")),
        ("Check if Torrent Server\ncan join the Distribution\nService.", Word("CheckJoin")),
        ("SUBSCRIBE  tracker/hello ", Word("SUBSCRIBE", "tracker/hello")),
        ("SUBACK a/b\n(refused)", Word("SUBACK", "a/b refused")),
        ("CONNACK", Word("CONNACK", "accepted")),
        ("Something else", None),
    ],
)
def test_labels_are_compared_by_their_words(label: str, word: Word | None) -> None:
    assert load().word(label) == word


def test_the_default_speaks_of_messages_charts_and_states_that_there_are() -> None:
    binding = load()
    charts = {chart.__name__: chart for chart in CHARTS}
    for rule in binding.labels:
        assert "{" in rule.message or rule.message in MESSAGES
    for name, player in binding.players.items():
        assert player.chart in charts, name
    for begin in binding.begins:
        for lifeline, state in begin.states.items():
            states = {s.id for s in atomic_states(charts[binding.players[lifeline].chart])}
            assert state in states
    for besides in binding.besides:
        for action in besides.actions:
            assert "*" in action or action.lstrip("-")[1:] in MESSAGES
    for ignores in binding.ignores:
        assert {action[1:] for action in ignores.actions} <= MESSAGES
    for orders in binding.environment.values():
        assert set(orders) <= MESSAGES


def test_a_word_without_detail_leaves_open_which_one_is_meant() -> None:
    assert Word("SUBACK").covers("SUBACK", "a accepted")
    assert not Word("SUBACK", "a refused").covers("SUBACK", "a accepted")
    assert not Word("SUBACK").covers("SUBSCRIBE", "")


def test_what_may_be_done_undrawn_can_except() -> None:
    binding = load()
    assert binding.may("TorrentClock", "?SetTimeout")
    assert not binding.may("TorrentClock", "!TimeoutExceeded")
    assert not binding.may("Nobody", "?SetTimeout")


def test_rules_of_a_user_come_first_and_the_rest_stays(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        '[[label]]\ntext = "Set timeout."\nmessage = "StopTimeout"\n\n[lifeline]\nX = { chart = "Clock" }\n'
    )
    binding = load([file])
    assert binding.word("Set timeout.") == Word("StopTimeout")
    assert binding.word("Timeout exceeded.") == Word("TimeoutExceeded")
    assert binding.players["X"].chart == "Clock"
    assert "Tracker" in binding.players


def test_the_nearest_label_is_found() -> None:
    assert load().nearest("Set the timeout") == "Set timeout."
    assert Binding().nearest("anything") is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = [", "not TOML"),
        ("[labels]\n", "did you mean label?"),
        ('[[label]]\nmessage = "A"\n', "either text or pattern"),
        ('[[label]]\ntext = "a"\npattern = "a"\nmessage = "A"\n', "either text or pattern"),
        ('[[label]]\ntext = "a"\n', "expected a text message"),
        ('[[label]]\npattern = "("\nmessage = "A"\n', "not a regular expression"),
        ('[[label]]\npattern = "a"\nmessage = "{b}"\n', "only use the pattern's groups"),
        ('[lifeline]\nA = "Clock"\n', "expected { chart = ... }"),
        ('[lifeline]\nA = { chart = "Clock", rolle = "x" }\n', "unknown rolle"),
        ("[[begin]]\n", "expected a text title"),
        ('[[besides]]\nlifelines = "A"\nactions = []\n', "expected a list of texts"),
        ("[environment]\nA = 1\n", "expected a list of texts"),
        ("[needs]\nA = 1\n", "expected a text"),
        ("label = 1\n", "expected tables [[label]]"),
    ],
)
def test_a_bad_file_is_named_with_place_and_remedy(text: str, says: str) -> None:
    with pytest.raises(BindingError, match=r"^mine\.toml: ") as error:
        read_binding(text, "mine.toml")
    assert says in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BindingError, match="cannot be read"):
        load([tmp_path / "none.toml"])
