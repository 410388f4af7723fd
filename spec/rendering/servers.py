"""The groups of a drawn run: each server with its lifelines as the diagrams of the protocol head and draw them."""

from collections.abc import Mapping

from machines.lifelines import BROKER, EVENT_BUS, PARTS
from spec.rendering.sequence import Group, Lifeline

KEYWORDS: Mapping[str, str] = {"view": "database"}
"""How the notation draws the lifeline of a role, where that is not as a participant."""


def server(title: str, aliases: Mapping[str, str]) -> Group:
    """The group of a server under a title, with the lifelines that are drawn of it: their aliases by role, in order."""
    return Group(
        title,
        tuple(Lifeline(alias, PARTS[role].label, KEYWORDS.get(role, "participant")) for role, alias in aliases.items()),
    )


def event_bus() -> Group:
    """The group of the broker."""
    return server(EVENT_BUS.title, {"broker": BROKER})
