"""Accounts: how much of each bounded fault is left, numbered, and what a fault costs."""

from dataclasses import dataclass
from typing import NamedTuple

from spec.exploration.model.faults import Faults

FREE = 0
"""The cost of what is no fault."""
FAULTS = ("calm", "calm expiry", "expiry", "losses", "duplicates", "broker restart", "storage failure")
"""What has a price; the orders that a server may get come after these."""
UNFAIR = frozenset({"calm", "losses", "duplicates", "broker restart", "storage failure"})
"""What need not happen, beside those orders; timeouts that are set expire some day."""


class Account(NamedTuple):
    """How often each bounded fault may still happen, and whether the calm has begun."""

    left: tuple[tuple[str, int], ...] = ()
    calm: bool = False
    changed: bool = False
    """Whether the tracker has been stopped, or lost its connection, or crashed."""


@dataclass
class Accounts:
    """The accounts that a system has met. `tracker` is the name of the server that the calm replaces."""

    faults: Faults
    tracker: str

    def __post_init__(self) -> None:
        named = dict.fromkeys((*FAULTS, *self.faults.bounds))
        self.costs = {name: number for number, name in enumerate(named, start=1)}
        self._names = ("", *named)
        self.known = [Account(tuple((name, bound) for name, bound in self.faults.bounds.items() if bound))]
        self._numbers = {self.known[0]: 0}

    def spend(self, account: int, cost: int) -> int:
        """The account after a fault; negative if it cannot happen (any more)."""
        if cost == FREE:
            return account
        fault, here = self._names[cost], self.known[account]
        if here.calm != (fault == "calm expiry"):
            return -1
        left = dict(here.left)
        changed = here.changed or fault == "broker restart" or fault.endswith(f" {self.tracker}")
        if fault == "calm expiry":
            then = here  # the calm lasts
        elif fault == "calm":
            then = Account(calm=True, changed=True)
        else:
            for bound in self.faults.bounds_of(fault):
                if bound not in left:
                    return -1
                left[bound] -= 1
            then = Account(tuple((name, bound) for name, bound in left.items() if bound), changed=changed)
        if then not in self._numbers:
            self._numbers[then] = len(self.known)
            self.known.append(then)
        return self._numbers[then]
