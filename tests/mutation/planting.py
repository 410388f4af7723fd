"""Faults that are planted in the source of one function or class at a time, and taken out again.

A fault is a line of source text that is replaced by another one: what a hand that slips would write. It is described in
one line, and makes either charts that take the place of ours (`of_chart`), or a patch of a function or a method while
it is searched (`of_function`).
"""

import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

from machines import Broker, Clock, DistributionView, Participant, TorrentServer, Tracker

Charts = Mapping[str, type[Participant]]
CHARTS: Charts = {chart.__name__: chart for chart in (Tracker, TorrentServer, DistributionView, Clock, Broker)}


class NotPlanted(ValueError):  # noqa: N818 - what was found out
    """The text that a fault replaces does not stand there exactly once."""


@dataclass(frozen=True)
class Fault:
    """One fault. `place` is what it is planted in: `rules`, `tracker`, `bus` and so on."""

    place: str
    tells: str
    """In one line, what is wrong."""
    plant: Callable[[], AbstractContextManager[Charts]]
    """Puts it there, and says which charts take the place of ours meanwhile."""
    equivalent: str = ""
    """Why nothing can tell it from ours, if that is so."""

    @property
    def name(self) -> str:
        """What it is called in the table."""
        return f"{self.place}: {self.tells}"


def of_chart(place: str, chart: str, tells: str, old: str, new: str, equivalent: str = "", times: int = 1) -> Fault:
    """A fault in the source of one of our charts."""
    return Fault(place, tells, partial(_recast, chart, old, new, times), equivalent)


def of_function(
    place: str, where: Any, name: str, tells: str, old: str, new: str, equivalent: str = "", times: int = 1
) -> Fault:
    """A fault in a function of a module, or in a method of a class."""
    return Fault(place, tells, partial(_patched, where, name, old, new, times), equivalent)


def _recast(chart: str, old: str, new: str, times: int) -> AbstractContextManager[Charts]:
    return nullcontext({chart: recast(chart, old, new, times)})


def recast(chart: str, old: str = "", new: str = "", times: int = 1) -> type[Participant]:
    """A copy of one of our charts, with a text in place of another one. Raises `NotPlanted`."""
    ours = CHARTS[chart]
    names = dict(vars(sys.modules[ours.__module__]))
    source = replaced(inspect.getsource(ours), old, new, times)
    # With a fault, a state may be one that nothing leads to any more.
    source = source.replace("\n    data: ", "\n    validate_disconnected_states = False\n    data: ", 1)
    exec(compile(source, ours.__module__, "exec"), names)
    made: type[Participant] = names[chart]
    return made


@contextmanager
def _patched(where: Any, name: str, old: str, new: str, times: int) -> Iterator[Charts]:
    ours = inspect.getattr_static(where, name)
    inner = inspect.unwrap(getattr(ours, "fget", None) or ours)
    source = textwrap.dedent(inspect.getsource(inner))
    module = where if isinstance(where, ModuleType) else sys.modules[where.__module__]
    names: dict[str, Any] = {}
    exec(
        compile(f"from __future__ import annotations\n{replaced(source, old, new, times)}", module.__name__, "exec"),
        vars(module),
        names,
    )  # noqa: E501
    places = [where]
    if isinstance(where, ModuleType):  # others have imported it by name
        places = [one for one in list(sys.modules.values()) if vars(one).get(name) is ours]
    for place in places:
        setattr(place, name, names[inner.__name__])
    try:
        # What a class of ours has been asked is known from then on: a copy of it is asked anew.
        yield {chart: recast(chart) for chart in CHARTS} if module.__name__.startswith("machines") else {}
    finally:
        for place in places:
            setattr(place, name, ours)


def replaced(source: str, old: str, new: str, times: int = 1) -> str:
    """A source with a text in place of another one. Raises `NotPlanted` unless it stands there so many times."""
    if not old:
        return source
    if source.count(old) != times:
        raise NotPlanted(f"{old!r} stands {source.count(old)} times, not {times}, in:\n{source}")
    return source.replace(old, new)
