"""Branches that no system can run, whatever its charts: the diagram leaves open what a message of it needs.

`[needs]` in a binding says that a message needs another one before it, from its receiver to its sender: that a timeout
is exceeded needs that it was set. The diagram is searched by itself, so that no mistake of a chart hides one of it.
Each way through the diagram's branches on which a need is not met is a finding of its own.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from spec.binding import Word
from spec.conformance.bounds import Bounds, Stopped
from spec.conformance.finding import Finding, unanswered
from spec.interaction import Action, Interaction, InteractionError, ample
from spec.interaction.terms import Act, Alt, Loop, Ref, Term, children

SEVERAL = 2
"""How often the same that is needed later is counted: more would go on forever where a diagram has a loop."""
MOST = 8
"""Ways to the same unmet need that are told one by one."""

Open = tuple[tuple[str, str, str], ...]
"""Messages that are needed later, with sender and receiver, and were sent: once or more than once."""


class Needs:
    """What is needed and still open, along a trace."""

    def __init__(self, needs: Mapping[str, str], words: Mapping[str, Word]) -> None:
        self.needs = needs
        self.words = words

    def after(self, action: Action, still_open: Open) -> Open | None:
        """What is open after an action; None if it needs what is not."""
        word = self.words.get(action.label)
        if word is None or action.kind != "!":
            return still_open
        needed = self.needs.get(word.message)
        if needed:
            need = (needed, action.peer or "", action.lifeline)
            if need not in still_open:
                return None
            place = still_open.index(need)
            still_open = (*still_open[:place], *still_open[place + 1 :])
        if word.message in self.needs.values():
            sent = (word.message, action.lifeline, action.peer or "")
            if still_open.count(sent) < SEVERAL:
                still_open = tuple(sorted((*still_open, sent)))
        return still_open


class _Node(NamedTuple):
    term: Term
    still_open: Open = ()
    skipped: frozenset[Any] = frozenset()
    branches: frozenset[Any] = frozenset()


def impossible_branches(
    interaction: Interaction, words: Mapping[str, Word], needs: Mapping[str, str], bounds: Bounds
) -> Iterator[Finding]:
    """The sends whose need a diagram does not meet, each with the run that leads there, and what was not looked at."""
    if not any(word.message in needs for word in words.values()):
        return
    met = Needs(needs, words)
    missing = {problem.line for problem in interaction.problems if problem.kind == "missing-reference"}
    found, why = _search(interaction, met, missing, bounds, frozenset())
    if found:
        told, why_not = _search(interaction, met, missing, bounds, branching(interaction.term))
        found = found if why_not else told
    for number, finding in enumerate(found.values()):
        if number == MOST:
            yield unanswered(f"{len(found) - MOST} more ways to branches that no system can run are not told")
            break
        yield finding
    if why:
        yield unanswered(f"whether all branches can be run by any system: {why}")


def _search(
    interaction: Interaction, needs: Needs, missing: set[int], bounds: Bounds, branches: frozenset[Any]
) -> tuple[dict[Any, Finding], str]:
    """The unmet needs by line, lifeline and the branches on the way; and why the search ended early, if it did."""
    begin = _Node(interaction.term)
    parents: dict[_Node, tuple[_Node, Action] | None] = {begin: None}
    found: dict[Any, Finding] = {}
    queue = deque([begin])
    count = 0
    while queue:
        node = queue.popleft()
        try:
            bounds.watch("the diagram by itself", count)
            following = ample(node.term)
        except (Stopped, InteractionError) as stop:
            return found, str(stop)
        count += 1
        for action, term in following:
            then, mistake = _after(node, action, term, needs, missing, branches)
            if mistake is not None:
                key = (action.line, action.lifeline, node.branches)
                found.setdefault(key, _finding(mistake, action, (*path_to(parents, node), action)))
            if then not in parents:
                parents[then] = (node, action)
                queue.append(then)
    return found, ""


def _after(
    node: _Node, action: Action, term: Term, needs: Needs, missing: set[int], branches: frozenset[Any]
) -> tuple[_Node, str | None]:
    """The node after an action, and what it needed in vain. Who meets what nobody knows can have done anything."""
    taken = node.branches | ({action.arrow} & branches)
    is_unknown = action.line in missing if action.kind == "ref" else action.label not in needs.words
    if is_unknown or action.lifeline in node.skipped or action.peer in node.skipped:
        return node._replace(term=term, skipped=node.skipped | {action.lifeline}, branches=taken), None
    if action.kind == "ref" or action.arrow in node.skipped:
        return node._replace(term=term, branches=taken), None
    still_open = needs.after(action, node.still_open)
    if still_open is None:
        word = needs.words[action.label]
        skipped = node.skipped | {action.arrow}
        return node._replace(term=term, skipped=skipped, branches=taken), needs.needs[word.message]
    return _Node(term, still_open, node.skipped, taken), None


def _finding(needed: str, action: Action, run: tuple[Action, ...]) -> Finding:
    label = " ".join(action.label.split())
    return Finding(
        "impossible-branch",
        f"no system can run this branch: {action.lifeline} sends {label!r} to {action.peer}, but on the way here "
        f"{action.peer} sent no {needed} to {action.lifeline} that is still open",
        action.line,
        action.lifeline,
        run,
    )


def branching(term: Term) -> frozenset[Any]:
    """The arrows that stand in an alternative or a loop, also in what is referred to."""
    found: set[Any] = set()
    seen: set[tuple[int, bool]] = set()
    stack = [(term, False)]
    while stack:
        here, inside = stack.pop()
        if (id(here), inside) in seen:
            continue
        seen.add((id(here), inside))
        if isinstance(here, Act) and inside:
            found.add(here.action.arrow)
        if isinstance(here, Ref):
            stack.append((here.definition.body, inside))
        is_choice = inside or isinstance(here, Alt | Loop)
        stack += [(child, is_choice) for child in children(here)]
    return frozenset(found)


def path_to(parents: Mapping[Any, tuple[Any, Action] | None], node: Any) -> list[Action]:
    """The actions that lead to a node, from the first."""
    path: list[Action] = []
    step = parents[node]
    while step is not None:
        node, action = step
        path.append(action)
        step = parents[node]
    return path[::-1]
