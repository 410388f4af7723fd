"""How a view is reached, as far as it is seen: with "others" as a lifeline."""

from spec.exploration.any_number.fixpoint import Fixpoint
from spec.exploration.any_number.open_system import READS, READS_AGAIN, SPENDS
from spec.exploration.explore import run_of
from spec.system.process import name_of


def open_run(done: Fixpoint, at: int) -> str:
    """The shortest run of the open system to the view of a number, one line a step, in the notation of diagrams."""
    system, rows = done.system, done.search.path(at)
    lines = [f"participant {name}" for name in ("others", *(node.name for node in system.nodes))]
    for label, _ in run_of(system, rows, done.search.permutations):
        name = system.nodes[label.component].name
        if label.kind in {READS, READS_AGAIN}:
            lines.append(f"others->{name}: (something about others)")
        elif label.kind == SPENDS:
            lines.append("others->others: (a fault)")
        else:
            about = name_of(label.message) if label.message is not None else ""
            whom = getattr(label.message, "client", "")
            lines.append(f"{name}->{name}: {label.kind} {about} {whom}".rstrip())
    return "\n".join(lines) + "\n"
