"""A short fair walk through a strongly connected graph, back to where it begins."""

from collections import deque
from collections.abc import Callable
from functools import partial

import numpy as np

from spec.exploration.engine.packing import Numbers
from spec.exploration.engine.vectorised.unrolled import Unrolled
from spec.exploration.fairness import Action, action, served


class Walks:
    """Walks in one component in which there is a fair cycle; they begin with its first state."""

    def __init__(self, graph: Unrolled) -> None:
        self.graph = graph
        self._out, self._first_out = _by_state(graph.sources, len(graph.keys))
        self._possible, self._first_possible = _by_state(graph.able, len(graph.keys))
        plans = graph.tables.plans
        self._served = {step: served(plans[step].label) for step in np.unique(graph.steps).tolist()}
        self._actions = {step: action(plans[step].label) for step in np.unique(graph.possible).tolist()}

    def _able(self, state: int) -> set[Action]:
        """The actions that are possible in a state."""
        places = self._possible[self._first_possible[state] : self._first_possible[state + 1]]
        found = (self._actions[step] for step in self.graph.possible[places].tolist())
        return {each for each in found if each is not None}

    def round(self) -> list[int]:
        """Steps from the first state back to it after which no action has been possible all the time and not taken."""
        walk: list[int] = []
        here = 0
        missing = self._able(here)
        while missing:
            walk += self._shortest(here, partial(self._helps, frozenset(missing)))
            here = int(self.graph.targets[walk[-1]])
            missing -= self._served[int(self.graph.steps[walk[-1]])]
            missing &= self._able(here)
        if here or not walk:
            walk += self._shortest(here, lambda step: int(self.graph.targets[step]) == 0)
        return walk

    def _helps(self, missing: frozenset[Action], step: int) -> bool:
        """Whether a step serves one of some actions, or leads to where one is impossible."""
        if not missing.isdisjoint(self._served[int(self.graph.steps[step])]):
            return True
        return not missing <= self._able(int(self.graph.targets[step]))

    def _shortest(self, begin: int, is_met: Callable[[int], bool]) -> list[int]:
        """The fewest steps from a state the last of which is met."""
        before: dict[int, int] = {begin: -1}
        todo = deque([begin])
        while todo:
            state = todo.popleft()
            for step in self._out[self._first_out[state] : self._first_out[state + 1]].tolist():
                then = int(self.graph.targets[step])
                if is_met(step):
                    walk = [step]
                    while state != begin:
                        walk.append(before[state])
                        state = int(self.graph.sources[before[state]])
                    return walk[::-1]
                if then not in before:
                    before[then] = step
                    todo.append(then)
        raise AssertionError("the component is not strongly connected, or holds no fair cycle")


def _by_state(states: Numbers, count: int) -> tuple[Numbers, Numbers]:
    """The places of each state in a list, one state after the other, and where each begins."""
    first = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(states, minlength=count), out=first[1:])
    return np.argsort(states, kind="stable"), first
