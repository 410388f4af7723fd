"""Faults that are planted in the source of one function or class at a time, and taken out again.

A fault is a text of the source that is replaced by another one: what a hand that slips would write. The files in
`faults/` list them, one file for each place:

    [[fault]]
    tells = "a denial always says Other"      # in one line, what is wrong
    function = "machines.rules.admit"         # or "module:Class.method"; or chart = "Tracker"
    old = "conflicts[0][0]"
    new = "ReasonCode.OTHER"
    equivalent = "..."                        # why nothing can tell it from ours, if that is so

A fault in a chart makes a chart that takes the place of ours; one in a function is there while it is searched.
"""

import importlib
import inspect
import sys
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from machines import Broker, Clock, DistributionView, Participant, TorrentServer, Tracker

Charts = Mapping[str, type[Participant]]
CHARTS: Charts = {chart.__name__: chart for chart in (Tracker, TorrentServer, DistributionView, Clock, Broker)}
FOLDER = Path(__file__).with_name("faults")
PLACES = ("rules", "view", "tracker", "torrent_server", "clock", "broker", "bus", "fate", "server", "explorer")


class NotPlanted(ValueError):  # noqa: N818 - what was found out
    """The text that a fault replaces does not stand there exactly once."""


@dataclass(frozen=True)
class Fault:
    """One fault, as above. `place` is the name of its file."""

    place: str
    tells: str
    old: str
    new: str
    chart: str = ""
    function: str = ""
    equivalent: str = ""

    @property
    def name(self) -> str:
        """What it is called."""
        return f"{self.place}: {self.tells}"

    def target(self) -> object:
        """What it changes, as it is now: a chart, or a function."""
        if self.chart:
            return CHARTS[self.chart]
        where, name = self._owner()
        return inspect.getattr_static(where, name)

    def faulty(self) -> str:
        """The source of what it changes, with the fault. Raises `NotPlanted`."""
        return replaced(_source(self.target()), self.old, self.new)

    def _owner(self) -> tuple[Any, str]:
        module, _, path = self.function.rpartition(".")
        module, _, owner = module.partition(":")
        where = importlib.import_module(module)
        return (getattr(where, owner) if owner else where), path

    @contextmanager
    def planted(self) -> Iterator[Charts]:
        """Puts it there, and says which charts take the place of ours meanwhile. Raises `NotPlanted`."""
        if self.chart:
            yield {self.chart: recast(self.chart, self.old, self.new)}
            return
        with _patched(*self._owner(), self.old, self.new):
            # What a class of ours has been asked is known from then on: a copy of it is asked anew.
            yield {chart: recast(chart) for chart in CHARTS} if self.function.startswith("machines.") else {}


def faults() -> tuple[Fault, ...]:
    """All of them, place by place."""
    return tuple(
        Fault(place, **row)
        for place in PLACES
        for row in tomllib.loads((FOLDER / f"{place}.toml").read_text(encoding="utf-8"))["fault"]
    )


def recast(chart: str, old: str = "", new: str = "") -> type[Participant]:
    """A copy of one of our charts, with a text in place of another one. Raises `NotPlanted`."""
    ours = CHARTS[chart]
    names = dict(vars(sys.modules[ours.__module__]))
    source = replaced(inspect.getsource(ours), old, new)
    # With a fault, a state may be one that nothing leads to any more.
    source = source.replace("\n    data: ", "\n    validate_disconnected_states = False\n    data: ", 1)
    exec(compile(source, ours.__module__, "exec"), names)
    made: type[Participant] = names[chart]
    return made


def _source(ours: Any) -> str:
    return textwrap.dedent(inspect.getsource(inspect.unwrap(ours)))


@contextmanager
def _patched(where: Any, name: str, old: str, new: str) -> Iterator[None]:
    ours = inspect.getattr_static(where, name)
    source = replaced(_source(ours), old, new)
    module = where if isinstance(where, ModuleType) else sys.modules[where.__module__]
    names: dict[str, Any] = {}
    source = f"from __future__ import annotations\n{source}"
    exec(compile(source, module.__name__, "exec"), vars(module), names)
    places = [where]
    if isinstance(where, ModuleType):  # others have imported it by name
        places = [one for one in list(sys.modules.values()) if vars(one).get(name) is ours]
    for place in places:
        setattr(place, name, names[name])
    try:
        yield
    finally:
        for place in places:
            setattr(place, name, ours)


def replaced(source: str, old: str, new: str) -> str:
    """A source with a text in place of another one. Raises `NotPlanted` unless it stands there once."""
    if not old:
        return source
    if source.count(old) != 1:
        raise NotPlanted(f"{old!r} stands {source.count(old)} times, not once, in:\n{source}")
    return source.replace(old, new)
