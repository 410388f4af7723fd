"""What the nodes of a closed system say, by number; each question is asked once."""

from dataclasses import dataclass, field

from spec.exploration.model.node import Outcome
from spec.exploration.model.numbers import Numbers
from spec.exploration.model.steps import NOTHING
from spec.exploration.model.surroundings import Surroundings

Answer = tuple[int, tuple[int, ...], Outcome]
"""The local state afterwards, the messages that are published, and the outcome itself."""


@dataclass
class Answers:
    """All that nodes have said."""

    numbers: Numbers
    surroundings: Surroundings
    known: dict[tuple[int, int, str, int], tuple[Answer, ...]] = field(default_factory=dict)
    """By component, local state, what was asked, and the message."""

    def ask(self, component: int, local: int, kind: str, message: int) -> tuple[Answer, ...]:
        """What a node says to a message, an order or an expiry; answers that look the same count once."""
        key = (component, local, kind, message)
        if key not in self.known:
            about = None if message == NOTHING else self.numbers.messages[message]
            said = self.surroundings.says(component, self.numbers.locals[component][local], kind, about)
            numbered: dict[tuple[int, tuple[int, ...], str], Outcome] = {}
            for outcome in said:
                sent = tuple(map(self.numbers.message, outcome.sent))
                numbered.setdefault((self.numbers.local(component, outcome.then), sent, outcome.fault), outcome)
            self.known[key] = tuple((then, sent, outcome) for (then, sent, _), outcome in numbered.items())
        return self.known[key]
