"""A configuration: where a server can be; and what is assumed of time."""

from typing import NamedTuple

from immutabledict import immutabledict

from spec.monitor.state import State

FOREVER = 1e300
"""Seconds; so long ago is before everything."""
TIMED = immutabledict[str, float]()


class Configuration(NamedTuple):
    """Where a participant can be: its state, the place in its inbox, and since when each of its timeouts runs."""

    state: State
    place: int
    since: immutabledict[str, float] = TIMED


class Assumptions(NamedTuple):
    """What is known of time, in seconds."""

    timeout: float = 0.0
    """What every timeout of the servers lasts at least."""
    lag: float = 10.0
    """How long an event may lie unread."""
    under_way: float = 1.0
    """How long something may be under way, or lie unread, that was not seen because watching begins only now."""


ASSUMED = Assumptions()


def nearly(here: Configuration) -> object:
    """What is the same for configurations that are the same; a view is compared by identity, which is quick."""
    view = None if here.state.view is None else id(here.state.view.data.view)
    doubts = None if here.state.doubts is None else id(here.state.doubts)
    return (
        here.place,
        here.since,
        here.state.client,
        here.state.clock,
        here.state.names,
        view,
        doubts,
        here.state.decided,
    )
