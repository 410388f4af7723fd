"""The charts and their broker packet by packet, with refusals, takeovers and delays that the explorer leaves out; and
drivers in the place of charts.
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from machines.calls import CONNACK, SUBACK, Message
from machines.events import BusEvent
from runtime.connection import Connection
from runtime.timers import Timers
from tests.properties import packet_tour
from tests.properties.broker_alone import BrokerAlone
from tests.properties.packet_drivers import DrivenService
from tests.properties.packets import PacketService
from tests.support.nightly import share

PART = 9
"""Of so many legs of the tour of the startups drivers go one."""

TestPackets = PacketService.TestCase
TestPackets.settings = settings(
    max_examples=share(160),
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
TestBrokerAlone = BrokerAlone.TestCase
TestBrokerAlone.settings = settings(stateful_step_count=40)


def test_drivers_start_as_their_charts_do_packet_by_packet() -> None:
    legs = list(packet_tour.legs())[::PART]
    assert len(list(packet_tour.tour({}, DrivenService, legs))) == len(legs)


_FAIL = Connection._fail


class _Forgetful(Connection):
    """Faults of a driver's connection that show in a startup, or soon after it."""

    def tells_no_refused_connack(self, session: Any, error: Exception, message: Message) -> None:
        if not isinstance(message, CONNACK):
            _FAIL(self, session, error, message)

    def tells_no_refused_suback(self, session: Any, error: Exception, message: Message) -> None:
        if not isinstance(message, SUBACK):
            _FAIL(self, session, error, message)

    async def listens_to_nobody(self, session: Any) -> None:
        pass

    def tells_whom_it_left(self, session: Any, message: Message) -> None:
        self._arrive(message, "broker" if isinstance(message, BusEvent | CONNACK | SUBACK) else "")


def counts_no_time(_timers: Timers) -> None:
    pass


@pytest.mark.parametrize(
    ("of", "replaced", "fault", "word"),
    [
        (Connection, "_fail", _Forgetful.tells_no_refused_connack, "refused"),
        (Connection, "_fail", _Forgetful.tells_no_refused_suback, "refused"),
        (Connection, "_listen", _Forgetful.listens_to_nobody, "starts"),
        (Timers, "follow", counts_no_time, "comes back"),
        (Connection, "tell", _Forgetful.tells_whom_it_left, "broken"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_fault_of_the_driver_shows_on_the_tour(
    monkeypatch: pytest.MonkeyPatch, of: type[Any], replaced: str, fault: Callable[..., Any], word: str
) -> None:
    monkeypatch.setattr(of, replaced, fault)
    with pytest.raises((AssertionError, KeyError)):
        list(packet_tour.tour({}, DrivenService, [leg for leg in packet_tour.legs() if word in leg[0]]))
