"""Small systems in which one thing alone decides whether runs are fair, for what random systems rarely meet."""

from collections.abc import Iterator, Mapping
from typing import Any

from spec.exploration.model.faults import Faults
from spec.exploration.properties.language import Implication, Property, When, property_
from tests.spec.exploration.agreement import MOST, Case, expected
from tests.spec.exploration.fair_runs import Oracle
from tests.spec.exploration.random_systems import Rules, Seen, Sent, Tables, every_run_terminates

TICK: Sent = ("tick", "self")
CALL: Sent = ("call", "self")
TICKING = {0: ((0, TICK),)}
ONCE = {0: ((1, CALL),)}
"""Calls the hub once."""
STOPS = {(0, "call", known): ((1, False, ()),) for known in (False, True)}
"""A call ends what the hub does."""


def _leads(kind: When, begin: int, end: int) -> Property:
    @property_(kind)
    def it_leads_there(client: Seen) -> Implication:
        """Of a peer."""
        return client.at == begin, client.at == end

    return it_leads_there


SYSTEMS: Mapping[str, tuple[Tables, Property, bool]] = {
    "what is due is published": (
        Tables(Rules({}, TICKING), Rules({}, {0: ((1, TICK),), 1: ((2, TICK),)}, busy=frozenset({1})), ("ann",)),
        _leads("leads-to", 1, 2),
        True,
    ),
    "the broker passes on what was sent": (
        Tables(Rules(STOPS, TICKING), Rules({}, ONCE), ("ann",), options={"keeps_hops": True}),
        every_run_terminates,
        True,
    ),
    "while something is under way, no patient timeout expires": (
        Tables(Rules(STOPS, {0: ((0, ("answer", "last")),)}), Rules({}, ONCE), ("ann",), Faults(timeouts="patient")),
        every_run_terminates,
        False,
    ),
    "with nothing under way, it does": (
        Tables(Rules(STOPS, TICKING), Rules({}, ONCE), ("ann",), Faults(timeouts="patient")),
        every_run_terminates,
        True,
    ),
    "a loss on the way": (
        Tables(
            Rules({(0, "call", True): ((0, False, (("answer", "sender"),)),)}, {}),
            Rules({(1, "answer", True): ((2, False, ()),)}, ONCE),
            ("ann",),
            Faults({"losses": 1}),
        ),
        _leads("eventually", 0, 2),
        False,
    ),
    "none on the way": (
        Tables(
            Rules({(0, "call", True): ((0, False, (("answer", "sender"),)),)}, {}),
            Rules({(1, "answer", True): ((2, False, ()),)}, ONCE),
            ("ann",),
        ),
        _leads("eventually", 0, 2),
        True,
    ),
    "what is deferred need not be read": (
        Tables(Rules({(0, "call", True): ()}, TICKING), Rules({}, ONCE), ("ann",)),
        every_run_terminates,
        False,
    ),
    "one state of the quotient, and a cycle of two": (
        Tables(
            Rules({(0, "call", known): ((1, False, (("answer", "sender"),)),) for known in (False, True)}, {}),
            Rules(
                {
                    **{(1, "answer", known): ((1, False, (("pass", "self"),)),) for known in (False, True)},
                    **{(1, "pass", known): ((1, False, (("pass", "self"),)),) for known in (False, True)},
                },
                ONCE,
            ),
            ("ann", "bob", "cid"),
        ),
        every_run_terminates,
        False,
    ),
    "who is offline starts some day": (
        Tables(Rules({}, TICKING), Rules({}, {0: ((1, TICK),)}, offline=frozenset({1})), ("ann",)),
        _leads("leads-to", 1, 0),
        True,
    ),
}


def crafted() -> Iterator[Case]:
    """The same as cases; the oracle says what is said of them here."""
    for number, (system, one, holds) in enumerate(SYSTEMS.values()):
        oracle: Any = Oracle(system.build(drop_inert=False), 10 * MOST)
        found = expected(oracle, one)
        assert found is holds, f"the oracle says {found} of {one.name!r} in {list(SYSTEMS)[number]!r}"
        yield Case(number, system, (one,), oracle, (found,))
