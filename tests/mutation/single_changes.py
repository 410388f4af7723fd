"""Single changes to the diagrams: each is made alone, each diagram that it leaves is judged alone.

`python -m tests.mutation.single_changes [--each N] [--seed N] [DIAGRAM ...]` prints each change after which a diagram
still conforms. Such a change must be equivalent: it reorders what is concurrent, or draws what needs no drawing.
"""

import argparse
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import NamedTuple

from spec.binding import load
from spec.conformance.bounds import Bounds
from spec.conformance.checker import Report, check_all
from spec.notation import read
from tests.support.places import DIAGRAMS

ARROW = re.compile(r"^(?P<left>\s*)(?P<sender>\w+)(?P<head><?-[^:]*?>{1,2}[*]?)(?P<receiver>\w+)(?P<label>:.*)$")
SEPARATOR = re.compile(r"^\s*(?:alt|opt|loop|break|par|else|end|parallel|critical|strict|thread|group|seq)\b")
OPENERS = frozenset({"alt", "opt", "loop", "break", "par", "critical", "strict", "group", "seq"})


class Change(NamedTuple):
    """A text with one change: what kind, in which line (from 1), and what stands there now."""

    kind: str
    line: int
    shown: str
    text: str


def changes(text: str) -> Iterator[Change]:
    """Every single change of a diagram."""
    lines = text.splitlines()
    names = [lifeline.name for lifeline in read(text).lifelines]
    arrows = {number: found for number, line in enumerate(lines) if (found := ARROW.match(line))}
    places = {*arrows, *(n for n, line in enumerate(lines) if SEPARATOR.match(line))} - _group_ends(lines)
    labels = list(dict.fromkeys(found["label"] for found in arrows.values()))

    def put(kind: str, number: int, *instead: str, until: int = 0) -> Change:
        new = [*lines[:number], *instead, *lines[max(until, number + 1) :]]
        return Change(kind, number + 1, f"{lines[number]}  =>  {' | '.join(instead)}", "\n".join(new) + "\n")

    for number, found in arrows.items():
        left, sender, head, receiver, label = found.groups()
        yield put("drop", number)
        yield put("duplicate", number, lines[number], lines[number])
        yield put("reverse", number, f"{left}{receiver}{head}{sender}{label}")
        for name in names:
            if name != sender:
                yield put("sender", number, f"{left}{name}{head}{receiver}{label}")
            if name != receiver:
                yield put("receiver", number, f"{left}{sender}{head}{name}{label}")
        yield from (put("rename", number, f"{left}{sender}{head}{receiver}{each}") for each in labels if each != label)
        lost = f"{left}{sender}->{receiver}{label}" if "x" in head else f"{left}{sender}-#redx{receiver}{label}"
        yield put("found" if "x" in head else "lose", number, lost)
        following = next((n for n in range(number + 1, len(lines)) if n in places), None)
        if following is not None:
            between = lines[number + 1 : following]
            kind = "swap" if following in arrows else "move"
            yield put(kind, number, lines[following], *between, lines[number], until=following + 1)
        before = next((n for n in range(number - 1, -1, -1) if n in places), None)
        if before is not None and before not in arrows:
            yield put("move", before, lines[number], *lines[before:number], until=number + 1)
    yield from _operands(lines, put)


def _group_ends(lines: list[str]) -> set[int]:
    """The lines that end a `participantgroup`: nothing is in it but names."""
    opened: list[bool] = []
    found: set[int] = set()
    for number, line in enumerate(lines):
        word = line.split()[0] if line.strip() else ""
        if word in {*OPENERS, "participantgroup"}:
            opened.append(word == "participantgroup")
        elif word == "end" and opened and opened.pop():
            found.add(number)
    return found


def _operands(lines: list[str], put: Callable[..., Change]) -> Iterator[Change]:
    """Each operand dropped, and emptied; and each fragment without its frame, or with its last branch only."""
    opened: list[list[int]] = []
    for number, line in enumerate(lines):
        found = SEPARATOR.match(line)
        word = found.group().strip() if found else ""
        if line.strip() == "parallel off":
            continue
        if word in OPENERS:
            opened.append([number])
        elif word in {"else", "thread"} and opened:
            opened[-1].append(number)
        elif word == "end" and opened:
            places = [*opened.pop(), number]
            for place, then in pairwise(places):
                yield put("empty operand", place, lines[place], until=then)
                if len(places) > 2:
                    first = place == places[0]
                    instead = [lines[place]] if first else []
                    yield put("drop operand", place, *instead, until=then + 1 if first else then)
            yield put("drop fragment", places[0], until=number + 1)


def judged(file: str, text: str, *, seconds: float = 60) -> Report:
    """A diagram alone, as somebody gives it to `check`."""
    others = [(path.name, path.read_text(encoding="utf-8")) for path in sorted(DIAGRAMS.glob("*.txt"))]
    return check_all([(file, text)], load(()), referred=others, bounds=Bounds(seconds=seconds))


def main() -> int:
    """Print what conforms after a change; the exit status is 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("diagrams", nargs="*", type=Path)
    parser.add_argument("--each", type=int, help="this many changes of each diagram, drawn at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", action="append", help="only changes of this kind")
    given = parser.parse_args()
    verdicts: Counter[str] = Counter()
    for path in given.diagrams or sorted(DIAGRAMS.glob("*.txt")):
        made = [each for each in changes(path.read_text(encoding="utf-8")) if not given.kind or each.kind in given.kind]
        if given.each and len(made) > given.each:
            made = Random(f"{given.seed} {path.name}").sample(made, given.each)
        for change in made:
            begin = time.perf_counter()
            try:
                verdict = str(judged(path.name, change.text).verdict)
            except ValueError as error:
                verdict = f"refused: {type(error).__name__}"
            verdicts[verdict] += 1
            took = time.perf_counter() - begin
            if verdict != "does not conform" or took > 10:
                print(f"{path.stem}:{change.line}: {verdict}: {change.kind}: {change.shown}  {took:.1f} s", flush=True)
    print(dict(verdicts))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
