"""What diagrams mean: each construct by its traces, and the small steps against the book."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spec.interaction import (
    EMPTY,
    Action,
    Interaction,
    InteractionError,
    Library,
    Problem,
    Step,
    Term,
    alt,
    ample,
    avoids,
    can_end,
    compile_diagram,
    erase,
    explore,
    loop,
    par,
    prune,
    seq,
    steps,
    strict,
    traces,
)
from spec.notation import Reference, read
from tests.support.interactions import NAMES, arrow, arrows, few_traces, meaning, terms
from tests.support.nightly import share
from tests.support.places import DIAGRAMS

REFERENCE = DIAGRAMS / "ClientJoin_Alternative2.txt"
quickly = settings(max_examples=share(300), deadline=None, suppress_health_check=list(HealthCheck))


def compiled(text: str, *others: str) -> Interaction:
    library = Library(read(other, file=f"other{number}") for number, other in enumerate(others, 1))
    return compile_diagram(read(text, file="main"), library)


def said(text: str, *others: str, longest: int | None = None) -> set[str]:
    """All traces, as in `A!m B?m`."""
    found = traces(compiled(text, *others).term, longest=longest)
    return {" ".join(f"{a.lifeline}{a.kind}{a.label}" for a in trace) for trace in found}


def problems(text: str, *others: str) -> list[tuple[int, str, str | None]]:
    return [(each.line, each.kind, each.lifeline) for each in compiled(text, *others).problems]


def shuffled(one: str, other: str) -> set[str]:
    """All interleavings of two traces."""
    if not one or not other:
        return {f"{one}{other}"}
    (first, _, rest), (second, _, left) = one.partition(" "), other.partition(" ")
    return {f"{first} {t}".strip() for t in shuffled(rest, other)} | {
        f"{second} {t}".strip() for t in shuffled(one, left)
    }


# Arrows.


def test_an_action_knows_its_arrow_its_line_and_its_file() -> None:
    send, receive = compiled("\nA->B:two\\nlines").actions()
    assert send == Action("!", "A", "two\nlines", "B", 2, "main")
    assert receive == Action("?", "B", "two\nlines", "A", 2, "main")
    assert send.arrow == receive.arrow == ("main", 2, 0)
    assert str(send) == "A !two lines to B"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A->B:m", {"A!m B?m"}),
        ("A->A:m", {"A!m A?m"}),
        ("B<-A:m", {"A!m B?m"}),
        ("A-xB:m", {"A!m"}),
        ("A-#redxB:m", {"A!m"}),
        ("A-#redB:m", set()),
        ("[->A:m", {"A?m"}),
        ("A->]:m", {"A!m"}),
        ("[-xA:m", {""}),
        ("participant A", {""}),
        ("A<->B:m", shuffled("A!m B?m", "B!m A?m")),
    ],
)
def test_an_arrow(text: str, expected: set[str]) -> None:
    if not expected:
        assert read(text).diagnostics  # no head: the reader says so
    else:
        assert said(text) == expected


def test_both_ways_are_two_arrows() -> None:
    ways = {(action.lifeline, action.kind): action.arrow for action in compiled("A<->B:m").actions()}
    assert ways["A", "!"] == ways["B", "?"] == ("main", 1, 0)
    assert ways["B", "!"] == ways["A", "?"] == ("main", 1, 1)


def test_order_holds_on_each_lifeline_only() -> None:
    assert said("A->B:m\nB->C:n") == {"A!m B?m B!n C?n"}
    assert said("A->B:m\nC->D:n") == shuffled("A!m B?m", "C!n D?n")
    assert said("A->B:m\nA->B:n") == {"A!m B?m A!n B?n", "A!m A!n B?m B?n"}
    assert said("A->C:m\nB->C:n") == {"A!m C?m B!n C?n", "A!m B!n C?m C?n", "B!n A!m C?m C?n"}


# Fragments.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alt\nA->]:m\nelse\nA->]:n\nend", {"A!m", "A!n"}),
        ("alt yes\nA->]:m\nelse\nend", {"A!m", ""}),
        ("alt yes\nA->]:m\nend", {"A!m", ""}),
        ("opt maybe\nA->]:m\nend", {"A!m", ""}),
        ("alt\nA->]:m\nelse\nB->]:n\nend\nA->]:o", {"A!m A!o", "B!n A!o", "A!o B!n"}),
        ("loop (2)\nA->]:m\nend", {"A!m A!m"}),
        ("loop 2\nA->]:m\nend", {"A!m A!m"}),
        ("loop 1,2\nA->]:m\nend", {"A!m", "A!m A!m"}),
        ("loop (0,1) while it rains\nA->]:m\nend", {"", "A!m"}),
        ("par\nA->]:m\nthread\nA->]:n\nA->]:o\nend", shuffled("A!m", "A!n A!o")),
        ("par\nA->]:m\nelse\nA->]:n\nA->]:o\nend", shuffled("A!m", "A!n A!o")),
        ("par\nA->]:m\nA->]:n\nend", {"A!m A!n", "A!n A!m"}),
        ("par\nA->]:m\ngroup\nA->]:n\nA->]:o\nend\nend", shuffled("A!m", "A!n A!o")),
        ("parallel\nA->]:m\nA->]:n\nparallel off\nA->]:o", {"A!m A!n A!o", "A!n A!m A!o"}),
        ("parallel\nA->]:m\nparallel off\nA->]:n", {"A!m A!n"}),
        ("parallel\nA->]:m\nA->]:n", {"A!m A!n", "A!n A!m"}),
        ("seq\nA->]:m\nB->]:n\nend", {"A!m B!n", "B!n A!m"}),
        ("strict\nA->]:m\nB->]:n\nend", {"A!m B!n"}),
        ("strict\nA->]:m\nB->]:n\nelse\nA->]:o\nend", {"A!m B!n A!o", "B!n A!m A!o"}),
        ("group\nregion\nexpandable+ more\nA->]:m\nend\nend\nend\nA->]:n", {"A!m A!n"}),
        ("A->]:m\nbreak\nA->]:n\nend\nA->]:o", {"A!m A!n", "A!m A!o"}),
        ("opt\nbreak\nA->]:n\nend\nA->]:o\nend\nA->]:p", {"A!p", "A!n A!p", "A!o A!p"}),
        ("group\nbreak\nA->]:n\nend\nend\nA->]:o", {"A!n", "A!o"}),
        ("break\nA->]:m\nbreak\nA->]:n\nend\nA->]:o\nend\nA->]:p", {"A!m A!n", "A!m A!o", "A!p"}),
        ("par\nbreak\nA->]:m\nend\nA->]:n\nend", {"A!n", "A!m A!n", "A!n A!m"}),
        ("loop (2)\nA->]:m\nbreak\nA->]:n\nend\nA->]:o\nend", {"A!m A!o A!m A!o", "A!m A!n", "A!m A!o A!m A!n"}),
        ("loop (0)\nA->]:m\nbreak\nA->]:n\nend\nend", {""}),
    ],
)
def test_a_fragment(text: str, expected: set[str]) -> None:
    assert said(text) == expected


@pytest.mark.parametrize("guard", ["", " forever", " [2]", " x = (2)", " 2 times"])
def test_other_guards_of_a_loop_are_text(guard: str) -> None:
    assert said(f"loop{guard}\nA->]:m\nend", longest=3) == {"", "A!m", "A!m A!m", "A!m A!m A!m"}


def test_a_loop_can_be_bounded_from_below_only() -> None:
    assert said("loop (2,*)\nA->]:m\nend", longest=3) == {"A!m A!m", "A!m A!m A!m"}


def test_rounds_of_a_loop_are_weakly_sequenced() -> None:
    """C is in the first round and A in the second, but A may be first."""
    rounds = said("loop (2)\nalt\nA->B:m\nelse\nC->B:n\nend\nend")
    assert {"A!m C!n B?n B?m", "A!m C!n B?m B?n", "C!n B?n A!m B?m"} <= rounds


def test_who_overtakes_a_choice_makes_it() -> None:
    choice = compiled("alt\nA->]:m\nelse\nB->]:n\nend\nA->]:o").term
    after = {(action.label, rest) for action, rest in steps(choice)}
    assert {label for label, _ in after} == {"m", "n", "o"}
    assert [str(rest) for label, rest in after if label == "o"] == ["B !n"]


def test_a_critical_region_is_not_interrupted_on_its_lifelines() -> None:
    region = "A!m B?m B!n A?n"
    free = said("par\nA->B:m\nB->A:n\nthread\nA->C:o\nend")
    held = said("par\ncritical\nA->B:m\nB->A:n\nend\nthread\nA->C:o\nend")
    assert free == shuffled(region, "A!o C?o")
    assert held == {t for t in free if not t.index("A!m") < t.index("A!o") < t.index("A?n")}
    assert any(t.index("A!m") < t.index("C?o") < t.index("A?n") for t in held)


def test_a_critical_region_lets_go_of_an_idle_lifeline() -> None:
    text = "par\ncritical\nA->]:m\nopt\nA->]:n\nend\nend\nthread\nA->]:o\nend"
    assert said(text) == {"A!m A!o", "A!o A!m", "A!m A!n A!o", "A!o A!m A!n"}


# References.


def test_a_reference_is_what_it_refers_to() -> None:
    greeting = "frame Greeting\nA->B:hello"
    assert said("A->B:m\nref over A,B:**sd** Greeting\nA->B:n", greeting) == said("A->B:m\nA->B:hello\nA->B:n")
    assert [a.file for a in compiled("A->B:m\nref over A,B:Greeting", greeting).actions()] == ["main"] * 2 + [
        "other1"
    ] * 2


COURSES = ("title Greet (standard)\nA->]:hello", "title Greet (rude)\nA->]:oi", "title Greeting cards\nA->]:card")


def test_a_use_case_is_any_of_its_scenarios() -> None:
    assert said("participant A\nref over A:Use Case: Greet", *COURSES) == {"A!hello", "A!oi"}


def test_a_use_case_can_be_left_opaque() -> None:
    library = Library(map(read, COURSES), families="opaque")
    text = "participant A\nparticipant B\nparticipant C\nparticipant D\nref over D,B:Use Case: Greet"
    actions = list(compile_diagram(read(text), library).actions())
    assert [(a.kind, a.lifeline, a.label, a.line) for a in actions] == [
        ("ref", name, "Use Case: Greet", 5) for name in "BCD"
    ]


def test_what_is_missing_is_opaque_and_said() -> None:
    interaction = compiled("A->B:m\nref over A,B:Nowhere\nref over A:Use Case: None")
    assert interaction.missing == ((2, "Nowhere"), (3, "Use Case: None"))
    assert [(p.line, p.kind, p.warning) for p in interaction.problems] == [
        (2, "missing-reference", True),
        (3, "missing-reference", True),
    ]
    assert [str(a) for a in interaction.actions()][2:] == ["A ref Nowhere", "B ref Nowhere", "A ref Use Case: None"]


def test_resolving() -> None:
    library = Library(map(read, ["frame F\nA->B:m", *COURSES]))
    kinds = {
        target: (resolved.kind, len(resolved.diagrams))
        for target in ("F", "f", "Use Case: Greet", "use case:Greet", "Greet", "Use Case: Gree")
        for resolved in [library.resolve(Reference(1, 1, ("A",), target, target))]
    }
    assert kinds == {
        "F": ("frame", 1),
        "f": ("missing", 0),
        "Use Case: Greet": ("family", 2),
        "use case:Greet": ("family", 2),
        "Greet": ("missing", 0),
        "Use Case: Gree": ("missing", 0),
    }


def test_recursion_unfolds_as_far_as_it_is_followed() -> None:
    again = "frame Again\nA->]:m\nopt\nref over A:Again\nend"
    assert said(again, again, longest=3) == {"A!m", "A!m A!m", "A!m A!m A!m"}
    nested = "frame Nested\nA->]:m\nopt\nref over A:Nested\nend\nA->]:n"
    assert said(nested, nested, longest=4) == {"A!m A!n", "A!m A!m A!n A!n"}


def test_a_recursion_without_end_has_no_traces() -> None:
    endless = "frame Endless\nA->]:m\nref over A:Endless"
    assert said(endless, endless, longest=5) == set()
    assert not can_end(compiled(endless, endless).term)


@pytest.mark.parametrize(
    "text",
    [
        "frame Left\nopt\nref over A:Left\nend\nA->]:m",
        "frame Left\npar\nopt\nref over A:Left\nend\nthread\nA->]:m\nend",
        "frame Left\nopt\nC->B:m\nref over A,C:Left\nend\nA->B:n\nA->C:o",
    ],
)
def test_infinitely_many_first_steps_are_an_error(text: str) -> None:
    with pytest.raises(InteractionError, match="'Left' refers to itself without end"):
        steps(compiled(text, text).term)


def test_a_recursion_without_a_first_action_does_no_harm() -> None:
    """B is in no way in the first round, so its first action could be in any; but it only ever receives."""
    text = "frame Round\nA->C:m\nopt\nref over A,C:Round\nA->B:n\nend"
    assert {str(action) for action, _ in steps(compiled(text, text).term)} == {"A !m to C"}


def test_the_reference_diagram_refers_to_its_own_use_case() -> None:
    seed = read(REFERENCE.read_text(encoding="utf-8"), file=REFERENCE.name)
    interaction = compile_diagram(seed, Library([seed]))
    assert interaction.missing == ((68, "TrackerServerStartup_StandardProcedure"),)
    assert {str(action) for action, _ in steps(interaction.term)} == {
        "Torrent !Set timeout. to TorrentClock",
        "TrackerClock !Timeout exceeded. to Tracker",  # in the branch that is denied, nobody sets it
    }
    opaque = compile_diagram(seed, Library([seed], families="opaque"))
    assert len([action for action in opaque.actions() if action.kind == "ref"]) == 4 + 9
    reached = [opaque.term]
    for term in reached:
        reached += [rest for _, rest in ample(term) if rest not in reached]
    assert len(reached) == 95


# Problems.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("neg\nA->B:m\nend", [(1, "refused", None)]),
        ("opt\nconsider m\nA->B:m\nend\nend", [(2, "refused", None)]),
        ("loop (3,2)\nA->B:m\nend", [(1, "loop", None)]),
        ("par\nA->B:m\nB->C:n\nA->C:o\nend", [(3, "chain", "B")]),
        ("parallel\nA->B:m\nB->C:n", [(3, "chain", "B")]),
        ("A->(5)B:m\nspace -4\nA->B:n", []),
        ("A->(5)B:m\nspace -4\nopt\nA->B:n\nend", [(1, "overtaking", None)]),
        ("A->(5)B:m\nspace 4\nA->B:n", []),
    ],
)
def test_problems_of_a_diagram(text: str, expected: list[tuple[int, str, str | None]]) -> None:
    assert problems(text) == expected


def test_what_is_drawn_beside_a_delay_overtakes_the_arrow() -> None:
    interaction = compiled("A->(2)B:late\nspace -2\nC->B:m\nB->C:n\nA->B:after")
    for trace in traces(interaction.term):
        on_b = [f"{action.kind}{action.label}" for action in trace if action.lifeline == "B"]
        on_a = [f"{action.kind}{action.label}" for action in trace if action.lifeline == "A"]
        assert (on_a, on_b) == (["!late", "!after"], ["?m", "!n", "?late", "?after"])


@pytest.mark.parametrize("kind", ["neg", "assert", "ignore", "consider"])
def test_what_is_refused_is_no_guess(kind: str) -> None:
    interaction = compiled(f"A->B:m\n{kind}\nB->C:n\nend")
    assert [(p.line, p.kind, p.warning) for p in interaction.problems] == [(2, "refused", False)]
    for ask in (traces, explore, lambda term: erase(term, "C")):
        with pytest.raises(InteractionError, match=f"^main, line 2: `{kind}` ") as error:
            ask(interaction.term)
        assert (error.value.line, error.value.file) == (2, "main")
    assert erase(interaction.term, "A") is erase(compiled("A->B:m").term, "A")


def test_problems_of_a_reference_are_told_with_their_file() -> None:
    interaction = compiled("ref over A:F\nref over A:G", "frame F\nA->B:m\nneg\nend", "frame G\nA->]:m", "frame G")
    told = {(p.file, p.line, p.kind, p.lifeline) for p in interaction.problems}
    assert told == {
        ("main", 1, "uncovered", "B"),
        ("main", 2, "ambiguous-reference", None),
        ("other1", 3, "refused", None),
    }
    assert interaction.lifelines == ("A", "B")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A->*B:m\nA->B:n\ndestroy B", []),
        ("create B\nA->B:m\ndestroyafter B", []),
        ("A->B:m\nA->*B:n", [(1, "B")]),
        ("A->B:m\ncreate B", [(1, "B")]),
        ("A->B:m\ndestroysilent B\nB->A:n", [(3, "B")]),
        ("A->B:m\ndestroy B\nA-xB:lost", []),
        ("A->B:m\ndestroy B\ncreate B\nA->B:n", []),
        ("create B\nA->B:m\ncreate B", [(3, "B")]),
        ("alt\ndestroy B\nelse\nA->B:m\nend", []),
        ("alt\ndestroy B\nelse\nA->B:m\nend\nA->B:n", [(6, "B")]),
        ("opt\ncreate B\nend\nA->B:n", [(4, "B")]),
        ("loop\nA->B:m\ndestroy B\nend", [(2, "B"), (3, "B")]),
        ("loop\ncreate B\nA->B:m\ndestroy B\nend", []),
        ("loop\nA->B:m\nbreak\ndestroy B\nend\nend", []),
        ("break\ndestroy B\nend\nA->B:m", []),
        ("par\ncreate B\nthread\nA->C:m\nend\nA->B:n", []),
        ("group\ndestroy B\nend\nA->B:n", [(4, "B")]),
        ("A->B:n\ndestroy B\ndestroy B", [(3, "B")]),
    ],
)
def test_lifelines_act_only_while_they_are_there(text: str, expected: list[tuple[int, str]]) -> None:
    assert [(line, name) for line, kind, name in problems(text) if kind == "lifecycle"] == expected


def test_terms_and_actions_can_be_read() -> None:
    term = compiled("opt\nloop (1,2)\nA-xB:m\nend\nend\nref over A:F\nneg\nend").term
    assert str(term).startswith("seq(alt(loop(1, 2, A !m to B (lost)), nothing), A ref F, refused(`neg` says ")


def test_a_lifecycle_problem_says_since_when() -> None:
    (problem,) = compiled("A->B:m\ndestroy B\nB->A:n").problems
    assert problem == Problem(3, "B", "lifecycle", "B takes part here, but it was destroyed on line 2", "main")


# Size.


def test_states_are_counted_not_interleavings() -> None:
    many = "\n".join(f"A->B:{number}" for number in range(7))
    assert len(explore(compiled(f"par\n{many}\nend").term).states) == 3**7
    assert len(explore(erase(compiled(f"parallel\n{many}").term, "B")).states) == 2**7


def test_long_diagrams_are_no_trouble() -> None:
    long = compiled("\n".join(["A->B:m", "B->A:n"] * 500)).term
    assert len(explore(long).states) == 2001
    longer = compiled("\n".join(f"A{line % 7}->A{(line + 1) % 7}:m" for line in range(20_000)))
    assert len(list(longer.actions())) == 40_000
    assert len(explore(erase(longer.term, "A3")).states) == 2 * 20_000 // 7 + 1
    strict = compiled("strict\n" + "A->B:m\n" * 1000 + "end").term
    assert len(explore(strict).states) == 2001


@pytest.mark.parametrize("guard", ["3 times", "3x", "max 3", "n=3", "[2,3]", "2..3"])
def test_a_number_of_times_in_other_words_is_doubted(guard: str) -> None:
    (problem,) = compiled(f"loop {guard}\nA->B:m\nend").problems
    assert (problem.kind, problem.line) == ("loop", 1)
    assert "read as any number of times" in problem.message


@pytest.mark.parametrize("guard", ["3", "2,3", "(1,*)", "", "until all 3 have answered", "for each client"])
def test_other_guards_of_a_loop_are_not_doubted(guard: str) -> None:
    assert not compiled(f"loop {guard}\nA->B:m\nend").problems


def test_what_has_no_bound_is_an_error() -> None:
    forever = compiled("loop\nA->B:m\nend").term
    with pytest.raises(InteractionError, match="more than 50 states"):
        explore(forever, limit=50)
    with pytest.raises(InteractionError, match="more than 50 traces"):
        traces(forever, 50)


# The book.


@quickly
@given(terms(arrows()))
def test_small_steps_make_the_traces_of_the_book(term: Term) -> None:
    assert few_traces(term) == meaning(term)


@quickly
@given(terms(arrows()), st.sampled_from(NAMES))
def test_erasing_makes_what_one_lifeline_sees(term: Term, lifeline: str) -> None:
    seen = {tuple(action for action in trace if action.lifeline == lifeline) for trace in few_traces(term)}
    assert few_traces(erase(term, lifeline)) == seen


@quickly
@given(terms(arrows()), st.sets(st.sampled_from(NAMES)).map(frozenset))
def test_pruning_leaves_the_traces_without_some_lifelines(term: Term, lifelines: frozenset[str]) -> None:
    without = {trace for trace in few_traces(term) if not lifelines & {action.lifeline for action in trace}}
    assert avoids(term, lifelines) == bool(without)
    assert can_end(term) == (() in few_traces(term))
    if without:
        assert few_traces(prune(term, lifelines)) == without


@quickly
@given(terms(arrows(), orders=False))
def test_no_step_leads_astray(term: Term) -> None:
    graph = explore(term)
    alive = set(graph.ends)
    while more := {n for n, row in enumerate(graph.edges) if n not in alive and alive & {to for _, to in row}}:
        alive |= more
    assert len(alive) == len(graph.states)


@quickly
@given(terms(arrows()))
def test_an_ample_set_shows_every_lifeline_all_that_it_can_see(term: Term) -> None:
    assert views(term, ample) == views(term, steps)


def test_two_arrows_in_a_strict_order_are_more_than_an_arrow() -> None:
    """Whichever branch is chosen, A sends the same; that B may have gone before, only all steps show."""
    term = alt(
        arrow("A", "A", "m", 1, lost=True),
        strict(arrow("B", "A", "m", 1, lost=True), arrow("A", "A", "m", 1, lost=True)),
    )
    assert len(views(term, steps)) == 2
    assert views(term, ample) == views(term, steps)


def views(term: Term, stepping: Callable[[Term], tuple[Step, ...]]) -> set[tuple[tuple[Action, ...], ...]]:
    """What the lifelines have seen together at the end of each trace."""
    nothing: tuple[tuple[Action, ...], ...] = ((),) * len(NAMES)
    todo = [(term, nothing)]
    seen = set(todo)
    for state, view in todo:
        for action, rest in stepping(state):
            index = NAMES.index(action.lifeline)
            after = (rest, (*view[:index], (*view[index], action), *view[index + 1 :]))
            if after not in seen:
                seen.add(after)
                todo.append(after)
    return {view for state, view in todo if can_end(state)}


@given(st.integers(0, 2), st.none() | st.integers(0, 3))
def test_equal_terms_are_identical(low: int, high: int | None) -> None:
    def made() -> Term:
        return seq(par(arrow("A", "B", "m"), arrow("B", "A", "n")), loop(arrow("A", "C", "m"), low, high), EMPTY)

    assert made() is made()
