"""Faults planted in the explorer, one at a time: random systems tell each from the oracle.

`python -m tests.spec.exploration.oracle.planted` looks for the first system that does; one for each is noted beside it.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spec.exploration.engine.queue_tables import EMPTY, InFlight
from spec.exploration.engine.search import BreadthFirst, Found
from spec.exploration.engine.tables import Tables
from spec.exploration.engine.vectorised.search import VectorisedSearch
from spec.exploration.model import node, second_tracker
from spec.exploration.model.answers import Answers
from spec.exploration.model.budget import FaultBudgets
from spec.exploration.model.chart_node import Chart
from spec.exploration.model.delivery import Delivery
from spec.exploration.model.faults import Faults
from spec.exploration.model.marks import Marks
from spec.exploration.model.moves import Moves
from spec.exploration.model.numbers import Numbers
from spec.exploration.model.scenario import Scenario
from spec.exploration.model.steps import NOTHING, Move
from spec.exploration.properties.language import Properties
from tests.spec.exploration.oracle.compare import Sizes, differences
from tests.spec.exploration.oracle.many import KINDS, MORE, MOST, made, systems
from tests.spec.exploration.oracle.search import TooLarge

Patch = pytest.MonkeyPatch
Fault = Callable[[Patch], None]
FAULTS: dict[str, tuple[Fault, str, int]] = {}
"""What is planted, by name, and the kind and the number of a system that tells."""
LARGE = {"interrupted stops": 10_000, "second trackers": 4_000}
"""Configurations of systems of a kind that has no smaller ones."""


def told_by(kind: str, number: int) -> Callable[[Fault], Fault]:
    """Note a fault, and a system that tells it."""

    def noted(fault: Fault) -> Fault:
        FAULTS[fault.__name__.replace("_", " ")] = fault, kind, number
        return fault

    return noted


@told_by("scenarios", 2_000_104)
def a_hop_is_skipped(patch: Patch) -> None:
    """One hop also where what is on its way to the broker has to be kept apart."""
    patch.setattr(Scenario, "keeps_both_hops", property(lambda self: self.keeps_hops))


@told_by("scenarios", 5_007_961)
def nothing_is_told_of_what_was_unheard(patch: Patch) -> None:
    """With one hop, what was on its way when faults end is forgotten."""
    patch.setattr(Moves, "_unheard", lambda *_: iter(()))


@told_by("charts", 5_000_034)
def losses_are_not_counted(patch: Patch) -> None:
    right = FaultBudgets.spend

    def spend(self: FaultBudgets, budget: int, cost: int) -> int:
        then = right(self, budget, cost)
        return budget if then >= 0 and cost == self.costs["losses"] else then

    patch.setattr(FaultBudgets, "spend", spend)


@told_by("scenarios", 2_000_245)
def breaks_are_not_counted_together(patch: Patch) -> None:
    def bounds_of(self: Faults, fault: str) -> Iterator[str]:
        if self.bounds.get(fault) is not None:
            yield fault

    patch.setattr(Faults, "bounds_of", bounds_of)


@told_by("charts", 5_000_027)
def timeouts_do_not_wait(patch: Patch) -> None:
    """A patient timeout expires while something is under way."""
    right: Any = Moves._moves

    def moves(self: Moves, *asked: int) -> Any:
        return tuple(move._replace(late=False) for move in right(self, *asked))

    patch.setattr(Moves, "_moves", moves)


@told_by("charts", 5_000_027)
def what_is_under_way_keeps_its_names(patch: Patch) -> None:
    """A state under other names has messages that still say the old ones."""

    def fill(self: InFlight, permutation: int, component: int, queues: int, *_: int) -> None:
        there = self.permutations[permutation][component]
        self.queue_names.tables[component][queues, permutation] = self.queue(there, self._in_flight(component, queues))

    patch.setattr(InFlight, "_fill_queue_name", fill)
    patch.setattr(
        InFlight,
        "_catch_up_names",
        lambda self: [
            self.push_names.__setitem__((at, component, number), number)
            for at in range(len(self.permutations))
            for component in range(self.components)
            for number in range(min(len(self._pushed[component]), self.push_names.shape[2]))
        ],
    )


@told_by("charts", 5_000_055)
def the_least_is_chosen_too_soon(patch: Patch) -> None:
    """The first component's local state alone decides under which names a state is kept, whoever is that."""
    right = Tables._fill_leaders

    def fill(self: Tables, local: int, *rest: int) -> None:
        right(self, local, *rest)
        self.leaders.append(self.leaders[self.leader_of[local]][-1:])
        self.leader_of[local] = len(self.leaders) - 1

    patch.setattr(Tables, "_fill_leaders", fill)


@told_by("scenarios", 2_000_014)
def visited_states_collide(patch: Patch) -> None:
    """A state counts as visited where another one has the same nine bits of a hash."""
    right = VectorisedSearch._add

    def add(self: Any, keys: Any, origins: Any) -> None:
        met = self.__dict__.setdefault("_met", {})
        digests = (keys.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)).sum(axis=1) >> np.uint64(55)
        fresh = [
            met.setdefault(digest, tuple(key)) == tuple(key)
            for digest, key in zip(digests.tolist(), keys.tolist(), strict=True)
        ]
        right(self, keys[fresh], None if origins is None else origins[fresh])

    patch.setattr(VectorisedSearch, "_add", add)


@told_by("scenarios", 5_000_029)
def a_cut_search_is_called_complete(patch: Patch) -> None:
    right = BreadthFirst.run

    def run(self: BreadthFirst) -> Found:
        self.most = min(self.most or 100, 100)
        return replace(right(self), complete=True, stopped="")

    patch.setattr(BreadthFirst, "run", run)


@told_by("scenarios", 2_000_014)
def whatever_is_ignored_anywhere_is_left_out(patch: Patch) -> None:
    """A message is not delivered to somebody who ignores it in any state at all."""

    def inert(self: Delivery, component: int, message: int) -> bool:
        about = self.numbers.messages[message]
        return self.drops_inert and any(
            self.surroundings.ignores(component, state, about)
            for state, online in zip(self.numbers.locals[component], self.numbers.online[component], strict=True)
            if online
        )

    patch.setattr(Delivery, "is_inert", inert)


@told_by("scenarios", 2_000_104)
def a_crash_leaves_what_was_to_come(patch: Patch) -> None:
    """What was on its way to a server that crashes is there once it is back."""
    right: Any = Moves.asked

    def asked(self: Moves, component: int, local: int, kind: str, *rest: Any, **more: Any) -> Any:
        for move in right(self, component, local, kind, *rest, **more):
            yield move._replace(keeps_down=True) if kind in {"crash", "wipe"} else move

    patch.setattr(Moves, "asked", asked)


@told_by("scenarios", 5_000_053)
def a_new_session_before_the_old_one_has_ended(patch: Patch) -> None:
    """A server starts while what it sent before is still on its way."""
    right: Any = Moves._is_possible

    def possible(self: Moves, move: Any, first: int) -> bool:
        return bool(right(self, move, NOTHING if move.label.kind == "start" else first))

    patch.setattr(Moves, "_is_possible", possible)


@told_by("scenarios", 2_000_014)
def whoever_is_busy_reads(patch: Patch) -> None:
    """A server that is about to publish reads an event before that."""
    patch.setattr(Numbers, "is_busy", lambda _self, _component, _local: False)


@told_by("charts", 5_000_027)
def one_choice_is_forgotten(patch: Patch) -> None:
    """Where a step can end in several ways, only the first is known."""
    right = Answers.ask
    patch.setattr(Answers, "ask", lambda self, *asked: right(self, *asked)[:1])


@told_by("charts", 5_000_036)
def internal_steps_are_forgotten(patch: Patch) -> None:
    right = Chart.expiries
    patch.setattr(
        Chart,
        "expiries",
        lambda self, state: tuple(end for end in right(self, state) if end.sent or len(end.arrows) > 1),
    )


@told_by("scenarios", 2_000_101)
def a_repeated_event_is_taken_for_a_new_one(patch: Patch) -> None:
    """Nobody remembers what was delivered twice, though it is delivered again."""
    right = Marks.settled

    def settled(self: Marks, component: int, slot: Any) -> Any:
        return right(self, component, slot._replace(local=self.unmarked(component, slot.local)))

    patch.setattr(Marks, "settled", settled)


@told_by("charts", 5_000_027)
def always_is_asked_of_quiescent_states_only(patch: Patch) -> None:
    right = Properties._allows

    def allows(self: Properties, watch: Any, component: int, number: int) -> bool:
        quiet = component == len(self._sides) or self.is_quiescent(self._values[number])
        return right(self, watch, component, number) and (quiet or not watch.broken)

    patch.setattr(Properties, "_allows", allows)


@told_by("scenarios", 5_000_062)
def the_new_tracker_reads_what_the_old_one_was_sent(patch: Patch) -> None:
    """What was on its way to the old tracker is read by the new one."""
    right: Any = Moves.asked

    def asked(self: Moves, component: int, local: int, kind: str, *rest: Any, **more: Any) -> Any:
        for move in right(self, component, local, kind, *rest, **more):
            yield move._replace(keeps_down=True) if kind == "stabilisation" else move

    patch.setattr(Moves, "asked", asked)


@told_by("scenarios", 5_000_029)
def lost_connections_keep_what_was_to_come(patch: Patch) -> None:
    """In the engines alone: where a connection is lost, nothing else is."""
    right = InFlight._fill_after

    def fill(self: InFlight, component: int, queues: int, edit: int, *rest: int) -> None:
        right(self, component, queues, edit, *rest)
        if not self._edits[component][edit].keeps_down and queues != EMPTY and not self._edits[component][edit].sent:
            self.after.tables[component][queues, edit] = queues

    patch.setattr(InFlight, "_fill_after", fill)


@told_by("wills", 1_000_008)
def whoever_is_back_has_no_will_said(patch: Patch) -> None:
    """A start discards the will of the session before."""
    patch.setattr(node, "started", lambda _state, ends, _arrow: iter(ends))


@told_by("crash points", 1_000_022)
def a_view_is_stored_after_what_follows_from_it(patch: Patch) -> None:
    patch.setattr(node, "stored_before", lambda here: here.stored)


@told_by("interrupted stops", 12)
def no_stop_is_interrupted(patch: Patch) -> None:
    right = Moves.interrupts

    def some(self: Moves, component: int, local: int, kind: str, *given: Any, **more: Any) -> Iterator[Move]:
        return iter(()) if kind == "stop" else right(self, component, local, kind, *given, **more)

    patch.setattr(Moves, "interrupts", some)


@told_by("interrupted stops", 12)
def a_stop_that_is_interrupted_is_no_stop(patch: Patch) -> None:
    """It counts as a crash alone."""
    right = Moves.interrupts

    def cheap(self: Moves, *given: Any, besides: int = 0, **more: Any) -> Iterator[Move]:
        return right(self, *given, **more)

    patch.setattr(Moves, "interrupts", cheap)


@told_by("second trackers", 1_000_009)
def a_second_tracker_comes_up_for_nothing(patch: Patch) -> None:
    """That it comes up is no fault."""
    right = second_tracker.coming_up
    patch.setattr(node, "coming_up", lambda state, ends: (end._replace(fault="") for end in right(state, ends)))


def tells(fault: Fault, kind: str, number: int) -> str:
    """How a system tells a fault first; empty if it does not."""
    with pytest.MonkeyPatch.context() as patch:
        fault(patch)
        try:
            return next(differences(made(kind, number), LARGE.get(kind, MOST), Sizes(), number), "")
        except TooLarge:
            return ""
        except Exception as error:  # noqa: BLE001 - an explorer that breaks is one that says something else
            return f"it breaks: {error!r}"


def main() -> None:
    """Exit status 1 if a fault is not found."""
    parser = argparse.ArgumentParser(prog="python -m tests.spec.exploration.oracle.planted", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most", type=int, default=300, help="systems that are tried for each fault")
    parser.add_argument("--only", default="", help="faults with this in their names")
    parser.add_argument("--kind", choices=sorted({**dict(KINDS), **dict(MORE)}), help="systems of this kind only")
    asked = parser.parse_args()
    missed = 0
    for name, (fault, told, _) in FAULTS.items():
        if asked.only not in name:
            continue
        wanted = asked.kind or (told if told in dict(MORE) else None)
        for tried, (kind, number) in enumerate(systems(asked.seed, wanted), start=1):
            found = tells(fault, kind, number)
            if found or tried == asked.most:
                break
        missed += not found
        said = " ".join(found[:110].split())
        print(f"{name}: {f'{kind} {number}, the {tried}. system: {said}' if found else 'NOT FOUND'}", flush=True)
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
