"""The rules of the suite against the charts, and against driver and wire."""

from hypothesis import HealthCheck, settings

from tests.properties.rules import Service
from tests.properties.wired import Wired

STEPS = 20


class OnCharts(Service):
    """Level (a)."""


class OnTheDriver(Service):
    """Level (b)."""

    level = Wired


SETTINGS = settings(
    stateful_step_count=STEPS,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
TestCharts = OnCharts.TestCase
TestDriver = OnTheDriver.TestCase
TestCharts.settings = TestDriver.settings = SETTINGS
