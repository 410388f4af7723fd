"""What a binding lets happen undrawn, ignored, early or instead, where certain diagrams are what is drawn."""

from collections.abc import Iterable

from spec.binding.model import Binding
from spec.binding.obligations import Discipline


class Allowances:
    """The rows of a binding, asked of one diagram, or of all scenarios of a use case."""

    def __init__(
        self,
        binding: Binding,
        *,
        drawn: frozenset[str] = frozenset(),
        drawn_messages: frozenset[str] = frozenset(),
        in_full: frozenset[str] = frozenset(),
    ) -> None:
        """`drawn` are the lifelines of the diagrams (empty: all that there are), `drawn_messages` the names of what
        they draw; `in_full` are those lifelines that do nothing undrawn.
        """
        self.binding = binding
        self.drawn = drawn
        self.drawn_messages = drawn_messages
        self.in_full = in_full
        self._allowed: dict[tuple[str, str], bool] = {}
        """What `may` was asked: it is asked of every step of every search."""

    def is_drawn(self, lifeline: str) -> bool:
        """Whether the diagrams draw a lifeline; the environment is not undrawn."""
        return not self.drawn or not lifeline or lifeline in self.drawn

    def may(self, lifeline: str, action: str, peer: str = "") -> bool:
        """Whether a lifeline may do an action undrawn; towards one that is not drawn, always."""
        if not (self.is_drawn(lifeline) and self.is_drawn(peer)):
            return True
        if lifeline in self.in_full:
            return False
        if (lifeline, action) not in self._allowed:
            discipline = self.discipline(lifeline)
            self._allowed[lifeline, action] = (
                any(
                    may_be_undrawn.allows(lifeline, action)
                    for may_be_undrawn in self.binding.may_be_undrawn
                    if may_be_undrawn.is_left_out(action[1:], self.drawn_messages)
                )
                or (discipline is not None and discipline.covers(action))
                or (action[0] == "?" and self.binding.is_scripted(lifeline))
            )
        return self._allowed[lifeline, action]

    def may_ignore_undrawn(self, lifeline: str) -> bool:
        """Whether what a lifeline ignores need not be drawn."""
        return lifeline not in self.in_full

    def from_outside(self, lifeline: str) -> tuple[str, ...]:
        """What can come to a lifeline undrawn, from its owner or the network."""
        return () if lifeline in self.in_full else self.binding.environment.get(lifeline, ())

    def may_publish(self, lifeline: str, message: str) -> bool:
        """Whether the server of a lifeline publishes such a message without its chart."""
        return any(lifeline in row.lifelines and message in row.messages for row in self.binding.publishes)

    def may_ignore(self, lifeline: str, action: str, where: Iterable[str] = ()) -> bool:
        """Whether a lifeline may, in these atomic states, ignore what a diagram draws it receiving."""
        if lifeline in self.in_full:
            return True
        return any(ignores.allows(lifeline, action, where) for ignores in self.binding.ignores)

    def discipline(self, lifeline: str) -> Discipline | None:
        """The obligations of a lifeline for what it receives; None if the binding states none."""
        obligations = tuple(row for row in self.binding.obligations if lifeline in row.lifelines)
        forgets = tuple(row for row in self.binding.forgets if lifeline in row.lifelines)
        return Discipline(lifeline, obligations, forgets) if obligations or forgets else None

    def may_be_sent_early(self, lifeline: str, action: str) -> bool:
        """Whether a lifeline may send before it is drawn to what it is drawn to send later."""
        return any(early_sends.allows(lifeline, action) for early_sends in self.binding.early_sends)

    def is_rare(self, message: str, detail: str) -> bool:
        """Whether a message happens only where a diagram draws it."""
        return any(fault.covers(message, detail) for fault in self.binding.faults)

    def outcomes(self, message: str) -> frozenset[str]:
        """The messages of which one comes in the place of another: this one, and those that faults put in its place."""
        groups = [{fault.message, fault.instead or fault.message} for fault in self.binding.faults]
        return frozenset({message}.union(*[group for group in groups if message in group]))
