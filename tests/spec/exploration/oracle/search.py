"""All configurations of a world, each met once, and what properties say of them."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import permutations
from typing import Any, NamedTuple

from tests.spec.exploration.oracle.world import Config, Kept, World

MOST_IN_FLIGHT = 12
"""Messages on one hop of one party, after which there may be no end of them."""


class TooLarge(Exception):  # noqa: N818 - what was found
    """More configurations than wanted, or no end of them."""


class Budget(NamedTuple):
    """What properties see of the faults."""

    stabilisation: bool
    changed: bool


@dataclass
class Searched:
    """A world with all its configurations, each with that which it was reached from first, and how."""

    world: World
    most: int
    parents: dict[Config, tuple[Config, str] | None] = field(default_factory=dict)
    steps: int = 0

    def __post_init__(self) -> None:
        """Raises `TooLarge`."""
        begin = self.world.begin()
        self.parents[begin] = None
        todo = deque([begin])
        while todo:
            here = todo.popleft()
            for called, then in self.world.nexts(here):
                self.steps += 1
                if then in self.parents:
                    continue
                self.parents[then] = (here, called)
                todo.append(then)
                if len(self.parents) > self.most:
                    raise TooLarge(f"more than {self.most:,} configurations")
                if any(max(len(one.up), len(one.down)) > MOST_IN_FLIGHT for one in then.parties):
                    raise TooLarge("there is no end of what is under way")

    def way(self, config: Config) -> list[str]:
        """How a configuration is reached."""
        found = []
        while (parent := self.parents[config]) is not None:
            config, called = parent
            found.append(called)
        return found[::-1]


def is_idle(world: World, config: Config, place: int) -> bool:
    """Whether nothing is under way to or from a party, and it is about to publish nothing."""
    here = config.parties[place]
    return not here.up and not here.down and not world.parties[place].is_busy(here.state.value)


def verdicts(
    searched: Searched,
    properties: Sequence[Any],
    observe: Callable[[World, int, Any, bool], Any],
    unseen: set[str],
) -> dict[str, bool | None]:
    """Of each property whether it holds; None where its premise is met nowhere.

    *Always* is asked in every configuration, *quiescent* where nothing is under way and no timeout is set,
    *stabilisation* where that is so after faults have ended for good. *Stuck* is exercised everywhere, and broken only
    where nobody can do anything any more. What asks for something that this oracle does not see is not judged, but put
    among the `unseen`.
    """
    world = searched.world
    names = [party.name for party in world.parties]
    instances = [(one, parameters) for one in properties for parameters in _about(one.concerns, names)]
    met: set[str] = set()
    broken: set[str] = set()
    asked_in_vain: set[str] = set()
    for sides in {_sides(world, config, observe) for config in searched.parents}:
        quiescent = all(getattr(side, "is_quiescent", True) for side in sides[:-1])
        stuck = all(getattr(side, "is_stuck", False) for side in sides[:-1])
        for one, places in instances:
            if one.when in {"quiescent", "stabilisation"} and not quiescent:
                continue
            if one.when == "stabilisation" and not sides[-1].stabilisation:
                continue
            try:
                premise, conclusion = one.says(*(sides[place] for place in places))
            except AttributeError as error:
                unseen.add(f"{one.name}: {error}")
                asked_in_vain.add(one.name)
                continue
            if premise:
                met.add(one.name)
                if not conclusion and (one.when != "stuck" or stuck):
                    broken.add(one.name)
    seen = (one.name for one in properties if one.name not in asked_in_vain)
    return {name: False if name in broken else True if name in met else None for name in seen}


def _sides(world: World, config: Config, observe: Callable[[World, int, Any, bool], Any]) -> tuple[Any, ...]:
    seen = (_side(world, observe, at, here.state, is_idle(world, config, at)) for at, here in enumerate(config.parties))
    return (*seen, Budget(config.stable, config.changed))


@lru_cache(1 << 14)
def _side(world: World, observe: Callable[..., Any], place: int, state: Kept, idle: bool) -> Any:
    return observe(world, place, state.value, idle)


def _about(concerns: Iterable[str], names: Sequence[str]) -> Iterator[tuple[int, ...]]:
    """For whom a property is asked: each client, each two clients, each party; or those that it names."""
    concerns = tuple(concerns)
    free = [name for name in concerns if name in {"client", "other", "each"} - set(names)]
    clients = [name for name in free if name != "each"]
    for chosen in permutations(range(1, len(names)), len(clients)):
        for each in range(len(names)) if "each" in free else (0,):
            places = {"tracker": 0, "budget": len(names), **{name: at for at, name in enumerate(names)}}
            places |= {**dict(zip(clients, chosen, strict=True)), "each": each} if free else {}
            yield tuple(places[name] for name in concerns)
