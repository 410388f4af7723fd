"""The checker against the oracle on random pairs, with and without its reductions."""

import pytest

from tests.spec.conformance.differential import numbered, outcome, shown_of
from tests.spec.conformance.generator import Features
from tests.support.nightly import by_day

REFERENCE = 2026
EACH = 40


@pytest.mark.parametrize("part", by_day(range(2), [1]))
def test_the_checker_says_what_the_oracle_says(part: int) -> None:
    features = Features(several=part == 0)
    undetermined = 0
    conforming = 0
    for number in range(part * EACH, (part + 1) * EACH):
        pair, answer = numbered(REFERENCE, number, features)
        found = outcome(pair, answer)
        assert found.said != "disagree", shown_of(found)
        undetermined += found.said == "undetermined"
        conforming += answer.conforms
    assert undetermined <= EACH // 50
    assert EACH // 4 <= conforming <= EACH * 3 // 4  # both answers are asked for
