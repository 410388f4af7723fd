"""The clock: timeouts that are set, stopped and exceeded, one for each client."""

import pytest
from immutabledict import immutabledict

from machines.calls import SetTimeout, StopTimeout, TimeoutExceeded, Timer
from machines.clock import Clock, ClockData
from machines.participant import Output, UnspecifiedReception
from tests.support.harness import did, follow, ignored, took

ANNA, BERT = Timer("anna", 1), Timer("bert", 4)
ANNA_ANEW = Timer("anna", 2)


@pytest.fixture
def chart() -> type[Clock]:
    return Clock


def exceeded(*timers: Timer) -> list[TimeoutExceeded]:
    return [TimeoutExceeded(timer=timer) for timer in timers]


def running(*timers: Timer) -> immutabledict[str, int]:
    return immutabledict({timer.client: timer.attempt for timer in timers})


def test_a_timeout_is_set_and_exceeded(chart: type[Clock]) -> None:
    follow(
        chart(),
        took(SetTimeout(timer=ANNA), "running", running=running(ANNA)),
        did(TimeoutExceeded(timer=ANNA), "idle", running=running()),
    )


def test_a_timeout_is_set_and_stopped(chart: type[Clock]) -> None:
    follow(
        chart(),
        took(SetTimeout(timer=ANNA), "running", running=running(ANNA), due=exceeded(ANNA)),
        took(StopTimeout(timer=ANNA), "idle", running=running()),
        *ignored(StopTimeout(timer=ANNA)),
    )


def test_setting_a_timeout_anew_replaces_the_earlier_setting(chart: type[Clock]) -> None:
    follow(
        chart(),
        took(SetTimeout(timer=ANNA), "running", running=running(ANNA), due=exceeded(ANNA)),
        took(SetTimeout(timer=ANNA_ANEW), running=running(ANNA_ANEW), due=exceeded(ANNA_ANEW)),
        *ignored(StopTimeout(timer=ANNA)),
        took(StopTimeout(timer=ANNA_ANEW), "idle", running=running()),
    )


def test_each_client_has_its_own_timeout(chart: type[Clock]) -> None:
    follow(
        chart(),
        took(SetTimeout(timer=ANNA), "running", running=running(ANNA), due=exceeded(ANNA)),
        took(SetTimeout(timer=BERT), running=running(ANNA, BERT), due=exceeded(ANNA, BERT)),
        *ignored(StopTimeout(timer=Timer("carl", 1))),
        *ignored(StopTimeout(timer=Timer("bert", 1))),
        took(StopTimeout(timer=ANNA), running=running(BERT), due=exceeded(BERT)),
        took(SetTimeout(timer=ANNA_ANEW), running=running(BERT, ANNA_ANEW), due=exceeded(BERT, ANNA_ANEW)),
        did(TimeoutExceeded(timer=BERT), running=running(ANNA_ANEW), due=exceeded(ANNA_ANEW)),
        did(TimeoutExceeded(timer=ANNA_ANEW), "idle", running=running()),
    )


@pytest.mark.parametrize("timer", [ANNA_ANEW, BERT], ids=["another attempt", "another client"])
def test_what_is_not_running_cannot_be_exceeded(chart: type[Clock], timer: Timer) -> None:
    clock = chart(ClockData(running(ANNA)))
    clock.restore(clock.snapshot()._replace(states=("running",)))
    before = clock.snapshot()
    with pytest.raises(UnspecifiedReception, match="no !TimeoutExceeded"):
        clock.emit(Output(TimeoutExceeded(timer=timer), "client"))
    assert clock.snapshot() == before


def test_a_clock_is_patient(chart: type[Clock]) -> None:
    assert not chart.urgent
