"""The state of a server between two things that can be seen from outside."""

from dataclasses import replace
from typing import Any, NamedTuple

from immutabledict import immutabledict

from machines.clock import ClockData
from machines.participant import Snapshot
from spec.monitor.knowledge import Doubts


class State(NamedTuple):
    """The charts of a server. `view` None: nothing is known of it. `names`: whether a tracker reads RequestId.

    `decided` is a question that it has decided otherwise than the charts, if it has.
    """

    client: Snapshot
    clock: Snapshot
    view: Snapshot | None
    doubts: Doubts | None = None
    names: bool = True
    decided: str = ""

    @property
    def where(self) -> str:
        """The atomic state of the MQTT client."""
        return self.client.states[0]


def normal(state: State, *, is_tracker: bool) -> State:
    """What nobody outside can tell apart is the same."""
    data, running = state.client.data, state.clock.data.running
    if is_tracker:
        attempts = immutabledict(dict.fromkeys(running, 1))
        if data.attempts != attempts:
            state = state._replace(client=Snapshot(state.client.states, replace(data, attempts=attempts)))
        if running != attempts:
            state = state._replace(clock=Snapshot(state.clock.states, ClockData(attempts)))
        return state
    if data.retried:
        data = replace(data, retried=0)
        state = state._replace(client=Snapshot(state.client.states, data))
    if data.attempt != len(running) and set(running.values()) <= {data.attempt}:
        data = replace(data, attempt=len(running))
        state = state._replace(
            client=Snapshot(state.client.states, data),
            clock=Snapshot(state.clock.states, ClockData(immutabledict(dict.fromkeys(running, 1)))),
        )
    if state.view is not None:
        view = state.view.data.view
        own = view.own.stored_fragments
        if not (view.clients or view.gone or view.gone_before or len(view.fragments) > len(own)):
            return state
        parts = immutabledict({key: value for key, value in view.fragments.items() if key in own})
        nobody: immutabledict[str, Any] = immutabledict()
        unseen = replace(view, clients=nobody, gone=nobody, gone_before=nobody, fragments=parts)
        state = state._replace(view=Snapshot(state.view.states, replace(state.view.data, view=unseen)))
    return state
