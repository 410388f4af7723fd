"""A short fair walk through a strongly connected graph, back to where it begins."""

from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np

from spec.exploration.engine.vectorised.unrolled import Unrolled
from spec.exploration.fairness import Action, action, served


class Walks:
    """Walks in one component in which there is a fair cycle; they begin with its first state."""

    def __init__(self, graph: Unrolled) -> None:
        self.graph = graph
        order = np.argsort(graph.sources, kind="stable")
        ends = np.searchsorted(graph.sources[order], np.arange(len(graph.keys) + 1))
        self._out = [order[begin:end].tolist() for begin, end in pairwise(ends)]
        plans = graph.tables.plans
        self._served = {step: served(plans[step].label) for step in np.unique(graph.steps).tolist()}
        self._able: list[set[Action]] = [set() for _ in graph.keys]
        actions = {step: action(plans[step].label) for step in np.unique(graph.possible).tolist()}
        for state, step in zip(graph.able.tolist(), graph.possible.tolist(), strict=True):
            found = actions[step]
            assert found is not None
            self._able[state].add(found)

    def round(self) -> list[int]:
        """Steps from the first state back to it after which no action has been possible all the time and not taken."""
        walk: list[int] = []
        here = 0
        missing = set(self._able[here])
        while missing:
            walk += self._shortest(here, partial(self._helps, frozenset(missing)))
            here = int(self.graph.targets[walk[-1]])
            missing -= self._served[int(self.graph.steps[walk[-1]])]
            missing &= self._able[here]
        if here or not walk:
            walk += self._shortest(here, lambda step: int(self.graph.targets[step]) == 0)
        return walk

    def _helps(self, missing: frozenset[Action], step: int) -> bool:
        """Whether a step serves one of some actions, or leads to where one is impossible."""
        then = self._able[int(self.graph.targets[step])]
        return not missing.isdisjoint(self._served[int(self.graph.steps[step])]) or not missing <= then

    def _shortest(self, begin: int, is_met: Callable[[int], bool]) -> list[int]:
        """The fewest steps from a state the last of which is met."""
        before: dict[int, int] = {begin: -1}
        todo = deque([begin])
        while todo:
            state = todo.popleft()
            for step in self._out[state]:
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
