"""Small pairs on which the checker was wrong: each is asked of the oracle, and of the checker with and without
reductions.
"""

import pytest

from spec.conformance.finding import Verdict
from tests.spec.conformance.differential import outcome
from tests.spec.conformance.small_pairs import CASES


@pytest.mark.parametrize("name", CASES)
def test_oracle_and_checker_give_the_answer_that_is_right(name: str) -> None:
    asked, conforms = CASES[name]
    found = outcome(asked)
    expected = Verdict.CONFORMS if conforms else Verdict.DOES_NOT_CONFORM
    assert found.answer.conforms is conforms, found.answer
    assert found.verdict is expected
    assert found.unreduced is expected
