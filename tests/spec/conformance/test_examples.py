"""Examples say more than scenarios: all that is done, whom an event is about, what comes again, that all is over."""

import pytest

from spec import check, load
from spec.binding import BindingError, read_binding
from spec.conformance.inclusion import Finding
from spec.system.driving import CastError
from tests.support.places import DIAGRAMS


def drawn(name: str) -> str:
    return (DIAGRAMS / f"{name}.txt").read_text(encoding="utf-8")


def errors(text: str) -> list[Finding]:
    return [finding for finding in check(text).diagrams[0].findings if not finding.warning]


def changed(name: str, old: str, new: str) -> str:
    text = drawn(name)
    assert old in text, f"{name} does not draw {old!r}"
    before, _, after = text.rpartition(old)
    return before + new + after


PLANTED = {
    "nothing is left out of what is drawn in full": (
        "DeliveredTwice_ARegistration", "Torrent->>TorrentClock:Stop timeout.\n", "",
        "chart-cannot", "Torrent sends AddClient to TorrentView",
    ),
    "what ends has an end": (
        "OvertakenTimeout_OfATracker", "Tracker->>TrackerView:Forget //Torrent Server//.\n", "",
        "not-at-rest", "Tracker can still send ForgetAdmission to TrackerView",
    ),
    "whom an event is about": (
        "DeliveredTwice_ARegistration", "ClientRegistered Event of torrent", "ClientRegistered Event of client",
        "chart-cannot", "Broker sends ClientRegistered client to Torrent",
    ),
    "which request an event names": (
        "HardenedTorrentServer_AGoodbyeBeforeTheSecondRegistration", "request session-2", "request session-1",
        "chart-cannot", "Torrent sends ClientGoodbye torrent, request session-1",
    ),
    "what a view holds": (
        "ViewOfATorrentServer_WhatItHolds", "client-file file torrent-file", "torrent-file",
        "chart-cannot", "TorrentView sends ViewDescribed torrent-file to Torrent",
    ),
    "what comes again came before": (
        "DeliveredTwice_AHello", "PUBLISH (DUP) tracker/hello", "PUBLISH tracker/hello",
        "chart-cannot", "Broker sends TrackerHello to Torrent",
    ),
    "a timeout that is overtaken is under way": (
        "OvertakenTimeout_OfATorrentServer", "space -2\n", "",
        "chart-cannot", "Torrent sends StopTimeout to TorrentClock; the chart TorrentServer, in awaiting_hello",
    ),
    "an endpoint is taken or free": (
        "SameEndpointTwice_OneAfterTheOther", "Tracker->>TrackerView:Forget all Torrent Servers.\n", "",
        "chart-cannot", "Tracker sends CONNECT",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new", "kind", "said"), PLANTED.values(), ids=PLANTED)
def test_a_planted_mistake_is_found(name: str, old: str, new: str, kind: str, said: str) -> None:
    found = [(finding.kind, finding.message) for finding in errors(changed(name, old, new))]
    assert any(kind == of and said in message for of, message in found), found


def test_who_is_given_no_session_is_not_hardened() -> None:
    hardened = drawn("HardenedTorrentServer_AGoodbyeAfterGivingUp")
    assert errors(hardened) == []
    plain = hardened.replace("Hardened Torrent Server (", "Delivered Twice (")
    assert any("Torrent sends ClientGoodbye" in finding.message for finding in errors(plain))


def test_what_is_published_beside_a_chart_is_in_the_binding() -> None:
    text = drawn("FileDistribution_ByATrackerServer").replace("Tracker->>Broker:", "Torrent->>Broker:", 1)
    assert any("Torrent sends FileInfoPublished to Broker" in finding.message for finding in errors(text))


BEGIN = '[[begin]]\ntitle = "x"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BEGIN + "in_full = 3", "expected in_full = true or false, not 3"),
        (BEGIN + 'services = { Torrent = "wil" }', "services: Torrent is to be 'wil': expected retry, will, or both"),
        (BEGIN + "sessions = 3", 'sessions: expected { Lifeline = "s1" }, not 3'),
        (BEGIN + "endpoints = { Torrent = 3 }", 'expected a text Torrent, as in Torrent = "...", not 3'),
        ('[[publishes]]\nlifelines = ["Tracker"]', "[[publishes]] messages: expected a list of texts"),
        ('[[publishes]]\nlifeline = ["Tracker"]', "unknown lifeline; did you mean lifelines?"),
        ('[[may_be_undrawn]]\nlifelines = ["Tracker"]\nactions = ["*"]\nstates = ["x"]', "unknown states"),
        ('[[label]]\ntext = "x"\nmessage = "y"\nagain = "z"', "expected again = true or false"),
    ],
)
def test_what_is_wrong_with_a_binding_is_said(text: str, said: str) -> None:
    with pytest.raises(BindingError) as error:
        read_binding(text, "mine.toml")
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[publishes]]\nlifelines = ["Trakcer"]\nmessages = ["FileInfoPublished"]', "no lifeline 'Trakcer'"),
        ('[[publishes]]\nlifelines = ["Tracker"]\nmessages = ["FileInfo"]', "no chart has a message 'FileInfo'"),
        (BEGIN + 'sessions = { Tracer = "s" }', "no lifeline 'Tracer'; did you mean 'Tracker'?"),
    ],
)
def test_a_name_that_nobody_knows_is_refused(text: str, said: str) -> None:
    with pytest.raises(BindingError) as error:
        check("Torrent->Broker:CONNECT", read_binding(text, "mine.toml").over(load()))
    assert said in str(error.value)


def test_who_cannot_be_hardened_so_is_said() -> None:
    text = '[[begin]]\ntitle = "x"\nTracker = "offline"\nservices = { Tracker = "will retry" }'
    binding = read_binding(text, "mine.toml")
    text = "title x\nTracker->Broker:CONNECT"
    try:
        said = [finding.message for finding in check(text, binding.over(load())).diagrams[0].findings]
    except CastError as error:
        said = [str(error)]
    what = "[[begin]]: Tracker, which plays Tracker, is not made with retries and leaves_will"
    assert f"{what}: take its sessions and services away" in said
