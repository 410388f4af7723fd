"""Accounts: how much of each bounded fault is left, numbered, and what a fault costs."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from spec.exploration.model.faults import Faults
from spec.exploration.model.second_tracker import SECOND
from spec.exploration.model.wills import LATE

FREE = 0
"""The cost of what is no fault."""
ORDINARY, FIRST_UNHEARD, UNHEARD, CAUGHT_UP = "ordinary step", "first unheard step", "unheard step", "caught up"
"""What has a price for the part of a run that it belongs to; see `FaultBudget.past`."""
FAULTS = (
    *(
        "stabilisation",
        "stabilisation expiry",
        "expiry",
        "losses",
        "duplicates",
        "broker restart",
        "storage failure",
        LATE,
        SECOND,
    ),
    *(ORDINARY, FIRST_UNHEARD, UNHEARD, CAUGHT_UP),
)
"""What has a price; the orders that a server may get come after these."""
UNFAIR = frozenset(
    {"stabilisation", "losses", "duplicates", "broker restart", "storage failure", LATE, SECOND, FIRST_UNHEARD, UNHEARD}
)
"""What need not happen, beside those orders; timeouts that are set expire some day."""
CHANGING = frozenset({"broker restart", SECOND})
"""After what the service may have another tracker, or one that has begun anew; besides what ends the tracker."""
Past = Literal["", "open", "told"]


class FaultBudget(NamedTuple):
    """How often each bounded fault may still happen, and whether stabilisation has begun."""

    left: tuple[tuple[str, int], ...] = ()
    stabilisation: bool = False
    changed: bool = False
    """Whether the tracker has been stopped, or lost its connection, or crashed, or a second one has come up."""
    past: Past = ""
    """Once stabilisation has begun: whether it is `open` what servers had done before it that nobody has heard yet, or
    is
    being `told` of one of them."""


STABILISATION = FaultBudget(stabilisation=True, changed=True)
"""Nothing goes wrong any more."""


@dataclass
class FaultBudgets:
    """The budgets that a system has met. `tracker` names the server that stabilisation replaces; it is empty
    where none does.
    """

    faults: Faults
    tracker: str
    unheard: bool = False
    """Whether stabilisation begins with what servers had done unheard."""

    def __post_init__(self) -> None:
        named = dict.fromkeys((*FAULTS, *self.faults.bounds))
        self.costs = {name: number for number, name in enumerate(named, start=1)}
        self._names = ("", *named)
        self.known = [FaultBudget(tuple((name, bound) for name, bound in self.faults.bounds.items() if bound))]
        self._numbers = {self.known[0]: 0}

    def cost(self, fault: str) -> int | None:
        """The cost of a fault; None if it does not happen in this scenario."""
        return None if self.faults.bounds.get(fault, 0) == 0 else self.costs[fault]

    def spend(self, budget: int, cost: int) -> int:
        """The budget after a fault; negative if it cannot happen (any more)."""
        if cost == FREE:
            return budget
        fault, here = self._names[cost], self.known[budget]
        if fault in {ORDINARY, FIRST_UNHEARD, UNHEARD, CAUGHT_UP}:
            return self._in_part(here, fault)
        if here.past == "told":
            if fault in {"stabilisation", "stabilisation expiry"}:
                return -1
        elif here.stabilisation != (fault == "stabilisation expiry"):
            return -1
        left = dict(here.left)
        changed = here.changed or fault in CHANGING or (bool(self.tracker) and fault.endswith(f" {self.tracker}"))
        if fault == "stabilisation expiry":
            then = here  # stabilisation lasts
        elif fault == "stabilisation":
            then = (
                FaultBudget(here.left, stabilisation=True, changed=True, past="open") if self.unheard else STABILISATION
            )
        else:
            for bound in self.faults.bounds_of(fault):
                if bound not in left:
                    return -1
                left[bound] -= 1
            then = here._replace(left=tuple((name, bound) for name, bound in left.items() if bound), changed=changed)
        return self._number(then)

    def _in_part(self, here: FaultBudget, part: str) -> int:
        """The budget once a step of a part has been made."""
        if part == ORDINARY:
            then = {"": here, "open": STABILISATION, "told": None}[here.past]
        else:
            before: Past = "open" if part == FIRST_UNHEARD else "told"
            after: Past = "open" if part == CAUGHT_UP else "told"
            then = here._replace(past=after) if here.past == before else None
        return -1 if then is None else self._number(then)

    def _number(self, then: FaultBudget) -> int:
        if then not in self._numbers:
            self._numbers[then] = len(self.known)
            self.known.append(then)
        return self._numbers[then]
