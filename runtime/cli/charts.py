"""Charts of others, from where a user names them: a module or a file, and perhaps a mapping in it.

    my_package.charts            every `StateChart` that is defined in it plays the lifeline of its class name,
                                 or the mapping `CHARTS` in it says who plays whom
    my_package.charts:HASTY      the mapping of that name: lifelines, or names in a binding, to charts
    path/to/charts.py[:HASTY]    the same of a file

The current directory is importable; so is the folder of a file.
"""

import difflib
import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from statemachine import StateChart

from spec.system.adapter import TransitionsChart

if TYPE_CHECKING:
    from spec.binding import Binding

Charts = dict[str, type[StateChart[Any]]]
MAPPING = "CHARTS"
HELP = "Charts of your own: a module, or a file, and perhaps :MAPPING, a name in it that says who plays whom."


class ChartsError(ValueError):
    """There are no charts where a user says: the message names the place and the remedy."""


@dataclass(frozen=True)
class Given:
    """What a user gave."""

    place: str
    """What they wrote."""
    charts: Charts
    module: ModuleType
    is_mapped: bool
    """Whether a mapping says who plays whom. Otherwise charts are called like their classes."""

    def said(self, name: str, default: Any) -> Any:
        """What else stands in the module under a name."""
        return getattr(self.module, name, default)

    def playing(self, lifelines: Iterable[str], binding: "Binding") -> tuple[Charts, tuple[str, ...]]:
        """The charts that play any of these lifelines, and the names of those of a module that play none.

        What a mapping names is meant to play, so all of it is kept; so is everything if nobody plays.
        """
        drawn = set(lifelines)
        named = {player.chart for name, player in binding.players.items() if name in drawn}
        playing = {name: chart for name, chart in self.charts.items() if name in drawn | named}
        if self.is_mapped or not playing:
            return self.charts, ()
        return playing, tuple(name for name in self.charts if name not in playing)


def refuse_machines(given: Given, command: str) -> None:
    """Raise `ChartsError` for machines of `transitions`, which only a check takes."""
    machines = [name for name, chart in given.charts.items() if isinstance(chart, TransitionsChart)]
    if machines:
        raise ChartsError(
            f"--charts {given.place}: {', '.join(machines)}: machines of the library transitions are for "
            f"`clientjoin check`; `{command}` needs StateChart classes"
        )


def charts_of(place: str) -> Given:
    """The charts that a user names. Raises `ChartsError`."""
    name, colon, mapping = place.rpartition(":")
    if not colon or os.sep in mapping:  # a drive is no module
        name, mapping = place, ""
    elif not mapping.isidentifier():
        raise ChartsError(f"--charts {place}: {mapping!r} is no name of a mapping: expected MODULE:MAPPING")
    path = Path(name)
    module = _file(place, path) if path.suffix == ".py" or os.sep in name else _module(place, name)
    said = getattr(module, mapping or MAPPING, None)
    if said is not None:
        return Given(place, _checked(place, mapping or MAPPING, said), module, is_mapped=True)
    if mapping:
        known = [each for each, value in vars(module).items() if isinstance(value, Mapping) and each[:1] != "_"]
        near = difflib.get_close_matches(mapping, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        there = f"there are {', '.join(known)}" if known else "there is none: leave it out, or write one"
        raise ChartsError(f"--charts {place}: no mapping {mapping!r} in it{hint}; {there}")
    found = {
        value.__name__: value
        for value in vars(module).values()
        if _is_chart(value) and (isinstance(value, TransitionsChart) or _is_made_in(value, module))
    }
    if not found:
        raise ChartsError(
            f"--charts {place}: no chart is defined in it: expected classes made from statemachine.StateChart, "
            f"or a mapping {MAPPING} of lifelines to such classes"
        )
    return Given(place, found, module, is_mapped=False)


def _is_chart(value: Any) -> bool:
    return isinstance(value, TransitionsChart) or (isinstance(value, type) and issubclass(value, StateChart))


def _is_made_in(chart: type, module: ModuleType) -> bool:
    return chart.__module__ == module.__name__ and bool(getattr(chart, "states", None))


def _checked(place: str, name: str, said: Any) -> Charts:
    if not isinstance(said, Mapping) or not said:
        raise ChartsError(f"--charts {place}: {name} has to be a mapping of lifelines to charts, not {said!r}")
    for lifeline, chart in said.items():
        if not isinstance(lifeline, str):
            raise ChartsError(f"--charts {place}: {name}: {lifeline!r} is no name of a lifeline: expected a text")
        if not _is_chart(chart):
            text = f"expected a class made from statemachine.StateChart, not {chart!r}"
            raise ChartsError(f"--charts {place}: {name}[{lifeline!r}]: {text}")
    return dict(said)


def _module(place: str, name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise ChartsError(f"--charts {place}: {name!r} is no name of a module; a file is named with its .py")
    _importable(Path.cwd())
    return _imported(place, name, lambda: importlib.import_module(name))


def _file(place: str, path: Path) -> ModuleType:
    if not path.is_file():
        raise ChartsError(
            f"--charts {place}: there is no file {path}; a module is named with dots, as in package.charts"
        )
    name = path.stem if path.stem.isidentifier() else "charts"
    if name in sys.modules or importlib.util.find_spec(name) is not None:
        name = f"{name}_{len(sys.modules)}"  # it would stand in the way of another module
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ChartsError(f"--charts {place}: {path} is no Python file: expected one that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    _importable(Path.cwd())
    _importable(path.parent.resolve())
    loader = spec.loader

    def run() -> ModuleType:
        loader.exec_module(module)
        return module

    return _imported(place, name, run)


def _importable(folder: Path) -> None:
    if str(folder) not in sys.path and not (folder == Path.cwd() and "" in sys.path):
        sys.path.insert(0, str(folder))


def _imported(place: str, name: str, act: Any) -> ModuleType:
    """The module, or what is wrong with it in one line.

    Nothing is kept of how it was compiled: charts that were changed within a second, and are as long, would be those
    from before.
    """
    keeps_none, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        module = act()
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            near = f"; the current directory is {Path.cwd()}"
            text = f"there is no module {error.name!r}{near}; name a module that can be imported, or a file"
            raise ChartsError(f"--charts {place}: {text}") from None
        raise ChartsError(f"--charts {place}: {_said(error)}; install it, or mend the import") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever stands in a user's module
        raise ChartsError(f"--charts {place}: it cannot be imported: {_said(error)}") from None
    finally:
        sys.dont_write_bytecode = keeps_none
    assert isinstance(module, ModuleType)
    return module


def _said(error: BaseException) -> str:
    """An error in a line: what it is, and where."""
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} ({error.filename}, line {error.lineno})"
    frames = [each for each in traceback.extract_tb(error.__traceback__) if "importlib" not in each.filename]
    frames = [each for each in frames if Path(each.filename) != Path(__file__)]
    where = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}{where}" if said else f"{type(error).__name__}{where}"
