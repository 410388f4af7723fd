"""A certificate is accepted as it was made, and rejected once anything is taken from it or added to its claims.

`python -m tests.spec.exploration.any_number.test_certificate [VIEWS]` takes away so many views, each by itself, and
each outcome of a step in turn.
"""

import json
import random
import sys
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from spec.exploration.any_number import certify as certify_module
from spec.exploration.any_number.certificate import certificate, claims_of, covered, write
from spec.exploration.any_number.certify import Rejected, Views, certify
from spec.exploration.any_number.fixpoint import Options
from spec.exploration.any_number.verdicts import ForEveryNumber
from spec.exploration.model.scenario import ScenarioError, scenario
from spec.exploration.properties.client_join import OF_MEMBERSHIP, ClientSide
from spec.exploration.properties.language import Implication, always
from tests.support.nightly import share

CLAIMS = tuple(each.name for each in OF_MEMBERSHIP if each.when in {"always", "quiescent"})
TAKEN = share(4)
"""Views that are taken away, each by itself."""


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return certificate(scenario("standard"), CLAIMS, Options())


def test_what_steps_tell_is_not_claimed_of_views() -> None:
    verdicts = [ForEveryNumber(each, "holds for every number") for each in OF_MEMBERSHIP]
    assert claims_of(verdicts) == CLAIMS


def test_it_is_accepted(made: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "standard.json"
    write(path, made)
    views, steps, claims, of = certify(path)
    assert (views, tuple(claims)) == (2340, CLAIMS)
    assert steps > views
    assert of == {"name": "standard", "timeouts": "patient", "loses": False, "fails": False}


def without(made: dict[str, Any], part: str, place: int) -> dict[str, Any]:
    return {**made, part: [*made[part][:place], *made[part][place + 1 :]]}


def test_without_a_view_it_is_rejected(made: dict[str, Any]) -> None:
    chance = random.Random(0)
    for place in (0, *chance.sample(range(1, len(made["views"])), TAKEN)):
        with pytest.raises(Rejected):
            Views(without(made, "views", place)).check(made["claims"])


def without_value(made: dict[str, Any], number: int) -> dict[str, Any]:
    """Without a message, or a local state, that some step comes to: all views that hold it are taken."""
    views = [view for view in made["views"] if number not in {*view[:3], *chain(*view[3:])}]
    return {**made, "views": views}


def test_without_the_outcome_of_a_step_it_is_rejected(made: dict[str, Any]) -> None:
    for number in random.Random(1).sample(range(len(made["values"])), TAKEN):
        with pytest.raises(Rejected):
            Views(without_value(made, number)).check(made["claims"])


def test_without_a_profile_it_is_rejected(made: dict[str, Any]) -> None:
    """A profile is an outcome of the tracker's step as a whole."""
    for place in range(len(made["profiles"])):
        with pytest.raises(Rejected):
            Views(without(made, "profiles", place)).check(made["claims"])


def test_for_another_scenario_it_is_rejected(made: dict[str, Any]) -> None:
    for change in ({"loses": True}, {"timeouts": "any"}, {"fails": True}):
        with pytest.raises(Rejected):
            Views({**made, "scenario": {**made["scenario"], **change}}).check(made["claims"])


@always
def nobody_ever_joins(client: ClientSide) -> Implication:
    """What does not hold."""
    return client.is_online, not client.is_joining


def test_what_does_not_hold_is_rejected(made: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certify_module, "OF_MEMBERSHIP", (nobody_ever_joins,))
    with pytest.raises(Rejected, match="a view breaks 'nobody ever joins'"):
        Views(made).check([nobody_ever_joins.name])


def test_an_unknown_claim_is_rejected(made: dict[str, Any], tmp_path: Path) -> None:
    for claims in ([], ["nothing ever goes wrong"], ["all views agree"]):
        path = tmp_path / "claims.json"
        write(path, {**made, "claims": claims})
        with pytest.raises(Rejected, match="claims what cannot be checked"):
            certify(path)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"scenario": {}, "values": [["Unheard", {}]], "views": []}'])
def test_what_is_no_certificate_is_rejected(text: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Rejected):
        certify(path)


@pytest.mark.parametrize("name", ["default", "leaving", "rivals", "files", "overtaking", "duplicates"])
def test_what_the_checker_does_not_know_has_none(name: str) -> None:
    assert covered(scenario(name))
    with pytest.raises(ScenarioError, match="the checker covers"):
        certificate(scenario(name), CLAIMS, Options())


def test_it_is_plain_json(made: dict[str, Any]) -> None:
    assert json.loads(json.dumps(made)) == made


def main(count: int) -> None:
    """Try many, and say which certificates are accepted that should not be."""
    whole = certificate(scenario("standard"), CLAIMS, Options())
    chosen = random.Random(count).sample(range(len(whole["views"])), min(count, len(whole["views"])))
    tried = [("view", place, without(whole, "views", place)) for place in chosen]
    tried += [("value", number, without_value(whole, number)) for number in range(len(whole["values"]))]
    accepted = []
    for what, place, less in tried:
        try:
            Views(less).check(less["claims"])
        except Rejected:
            continue
        accepted.append(f"{what} {place}")
    print(f"{len(tried)} certificates, accepted wrongly: {', '.join(accepted) or 'none'}")
    sys.exit(len(accepted))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
