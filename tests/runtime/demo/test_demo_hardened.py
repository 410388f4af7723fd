"""The demo with hardened torrent servers: names of requests over a real broker, and a registration that is declined."""

from uuid import UUID

from machines import ClientGoodbye, ClientRegistered
from runtime.demo.scenarios import DEFAULT, scenario
from runtime.demo.settings import Settings
from runtime.mqtt.faults import parse_fault
from tests.support.servers import Played, play_all

ROUND = 1
"""The act in which the torrent servers join."""


def registrations(played: Played) -> list[str]:
    """The names of requests in all registrations, as they came over the wire."""
    return [arrow.message.request_id for arrow in played.arrows() if isinstance(arrow.message, ClientRegistered)]


def test_hardened_a_trace_ends_alike_and_requests_have_names() -> None:
    hardened, plain = play_all([Settings(DEFAULT, hardened=True), Settings(DEFAULT)], 2)
    for played in (hardened, plain):
        assert played.outcome.expected
        assert not played.outcome.recorder.divergences
        assert not played.outcome.refused
    names = registrations(hardened)
    assert names
    for name in names:
        session, _, number = name.rpartition("-")
        assert UUID(session)
        assert int(number) in {1, 2}
    assert set(registrations(plain)) == {""}


def test_a_registration_that_comes_too_late_is_declined() -> None:
    """Without care the tracker would keep the torrent server registered, which waits for another tracker."""
    late = (parse_fault("ClientRegistered@from-broker:torrent-1=1.5", "delay"),)
    course = scenario("standard")
    plays = play_all([Settings(course, 1, late, 0.5, hardened=hardened) for hardened in (True, False)], 2)
    for hardened, played in zip((True, False), plays, strict=True):
        assert played.outcome.ends["Torrent"] == ("awaiting_hello",)
        assert not played.outcome.refused
        told = {arrow.receiver for arrow in played.arrows(ROUND) if isinstance(arrow.message, ClientGoodbye)}
        assert ({"Tracker", "Client"} <= told) == hardened
