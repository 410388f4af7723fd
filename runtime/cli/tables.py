"""What a module of charts says beside its charts: the tables that `explore` and `check` read, and their errors."""

import difflib
from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from runtime.cli.charts import MAPPING, ChartsError, Given

if TYPE_CHECKING:
    from spec.binding import Binding

KINDS: Mapping[str, tuple[type, ...]] = {
    "PROPERTIES": (list, tuple),
    "INTERCHANGEABLE": (list, tuple),
    "BROADCAST": (list, tuple),
    **dict.fromkeys(("ROUTES", "STARTS", "MAY_STAY", "PAYLOADS", "OUTSIDE"), (Mapping,)),
}
RENAMED = {"CLAIMS": "PROPERTIES", "RESTS": "MAY_STAY", "ALIKE": "INTERCHANGEABLE"}
"""Names that a module gave before, and what they are called now."""


def tables_of(given: Given) -> dict[str, Any]:
    """Each table that there can be, empty where there is none. Raises `ChartsError` for one that cannot be read."""
    _refuse_other_names(given)
    return {name: _said(given, name) for name in KINDS}


def with_tables(binding: "Binding", given: Given) -> "Binding":
    """A binding with what a module says of receivers, values and where charts begin; what the binding says comes first.

    Raises `ChartsError` for a table that cannot be read.
    """
    from spec.binding import Begin

    said, place = tables_of(given), given.place
    routes = {str(message): names_of(to, place, f"ROUTES[{message!r}]") for message, to in said["ROUTES"].items()}
    payloads = {
        str(message): values_of(values, place, f"PAYLOADS[{message!r}]") for message, values in said["PAYLOADS"].items()
    }
    starts = {str(name): str(state) for name, state in said["STARTS"].items()}
    for name in starts:
        if name not in given.charts:
            from spec.hints import near_to

            hint = near_to(name, given.charts)
            raise ChartsError(f"--charts {place}: STARTS: no chart {name!r}{hint}; there are {', '.join(given.charts)}")
    begins = tuple(replace(row, states={**starts, **row.states}) for row in binding.begins)
    more = (Begin("*", starts, {}, f"--charts {place}: STARTS"),) if starts else ()
    return replace(
        binding,
        routes={**routes, **binding.routes},
        payloads={**payloads, **binding.payloads},
        begins=(*begins, *more),
        places={
            **{f"routes {name}": f"--charts {place}: ROUTES" for name in routes},
            **{f"payloads {name}": f"--charts {place}: PAYLOADS" for name in payloads},
            **binding.places,
        },
    )


def _refuse_other_names(given: Given) -> None:
    """Raise `ChartsError` for a table whose name is nearly one of those that are read, or was one before."""
    for before, now in RENAMED.items():
        if given.said(before, None) is not None:
            raise ChartsError(f"--charts {given.place}: {before} is called {now} now: rename it")
    known = [*KINDS, "FAULTS", MAPPING]
    for name, value in vars(given.module).items():
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.85)
        if name.isupper() and name not in known and near and isinstance(value, (list, tuple, Mapping)):
            raise ChartsError(f"--charts {given.place}: {name}: did you mean {near[0]}? Else give it another name")


def _said(given: Given, name: str) -> Any:
    kinds = KINDS[name]
    value = given.said(name, kinds[0]() if kinds[0] is not Mapping else {})
    if not isinstance(value, kinds):
        kind = "a mapping" if Mapping in kinds else "a list"
        raise ChartsError(f"--charts {given.place}: {name}: expected {kind}, not {value!r}")
    return value


def values_of(said: Any, place: str, where: str) -> tuple[tuple[Hashable, ...], ...]:
    """Tuples of values from a table. Raises `ChartsError`, which says `where`."""
    if not isinstance(said, (list, tuple)) or not all(isinstance(each, (list, tuple)) for each in said):
        raise ChartsError(f"--charts {place}: {where}: expected tuples of values, as in [(7,), (8,)], not {said!r}")
    for each in said:
        try:
            hash(tuple(each))
        except TypeError as error:
            text = f"{tuple(each)!r} cannot be a key ({error}); give values that do not change"
            raise ChartsError(f"--charts {place}: {where}: {text}") from None
    return tuple(map(tuple, said))


def names_of(said: Any, place: str, where: str) -> tuple[str, ...]:
    """Names from a table. Raises `ChartsError`, which says `where`."""
    if not isinstance(said, (list, tuple)) or not all(isinstance(each, str) for each in said):
        raise ChartsError(f'--charts {place}: {where}: expected names, as in ["P1", "P2"], not {said!r}')
    return tuple(said)
