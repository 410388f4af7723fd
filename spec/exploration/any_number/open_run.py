"""How a view is reached, as far as it is seen: with "others" as a lifeline."""

from collections.abc import Iterator, Sequence

from spec.exploration.any_number.fixpoint import Part
from spec.exploration.any_number.open_system import READS, READS_AGAIN, SPENDS, is_of_others, timed
from spec.exploration.fairness import BY_ITSELF
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.reference import canonical, successors
from spec.exploration.model.steps import Label, Row
from spec.system.process import name_of

FOR_EVER = "loop for ever"


def open_run(done: Part, at: int, cycle: Sequence[int] = ()) -> str:
    """The shortest run of the open system to the view of a number, one line a step, in the notation of diagrams.

    `cycle` are the numbers of the views after it that lead back to it, over steps without a fault, the first of which
    is not of others. What goes round may do so under exchanged names.
    """
    system, search = done.system, done.search
    lines = [f"participant {name}" for name in ("others", *(node.name for node in system.nodes))]
    rows = search.path(at)
    here = rows[0]
    for row in rows[1:]:
        label, here = _step(done, here, row, by_itself=False)
        lines.append(_line(system, label))
    if cycle:
        lines.append(FOR_EVER)
        for place, number in enumerate(cycle):
            label, here = _step(done, here, search.row(number), by_itself=True, of_others=place > 0)
            lines.append(f"  {_line(system, label)}")
        lines.append("end")
    return "\n".join(lines) + "\n"


def _step(done: Part, here: Row, then: Row, *, by_itself: bool, of_others: bool = True) -> tuple[Label, Row]:
    """A step from a row to one that differs from another in names only."""
    wanted = canonical(done.system, then, done.search.permutations)
    return next(
        (label, row)
        for label, row in _possible(done.system, here, by_itself=by_itself)
        if (of_others or not is_of_others(label)) and canonical(done.system, row, done.search.permutations) == wanted
    )


def _possible(system: ClosedSystem, row: Row, *, by_itself: bool) -> Iterator[tuple[Label, Row]]:
    for label, then in successors(system, row):
        fault = label.lost is not None or label.unheard or (label.outcome is not None and label.outcome.fault)
        if not by_itself or (label.kind in {*BY_ITSELF, READS} and not fault):
            yield label, then


def _line(system: ClosedSystem, label: Label) -> str:
    name = system.nodes[label.component].name
    if label.kind in {READS, READS_AGAIN}:
        return f"others->{name}: (something about others)"
    if label.kind == SPENDS:
        return "others->others: (a fault)"
    if is_of_others(label):
        return f"{name}->{name}: {label.kind} others"
    about = f" {name_of(label.message)}" if label.message is not None else ""
    whom = getattr(label.message, "client", "")
    if label.kind == "expire" and label.outcome is not None and label.outcome.arrows:
        whom = timed(label.outcome.arrows[0])
    return f"{name}->{name}: {label.kind}{about} {whom}".rstrip()
