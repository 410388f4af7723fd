"""The binding: labels to messages, and errors that say where and what to do."""

import contextlib
import re
from pathlib import Path
from random import Random

import pytest

from machines import CALLS, CHARTS, PACKETS
from machines.events import BUS_EVENTS
from machines.participant import atomic_states
from spec import check
from spec.binding import Binding, BindingError, Word, load, read_binding
from spec.binding.allowances import Allowances
from spec.system.driving import CastError
from tests.support.nightly import by_day
from tests.support.places import THIRD_PARTY

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


def test_the_default_speaks_of_what_there_is() -> None:
    binding = load()
    charts = {chart.__name__: chart for chart in CHARTS}
    for rule in binding.labels:
        assert "{" in rule.message or rule.message in MESSAGES
    for name, player in binding.players.items():
        assert player.scripted or player.chart in charts, name
    for begin in binding.begins:
        for lifeline, state in begin.states.items():
            states = {s.id for s in atomic_states(charts[binding.players[lifeline].chart])}
            assert state in states
    for may_be_undrawn in binding.may_be_undrawn:
        for action in may_be_undrawn.actions:
            assert "*" in action or action.lstrip("-")[1:] in MESSAGES
    for ignores in binding.ignores:
        assert {action[1:] for action in ignores.actions} <= MESSAGES
    for obligations in binding.obligations:
        owed = {text.partition(" ")[0] for text in (obligations.sends, obligations.sender, obligations.to) if text}
        assert owed <= MESSAGES
        assert {name.lstrip("-") for name in obligations.received if name != "*"} <= MESSAGES
    for forgets in binding.forgets:
        assert set(forgets.received) <= MESSAGES
    for orders in binding.environment.values():
        assert set(orders) <= MESSAGES


def test_a_word_without_detail_leaves_open_which_one_is_meant() -> None:
    assert Word("SUBACK").covers("SUBACK", "a accepted")
    assert not Word("SUBACK", "a refused").covers("SUBACK", "a accepted")
    assert not Word("SUBACK").covers("SUBSCRIBE", "")


def test_what_may_be_done_undrawn_can_except() -> None:
    binding = load()
    assert Allowances(binding).may("TorrentClock", "?SetTimeout")
    assert not Allowances(binding).may("TorrentClock", "!TimeoutExceeded")
    assert not Allowances(binding).may("Nobody", "?SetTimeout")


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
        ('[[may_be_undrawn]]\nlifelines = "A"\nactions = []\n', "expected a list of texts"),
        ("[environment]\nA = 1\n", "expected a list of texts"),
        ("[needs]\nA = 1\n", "expected a text"),
        ("label = 1\n", "expected tables [[label]]"),
        ("[label]\nx = 1\n", "with two brackets"),
        ("lifeline = []\n", "expected a table [lifeline]"),
        ('[[label]]\ntxet = "a"\nmessage = "A"\n', "did you mean text?"),
        ('[[label]]\ntext = "a"\nmessage = "A"\ndetail = 1\n', "expected a text detail"),
        ('[[label]]\ntext = "a"\nmessage = "A"\nignored = true\n', "leave out one of the two"),
        ('[[label]]\ntext = "a"\nignored = "yes"\n', "expected ignored = true or false"),
        ("[lifeline]\nA = {}\n", "expected chart, the name of the chart that plays it, or like"),
        ('[lifeline]\nA = { ignored = true, chart = "Clock" }\n', "leave out the rest"),
        ("[lifeline]\nA = { chart = 1 }\n", "expected a text chart"),
        ('[[begin]]\ntitle = "t"\nA = 1\n', "expected a text A"),
        ('[[begin]]\ntitle = "t"\norders = "Start"\n', 'expected { Lifeline = "Start" }'),
        ('[[may_be_undrawn]]\nlifelines = ["A"]\nactions = ["StopTimeout"]\n', "'StopTimeout' is no action"),
        ('[[may_be_undrawn]]\nlifelines = ["A"]\nactions = ["?a"]\nunless_drawn = "a"\n', "or a list of messages"),
        ('[[may_be_undrawn]]\nlifelines = ["A"]\nactions = ["?a"]\nunless_drawn = [1]\n', "expected a list of texts"),
        ('[[obligation]]\nlifelines = ["A"]\nreceived = ["?x"]\n', "'?x' is no message"),
        ('[[obligation]]\nlifelines = ["A"]\nreceived = ["x"]\nto = "{who}"\n', "only {topic} is filled in"),
        ('[[obligation]]\nlifelines = ["A"]\nreceived = ["x"]\nsend = "y"\n', "did you mean sends?"),
        ('[[forgets]]\nlifelines = ["A"]\n', "received: expected a list of texts"),
        ('[lifeline]\nA = { scripted = true, chart = "Clock" }\n', "leave out chart and like"),
        ('[[fault]]\nmesage = "A"\n', "did you mean message?"),
    ],
)
def test_a_bad_file_is_named_with_place_and_remedy(text: str, says: str) -> None:
    with pytest.raises(BindingError, match=r"^mine\.toml: ") as error:
        read_binding(text, "mine.toml")
    assert says in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BindingError, match="cannot be read"):
        load([tmp_path / "none.toml"])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xff\xfe", "not UTF-8 (byte 0): save it as UTF-8"),
        (None, "cannot be read: Is a directory; expected"),
    ],
)
def test_what_is_no_text_is_refused(content: bytes | None, says: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    with pytest.raises(BindingError) as error:
        load([file])
    assert str(error.value).startswith(f"{file}: {says}")


# Lifelines that are like ours.


def mine(text: str, tmp_path: Path) -> Binding:
    file = tmp_path / "mine.toml"
    file.write_text(text, encoding="utf-8")
    return load([file])


def test_who_is_like_another_has_all_that_is_said_of_that_one(tmp_path: Path) -> None:
    binding = mine('[lifeline]\nIndex = { like = "Tracker" }\nPeer = { chart = "TorrentServer" }\n', tmp_path)
    assert binding.players["Index"].group == "Tracker Server"
    assert binding.players["Peer"].client == "torrent"
    assert binding.begin("Client Join (x)").states["Peer"] == "describing_view"
    assert Allowances(binding).may("Index", "!StopTimeout")
    assert not Allowances(binding).may("Index", "!ClientJoinAccepted")
    assert binding.environment["Peer"] == binding.environment["Torrent"]


def test_what_is_said_of_it_itself_counts_more(tmp_path: Path) -> None:
    text = '[lifeline]\nPeer = { like = "Torrent", client = "me" }\n[[begin]]\ntitle = "x"\nPeer = "offline"\n'
    binding = mine(text, tmp_path)
    assert binding.players["Peer"].client == "me"
    assert binding.begin("x").states == {"Peer": "offline"}


def test_a_server_of_its_own_has_a_clock_and_a_view(tmp_path: Path) -> None:
    binding = mine('[lifeline]\nBob = { like = "Torrent", group = "Bob" }\n', tmp_path)
    mates = {player.role: player.chart for player in binding.players.values() if player.group == "Bob"}
    assert mates == {"client": "TorrentServer", "clock": "Clock", "view": "DistributionView"}
    assert binding.players["Bob"].client == "Bob"


def test_a_clock_is_that_of_the_server_it_is_in(tmp_path: Path) -> None:
    text = '[lifeline]\nT = { chart = "Tracker" }\nC = { chart = "Clock", group = "Tracker Server" }\n'
    assert mine(text, tmp_path).players["C"].like == "TrackerClock"


def test_who_is_like_nobody_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BindingError, match=r"\[lifeline\] A: like: no lifeline 'Trackr'; did you mean 'Tracker'\?"):
        mine('[lifeline]\nA = { like = "Trackr" }\n', tmp_path)
    with pytest.raises(BindingError, match="A is like B is like A: one of them has to name a chart"):
        mine('[lifeline]\nA = { like = "B" }\nB = { like = "A" }\n', tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            '[[begin]]\ntitle = "x"\nTrackr = "offline"\n',
            "[[begin]] 'x': no lifeline 'Trackr'; did you mean 'Tracker'?",
        ),
        ('[lifeline]\nA = { chart = "Trackr" }\n', "[lifeline] A: no chart 'Trackr'; did you mean 'Tracker'?"),
        ('[[may_be_undrawn]]\nlifelines = ["Q"]\nactions = ["*"]\n', "[[may_be_undrawn]]: no lifeline 'Q'"),
        (
            '[[obligation]]\nlifelines = ["Broker"]\nreceived = ["*"]\nsends = "CONACK"\n',
            "[[obligation]]: no chart has a message 'CONACK'; did you mean 'CONNACK'?",
        ),
        (
            '[[label]]\ntext = "x"\nmessage = "TrackerHelo"\n',
            "[[label]] 'x': no chart has a message 'TrackerHelo';",
        ),
    ],
)
def test_what_nobody_knows_is_refused_when_it_is_used(text: str, says: str, tmp_path: Path) -> None:
    binding = mine(text, tmp_path)
    with pytest.raises(BindingError) as error:
        check("Tracker->Broker:TrackerHello\n", binding)
    assert says in str(error.value)
    assert "mine.toml" in str(error.value)


def test_a_state_that_a_chart_does_not_have_is_told(tmp_path: Path) -> None:
    binding = mine('[[begin]]\ntitle = "x"\nTracker = "awaiting_request"\n', tmp_path)
    (finding,) = check("title x\nTracker->Broker:TrackerHello\n", binding).diagrams[0].findings
    assert finding.kind == "no-beginning"
    assert "Tracker has no state 'awaiting_request'; did you mean 'awaiting_requests'?" in finding.message


ODD = [
    "1",
    "true",
    "[]",
    "{}",
    '""',
    '"x"',
    "[1]",
    "{a=1}",
    "1979-05-27",
    "nan",
    '"*"',
    '"Torrent"',
    '["?x"]',
    '"Peer"',
]


@pytest.mark.parametrize("seed", by_day(range(60), [59]))  # it takes longer than all the others
def test_whatever_is_in_a_file_is_used_or_refused(seed: int, tmp_path: Path) -> None:
    """A file that is damaged in some places never breaks the check."""
    random = Random(seed)
    text = (THIRD_PARTY / "joining.toml").read_text(encoding="utf-8")
    for _ in range(random.randint(1, 3)):
        place = random.choice(list(re.finditer(r"(?<== )(?:\"[^\"]*\"|\{[^}]*\})|\b\w+\b|\n", text)))
        text = text[: place.start()] + random.choice([*ODD, "like", "role", "", "é("]) + text[place.end() :]
    with contextlib.suppress(BindingError, CastError):
        check((THIRD_PARTY / "joining.txt").read_text(encoding="utf-8"), mine(text, tmp_path))
