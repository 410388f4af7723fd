"""Small pairs of a diagram and charts, each with its verdict."""

from typing import Any

from tests.spec.conformance.pair import Arrow, Block, Body, Chart, Pair, Refer, Transition
from tests.spec.conformance.world import Setting


def chart(*rows: tuple[Any, ...], **said: Any) -> Chart:
    """A chart from rows: source, label, target, and what else a transition has."""
    return Chart(tuple(Transition(*row) for row in rows), **said)


def pair(
    charts: dict[str, Chart],
    *diagrams: Body,
    parts: dict[str, Body] | None = None,
    declared: bool = True,
    **said: Any,
) -> Pair:
    """A pair; `said` is its setting."""
    return Pair(charts, diagrams, parts or {}, Setting(**said), declared)


A_THEN_B = (Block("strict", ((Arrow("C", "A", "m"),), (Arrow("D", "B", "n"),))),)
K = Arrow("A", "B", "k")

CASES: dict[str, tuple[Pair, bool]] = {
    "a strict order that nobody keeps": (
        pair(
            {
                "A": chart((0, "?m", 1)),
                "B": chart((0, "?n", 1)),
                "C": chart((0, "!m", 1)),
                "D": chart((0, "!n", 1)),
            },
            A_THEN_B,
        ),
        False,
    ),
    "fewer rounds than a sender who goes first takes": (
        pair(
            {
                "A": chart((0, "!m", 1), (1, "!m", 2), (2, "?n", 3)),
                "B": chart((0, "?m", 1), (1, "?m", 2), (1, "!n", 3), (2, "!n", 3)),
            },
            (Block("loop", ((Arrow("A", "B", "m"),),), "1,2"), Arrow("B", "A", "n")),
            patient=frozenset({"B"}),
        ),
        False,
    ),
    "of two messages that are alike the one that is drawn to be the other": (
        pair(
            {
                "A": chart(
                    *((0, "!m", 1), (1, "?n", 2), (2, "!m", 3), (3, "?k", 4)),
                    *((0, "?n", 5), (5, "!m", 6), (6, "!m", 3), (6, "?k", 7), (7, "!m", 4)),
                ),
                "B": chart(
                    *((0, "?m", 1), (1, "!n", 2), (2, "?m", 3), (3, "!k", 4)),
                    *((0, "!n", 5), (5, "?m", 6), (6, "?m", 3), (6, "!k", 7), (7, "?m", 4)),
                ),
            },
            (
                Block(
                    "par",
                    ((Arrow("A", "B", "m"),), (Arrow("B", "A", "n"), Arrow("A", "B", "m"), Arrow("B", "A", "k"))),
                ),
            ),
        ),
        False,
    ),
    "a branch that patience never lets begin": (
        pair(
            {
                "A": chart((0, "!m", 1), (0, "?n", 1)),
                "B": chart((0, "!n", 1), (0, "?m", 1)),
            },
            (Block("alt", ((Arrow("A", "B", "m"),), (Arrow("B", "A", "n"),))),),
            patient=frozenset({"B"}),
        ),
        False,
    ),
    "a frame in a diagram that recurs": (
        pair(
            {"A": chart((0, "!m", 1), (1, "?n", 0)), "B": chart((0, "?m", 1), (1, "!n", 0))},
            (Refer(("A", "B"), "Part"), Arrow("B", "A", "n")),
            parts={"Part": (Arrow("A", "B", "m"),)},
            recurring=True,
        ),
        True,
    ),
    "from outside at another time than drawn": (
        pair(
            {"A": chart((0, "?m", 1), (1, "!n", 2), (2, "?m", 3)), "B": chart((0, "?n", 1))},
            (Arrow("", "A", "m"), Arrow("A", "B", "n")),
        ),
        False,
    ),
    "from a lifeline, where it is drawn as coming from outside": (
        pair(
            {"A": chart((0, "?m", 1)), "B": chart((0, "!m", 1))},
            (Arrow("B", "", "m"), Arrow("", "A", "m")),
            (Arrow("B", "A", "m"),),
        ),
        False,
    ),
    "to the environment in one branch, to a lifeline in the other": (
        pair(
            {"A": chart((0, "!m", 1, ""), (0, "!m", 1, "B")), "B": chart((0, "?m", 1))},
            (Block("alt", ((Arrow("A", "", "m"),), (Arrow("A", "B", "m"),))),),
        ),
        True,
    ),
    "patience waits for what another diagram draws": (
        pair(
            {"A": chart((0, "!n", 1), (0, "?m", 1)), "C": chart((0, "!m", 1, "A"), (0, "?n", 1))},
            (Arrow("C", "A", "m"),),
            (Arrow("A", "C", "n"),),
            patient=frozenset({"A"}),
        ),
        False,
    ),
    "never taken, while others go round": (
        pair(
            {
                "A": chart((0, "!m", 1), (1, "?n", 0)),
                "B": chart((0, "?m", 1), (1, "!n", 0)),
                "C": chart((0, "!c", 0, "", "self.n < 2", "self.n += 1")),
                "D": chart((0, "?c", 1)),
            },
            (Arrow("A", "B", "m"), Arrow("B", "A", "n")),
            (Arrow("C", "D", "c"),),
            channels="pair",
            recurring=True,
        ),
        False,
    ),
    "an undrawn message before the one that is drawn": (
        pair(
            {
                "A": chart((0, "!m", 1), (1, "!m", 2), (2, "?n", 3), (3, "!m", 4), (4, "?n", 5)),
                "B": chart((0, "?m", 1), (1, "!n", 2), (2, "?m", 3), (3, "!n", 4), (4, "?m", 5)),
            },
            (Arrow("B", "A", "n"), Arrow("A", "B", "m"), Arrow("B", "A", "n")),
            may_be_undrawn=(("A", "!m"), ("B", "?m")),
        ),
        False,
    ),
    "an undrawn action that makes a difference later": (
        pair(
            {
                "A": chart((0, "!m", 1), (0, "!x", 2), (2, "!m", 3), (3, "!n", 4)),
                "B": chart((0, "?m", 1), (1, "?n", 2)),
            },
            (Arrow("A", "B", "m"), Block("opt", ((Arrow("A", "B", "n"),),))),
            may_be_undrawn=(("A", "!x"),),
        ),
        True,
    ),
    "a row that allows to receive a message, and not to send it": (
        pair(
            {"A": chart((0, "!m", 1)), "B": chart((0, "?m", 1), (1, "!m", 2))},
            (Arrow("A", "B", "m"),),
            may_be_undrawn=(("B", "?m"),),
        ),
        False,
    ),
    "a step that nobody sees and that changes nothing": (
        pair(
            {"A": chart((0, "!k", 1), (1, ".", 1)), "B": chart((0, "?k", 1), (1, "!m", 2)), "C": chart((0, "?m", 1))},
            (K, Arrow("B", "C", "m")),
            patient=frozenset({"B"}),
        ),
        True,
    ),
    "a step that nobody sees before one that patience waits for": (
        pair(
            {"A": chart((0, ".", 1), (1, "!k", 2)), "B": chart((0, "?k", 1), (0, "!m", 2)), "C": chart((0, "?m", 1))},
            (Arrow("B", "C", "m"),),
            (K,),
            patient=frozenset({"B"}),
        ),
        False,
    ),
    "an undrawn message that has to be lost": (
        pair(
            {
                "A": chart((0, "!m", 1), (1, "!k", 2), (2, "?y", 3), (2, "?z", 3)),
                "B": chart((0, "?k", 1), (1, "!y", 2), (0, "?m", 3), (3, "?k", 4), (4, "!z", 5)),
            },
            (K, Arrow("B", "A", "y")),
            (K, Arrow("B", "A", "z")),
            (Arrow("A", "B", "m", lost=True), K, Arrow("B", "A", "y")),
            may_be_undrawn=(("A", "!m"), ("B", "?m")),
        ),
        True,
    ),
    "from outside undrawn, as another diagram draws it": (
        pair(
            {"A": chart((0, "?g", 1), (1, "!k", 2)), "B": chart((0, "?k", 1))},
            (K,),
            (Arrow("", "A", "g"), K),
            may_be_undrawn=(("A", "?g"),),
        ),
        True,
    ),
    "what a lifeline does that a diagram leaves out": (
        pair(
            {"A": chart((0, "?x", 1), (1, "!k", 2)), "B": chart((0, "?k", 1)), "C": chart((0, "!x", 1))},
            (Arrow("C", "A", "x"), K),
            (K,),
            declared=False,
            may_be_undrawn=(("C", "!x"), ("A", "?x")),
        ),
        True,
    ),
    "patience waits for a lifeline that a diagram leaves out": (
        pair(
            {"A": chart((0, "!k", 1), (0, "?x", 2)), "B": chart((0, "?k", 1)), "C": chart((0, "!x", 1))},
            (Arrow("C", "A", "x"),),
            (K,),
            declared=False,
            patient=frozenset({"A"}),
        ),
        False,
    ),
    "lifelines that a diagram leaves out, and has nothing to do with": (
        pair(
            {"A": chart((0, "!k", 1)), "B": chart((0, "?k", 1)), "C": chart((0, "!x", 1)), "D": chart((0, "?x", 1))},
            (Arrow("C", "D", "x"), K),
            (K,),
            declared=False,
        ),
        True,
    ),
    "lost somewhere, so lost anywhere": (
        pair(
            {
                "A": chart((0, "!m", 1), (1, "?k", 2), (2, "!m", 3)),
                "B": chart((0, "?m", 1), (1, "!k", 2), (2, "?m", 3)),
            },
            (Arrow("A", "B", "m"), Arrow("B", "A", "k"), Arrow("A", "B", "m")),
            (Arrow("A", "B", "m"), Arrow("B", "A", "k"), Arrow("A", "B", "m", lost=True)),
        ),
        False,
    ),
    "an undrawn action of another lifeline": (
        pair(
            {
                "A": chart((0, "!x", 1), (1, "?m", 2)),
                "B": chart((0, "?x", 1), (1, "!m", 2)),
            },
            (Block("opt", ((Arrow("A", "B", "x"),),)), Arrow("B", "A", "m")),
            may_be_undrawn=(("A", "!x"), ("B", "?x")),
        ),
        True,
    ),
    "no order comes to an end, behind what is optional in name only": (
        pair(
            {
                "A": chart((0, "?bid", 1), (1, "!ask", 2), (2, "?cry", 3), (3, "!bid", 4)),
                "B": chart((0, "!bid", 1), (1, "?ask", 2), (2, "!cry", 3)),
                "C": chart((0, "?bid", 1)),
            },
            (
                Block(
                    "break",
                    (
                        (
                            Arrow("B", "A", "bid"),
                            Arrow("A", "B", "ask"),
                            Block("break", ((Arrow("B", "A", "cry"), Arrow("A", "C", "bid")),)),
                            Arrow("C", "A", "bid"),
                        ),
                    ),
                ),
            ),
            patient=frozenset({"C"}),
        ),
        False,
    ),
    "what a patient lifeline sends undrawn before it reads": (
        pair(
            {
                "A": chart((0, "!cry", 1), (0, "!dot", 2), (1, "!dot", 3), (2, "!cry", 3)),
                "B": chart((0, "!cry", 1), (1, "?cry", 2), (1, "?dot", 3), (2, "?dot", 4), (3, "?cry", 4)),
            },
            (Block("par", ((Arrow("A", "B", "cry"),), (Arrow("A", "B", "dot"),))),),
            patient=frozenset({"B"}),
            may_be_undrawn=(("B", "!cry"),),
        ),
        False,
    ),
}
