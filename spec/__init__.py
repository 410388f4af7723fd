"""The specification: sequence diagrams as data, and charts checked against them.

In: diagrams as text, a binding that says which label is which message and who plays which lifeline, charts (ours, or
any `StateChart`). Out: a `Report` whose `verdict` is conforms, does not conform, or undetermined. `check(diagram)` is
the whole of it as a function, `check_all` takes several diagrams, `load(paths)` reads bindings. Begin with the README
of this folder; the pipeline, in the order in which to read it: `notation`, `interaction`, `projection`, `binding`,
`system`, `conformance`, `exploration`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spec.binding import Binding, load
    from spec.conformance.bounds import Bounds
    from spec.conformance.checker import check, check_all
    from spec.conformance.finding import Verdict

__all__ = ["Binding", "Bounds", "Verdict", "check", "check_all", "load"]

_HOMES = {
    "Binding": "spec.binding",
    "Bounds": "spec.conformance.bounds",
    "Verdict": "spec.conformance.finding",
    "check": "spec.conformance.checker",
    "check_all": "spec.conformance.checker",
    "load": "spec.binding",
}


def __getattr__(name: str) -> Any:
    """Import only when asked for: who reads diagrams needs no charts."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'spec' has no attribute {name!r}")
