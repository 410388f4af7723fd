"""Pauses between attempts, each about twice as long as the one before: to ask again and again makes nothing better."""

import random
from collections.abc import Callable


class BackOff:
    """Pauses that double from `first` up to `most` seconds, each cut short by chance down to a half of it."""

    def __init__(self, first: float, most: float, chance: Callable[[], float] = random.random) -> None:
        self.first = first
        self.most = most
        self.count = 0
        """How many pauses there were since the last success."""
        self._chance = chance

    def next(self) -> float:
        """The next pause in seconds."""
        exponent = min(self.count, 60)  # beyond any `most`, and within what a float holds
        self.count += 1
        return min(self.most, self.first * float(2**exponent)) * (1 - self._chance() / 2)

    def reset(self) -> None:
        """It has succeeded: the next pause is a short one."""
        self.count = 0
