"""Violations of the obligations that the binding states, and messages that are sent without end."""

from collections import Counter
from collections.abc import Collection

from spec.binding.obligations import Said, Violation
from spec.system.channels import Channels
from spec.system.local_steps import LocalSteps
from spec.system.state import State

ENDLESS = 10
"""How many copies of a message that nobody draws can wait for one reader: nobody is meant to send more."""


class Violations:
    """Violations in the states of a system; what is said of a local state is found once."""

    def __init__(self, steps: LocalSteps, channels: Channels) -> None:
        self._steps = steps
        self._channels = channels
        self._known: dict[tuple[str, int], Violation | None] = {}

    def at(self, state: State) -> Violation | None:
        """The first violation here by a lifeline that is drawn, or message without end; None if there is none."""
        numbers = self._steps.numbers
        for lifeline in self._steps.disciplines:
            key = (lifeline, state.locals[numbers.places[lifeline]])
            if key not in self._known:
                is_drawn = self._steps.allowances.is_drawn(lifeline)
                self._known[key] = self._of(state, lifeline) if is_drawn else None
            if self._known[key] is not None:
                return self._known[key]
        if any(len(messages) > ENDLESS for _, messages in state.channels):
            waiting = Counter((f.sender, f.key[1]) for f in self._channels.all(state.channels))
            for (sender, receiver), count in sorted(waiting.items()):
                if count > ENDLESS:
                    messages = self._channels.between(state.channels, sender, receiver)
                    return self._endless(numbers.lifelines[sender], numbers.lifelines[receiver], messages)
        return None

    def _of(self, state: State, lifeline: str) -> Violation | None:
        due = {self._steps.said(sent): sent for sent in self._steps.due(state, lifeline)}

        def can_send(said: Said) -> bool:
            return bool(self._steps.after(state, lifeline, due[said]))

        ledger = self._steps.numbers.ledger(state, lifeline)
        return self._steps.disciplines[lifeline].violation(ledger, due, can_send)

    def _endless(self, sender: str, receiver: str, messages: Collection[int]) -> Violation | None:
        number, count = Counter(messages).most_common(1)[0]
        name = self._steps.numbers.spelled(number)
        if count <= ENDLESS or not self._steps.allowances.may(sender, f"!{name}", receiver):
            return None
        text = f"sends {name} to {receiver} again and again: {count} wait there, and nothing keeps it from sending more"
        return Violation("endless", sender, text)
