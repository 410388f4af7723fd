"""What a sequence diagram means: interaction terms, and the small steps that they can take.

In: a `Diagram`, and a `Library` of those that it refers to. Out: an `Interaction`, whose term can be stepped, erased to
one lifeline, and explored. Begin with `terms`, then `semantics`; `compilation` makes terms of diagrams.

    >>> from spec.interaction import compile_diagram, steps, traces
    >>> from spec.notation import read
    >>> term = compile_diagram(read("A->B:m; C->B:n".replace("; ", chr(10)))).term
    >>> [str(action) for action, _ in steps(term)]  # C has heard of nothing that it would have to wait for
    ['A !m to B', 'C !n to B']
    >>> len(traces(term))
    3

A diagram is a set of traces, and a trace is a sequence of *actions*: one end of an arrow each, `!m` on the lifeline
that sends, `?m` on the lifeline that receives. The semantics is that of ITU-T Z.120 (Message Sequence Charts) in the
form that Mahe, Gaston and Le Gall give it ("A small-step approach to multi-trace checking against interactions", SAC
2021; the tool HIBOU). What those leave open follows UML 2.5.1, chapter 17, or is decided here.

**Order.** Statements are *weakly* sequenced: order on paper is order on each lifeline, and nothing else. An arrow is a
*strict* sequence of its send and its receive. So an action may come before what stands above it if none of that is on
its lifeline or is the send that it needs.

What is drawn, and what it means:

- an arrow: `!` strictly before `?`. From or to the environment only the end that is drawn, lost only the send, `<->`
  both directions, unordered. With a delay and a `space` upwards the arrows of as many rows as both span overtake it:
  they have arrived when it does.
- `alt`: exactly one of the operands. Guards are text and decide nothing, so that a guardless `else` is one more
  operand. An `alt` of one operand may be skipped: UML says so where no guard holds.
- `opt`: an operand, or nothing.
- `loop`: any number of rounds, weakly sequenced. A guard that is `n` or `n,m`, or begins with `(n)`, `(n,m)` or
  `(n,*)`, bounds them; other guards are text.
- `par`: all interleavings of the operands. Without a separator each entry is an operand.
- `parallel`: the same for the entries of the block; a block of one entry means nothing.
- `break`: its operand instead of the rest of what is directly around it, which is an operand of another fragment, all
  further rounds of a `loop`, or the diagram. Like all choices it is free.
- `critical`: on each lifeline, what is concurrent to the region happens before or after it, not inside. Two regions
  that overlap on two lifelines can therefore block each other, as locks do.
- `seq`: weak sequence. `strict`: strict sequence of the operands, or of the entries if there is only one operand.
- `group`, `region`, `expandable`, and `ref` around statements: what is inside, as if there were no frame. In a `par`
  the frame is one entry.
- `ref over A,B:NAME`: the diagram with that frame. For "Use Case: NAME" any diagram whose title begins with it; or one
  action `ref` on each lifeline from A to B, see `Library`. Lifelines of one name are one lifeline.
- `create`, `destroy`: no action. What happens on a lifeline that is not there is a problem, but not forbidden.
- `neg`, `assert`, `ignore`, `consider`: refused, which is a problem, and an error when such a fragment is reached.

**Choice.** A choice is made when the first action in it happens, by whoever does it. An action of lifeline l can
overtake a choice, and thereby rules out the operands in which l acts: `steps` *prunes* what is overtaken. Except for
regions that block each other no step leads astray: from each term that is reached some trace goes to its end.

**References** are fetched when something in them may happen, so diagrams can refer to themselves. If one does so and a
lifeline can act in any number of its rounds first (since it need not act in the rounds before), there are infinitely
many first steps; that is an error. What a single lifeline does (`erase`) is without this trouble if the recursion is
the last thing that it does.
"""

from spec.interaction.compilation import Interaction, compile_diagram
from spec.interaction.exploration import Graph, Trace, ample, explore, traces
from spec.interaction.library import Library, Resolved
from spec.interaction.problems import InteractionError, Problem
from spec.interaction.semantics import Step, avoids, can_end, erase, prune, steps
from spec.interaction.terms import (
    EMPTY,
    Action,
    Term,
    act,
    alt,
    critical,
    loop,
    opt,
    par,
    seq,
    strict,
)

__all__ = [
    "EMPTY",
    "Action",
    "Graph",
    "Interaction",
    "InteractionError",
    "Library",
    "Problem",
    "Resolved",
    "Step",
    "Term",
    "Trace",
    "act",
    "alt",
    "ample",
    "avoids",
    "can_end",
    "compile_diagram",
    "critical",
    "erase",
    "explore",
    "loop",
    "opt",
    "par",
    "prune",
    "seq",
    "steps",
    "strict",
    "traces",
]
