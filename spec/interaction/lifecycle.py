"""Who takes part before it is created, or after it was destroyed, as problems of a diagram's meaning."""

from __future__ import annotations

from spec.interaction.problems import Problem
from spec.notation.lifecycle import absences
from spec.notation.model import Diagram


def lifecycle(diagram: Diagram) -> list[Problem]:
    """The events of lifelines that are not there."""
    return [
        Problem(each.line, each.lifeline, "lifecycle", each.message, diagram.file) for each in absences(diagram.body)
    ]
