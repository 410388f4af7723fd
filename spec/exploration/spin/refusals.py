"""What a model for SPIN cannot say of a closed system."""

from spec.exploration.model.closed import ClosedSystem


class Unwritable(ValueError):  # noqa: N818 - says what is in the way
    """A system that cannot be written as a model: the message says why, and what to do."""


def refuse(system: ClosedSystem, *, by_kind: bool) -> None:
    """Raise `Unwritable` for a system that the model has no words for (`spec.exploration.spin.model.write`)."""
    if by_kind and system.faults.bounds:
        raise Unwritable("to a process, faults are steps like others, and SPIN would oblige it to them; allow none")
    if system.moves.has_wills and system.faults.bounds.get("broker restart", 0) != 0:
        raise Unwritable(
            "a broker that restarts forgets the wills of who is gone, which the model does not know of; take out "
            "wills, or bound 'broker restart' by 0"
        )
    if len(system.trackers) > 1:
        raise Unwritable("the model knows of one tracker; take out second_trackers")
    if system.faults.crash_points:
        raise Unwritable("the model knows of no crash inside a step; take out crash_points")
    if not system.ordered and system.faults.bounds.get("duplicates", 0) not in {0, 1}:
        raise Unwritable(
            "where events overtake each other, each that is delivered twice has a name of its own, and the model has "
            "one for all; bound duplicates by 1"
        )
