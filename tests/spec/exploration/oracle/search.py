"""All configurations of a world, each met once, and what properties say of them."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import permutations, product
from typing import Any, NamedTuple

from tests.spec.exploration.oracle.world import Config, Kept, World

TRACKERS = {"tracker", "tracker2"}
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
    trackers = [at for at, name in enumerate(names) if name in TRACKERS] or [0]
    instances = [(one, parameters) for one in properties for parameters in _about(one, names, trackers)]
    met: set[str] = set()
    broken: set[str] = set()
    unclear: set[str] = set()
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
                premise, conclusion = _said(one, sides, places, trackers)
            except AttributeError as error:
                unseen.add(f"{one.name}: {error}")
                asked_in_vain.add(one.name)
                continue
            if premise:
                met.add(one.name)
                if conclusion is None:
                    unclear.add(one.name)
                elif not conclusion and (one.when != "stuck" or stuck):
                    broken.add(one.name)
    seen = (one.name for one in properties if one.name not in asked_in_vain)
    return {name: False if name in broken else True if name in met - unclear else None for name in seen}


def _said(
    one: Any, sides: tuple[Any, ...], places: tuple[int, ...], trackers: Sequence[int]
) -> tuple[bool, bool | None]:
    """The premise and the conclusion of a property; where it means one tracker of several, of all that serve.

    None: it holds of one of those, and not of another one.
    """
    if not _means_one(one, trackers):
        premise, conclusion = one.says(*(sides[place] for place in places))
        return premise, conclusion
    answers = []
    for tracker in trackers:
        if sides[tracker].is_online:
            chosen = (tracker if name == "tracker" else place for name, place in zip(one.concerns, places, strict=True))
            answers.append(one.says(*(sides[place] for place in chosen)))
    met = [conclusion for premise, conclusion in answers if premise]
    fails = [not conclusion for conclusion in met]
    return bool(met), None if any(fails) and fails.count(True) < len(answers) else not any(fails)


def _means_one(one: Any, trackers: Sequence[int]) -> bool:
    """Whether a property is about a tracker and others once all is quiet: then it means the one that serves."""
    others = {*one.concerns} - {"tracker", "budget"}
    about = "tracker" in one.concerns and bool(others) and "other_tracker" not in others
    return about and one.when in {"quiescent", "stabilisation"} and len(trackers) > 1


def _sides(world: World, config: Config, observe: Callable[[World, int, Any, bool], Any]) -> tuple[Any, ...]:
    seen = (_side(world, observe, at, here.state, is_idle(world, config, at)) for at, here in enumerate(config.parties))
    return (*seen, Budget(config.stable, config.changed))


@lru_cache(1 << 14)
def _side(world: World, observe: Callable[..., Any], place: int, state: Kept, idle: bool) -> Any:
    return observe(world, place, state.value, idle)


def _about(one: Any, names: Sequence[str], trackers: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """For whom a property is asked: each client, each two clients, each party; or those that it names. And each
    tracker, unless it means one of them.
    """
    concerns = tuple(one.concerns)
    others = [at for at in range(len(names)) if at not in trackers]
    pairs = [*permutations(trackers, 2)] if "other_tracker" in concerns else [(at, None) for at in trackers]
    free = [name for name in concerns if name in {"client", "other", "each"} - set(names)]
    clients = [name for name in free if name != "each"]
    asked = pairs[:1] if "tracker" not in concerns or _means_one(one, trackers) else pairs
    for chosen, (tracker, another) in product(permutations(others, len(clients)), asked):
        for each in range(len(names)) if "each" in free else (0,):
            places: dict[str, Any] = {"budget": len(names), **{name: at for at, name in enumerate(names)}}
            places |= {"tracker": tracker, "other_tracker": another}
            places |= {**dict(zip(clients, chosen, strict=True)), "each": each} if free else {}
            yield tuple(places[name] for name in concerns)
