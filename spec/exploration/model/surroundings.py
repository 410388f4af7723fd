"""Who there is besides the nodes of a system: nobody, if the system is closed.

This is where a system is opened (`spec.exploration.any_number`): a kind of surroundings overrides what matters to it,
and a kind of system names it (`ClosedSystem.surroundings`). All that is said of nodes and asked of them passes here
once for each question.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field

from spec.exploration.model.interruptions import KINDS
from spec.exploration.model.node import Node, Outcome, Server
from spec.exploration.model.steps import Move


@dataclass
class Kept:
    """What systems of the same nodes keep when one is built anew from the other."""

    interesting: set[tuple[int, Hashable]] = field(default_factory=set)
    """Components, and messages that they were found not always to ignore."""
    said: dict[tuple[int, Hashable, str, Hashable], tuple[Outcome, ...]] = field(default_factory=dict)
    """What nodes said, by component, local state, what was asked, and the message."""


@dataclass
class Surroundings:
    """Nobody: what nodes say is all, and nothing happens beyond it."""

    nodes: tuple[Node, ...]
    kept: Kept

    def says(self, component: int, state: Hashable, kind: str, message: Hashable) -> tuple[Outcome, ...]:
        """What a component says to a message (`read`), an expiry (`expire`) or an order, in a local state."""
        question = (component, state, kind, message)
        if question not in self.kept.said:
            self.kept.said[question] = said(self.nodes[component], state, kind, message)
        return self.kept.said[question]

    def is_current(self, component: int, state: Hashable, kind: str, message: Hashable) -> bool:  # noqa: ARG002
        """Whether what was said to that is all that would be said now."""
        return True

    def renewed(self) -> frozenset[int]:
        """The components of which `moves` may give more than when this was last asked."""
        return frozenset()

    def ignores(self, component: int, state: Hashable, message: Hashable) -> bool:
        """Whether reading a message changes nothing in a local state."""
        return self.nodes[component].ignores(state, message)

    def ending(self, component: int, local: int, endings: Sequence[int]) -> int:  # noqa: ARG002 - for others
        """The local state after a lost connection, from those that the node says. Raises `ValueError` unless there is
        just one.
        """
        (ending,) = endings
        return ending

    def met(self, component: int, local: int) -> None:
        """Is told each local state that is met for the first time."""

    def heads(self, component: int, local: int, message: int) -> None:
        """Is told each message that can be read next in a local state, before the moves with it are asked for."""

    def moves(self, component: int, local: int) -> Iterator[Move]:  # noqa: ARG002 - for others
        """What happens to a component in a local state by those who are not among the nodes."""
        yield from ()


def said(node: Node, state: Hashable, kind: str, message: Hashable) -> tuple[Outcome, ...]:
    """What a node says to a message, an expiry or an order."""
    if kind == "read":
        return node.receive(state, message)
    if kind in KINDS and isinstance(node, Server):
        return node.interrupted(state, KINDS[kind], message)
    return node.expiries(state) if kind == "expire" else node.order(state, kind)
