"""The binding: which label is which message, and who plays which lifeline.

In: TOML files (`default.toml` and a user's own), and the lifelines of the protocol (`machines.lifelines`). Out: one
`Binding`, with everything in it that follows from who is like whom. Begin with `model`, whose docstring explains every
table and key; `reader` reads the files row by row, `inheritance` settles whose part a lifeline takes, `load` does all.
`allowances` answers what may happen undrawn where certain diagrams are what is drawn; `obligations` checks that
participants meet theirs.
"""

from spec.binding.labels import LabelRule, Word, normal
from spec.binding.load import DEFAULT, DIAGRAMS, load, load_for, read_binding
from spec.binding.model import (
    BUILT_IN,
    MODELS,
    Begin,
    Binding,
    BindingError,
    Events,
    Fault,
    Interchangeable,
    MayBeUndrawn,
    Model,
    Outside,
    Player,
    Publishes,
    Row,
)

__all__ = [
    "BUILT_IN",
    "DEFAULT",
    "DIAGRAMS",
    "MODELS",
    "Begin",
    "Binding",
    "BindingError",
    "Events",
    "Fault",
    "Interchangeable",
    "LabelRule",
    "MayBeUndrawn",
    "Model",
    "Outside",
    "Player",
    "Publishes",
    "Row",
    "Word",
    "load",
    "load_for",
    "normal",
    "read_binding",
]
