"""Whether servers that differ in their names only act alike, as symmetry takes for granted.

A search that counts states once that differ in names only is sound where exchanging names changes nothing else (Ip and
Dill, "Better verification through symmetry", 1996). So all that nodes have said, and to whom the bus has passed what,
is asked once more under other names. Exchanging neighbours is enough: whatever these leave alike, all permutations do.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.steps import NOTHING
from spec.system.process import name_of

Permutation = tuple[int, ...]
T = TypeVar("T")


class Asymmetric(Exception):  # noqa: N818 - what was found, not a defect
    """Servers that differ in their names only do not act alike: the message says where."""


def check(system: ClosedSystem, permutations: Iterable[Permutation]) -> None:
    """Hold all that a system has met against the same under other names. Raises `Asymmetric`."""
    for permutation in exchanges(permutations):
        begun = system.initial()
        for component, number in enumerate(begun[:-1]):
            _check_faults(system, component, permutation[component])
            if system.renamed.slot(component, number, permutation) != begun[permutation[component]]:
                raise Asymmetric(
                    f"{system.nodes[component].name} does not begin as {_other(system, component, permutation)}"
                )
    for component, local, kind, message in _growing(system.answers.known):
        for permutation in exchanges(permutations):
            if _said(system, permutation, component, local, kind, message):
                continue
            what = kind if message == NOTHING else f"{kind} {name_of(system.numbers.messages[message])}"
            where = getattr(system.numbers.locals[component][local], "where", "")
            there = f" in {where}" if where else ""
            raise Asymmetric(
                f"{system.nodes[component].name}{there} does something else at {what!r} than under exchanged names"
            )
    for sender, message in _growing(system.delivery.passed):
        for permutation in exchanges(permutations):
            heard = {permutation[receiver] for receiver in system.delivery.reached(sender, message)}
            if heard != {*system.delivery.reached(permutation[sender], system.renamed.message(message, permutation))}:
                told = f"{name_of(system.numbers.messages[message])} of {system.nodes[sender].name}"
                raise Asymmetric(f"the bus passes {told} to others than under exchanged names")


def _check_faults(system: ClosedSystem, component: int, other: int) -> None:
    """Faults that are counted for each, or happen to one alone, are no others under exchanged names."""
    faults = system.faults
    pairs = zip(*(faults.orders(system.nodes[place].name) for place in (component, other)), strict=True)
    for (_, one), (_, two) in pairs:
        bounds = {faults.bounds.get(one, 0), faults.bounds.get(two, 0)}
        if one != two and bounds not in ({0}, {None}):
            raise Asymmetric(f"{one!r} is counted for {system.nodes[component].name} alone")


def _growing(asked: Mapping[T, object]) -> Iterator[T]:
    """All that has been asked, and all that is asked meanwhile.

    What is asked under exchanged names is checked against further exchanges, too: it takes several to make most
    permutations, and in between there may be what no search has met.
    """
    done = 0
    while done < len(asked):
        found = [*asked][done:]
        done += len(found)
        yield from found


def exchanges(permutations: Iterable[Permutation]) -> list[Permutation]:
    """The permutations that exchange two neighbours; all others are made of these."""
    pairs = {}
    for permutation in permutations:
        moved = [place for place, other in enumerate(permutation) if place != other]
        if len(moved) == 2:  # noqa: PLR2004 - a pair
            pairs[moved[0], moved[1]] = permutation
    return [
        permutation
        for (one, two), permutation in pairs.items()
        if not any((one, between) in pairs for between in range(one, two))
    ]


def _other(system: ClosedSystem, component: int, permutation: Permutation) -> str:
    return system.nodes[permutation[component]].name


def _said(system: ClosedSystem, permutation: Permutation, component: int, local: int, kind: str, message: int) -> bool:
    """Whether what a component said is what the other says under exchanged names."""
    there = system.renamed.local(component, local, permutation)
    asked = message if message == NOTHING else system.renamed.message(message, permutation)
    here = {
        (
            system.renamed.local(component, then, permutation),
            tuple(system.renamed.message(m, permutation) for m in sent),
            outcome.fault,
        )
        for then, sent, outcome in system.answers.ask(component, local, kind, message)
    }
    other = {
        (then, sent, outcome.fault)
        for then, sent, outcome in system.answers.ask(permutation[component], there, kind, asked)
    }
    return here == other
