"""Properties about single steps: what a server does with what it reads, with an expiry, or with an order.

    @at_each_step
    def whoever_is_denied_waits(client: Step) -> Implication:
        return isinstance(client.message, ClientJoinDenied), client.after.where == "awaiting_hello"

A property has one parameter, which says whose steps it is about: `tracker` (each of them), `client` (each of them), or
`each`; or `interrupted`, which is the tracker in steps that a crash interrupts. It is broken by a step that can be
taken in some state, so it says what no state tells: from what the view held, and what was asked, to what
was published. A step depends on the local state of its server and on what is first in its queues. So it is judged once
for each such combination (a *shape*); where it can be taken, and whether the faults that it needs can still be paid
for, is then looked up for the states that were found.

What a receiver always ignores is not delivered in a reduced search. It may be just what a property forbids, that it is
ignored. So `spec.exploration.step_search.deliver_what_matters` asks what would be said of reading it, in every local
state that was met: where it would break a property, or be the only thing to exercise one, it is delivered after all,
and the search begins anew.
"""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass

from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.interruptions import KINDS as INTERRUPTS
from spec.exploration.model.node import Node, Server, ServerState
from spec.exploration.model.reference import successors
from spec.exploration.model.steps import Label, Row
from spec.exploration.properties.language import EACH, Property

INTERRUPTED = "interrupted"
"""The name of the parameter of a property about steps in the middle of which the tracker crashes; others are not about
these.
"""


@dataclass(frozen=True)
class Step:
    """What a server did."""

    node: Server
    system: ClosedSystem
    kind: str
    """`read`, `duplicate`, `expire`, `publish`, or the owner's or fate's order."""
    before: ServerState
    message: Hashable
    """What was read; for an expiry, the TimeoutExceeded; else None."""
    sent: tuple[Hashable, ...]
    """What was published, lost or not."""
    after: ServerState

    @property
    def name(self) -> str:
        """Whose step it is."""
        return self.node.name


def step_of(system: ClosedSystem, component: int, state: Hashable, label: Label) -> Step | None:
    """The step of a component from a local state; None for what is no step of a server, such as a loss."""
    node: Node = system.nodes[component]
    if label.outcome is None or not isinstance(node, Server):
        return None
    then = label.outcome.then
    assert isinstance(state, ServerState)
    assert isinstance(then, ServerState)
    message = label.outcome.arrows[0].message if label.kind == "expire" else label.message
    return Step(node, system, label.kind, state, message, label.outcome.sent, then)


def concerns(system: ClosedSystem, property_: Property, component: int, kind: str) -> bool:
    """Whether a property about steps is about those of a component, and of this kind."""
    (whose,) = property_.concerns
    is_tracker = component in system.trackers
    if kind in INTERRUPTS or whose == INTERRUPTED:
        return kind in INTERRUPTS and whose == INTERRUPTED and is_tracker
    return whose == EACH or (whose == "tracker") == is_tracker


def judged(
    system: ClosedSystem, row: Row, label: Label, properties: Iterable[Property]
) -> tuple[frozenset[str], frozenset[str]]:
    """The names of the properties about steps that a step from a state breaks, and of those that it exercises."""
    component = label.component
    state = system.numbers.state(component, row[component])
    step = step_of(system, component, state, label)
    broken, exercised = set(), set()
    for one in properties:
        if step is not None and one.when == "step" and concerns(system, one, component, label.kind):
            premise, conclusion = one.says(step)
            if premise:
                exercised.add(one.name)
                if not conclusion:
                    broken.add(one.name)
    return frozenset(broken), frozenset(exercised)


def breaking(system: ClosedSystem, row: Row, property_: Property) -> Iterator[tuple[Label, Row]]:
    """The steps from a state that break a property, with the states after them."""
    for label, then in successors(system, row):
        if judged(system, row, label, [property_])[0]:
            yield label, then
