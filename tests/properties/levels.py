"""The levels at which the same rules are tried: charts alone, driver and wire, and a real broker.

A level stands where a run begins, and then does each of its steps. Where it does otherwise than the run says, it
raises `DifferenceError`.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from immutabledict import immutabledict

from machines.calls import Message
from spec.exploration.model.node import ServerState
from spec.exploration.model.normal_form import normal
from spec.exploration.model.steps import Row
from tests.properties.runs import Run, Step


class DifferenceError(AssertionError):
    """What is run does otherwise than its charts: the message says in what."""


class Level(Protocol):
    """A system under test."""

    name: str
    """How a failure calls the level."""

    def begin(self, run: Run) -> None:
        """Be where the run has come to."""

    def do(self, run: Run, step: Step, how: str = "") -> None:
        """Do a step that the run has just taken; `how`: `take over` where a connection is lost to another one."""

    def reads(self, run: Run, component: int, state: ServerState, messages: Sequence[Message]) -> bool:
        """A server that is in some state reads what nobody in the run has published, or is told it. Returns whether it
        can do so once more in another state; it is no longer where the run says.
        """

    def disturb(self, run: Run, topic: str, payload: bytes) -> None:
        """Something that nobody means comes to whoever has subscribed to its topic; nothing may move."""

    def end(self) -> None:
        """Leave nothing behind."""


class Charts:
    """Level (a): the charts alone, with calls and publications as the explorer makes them. There is nothing to do: the
    run is what they do.
    """

    name = "charts"

    def begin(self, run: Run) -> None:
        pass

    def do(self, run: Run, step: Step, how: str = "") -> None:
        pass

    def reads(self, run: Run, component: int, state: ServerState, messages: Sequence[Message]) -> bool:
        return True

    def disturb(self, run: Run, topic: str, payload: bytes) -> None:
        """Bytes come to no chart."""

    def end(self) -> None:
        pass


def gone_along(
    level: type[Level], run: Run, begun: int, see: Callable[[Run, Row, Step], None] = lambda *_: None
) -> tuple[Run, str]:
    """How far a level does the steps of a run, from so many on, and how it differs then (empty: it does not).

    `see` is told of each step that it has done: the run up to it, and where it was taken.
    """
    under_test, along = level(), Run(run.world, run.steps[:begun])
    try:
        under_test.begin(along)
        for step in run.steps[begun:]:
            before = along.row
            along.take(step)
            under_test.do(along, step)
            see(along, before, step)
    except DifferenceError as difference:
        return along, str(difference)
    finally:
        under_test.end()
    return along, ""


class Reading(NamedTuple):
    """A server, by its number, that is in some state, and what it reads there or is told."""

    component: int
    state: ServerState
    messages: Sequence[Message]


def have_read(level: type[Level], run: Run, readings: Sequence[Reading]) -> str:
    """How a level differs in one of these, each by itself, where a run has come to; empty if it does in none."""
    left = list(readings)
    while left:
        under_test = level()
        try:
            under_test.begin(run)
            while left and under_test.reads(run, *left.pop(0)):
                pass
        except DifferenceError as difference:
            return str(difference)
        finally:
            under_test.end()
    return ""


UNREAD = "awaiting_retry"
"""Where a torrent server looks at nobody's registration before it is told anew; a run may forget them before."""


def differences(name: str, here: ServerState, there: ServerState) -> list[str]:
    """How a server differs from what its run says, as sentences."""
    here, there = _unread(here), _unread(there)
    if here.broken or there.broken:
        if bool(here.broken) == bool(there.broken):
            return []
        return [f"{name}: {here.broken or 'nothing impossible came'}; by its charts: {there.broken or 'nothing'}"]
    found = []
    for role in ("client", "clock", "view"):
        ours, theirs = getattr(here, role), getattr(there, role)
        if ours.states != theirs.states:
            found.append(f"{name}'s {role} is in {'/'.join(ours.states)}; by its charts: {'/'.join(theirs.states)}")
        elif ours.data != theirs.data:
            found.append(f"{name}'s {role} holds {ours.data}; by its charts: {theirs.data}")
    return found


def _unread(state: ServerState) -> ServerState:
    if state.where != UNREAD:
        return state
    view = replace(state.knows, clients=immutabledict(), admissions=immutabledict(), gone=immutabledict())
    view = replace(view, gone_before=immutabledict())
    return state._replace(view=state.view._replace(data=replace(state.view.data, view=view)))


def compare(run: Run, component: int, here: ServerState) -> list[str]:
    """How a server differs from the run's last state."""
    world, row = run.world, run.row
    there = normal(world.state(row, component))  # after a crash inside a step, it is as it was stored
    return differences(world.nodes[component].name, here, unmarked(run, component, there))


def unmarked(run: Run, component: int, state: ServerState) -> ServerState:
    """A state without identifiers of events."""
    found = run.world.nodes[component].unmarked(state)
    assert isinstance(found, ServerState)
    return found
