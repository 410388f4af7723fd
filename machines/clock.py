"""The clock of a server: the lifelines `TrackerClock` and `TorrentClock` of the reference diagram.

`idle`: no timeout is set. `running`: at least one is. The reference diagram draws "Set timeout." to the clock (lines 26
and 35) and "Timeout exceeded." back (lines 55 and 56); stopping a timeout is drawn nowhere, and is what a participant
does when it no longer waits. A tracker's clock holds one timeout for each client that is joining, a torrent server's at
most one.

The chart knows no time. An expiry is due from the moment the timeout is set; when it happens is for the driver to say.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from immutabledict import immutabledict
from statemachine import Event, State

from machines.calls import SetTimeout, StopTimeout, TimeoutExceeded, Timer
from machines.participant import Output, Participant, ignore


@dataclass(frozen=True, slots=True)
class ClockData:
    """The timeouts that are set: the attempt, for each client."""

    running: Mapping[str, int] = field(default_factory=immutabledict)


class Clock(Participant):
    """Sets, stops and exceeds timeouts."""

    data: ClockData
    urgent = False
    inputs = (SetTimeout, StopTimeout)
    rules = (ignore(StopTimeout, because="that timeout is not set, or was exceeded in the meantime"),)

    idle = State(initial=True)
    running = State()

    recv_set_timeout = Event(
        idle.to(running, on="set_timer") | running.to.itself(on="set_timer"),
        name="?SetTimeout",
    )
    recv_stop_timeout = Event(
        running.to(idle, cond=["is_set", "is_last"], on="drop_timer")
        | running.to.itself(cond="is_set", unless="is_last", on="drop_timer"),
        name="?StopTimeout",
    )
    send_timeout_exceeded = Event(
        running.to(idle, cond="is_last", on="drop_timer") | running.to.itself(unless="is_last", on="drop_timer"),
        name="!TimeoutExceeded",
    )

    def __init__(self, data: ClockData | None = None) -> None:
        super().__init__(data or ClockData())

    def is_set(self, message: StopTimeout) -> bool:
        """Whether just this setting is running."""
        return self.data.running.get(message.timer.client) == message.timer.attempt

    def is_last(self) -> bool:
        """Whether no other timeout is running."""
        return len(self.data.running) == 1

    def set_timer(self, message: SetTimeout) -> None:
        """Note the setting in place of an earlier one for the same client."""
        timer = message.timer
        self.data = ClockData(immutabledict({**self.data.running, timer.client: timer.attempt}))

    def drop_timer(self, message: StopTimeout | TimeoutExceeded) -> None:
        """Drop a setting that was stopped or exceeded."""
        client = message.timer.client
        self.data = ClockData(immutabledict({c: n for c, n in self.data.running.items() if c != client}))

    def compose_timeout_exceeded(self) -> tuple[Output, ...]:
        """One expiry for each timeout that is set."""
        return tuple(_exceeded(client, attempt) for client, attempt in self.data.running.items())


@lru_cache(maxsize=4096)  # a tracker's clock has one for each pending admission, and is asked at each step
def _exceeded(client: str, attempt: int) -> Output:
    return Output(TimeoutExceeded(timer=Timer(client, attempt)), "client")
