"""The charts and their broker packet by packet, with refusals, takeovers and delays that the explorer leaves out."""

from hypothesis import HealthCheck, settings

from tests.properties.broker_alone import BrokerAlone
from tests.properties.packets import PacketService

TestPackets = PacketService.TestCase
TestPackets.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
TestBrokerAlone = BrokerAlone.TestCase
TestBrokerAlone.settings = settings(stateful_step_count=40)
