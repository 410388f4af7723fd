"""Accounts: how much of each bounded fault is left, numbered, and what a fault costs."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from spec.exploration.model.faults import Faults

FREE = 0
"""The cost of what is no fault."""
ORDINARY, FIRST_UNHEARD, UNHEARD, CAUGHT_UP = "ordinary step", "first unheard step", "unheard step", "caught up"
"""What has a price for the part of a run that it belongs to; see `Account.past`."""
FAULTS = (
    *("calm", "calm expiry", "expiry", "losses", "duplicates", "broker restart", "storage failure"),
    *(ORDINARY, FIRST_UNHEARD, UNHEARD, CAUGHT_UP),
)
"""What has a price; the orders that a server may get come after these."""
UNFAIR = frozenset({"calm", "losses", "duplicates", "broker restart", "storage failure", FIRST_UNHEARD, UNHEARD})
"""What need not happen, beside those orders; timeouts that are set expire some day."""
Past = Literal["", "open", "told"]


class Account(NamedTuple):
    """How often each bounded fault may still happen, and whether the calm has begun."""

    left: tuple[tuple[str, int], ...] = ()
    calm: bool = False
    changed: bool = False
    """Whether the tracker has been stopped, or lost its connection, or crashed."""
    past: Past = ""
    """Once the calm has begun: whether it is `open` what servers had done before it that nobody has heard yet, or is
    being `told` of one of them."""


CALM = Account(calm=True, changed=True)
"""Nothing goes wrong any more."""


@dataclass
class Accounts:
    """The accounts that a system has met. `tracker` is the name of the server that the calm replaces."""

    faults: Faults
    tracker: str
    unheard: bool = False
    """Whether the calm begins with what servers had done unheard."""

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
        if fault in {ORDINARY, FIRST_UNHEARD, UNHEARD, CAUGHT_UP}:
            return self._in_part(here, fault)
        if here.past == "told":
            if fault in {"calm", "calm expiry"}:
                return -1
        elif here.calm != (fault == "calm expiry"):
            return -1
        left = dict(here.left)
        changed = here.changed or fault == "broker restart" or fault.endswith(f" {self.tracker}")
        if fault == "calm expiry":
            then = here  # the calm lasts
        elif fault == "calm":
            then = Account(here.left, calm=True, changed=True, past="open") if self.unheard else CALM
        else:
            for bound in self.faults.bounds_of(fault):
                if bound not in left:
                    return -1
                left[bound] -= 1
            then = here._replace(left=tuple((name, bound) for name, bound in left.items() if bound), changed=changed)
        return self._number(then)

    def _in_part(self, here: Account, part: str) -> int:
        """The account once a step of a part has been made."""
        if part == ORDINARY:
            then = {"": here, "open": CALM, "told": None}[here.past]
        else:
            before: Past = "open" if part == FIRST_UNHEARD else "told"
            after: Past = "open" if part == CAUGHT_UP else "told"
            then = here._replace(past=after) if here.past == before else None
        return -1 if then is None else self._number(then)

    def _number(self, then: Account) -> int:
        if then not in self._numbers:
            self._numbers[then] = len(self.known)
            self.known.append(then)
        return self._numbers[then]
