"""What happens in a run, in a line."""

import pytest

from spec.exploration.explore import explore
from spec.exploration.model.scenario import scenario
from spec.exploration.pages import findings
from spec.exploration.picture import happens, picture
from spec.exploration.traces.summary import NOTHING, what_happens


def test_a_run_without_faults_says_so() -> None:
    assert what_happens(["tracker"], ()) == NOTHING


def test_every_broken_property_says_what_happens() -> None:
    result = explore(scenario("dying"))
    broken = [verdict for verdict in result.verdicts if verdict.word == "broken"]
    assert broken
    for verdict in broken:
        assert verdict.happens
        assert verdict.happens.count("crashes") == sum(label.kind == "crash" for label, _ in verdict.run)
    assert not any(verdict.happens for verdict in result.verdicts if verdict.word != "broken")


@pytest.mark.parametrize("finding", findings(), ids=lambda finding: finding.name)
def test_every_loss_of_a_finding_is_told_and_it_can_be_drawn(finding: object) -> None:
    from spec.exploration.pages import Finding
    from spec.exploration.picture import trace_of

    assert isinstance(finding, Finding)
    steps, told = happens(finding)
    trace = trace_of(finding)
    assert steps == trace.count("// step ")
    text = "\n".join(line for line in trace.splitlines() if line.startswith("// step "))
    assert told.count(" is lost") == text.count("lose ")
    for kind, said in (("stop", "stops"), ("crash", "crashes"), ("stabilisation", "faults end, with a new tracker")):
        assert told.count(f" {said}" if kind != "stabilisation" else said) == text.count(f": {kind} ")
    assert picture(finding).startswith("<svg ")
