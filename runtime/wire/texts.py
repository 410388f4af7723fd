"""Texts that somebody else wrote, as they stand in a message."""

SHOWN = 40
"""How many characters of a text that came are shown in a message."""


def shortened(given: str) -> str:
    """The beginning of a long text."""
    return given if len(given) <= SHOWN else given[:SHOWN] + "…"


def printable(given: str) -> str:
    """A text in one line, with nothing in it that a terminal obeys."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in given)
