"""The specification: sequence diagrams as data, read and held against the statecharts.

`check(diagram_text, binding, charts)` is the whole of it as a function; `load(paths)` reads bindings.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spec.binding import load
    from spec.conformance.checker import check

__all__ = ["check", "load"]


def __getattr__(name: str) -> Any:
    """Import only when asked for: who reads diagrams needs no charts."""
    if name == "check":
        from spec.conformance.checker import check

        return check
    if name == "load":
        from spec.binding import load

        return load
    raise AttributeError(f"module 'spec' has no attribute {name!r}")
