"""Faults planted in the checker: does the oracle find each? `python -m tests.spec.conformance.planted`.

Each fault changes one thing while pairs are checked, as a slip in the code would. The command looks for the first
random pair on which the checker then gives a wrong answer, and prints a table of them, which `test_planted` keeps.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from spec.conformance import divergence, implied, inclusion, matching, memory, whole
from spec.conformance.finding import Verdict
from spec.interaction import semantics
from spec.system import scheduling
from spec.system.addressing import Addressing
from spec.system.channels import Channels
from spec.system.composition import System
from spec.system.process import Taking
from spec.system.stepped import SteppedMachine
from tests.spec.conformance.differential import checked, numbered
from tests.spec.conformance.generator import Features
from tests.spec.conformance.oracle import Answer
from tests.spec.conformance.pair import Pair

Fault = Callable[[], "contextlib.AbstractContextManager[Any]"]
FAULTS: dict[str, Fault] = {}


def fault(plant: Callable[[], Iterator[Any]]) -> Callable[[], Iterator[Any]]:
    """Register a fault by what it is called."""
    FAULTS[plant.__name__.replace("_", " ")] = contextlib.contextmanager(plant)
    return plant


@fault
def a_branch_is_not_taken() -> Iterator[Any]:
    steps = semantics.steps
    with mock.patch.object(inclusion, "steps", lambda term: steps(term)[:1]):
        yield


@fault
def the_reduction_is_too_greedy_with_diagrams() -> Iterator[Any]:
    def enough(_term: Any, every: Any, _memory: Any) -> Any:
        return tuple(step for step in every if step[0].lifeline == every[0][0].lifeline)

    with mock.patch.object(inclusion, "enough", enough):
        yield


@fault
def the_reduction_is_too_greedy_with_charts() -> Iterator[Any]:
    with mock.patch.object(scheduling, "_is_persistent", return_value=True):
        yield


@fault
def the_reduction_puts_off_for_ever() -> Iterator[Any]:
    with mock.patch.object(implied._Search, "_leads_back", return_value=False):
        yield


@fault
def strict_orders_are_reduced() -> Iterator[Any]:
    with mock.patch.object(implied._Search, "_is_closed", return_value=True):
        yield


@fault
def queues_are_turned_round() -> Iterator[Any]:
    def put(self: Channels, rows: Any, sender: int, receiver: int, message: int) -> Any:
        found = dict(true_put(self, rows, sender, receiver, message))
        key = self.key(sender, receiver)
        found[key] = (found[key][-1], *found[key][:-1])
        return tuple(sorted(found.items()))

    true_put = Channels.put
    with mock.patch.object(Channels, "put", put):
        yield


@fault
def calls_wait_with_everything_else() -> Iterator[Any]:
    with mock.patch.object(Channels, "is_call", return_value=False):
        yield


@fault
def a_bag_is_a_queue() -> Iterator[Any]:
    with mock.patch.object(Channels, "arriving", _heads):
        yield


def _heads(channels: Channels, rows: Any, receiver: int) -> Iterator[Any]:
    return (channels._flight(key, 0, entries[0]) for key, entries in rows if key[1] == receiver)


@fault
def a_refusal_is_swallowed() -> Iterator[Any]:
    def receive(self: SteppedMachine, state: Any, message: Any, sender: str) -> Any:
        found = true_receive(self, state, message, sender)
        return tuple((Taking.TAKEN, state, "") if each[0] is Taking.REFUSED else each for each in found)

    true_receive = SteppedMachine.receive
    with mock.patch.object(SteppedMachine, "receive", receive):
        yield


@fault
def patience_is_ignored() -> Iterator[Any]:
    with mock.patch.object(System, "is_patient", return_value=False):
        yield


@fault
def patience_is_ignored_by_diagrams() -> Iterator[Any]:
    with mock.patch.object(memory.Memory, "is_patient", return_value=False):
        yield


@fault
def lost_messages_are_taken_for_others() -> Iterator[Any]:
    def drawn(self: whole.Whole, act: Any, place: Any) -> Any:
        return true_drawn(self, act, place) | true_drawn(self, act._replace(lost=not act.lost), place)

    true_drawn = whole.Whole.drawn
    with mock.patch.object(whole.Whole, "drawn", drawn):
        yield


@fault
def nothing_is_ever_lost() -> Iterator[Any]:
    with mock.patch.object(implied, "is_lost_somewhere", return_value=False):
        yield


@fault
def rest_is_not_asked_for() -> Iterator[Any]:
    with mock.patch.object(whole.Whole, "may_rest", return_value=True):
        yield


@fault
def what_is_never_taken_is_not_asked_for() -> Iterator[Any]:
    with mock.patch.object(implied._Search, "_never_takes", return_value=None):
        yield


@fault
def what_never_runs_is_not_asked_for() -> Iterator[Any]:
    with mock.patch.object(inclusion._Search, "find_what_never_runs", return_value=None):
        yield


@fault
def a_bound_is_passed_in_silence() -> Iterator[Any]:
    def expand(self: Any, here: Any) -> Any:
        return true_expand(self, here) if len(self._expanded) < few else []

    few = 5
    true_expand = implied._Search._expand
    with mock.patch.object(implied._Search, "_expand", expand):
        yield


@fault
def one_state_stands_for_all() -> Iterator[Any]:
    def match(*args: Any, **said: Any) -> Any:
        return set(sorted(true_match(*args, **said))[:1])

    true_match = matching.match
    with mock.patch.object(memory, "match", match):
        yield


@fault
def only_what_is_nearest_is_undrawn() -> Iterator[Any]:
    with mock.patch.object(matching, "everywhere", lambda _system, state, *_, **__: (state,)):
        yield


@fault
def the_other_end_is_not_looked_at() -> Iterator[Any]:
    with (
        mock.patch.object(matching, "meets", return_value=True),
        mock.patch.object(divergence, "meets", return_value=True),
    ):
        yield


@fault
def a_message_has_one_receiver() -> Iterator[Any]:
    true_receivers = Addressing.receivers
    with mock.patch.object(Addressing, "receivers", lambda self, *said: true_receivers(self, *said)[:1]):
        yield


@fault
def whatever_waits_is_called_blocked() -> Iterator[Any]:
    with mock.patch.object(divergence, "blocked", return_value="it waits"):
        yield


def is_found(name: str, pair: Pair, answer: Answer) -> bool:
    """Whether the checker contradicts the oracle's answer about a pair while a fault is planted in it."""
    with FAULTS[name]():
        return checked(pair).verdict is (Verdict.DOES_NOT_CONFORM if answer.conforms else Verdict.CONFORMS)


def main() -> int:
    """Look for each fault; the exit status is 1 if one is not found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="faults with this in their names")
    told = parser.parse_args()
    left = [name for name in FAULTS if told.only in name]
    for number in range(1, told.pairs + 1):
        pair, answer = numbered(told.seed, number, Features())
        for name in [name for name in left if is_found(name, pair, answer)]:
            print(f'    "{name}": ({told.seed}, {number}),', flush=True)
            left.remove(name)
        if not left:
            break
    for name in left:
        print(f"    not found: {name}")
    return int(bool(left))


if __name__ == "__main__":
    sys.exit(main())
