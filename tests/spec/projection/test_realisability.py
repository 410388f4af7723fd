"""Which diagrams lifelines can realise by themselves: textbook examples, and small random ones by brute force."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, assume, given, settings

from spec.interaction import Interaction, Library, Problem, Term, compile_diagram
from spec.notation import read
from spec.projection import Letter, letter_of, realisability
from tests.support.interactions import NAMES, arrows, interaction, meaning, terms
from tests.support.nightly import share
from tests.support.places import DIAGRAMS

T = TypeVar("T")
Word = tuple[tuple[str, Letter], ...]
Queues = dict[tuple[str, str], tuple[str, ...]]


def compiled(text: str, *others: str) -> Interaction:
    return compile_diagram(read(text, file="main"), Library(map(read, others), families="opaque"))


def found(text: str, *others: str) -> set[tuple[str, str | None, int]]:
    return {(each.kind, each.lifeline, each.line) for each in realisability(compiled(text, *others))}


@pytest.mark.parametrize(
    "text",
    [
        "A->B:m\nB->C:n",
        "alt\nA->B:x\nelse\nA->B:y\nend",
        "alt\nA->B:x\nelse\nA->C:y\nend",
        "alt\nA->B:x\nB->C:m\nC->D:p\nelse\nA->B:y\nB->C:n\nC->D:q\nend",
        "loop\nA->B:m\nend",
        "loop\nA->B:m\nB->A:n\nend\nA->B:stop",
        "loop\nalt\nA->B:m\nelse\nA->B:n\nend\nend",
        "A->B:m\nopt\nB->C:n\nend",
        "A->B:m\nbreak\nB->A:no\nend\nB->A:yes",
        "parallel\nA->B:m\nB->A:n\nC->A:o\nparallel off\nA->B:p",
        "par\nA->B:m\nB->A:n\nthread\nC->B:o\nB->C:p\nend",
        "par\ncritical\nA->B:m\nB->A:n\nend\nthread\ncritical\nA->B:o\nB->A:p\nend\nend",
        "A<->B:m",
        "A->A:m",
        "A-xB:m\nA->B:m",
        "[->A:order\nA->B:m\nB->]:done",
        "alt\n[->A:order\nA->B:m\nelse\n[->A:cancel\nend",
    ],
)
def test_what_can_be_realised(text: str) -> None:
    assert found(text) == set()


@pytest.mark.parametrize(
    "text",
    [
        "alt\nA-xB:m\nelse\nA->B:m\nB-xA:n\nelse\nA->B:m\nB->A:n\nend",
        "A->Clock:set\nalt\nA-xB:m\nClock->A:timeout\nelse\nA->B:m\nB->A:ok\nend",
        "A->Clock:set\nA->B:m\nalt\nB-xA:ok\nClock->A:timeout\nelse\nB->A:ok\nA->Clock:stop\nend",
        "A->Clock:set\nalt\nA-xB:m\nClock->A:timeout\nA->B:m\nB->A:ok\nelse\nA->B:m\nB->A:ok\nend",
        "A->B:m\nalt\nB-xC:n\nC->]:alarm\nelse\nB->C:n\nend",
    ],
)
def test_what_follows_a_loss_is_known_in_time(text: str) -> None:
    assert found(text) == set()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alt\nA->B:x\nelse\nB->A:y\nend", [2]),
        ("alt\nA->B:x\nelse\nC->B:y\nend", [2]),
        ("loop\nA->B:m\nend\nB->A:stop", [2]),
        ("opt\nA->B:m\nend\nB->A:n", [2]),
        ("opt\nA->B:m\nC->D:n\nend", [2]),
        ("opt\nA->B:m\nB->A:n\nC->D:o\nend", [2]),
        ("A->B:m\nB->A:n\nalt\nA->B:x\nelse\nB->A:y\nend", [4]),
        ("alt\nA->B:x\nelse\nA->B:y\nelse\nC->B:z\nend", [2, 4]),
        ("alt\nA-xB:x\nelse\nB-xA:y\nend", [2]),
    ],
)
def test_non_local_choice(text: str, expected: list[int]) -> None:
    problems = realisability(compiled(text))
    assert [(each.kind, each.line) for each in problems] == [("non-local-choice", line) for line in expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alt\nA->B:x\nC->D:p\nelse\nA->B:y\nend", {("C", 3)}),
        ("alt\nA->B:x\nB->C:m\nC->D:p\nelse\nA->B:y\nB->C:m\nC->D:q\nend", {("C", 4), ("C", 8)}),
        ("alt\nA->B:x\nB->C:y\nelse\nA->B:z\nend\nC->D:w", {("C", 7)}),
        ("alt\nA->B:x\nelse\nA->B:y\nC->D:z\nend", {("C", 5)}),
        ("alt\nA->B:x\nelse\nA->B:y\nB->C:z\nC->C:w\nend\nopt\nC->D:v\nend", {("C", 9)}),
    ],
)
def test_a_lifeline_that_cannot_see_which_scenario_is_taken(text: str, expected: set[tuple[str, int]]) -> None:
    assert {(lifeline, line) for kind, lifeline, line in found(text) if kind == "blind-choice"} == expected


def test_a_race_matters_only_where_it_decides() -> None:
    assert found("A->C:m\nB->C:n") == set()
    assert found("alt\nA->C:m\nB->C:n\nelse\nB->C:n\nA->C:m\nend") == set()
    told = "alt\nA->B:first\nA->C:m\nB->C:n\nelse\nA->B:second\nB->C:n\nA->C:m\nend"
    assert found(told) == {("blind-choice", "C", 3), ("blind-choice", "C", 7)}


def test_messages_of_one_sender_do_not_overtake() -> None:
    assert found("loop\nalt\nA->B:m\nB->A:a\nelse\nA->B:n\nB->A:b\nend\nend") == set()


def test_a_message_that_stands_for_another() -> None:
    """Two equal messages in concurrent operands: B takes the one that it was sent for the other."""
    twins = "par\nC->A:go\nA->B:m\nB->C:x\nthread\nD->A:run\nA->B:m\nB->D:y\nend"
    assert {(kind, lifeline) for kind, lifeline, _ in found(twins)} == {("blind-choice", "B")}


def test_an_order_that_nobody_can_keep() -> None:
    assert found("strict\nA->B:m\nC->D:n\nend") == {("unkept-order", "C", 3)}
    assert found("strict\nA->B:m\nB->C:n\nend") == set()


def test_regions_that_block_each_other() -> None:
    text = "par\ncritical\nA->B:m\nB->A:n\nend\nthread\ncritical\nB->A:p\nA->B:q\nend\nend"
    assert found(text) == {("stuck", "A", 4), ("stuck", "B", 9)}


def test_a_conflict_names_both_arrows() -> None:
    (problem,) = realisability(compiled("alt\nA->B:x\nelse\nB->A:y\nend"))
    assert problem == Problem(
        2,
        None,
        "non-local-choice",
        "B can begin with !y > A (line 4), A with !x > B (line 2): each rules out the other, unseen",
        "main",
    )
    (problem,) = realisability(compiled("alt\nA->B:x\nref over C,D:Other\nelse\nA->B:y\nend", "frame Other\nC->D:p"))
    assert problem.message == (
        "C cannot know whether !p > D (line 2 of <text>) is due: A !y > B (line 5) rules it out, unseen"
    )


def test_opaque_references_are_not_blamed() -> None:
    assert found("opt\nref over A,B:Other\nA->B:m\nend\nB->B:n") == set()
    assert found("alt\nref over A,B:Other\nelse\nref over B,C:Another\nend") == set()


def test_what_is_not_known_is_said() -> None:
    everything = "loop\nA->B:m\nend\nloop\nC->D:m\nend\nloop\nE->F:n\nend"
    assert realisability(compiled(everything), limit=30)[0].kind == "undecided"
    (refused,) = realisability(compiled("A->B:m\nneg\nA->B:n\nend"))
    assert (refused.kind, refused.line) == ("undecided", 2)


def test_who_gets_ahead_for_ever_by_what_is_lost_is_not_followed() -> None:
    """What is lost waits in no queue, so that no bound on queues holds its sender back."""
    text = compiled("loop\nalt\nS-xR:d\nS->C:arm\nelse\nR-xS:a\nend\nC->S:tick\nend")
    undecided = [one.message for one in realisability(text, limit=300) if one.kind == "undecided"]
    assert ["more than 300 states" in message for message in undecided] == [True]
    found = realisability(text, stop=lambda states: "enough" if states > 9 else "")
    assert [one.message.endswith(": enough") for one in found if one.kind == "undecided"] == [True]


def test_the_bound_on_queues_bounds_what_is_found() -> None:
    """B forbids what only a sender that is two ahead can do."""
    text = "loop (3)\nA->B:m\nend\nalt\nA->B:x\nC->D:p\nelse\nA->B:y\nend"
    assert ("blind-choice", "C", 6) in {*found(text)}
    assert realisability(compiled(text), ahead=1) == realisability(compiled(text), ahead=3)


def test_the_reference_diagram_has_a_clock_that_nobody_sets() -> None:
    """Where the join is denied, line 55 has a timeout without line 35. That is all: losses are no false alarms."""
    seed = read((DIAGRAMS / "ClientJoin_Alternative2.txt").read_text(encoding="utf-8"))
    (problem,) = realisability(compile_diagram(seed, Library([seed], families="opaque")))
    assert (problem.kind, problem.lifeline, problem.line) == ("blind-choice", "TrackerClock", 55)
    assert problem.message.endswith("(line 34) rules it out, unseen")


# By brute force: all that the lifelines can do together, word by word.


@settings(max_examples=share(200), deadline=None, suppress_health_check=list(HealthCheck))
@given(terms(arrows(losses=False)))
def test_conflicts_are_found_exactly_where_there_are_any(term: Term) -> None:
    expected = unrealisable(term)
    assume(expected is not None)
    assert bool(realisability(interaction(term), ahead=99)) == expected


def unrealisable(term: Term, limit: int = 1_500) -> bool | None:
    """Whether lifelines with these projections, joined by queues, do what is not drawn. None if that is too much."""
    whole = {tuple((action.lifeline, letter_of(action)) for action in trace) for trace in meaning(term)}
    begun = prefixes(whole)
    ends = {name: {seen(word, name) for word in whole} for name in NAMES}
    parts = {name: prefixes(ends[name]) for name in NAMES}
    layer: dict[Word, Queues] = {(): {}}
    explored = 0
    while layer:
        following: dict[Word, Queues] = {}
        for word, queues in layer.items():
            explored += 1
            moves = list(moves_after(word, queues, parts))
            if any(by_force and after not in begun for after, _, by_force in moves):
                return True
            allowed = [(after, then) for after, then, _ in moves if after in begun]
            done = not any(queues.values()) and all(seen(word, name) in ends[name] for name in NAMES)
            if (done and word not in whole) or (not done and not allowed):
                return True
            following.update(allowed)
        if explored > limit:
            return None
        layer = following
    return False


def moves_after(
    word: Word, queues: Queues, parts: dict[str, set[tuple[Letter, ...]]]
) -> Iterator[tuple[Word, Queues, bool]]:
    """What somebody can do next; and whether nothing but the diagram could prevent it."""
    for name, begun in parts.items():
        own = seen(word, name)
        for letter in {longer[-1] for longer in begun if longer[:-1] == own and longer}:
            peer = letter.peer or ""
            after = (*word, (name, letter))
            if letter.kind == "!":
                yield after, {**queues, (name, peer): (*queues.get((name, peer), ()), letter.label)}, True
            elif letter.label in (queue := queues.get((peer, name), ())):
                place = queue.index(letter.label)
                yield after, {**queues, (peer, name): (*queue[:place], *queue[place + 1 :])}, place == 0


def seen(word: Word, lifeline: str) -> tuple[Letter, ...]:
    return tuple(letter for name, letter in word if name == lifeline)


def prefixes(words: Iterable[tuple[T, ...]]) -> set[tuple[T, ...]]:
    return {word[:length] for word in words for length in range(len(word) + 1)}
