"""Each fault that is planted in the checker is found, by the random pair that finds it soonest, or by a small pair."""

import pytest

from tests.spec.conformance.differential import asked, checked, numbered
from tests.spec.conformance.generator import Features
from tests.spec.conformance.planted import FAULTS, is_found
from tests.spec.conformance.small_pairs import CASES

FOUND: dict[str, tuple[int, int] | str] = {
    "a branch is not taken": (2, 30),
    "the reduction is too greedy with diagrams": (1, 165),
    "the reduction is too greedy with charts": (1, 4),
    "the reduction puts off for ever": "never taken, while others go round",
    "strict orders are reduced": (2, 127),
    "queues are turned round": (2, 10),
    "calls wait with everything else": (1, 16),
    "a bag is a queue": (1, 4),
    "a refusal is swallowed": (2, 10),
    "patience is ignored": (1, 119),
    "patience is ignored by diagrams": (1, 14),
    "lost messages are taken for others": (2, 299),
    "nothing is ever lost": "lost somewhere, so lost anywhere",
    "rest is not asked for": (1, 120),
    "what is never taken is not asked for": (2, 82),
    "what never runs is not asked for": (1, 14),
    "a bound is passed in silence": (1, 8),
    "one state stands for all": "an undrawn action that makes a difference later",
    "only what is nearest is undrawn": (2, 71),
    "the other end is not looked at": (1, 38),
    "a message has one receiver": (2, 7),
    "whatever waits is called blocked": (1, 38),
}
"""Seed and number of a pair, or the name of a small one; `python -m tests.spec.conformance.planted` finds others."""


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name: str) -> None:
    where = FOUND[name]
    if isinstance(where, str):
        pair = CASES[where][0]
        answer = asked(pair)
    else:
        pair, answer = numbered(*where, Features())
    assert checked(pair).conforms is answer.conforms
    assert is_found(name, pair, answer)
