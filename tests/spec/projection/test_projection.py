"""Projections: against the traces of the diagram, and as machines, drawings and monitors."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transitions import MachineError

from spec.interaction import Interaction, InteractionError, Library, Term, alt, compile_diagram, loop, par, seq
from spec.notation import read
from spec.projection import (
    Automaton,
    Letter,
    Monitor,
    letter_name,
    project,
    to_machine,
    to_mermaid,
)
from tests.support.interactions import NAMES, arrow, arrows, few_traces, interaction, terms, word_of
from tests.support.nightly import share
from tests.support.places import REFERENCE

quickly = settings(max_examples=share(300), deadline=None, suppress_health_check=list(HealthCheck))

SET = Letter("!", "Set timeout.", "TorrentClock")
REQUEST = Letter("!", "PUBLISH clients/join/requested\n(ClientJoinRequested Event)", "Broker")
TIMEOUT = Letter("?", "Timeout exceeded.", "TorrentClock")
HELLO = Letter("?", "PUBLISH tracker/hello\n(TrackerHello Event)", "Broker")
CLIENT_JOIN = Letter("ref", "Use Case: Client Join")


def compiled(text: str) -> Interaction:
    diagram = read(text, file="main")
    return compile_diagram(diagram, Library([diagram]))


def seed(**families: str) -> Interaction:
    diagram = read(REFERENCE.read_text(encoding="utf-8"), file=REFERENCE.name)
    return compile_diagram(diagram, Library([diagram], families="opaque" if families else "expand"))


def words(automaton: Automaton, longest: int) -> set[tuple[Letter, ...]]:
    """The complete words of at most so many letters."""
    found: set[tuple[tuple[Letter, ...], int]] = {((), 0)}
    layer = set(found)
    for _ in range(longest):
        layer = {((*word, x), to) for word, state in layer for x, to in automaton.edges[state].items()}
        found |= layer
    return {word for word, state in found if state in automaton.accepting}


# What is projected.


@quickly
@given(terms(arrows()), st.sampled_from(NAMES))
def test_a_projection_is_what_the_traces_show_of_a_lifeline(term: Term, lifeline: str) -> None:
    seen = {word_of(trace, lifeline) for trace in few_traces(term)}
    automaton = project(interaction(term), lifeline)
    assert words(automaton, max(map(len, seen)) + 1) == seen
    assert all(automaton.accepts(word) for word in seen)


@quickly
@given(terms(arrows()), st.sampled_from(NAMES))
def test_a_projection_is_minimal_and_numbered_canonically(term: Term, lifeline: str) -> None:
    automaton = project(interaction(term), lifeline)
    assert told_apart(automaton) == len(automaton.edges)
    order = [0]
    for state in order:
        order += [to for to in dict.fromkeys(automaton.edges[state].values()) if to not in order]
    assert order == list(automaton.edges) == list(range(len(order)))
    assert set(automaton.origins) == {(state, letter) for state, row in automaton.edges.items() for letter in row}


def told_apart(automaton: Automaton) -> int:
    """How many kinds of states some word tells apart (Moore, "Gedanken-experiments on sequential machines", 1956)."""
    kinds: dict[int, object] = {state: state in automaton.accepting for state in automaton.edges}
    while True:
        rows = {
            state: (kinds[state], frozenset((letter, kinds[to]) for letter, to in row.items()))
            for state, row in automaton.edges.items()
        }
        numbers = {row: number for number, row in enumerate(dict.fromkeys(rows.values()))}
        if len(numbers) == len(set(kinds.values())):
            return len(numbers)
        kinds = {state: numbers[row] for state, row in rows.items()}


def test_states_that_only_a_long_word_tells_apart_are_counted() -> None:
    """Guards the guard: a chain is told apart by its length alone, and two ends of one kind are not."""
    letter = Letter("!", "m", "B")
    chain = {state: {letter: state + 1} for state in range(12)} | {12: {}}
    assert told_apart(Automaton("A", chain, frozenset({12}), {})) == 13
    twins = {0: {letter: 1, Letter("?", "m", "B"): 2}, 1: {}, 2: {}}
    assert told_apart(Automaton("A", twins, frozenset({1, 2}), {})) == 2


@quickly
@given(terms(arrows(), orders=False), st.sampled_from(NAMES))
def test_equal_languages_have_equal_automata(term: Term, lifeline: str) -> None:
    """Distributing a choice over what comes before it changes the term, but not what it means."""
    other = arrow("A", "B", "o")
    together = seq(other, alt(term, arrow("B", "A", "p")))
    apart = alt(seq(other, arrow("B", "A", "p")), seq(other, term))
    one, two = project(interaction(together), lifeline), project(interaction(apart), lifeline)
    assert (one.edges, one.accepting, one.origins) == (two.edges, two.accepting, two.origins)


def test_a_loop_is_a_cycle() -> None:
    ping, pong = Letter("!", "ping", "B"), Letter("?", "pong", "B")
    automaton = project(compiled("loop\nA->B:ping\nB->A:pong\nend"), "A")
    assert automaton.edges == {0: {ping: 1}, 1: {pong: 0}}
    assert automaton.accepting == {0}
    assert automaton.origins == {(0, ping): {("main", 2)}, (1, pong): {("main", 3)}}
    nested = interaction(loop(loop(arrow("A", "B", "ping", 2), 0, None), 2, None))
    assert project(nested, "A").edges == {0: {ping: 0}}


def test_who_takes_no_part_rests() -> None:
    automaton = project(compiled("participant C\nA->B:m"), "C")
    assert automaton.edges == {0: {}}
    assert automaton.accepting == {0}
    with pytest.raises(InteractionError, match="has no lifeline 'D'; there are C, A, B"):
        project(compiled("participant C\nA->B:m"), "D")


def test_a_send_looks_the_same_whether_it_is_lost_or_not() -> None:
    text = "alt\nA-xB:m\nelse\nA->B:m\nB-xA:n\nend"
    automaton = project(compiled(text), "A")
    send = Letter("!", "m", "B")
    assert automaton.edges == {0: {send: 1}, 1: {}}
    assert automaton.origins[0, send] == {("main", 2), ("main", 4)}
    assert project(compiled(text), "B").accepting == {0, 2}


def test_recursion_at_the_end_is_a_cycle() -> None:
    text = "frame Again\nA->B:m\nopt\nB->A:n\nref over A,B:Again\nend"
    automaton = project(compiled(text), "A")
    assert automaton.edges == {0: {Letter("!", "m", "B"): 1}, 1: {Letter("?", "n", "B"): 0}}


def test_recursion_without_the_lifeline_is_no_trouble() -> None:
    courses = "title Do (one)\nA->B:m\nopt\nref over A,C:Use Case: Do\nend", "title Do (two)\nC->A:n"
    library = Library(map(read, courses))
    do = compile_diagram(library.diagrams[0], library)
    received = Letter("?", "n", "C")
    assert project(do, "B").edges == {0: {Letter("?", "m", "A"): 1}, 1: {Letter("?", "m", "A"): 1}}
    assert project(do, "C").edges == {0: {Letter("!", "n", "A"): 1}, 1: {}}
    assert project(do, "C").accepting == {0, 1}
    assert received in project(do, "A").letters


def test_recursion_elsewhere_is_an_error() -> None:
    text = "frame Nested\nA->B:m\nopt\nref over A,B:Nested\nend\nA->B:n"
    with pytest.raises(InteractionError, match=r"^A has ever more to do: a reference to itself is not the last"):
        project(compiled(text), "A")
    with pytest.raises(InteractionError, match="'Left' refers to itself without end"):
        project(compiled("frame Left\nopt\nref over A,B:Left\nend\nA->B:n"), "A")


def test_too_much_at_the_same_time_is_an_error() -> None:
    many = interaction(par(*[arrow("A", "B", f"m{number}") for number in range(10)]))
    with pytest.raises(InteractionError, match=r"^B has more than 500 different next actions: much is concurrent"):
        project(many, "B", limit=500)


def test_ten_concurrent_receives_have_1024_states() -> None:
    many = interaction(par(*[arrow("A", "B", f"m{number}") for number in range(10)]))
    assert len(project(many, "B").edges) == 2**10
    alike = interaction(par(*[arrow("A", "B", "m") for _ in range(10)]))
    assert len(project(alike, "B").edges) == 11


def test_a_long_diagram_is_no_trouble() -> None:
    long = interaction(seq(*[arrow("A", "B", f"m{number}", number) for number in range(5_000)]))
    assert len(project(long, "B").edges) == 5_001


def test_the_torrent_of_the_reference_diagram() -> None:
    torrent = project(seed(families="opaque"), "Torrent")
    assert torrent.edges == {
        0: {SET: 1},
        1: {REQUEST: 2},
        2: {TIMEOUT: 3},
        3: {HELLO: 4},
        4: {CLIENT_JOIN: 5},
        5: {},
    }
    assert torrent.accepting == {3, 5}
    assert torrent.origins[3, HELLO] == {(REFERENCE.name, 69)}


def test_the_torrent_runs_its_own_scenario_again() -> None:
    torrent = project(seed(), "Torrent")
    assert torrent.edges == {0: {SET: 1}, 1: {REQUEST: 2}, 2: {TIMEOUT: 3}, 3: {HELLO: 0}}
    assert torrent.accepting == {3}


def test_the_tracker_cannot_see_what_is_lost() -> None:
    tracker = project(seed(families="opaque"), "Tracker")
    accepted = Letter("!", "PUBLISH clients/join/accepted\n(ClientJoinAccepted Event)", "Broker")
    (state,) = [state for state, row in tracker.edges.items() if accepted in row]
    assert tracker.origins[state, accepted] == {(REFERENCE.name, 37), (REFERENCE.name, 39)}
    assert len(tracker.edges) == 10


# What is done with projections.


def test_names_of_letters() -> None:
    assert letter_name(SET) == "!Set timeout. > TorrentClock"
    assert letter_name(HELLO) == "?PUBLISH tracker/hello (TrackerHello Event) < Broker"
    assert letter_name(Letter("?", "order", None)) == "?order"
    assert letter_name(CLIENT_JOIN) == "ref Use Case: Client Join"


def test_a_machine_runs() -> None:
    machine = to_machine(project(seed(), "Torrent"), "the client")
    assert machine.name == "the client: "
    for letter in (SET, REQUEST, TIMEOUT):
        machine.trigger(letter_name(letter))
    assert machine.state == "3"
    assert machine.get_state("3").final
    with pytest.raises(MachineError):
        machine.trigger(letter_name(SET))
    assert machine.get_triggers("3") == [letter_name(HELLO)]


def test_a_machine_has_no_two_letters_of_one_name() -> None:
    with pytest.raises(InteractionError, match=r"'!a b > B' is the name of two letters"):
        to_machine(project(compiled("alt\nA->B:a b\nelse\nA->B:a\\nb\nend"), "A"))


def test_a_drawing() -> None:
    assert to_mermaid(project(compiled("alt\nA->B:x; y: #1\nelse\n[->A:stop\nend"), "A"), 'A of "it"') == (
        "---\n"
        'title: "A of \\"it\\""\n'
        "---\n"
        "stateDiagram-v2\n"
        "    [*] --> 0\n"
        "    0 --> 1: !x#59; y#58; #35;1 #62; B\n"
        "    0 --> 1: ?stop\n"
        "    1 --> [*]\n"
    )


def test_a_monitor_follows() -> None:
    monitor = Monitor(project(seed(families="opaque"), "Torrent"))
    verdicts = [monitor.feed(letter) for letter in (SET, REQUEST, TIMEOUT)]
    assert all(verdict.accepted for verdict in verdicts)
    assert str(verdicts[0]) == f"!Set timeout. > TorrentClock: {REFERENCE.name}, line 26"
    assert monitor.may_rest


def test_a_monitor_says_what_was_expected_and_moves_not() -> None:
    monitor = Monitor(project(compiled("opt\nA->B:m\nend\nopt\nA->B:m\nA->C:n\nend"), "A"))
    stranger = Letter("?", "order")
    verdict = monitor.feed(stranger)
    assert not verdict.accepted
    assert verdict.expected == ((Letter("!", "m", "B"), frozenset({("main", 2), ("main", 5)})),)
    assert str(verdict) == "unexpected ?order; the diagram allows !m > B (main, line 2, 5), or to rest"
    assert monitor.state == 0
    assert monitor.feed(Letter("!", "m", "B")).accepted
    assert str(monitor.feed(stranger)).endswith("allows !m > B (main, line 5), or !n > C (main, line 6), or to rest")
    assert monitor.feed(Letter("!", "n", "C")).accepted
    assert str(monitor.feed(stranger)) == "unexpected ?order; the diagram allows to rest"
