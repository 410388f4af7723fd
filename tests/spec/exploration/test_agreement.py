"""Properties about runs: the explorer says what the oracle says, however it searches; planted faults are found."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from spec.exploration import liveness
from spec.exploration.engine.choice import engine
from spec.exploration.engine.vectorised.successors import Successors
from spec.exploration.engine.vectorised.unrolled import unrolled
from spec.exploration.fairness import Action, action, served
from spec.exploration.liveness import Graph, Lasso, Parts
from spec.exploration.model.steps import Label
from tests.spec.exploration.agreement import Case, cases, difference, made
from tests.spec.exploration.crafted import crafted
from tests.support.engines import engines
from tests.support.nightly import by_day

COUNT = 80
REMEMBERED = 11_000_163
"""On the cycle of this system a message is read that is ignored just there, but not everywhere."""


PARTS = range(10)
"""Of the random systems."""


@cache
def chosen() -> tuple[Case, ...]:
    remembered = made(REMEMBERED)
    assert remembered is not None
    return (*crafted(), remembered)


@cache
def by_chance() -> tuple[Case, ...]:
    return tuple(cases(COUNT))


def known() -> tuple[Case, ...]:
    return chosen() + by_chance()


def test_the_explorer_says_what_the_definition_says_of_the_chosen() -> None:
    for case in chosen():
        assert not difference(case)


@pytest.mark.parametrize("part", by_day(PARTS, PARTS[3:]))
def test_the_explorer_says_what_the_definition_says(part: int) -> None:
    for case in by_chance()[part :: len(PARTS)]:
        assert not difference(case)


def test_the_random_systems_are_of_all_kinds() -> None:
    verdicts = {(one.when, told) for case in known() for one, told in zip(case.properties, case.expected, strict=True)}
    kinds = {(kind, told) for kind in ("termination", "eventually", "leads-to") for told in (True, False, None)}
    assert verdicts == kinds - {("termination", None)}


# Faults planted in what is to be tested.


def forgetting(kind: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Nobody has to do what is of this kind."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        right: Any = Parts._unfair

        def forgetful(self: Any, graph: Any, states: Any, taken: Any, *rest: Any) -> Any:
            kept = ~np.isin(taken, [number for known, number in self._numbers.items() if known.kind == kind])
            return right(self, graph, states[kept], taken[kept], *rest)

        patch.setattr(Parts, "_unfair", forgetful)

    return plant


def by_component(patch: pytest.MonkeyPatch) -> None:
    """A component that does anything at all is fair."""

    def coarse(label: Label) -> Action | None:
        found = action(label)
        return None if found is None else Action(found.component, "")

    patch.setattr(liveness, "action", coarse)
    patch.setattr(liveness, "served", lambda label: {coarse(label)} - {None})


def always_served(patch: pytest.MonkeyPatch) -> None:
    """A step serves what the first component can do, too."""
    patch.setattr(liveness, "served", lambda label: served(label) | {Action(0, "send", ("", "tick", ""))})


def without_permutations(patch: pytest.MonkeyPatch) -> None:
    """Each step leads to the state that stands for the one that it leads to, and names are as they were."""
    right = Successors.labelled

    def folded(self: Any, keys: Any) -> Any:
        for then, origins, steps in right(self, keys):
            yield self.least(then), origins, steps

    patch.setattr(Successors, "labelled", folded)


def all_names_together(patch: pytest.MonkeyPatch) -> None:
    """The states of the quotient are taken for states under their own names."""

    def folded(tables: Any, rows: Any, group: Any, _begins: Any, spend: Any) -> Any:
        return unrolled(tables, rows, group, (rows, group), spend)

    patch.setattr(liveness, "unrolled", folded)


def a_leaf_too_many(patch: pytest.MonkeyPatch) -> None:
    """The last state that leads to a cycle is taken away with those that do not."""
    for name in engines():
        right = engine(name).peeled

        def greedy(self: Any, sources: Any, targets: Any, right: Any = right) -> Any:
            left = right(self, sources, targets)
            left[np.flatnonzero(left)[-1:]] = 0
            return left

        patch.setattr(engine(name), "peeled", greedy)


def messages_that_nobody_minds(patch: pytest.MonkeyPatch) -> None:
    """What is ignored, and not delivered, keeps no timeout from expiring."""
    right: Any = Parts.__init__

    def hasty(self: Any, graph: Any) -> None:
        right(self, graph)
        self.firmly_unfair = self.unfair

    patch.setattr(Parts, "__init__", hasty)


def whatever_is_ignored(patch: pytest.MonkeyPatch) -> None:
    """Before each round all is read that is ignored where it is, in place of what is not delivered at all."""

    def greedy(self: Graph, stem: Any, cycle: Any = ()) -> Lasso:
        reduced = self.system.drop_inert
        return Lasso(stem, cycle, lambda _component, _message: not reduced)

    patch.setattr(Graph, "lasso", greedy)


def no_faults_on_the_way(patch: pytest.MonkeyPatch) -> None:
    """A run may lead from the premise to the cycle by steps only that happen by themselves."""
    patch.setattr(Graph, "every", property(lambda self: (self.sources, self.targets)))


def everything_ends_well(patch: pytest.MonkeyPatch) -> None:
    """A run may end anywhere."""
    patch.setattr(Graph, "ends", property(lambda _: np.zeros(0, np.int64)))


FAULTS = {
    "reading is forgotten": forgetting("read"),
    "sending is forgotten": forgetting("send"),
    "publishing is forgotten": forgetting("publish"),
    "passing on is forgotten": forgetting("forward"),
    "fair by component": by_component,
    "ticks are always served": always_served,
    "permutations are dropped": without_permutations,
    "all names together": all_names_together,
    "a leaf too many": a_leaf_too_many,
    "ignored messages": messages_that_nobody_minds,
    "whatever is ignored": whatever_is_ignored,
    "no faults on the way": no_faults_on_the_way,
    "ends are forgotten": everything_ends_well,
}


@pytest.mark.parametrize("fault", by_day(FAULTS, ["ticks are always served"]))
def test_a_planted_fault_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    FAULTS[fault](monkeypatch)

    def is_wrong(case: Case) -> bool:
        try:
            return bool(difference(case))
        except (AssertionError, IndexError, ValueError):  # by the checks of the explorer itself
            return True

    assert any(map(is_wrong, known())), "no random system tells"
