"""Which faults can happen, and how often each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

ORDERS = ("stop", "disconnect", "crash", "wipe")
"""What can happen to a server: it is stopped, it loses its connection, it crashes, it crashes and loses its view."""


@dataclass(frozen=True)
class Faults:
    """How often each fault may happen, `None` for any number of times; what is not named never happens.

    `bounds` names `losses` (on either hop), `duplicates`, `broker restart`, and `<order> <server>` for the orders
    `stop`, `disconnect`, `crash` and `wipe`. `kinds` gives the word for a server where several share one bound.
    """

    bounds: Mapping[str, int | None] = field(default_factory=dict)
    timeouts: Literal["any", "patient", "never"] = "any"
    """`any`: a timeout may expire whenever it is set. `patient`: only when nothing is under way."""
    calm: bool = False
    """Whether faults can end for good, at any moment, with a new tracker."""
    loses: frozenset[str] = frozenset()
    """The names of the events that can be lost; empty means all."""
    kinds: Mapping[str, str] = field(default_factory=dict)

    def orders(self, name: str) -> Iterator[tuple[str, str]]:
        """Each order that a server may get, and the fault that pays for it."""
        for order in ORDERS:
            yield order, f"{order} {self.kinds.get(name, name)}"
