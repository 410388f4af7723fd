"""What is due now that was not before is told as two sets would tell it, whichever objects are the very same."""

from hypothesis import given
from hypothesis import strategies as st

from machines.calls import Role, TimeoutExceeded, Timer
from machines.participant import Output
from runtime.stepping import changed

SAME = [Output(TimeoutExceeded(timer=Timer("one", attempt)), "client") for attempt in range(3)]
OUTPUTS = st.sampled_from(SAME) | st.integers(0, 2).map(
    lambda attempt: Output(TimeoutExceeded(timer=Timer("one", attempt)), "client")
)
ROLES: st.SearchStrategy[Role] = st.sampled_from(["clock", "view"])
DUES = st.dictionaries(ROLES, st.lists(OUTPUTS, max_size=4, unique=True).map(tuple), max_size=2).map(
    lambda dues: list(dues.items())
)


@given(DUES, DUES)
def test_what_changes_is_what_two_sets_differ_by(
    before: list[tuple[Role, tuple[Output, ...]]], now: list[tuple[Role, tuple[Output, ...]]]
) -> None:
    then, due = ({(role, output) for role, outputs in dues for output in outputs} for dues in (before, now))
    assert changed(before, now) == (then - due, due - then)
