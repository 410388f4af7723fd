"""The checker against the oracle: `python -m tests.spec.conformance.differential --pairs N --seed S`."""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from spec.conformance.bounds import Bounds, Reductions
from spec.conformance.checker import Report, check_all
from spec.conformance.finding import Verdict
from tests.spec.conformance.generator import Features, pair_of
from tests.spec.conformance.language import TooLarge
from tests.spec.conformance.oracle import STATES, Answer, answer
from tests.spec.conformance.pair import Block, Body, Chart, Pair

TRIES = 12
"""Pairs that are drawn at most until one has the answer that is wanted."""
Said = Literal["agree", "disagree", "undetermined"]


@dataclass(frozen=True)
class Outcome:
    """What the oracle and the checker said of a pair; the checker without its reductions, too."""

    pair: Pair
    answer: Answer
    verdict: Verdict
    unreduced: Verdict

    @property
    def said(self) -> Said:
        """Whether they agree."""
        expected = Verdict.CONFORMS if self.answer.conforms else Verdict.DOES_NOT_CONFORM
        both = {self.verdict, self.unreduced}
        if both == {expected}:
            return "agree"
        return "undetermined" if both <= {expected, Verdict.UNDETERMINED} else "disagree"


def asked(pair: Pair) -> Answer:
    """The oracle's answer. Raises `TooLarge`."""
    return answer(pair.texts(), pair.frames(), pair.classes(), pair.setting)


def checked(pair: Pair, *, reduced: bool = True) -> Report:
    """The checker's report."""
    texts = [(f"d{n}.txt", text) for n, text in enumerate(pair.texts())]
    referred = [(f"r{n}.txt", text) for n, text in enumerate(pair.frames())]
    reductions = Reductions() if reduced else Reductions(partial_order=False, interchangeable=False, by_pairs=False)
    bounds = Bounds(states=STATES, reductions=reductions)
    return check_all(texts, pair.binding(), pair.classes(), referred=referred, bounds=bounds)


def outcome(pair: Pair, found: Answer | None = None) -> Outcome:
    """Both. Raises `TooLarge`."""
    found = found or asked(pair)
    return Outcome(pair, found, checked(pair).verdict, checked(pair, reduced=False).verdict)


def pairs(seed: int, features: Features) -> Iterator[tuple[Pair, Answer]]:
    """Random pairs without end, of which about half conform."""
    return (numbered(seed, number, features) for number in itertools.count(1))


def numbered(seed: int, number: int, features: Features) -> tuple[Pair, Answer]:
    """The n-th of these pairs, and what the oracle says of it."""
    random = Random(f"{seed}/{number}")
    wanted = random.random() < 0.5
    last = None
    for tries in itertools.count(1):
        try:
            pair = pair_of(random, features, mutations=0 if wanted else random.choice([0, 1, 1, 2]))
            last = pair, asked(pair)
        except TooLarge:
            continue
        if last[1].conforms is wanted or tries >= TRIES:
            return last
    raise AssertionError


# Small pairs for what they do not agree on.


def shrunk(pair: Pair, still: Callable[[Pair], bool]) -> Pair:
    """A pair from which nothing can be taken without losing what `still` says."""
    while True:
        smaller = next((each for each in _smaller(pair) if _holds(each, still)), None)
        if smaller is None:
            return pair
        pair = smaller


def _holds(pair: Pair, still: Callable[[Pair], bool]) -> bool:
    try:
        return still(pair)
    except Exception:  # noqa: BLE001 - what cannot be asked any more is no smaller case of the same
        return False


def _smaller(pair: Pair) -> Iterator[Pair]:
    for place in range(len(pair.diagrams)):
        if len(pair.diagrams) > 1:
            yield replace(pair, diagrams=pair.diagrams[:place] + pair.diagrams[place + 1 :])
    for name in pair.charts:
        if len(pair.charts) > 1:
            yield replace(pair, charts={each: chart for each, chart in pair.charts.items() if each != name})
    setting = pair.setting
    yield from (
        replace(pair, setting=each)
        for each in (
            replace(setting, groups={}),
            replace(setting, patient=frozenset()),
            replace(setting, recurring=False),
            replace(setting, channels="receiver"),
            replace(setting, patience=True),
            *(
                replace(setting, may_be_undrawn=tuple(r for r in setting.may_be_undrawn if r != row))
                for row in setting.may_be_undrawn
            ),
        )
        if each != setting
    )
    for place, body in enumerate(pair.diagrams):
        for less in _less(body):
            yield replace(pair, diagrams=(*pair.diagrams[:place], less, *pair.diagrams[place + 1 :]))
    for name, body in pair.referred.items():
        for less in _less(body):
            yield replace(pair, referred={**pair.referred, name: less})
    for name, chart in pair.charts.items():
        for fewer in _fewer(chart):
            yield pair.with_chart(name, fewer)


def _fewer(chart: Chart) -> Iterator[Chart]:
    if chart.encoded:
        yield replace(chart, encoded=False)
    if chart.several:
        yield replace(chart, several=False)
    for place, each in enumerate(chart.transitions):
        yield replace(chart, transitions=chart.transitions[:place] + chart.transitions[place + 1 :])
        plain = each._replace(peer="", when="", then="")
        if plain != each:
            yield replace(chart, transitions=(*chart.transitions[:place], plain, *chart.transitions[place + 1 :]))


def _less(body: Body) -> Iterator[Body]:
    for place, node in enumerate(body):
        yield body[:place] + body[place + 1 :]
        if isinstance(node, Block):
            for operand in node.operands:
                yield (*body[:place], *operand, *body[place + 1 :])
            for number, operand in enumerate(node.operands):
                rest = node.operands[:number] + node.operands[number + 1 :]
                if rest:
                    yield (*body[:place], replace(node, operands=rest), *body[place + 1 :])
                for less in _less(operand):
                    if less:
                        inner = (*node.operands[:number], less, *node.operands[number + 1 :])
                        yield (*body[:place], replace(node, operands=inner), *body[place + 1 :])


# The command.


def main() -> int:
    """Ask about as many pairs as wanted; the exit status is 1 if there is a disagreement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--several", action="store_true", help="events of one name that are enabled at once")
    parser.add_argument("--internal", action="store_true", help="steps of charts that nobody sees")
    parser.add_argument("--dense", action="store_true", help="more of what is rare otherwise")
    parser.add_argument("--undeclared", action="store_true", help="diagrams without lifelines that others have")
    parser.add_argument("--shrink", type=int, default=5, help="disagreements that are shrunk and shown")
    told = parser.parse_args()
    features = Features(told.several, told.internal, told.dense, told.undeclared)
    counts: Counter[str] = Counter()
    begin = time.monotonic()
    shown = 0
    for number, (pair, found) in enumerate(pairs(told.seed, features), 1):
        result = outcome(pair, found)
        counts[result.said] += 1
        for kind in found.errors or {"conforms": ()}:
            counts[kind] += 1
        if result.said == "disagree":
            shown += 1
            if shown <= told.shrink:
                print(shown_of(result), flush=True)
        elif result.said == "undetermined":
            print(f"pair {number} is undetermined: {checked(pair).reasons}", flush=True)
        if number % 100 == 0 or number == told.pairs:
            print(f"{number} pairs, {time.monotonic() - begin:.0f} s: {dict(sorted(counts.items()))}", flush=True)
        if number == told.pairs:
            break
    return int(counts["disagree"] > 0)


def shown_of(result: Outcome) -> str:
    """A disagreement, shrunk, with the program to see it again."""
    kind = (result.answer.conforms, result.verdict, result.unreduced)

    def still(pair: Pair) -> bool:
        again = outcome(pair)
        return (again.answer.conforms, again.verdict, again.unreduced) == kind

    small = shrunk(result.pair, still)
    again = outcome(small)
    said = "conforms" if again.answer.conforms else f"does not conform: {again.answer.errors}"
    bar = "-" * 78
    return (
        f"{bar}\noracle: {said}\nchecker: {again.verdict}, without reductions: {again.unreduced}\n"
        f"{checked(small)}\n\n{small.program()}{bar}"
    )


if __name__ == "__main__":
    sys.exit(main())
