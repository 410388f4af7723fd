"""The binding: what ties a diagram's words to the messages and charts that it speaks of.

A binding is read from TOML files (`spec/binding.toml` shows the form and is the default; files of a user are laid over
it, their label rules first). Nothing here reads a diagram or runs a chart.
"""

import difflib
import fnmatch
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DEFAULT = Path(__file__).parent / "binding.toml"


class BindingError(ValueError):
    """A binding file cannot be used: the message names the file, the place and the remedy."""


@dataclass(frozen=True)
class Word:
    """A message as a diagram can mention it; an empty `detail` leaves open which one of its kind is meant."""

    message: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.message} {self.detail}".rstrip()

    def covers(self, message: str, detail: str) -> bool:
        """Whether it can mean this message."""
        return self.message == message and self.detail in {"", detail}


@dataclass(frozen=True)
class LabelRule:
    """A label, literally or as a regular expression for the whole of it, and the message that it stands for."""

    pattern: re.Pattern[str]
    shown: str
    message: str
    detail: str

    def read(self, label: str) -> Word | None:
        """The message of a normalised label, or None if the rule is about another."""
        found = self.pattern.fullmatch(label)
        if found is None:
            return None
        groups = {name: text or "" for name, text in found.groupdict().items()}
        return Word(self.message.format(**groups), self.detail.format(**groups))

    def says(self, message: str, detail: str) -> bool:
        """Whether it is the literal text for just this message."""
        return self.pattern.pattern == re.escape(self.shown) and (self.message, self.detail) == (message, detail)


@dataclass(frozen=True)
class Player:
    """Who plays a lifeline: a chart by name, in a group of lifelines, under a role; `client` is its MQTT identifier."""

    chart: str
    group: str = ""
    role: str = ""
    client: str = ""


@dataclass(frozen=True)
class Begin:
    """The atomic state of each lifeline where the diagrams of that title begin, and the orders that set them going."""

    title: str
    states: Mapping[str, str]
    orders: Mapping[str, str]


@dataclass(frozen=True)
class Besides:
    """Actions that lifelines may do without being drawn: shell patterns, `-` before one excepts it again."""

    lifelines: frozenset[str]
    actions: tuple[str, ...]

    def allows(self, lifeline: str, action: str) -> bool:
        """Whether `lifeline` may do `action`, such as `!StopTimeout`, undrawn."""
        if lifeline not in self.lifelines:
            return False
        excepted = any(fnmatch.fnmatchcase(action, pattern[1:]) for pattern in self.actions if pattern[0] == "-")
        return not excepted and any(fnmatch.fnmatchcase(action, pattern) for pattern in self.actions)


@dataclass(frozen=True)
class Binding:
    """All of it."""

    labels: tuple[LabelRule, ...] = ()
    players: Mapping[str, Player] = field(default_factory=dict)
    begins: tuple[Begin, ...] = ()
    besides: tuple[Besides, ...] = ()
    ignores: tuple[Besides, ...] = ()
    environment: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    needs: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[Word, ...] = ()
    """Messages that happen only where a diagram draws them."""

    def word(self, label: str) -> Word | None:
        """The message that a label stands for, or None if nothing binds it."""
        text = normal(label)
        return next((word for rule in self.labels if (word := rule.read(text)) is not None), None)

    def nearest(self, label: str) -> str | None:
        """The known label that looks most like this one."""
        known = [rule.shown for rule in self.labels]
        return next(iter(difflib.get_close_matches(normal(label), known, n=1, cutoff=0.4)), None)

    def begin(self, title: str) -> Begin:
        """Where a diagram of that title begins; nowhere in particular if no rule fits."""
        fitting = (begin for begin in self.begins if fnmatch.fnmatchcase(title, begin.title.replace("[", "[[]")))
        return next(fitting, Begin(title, {}, {}))

    def may(self, lifeline: str, action: str) -> bool:
        """Whether a lifeline may do an action undrawn."""
        return any(besides.allows(lifeline, action) for besides in self.besides)

    def may_ignore(self, lifeline: str, action: str) -> bool:
        """Whether a lifeline may ignore what a diagram draws it receiving."""
        return any(ignores.allows(lifeline, action) for ignores in self.ignores)

    def over(self, base: "Binding") -> "Binding":
        """This binding laid over another: its rules come first, and what it says of a lifeline replaces the other."""
        return Binding(
            labels=self.labels + base.labels,
            players={**base.players, **self.players},
            begins=self.begins + base.begins,
            besides=self.besides + base.besides,
            ignores=self.ignores + base.ignores,
            environment={**base.environment, **self.environment},
            needs={**base.needs, **self.needs},
            faults=self.faults + base.faults,
        )


def normal(label: str) -> str:
    """A label as labels are compared: single blanks, no line breaks, none at the ends."""
    return " ".join(label.split())


def load(paths: Iterable[Path] = (), *, default: bool = True) -> Binding:
    """The default binding with the files in `paths` laid over it. Raises `BindingError`."""
    binding = read_binding(DEFAULT.read_text(encoding="utf-8"), str(DEFAULT)) if default else Binding()
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BindingError(f"{path}: cannot be read: {error}") from None
        binding = read_binding(text, str(path)).over(binding)
    return binding


def read_binding(text: str, file: str = "<text>") -> Binding:
    """A binding from the text of a TOML file. Raises `BindingError`."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BindingError(f"{file}: not TOML: {error}") from None
    known = {"label", "lifeline", "begin", "besides", "ignores", "environment", "needs", "fault"}
    for key in data.keys() - known:
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise BindingError(f"{file}: unknown table {key!r}; there are {', '.join(sorted(known))}{hint}")
    return Binding(
        labels=tuple(_label(rule, file) for rule in _tables(data, "label", file)),
        players={name: _player(name, row, file) for name, row in _table(data, "lifeline", file).items()},
        begins=tuple(_begin(row, file) for row in _tables(data, "begin", file)),
        besides=tuple(_besides(row, f"{file}: [[besides]]") for row in _tables(data, "besides", file)),
        ignores=tuple(_besides(row, f"{file}: [[ignores]]") for row in _tables(data, "ignores", file)),
        environment={
            name: _texts(orders, f"{file}: [environment] {name}")
            for name, orders in _table(data, "environment", file).items()
        },
        needs={
            name: _text({"": before}, "", f"{file}: [needs] {name}")
            for name, before in _table(data, "needs", file).items()
        },
        faults=tuple(
            Word(_text(row, "message", f"{file}: [[fault]]"), str(row.get("detail", "")))
            for row in _tables(data, "fault", file)
        ),
    )


def _label(row: Mapping[str, Any], file: str) -> LabelRule:
    place = f"{file}: [[label]] {row.get('text') or row.get('pattern') or ''!r}"
    message, detail = _text(row, "message", place), str(row.get("detail", ""))
    if ("text" in row) == ("pattern" in row):
        raise BindingError(f"{place}: give either text or pattern")
    if "text" in row:
        shown = normal(_text(row, "text", place))
        return LabelRule(re.compile(re.escape(shown)), shown, message, detail)
    shown = _text(row, "pattern", place)
    try:
        rule = LabelRule(re.compile(shown), shown, message, detail)
        groups = dict.fromkeys(rule.pattern.groupindex, "")
        message.format(**groups), detail.format(**groups)
    except re.error as error:
        raise BindingError(f"{place}: not a regular expression: {error}") from None
    except (KeyError, IndexError, ValueError) as error:
        raise BindingError(f"{place}: message and detail can only use the pattern's groups, not {error}") from None
    return rule


def _player(name: str, row: Any, file: str) -> Player:
    place = f"{file}: [lifeline] {name}"
    if not isinstance(row, dict):
        raise BindingError(f"{place}: expected {{ chart = ... }}, not {row!r}")
    unknown = row.keys() - {"chart", "group", "role", "client"}
    if unknown:
        raise BindingError(f"{place}: unknown {', '.join(sorted(unknown))}; there are chart, group, role, client")
    return Player(_text(row, "chart", place), *(str(row.get(key, "")) for key in ("group", "role", "client")))


def _begin(row: Mapping[str, Any], file: str) -> Begin:
    place = f"{file}: [[begin]]"
    title = _text(row, "title", place)
    orders = row.get("orders", {})
    states = {key: _text(row, key, place) for key in row if key not in {"title", "orders"}}
    if not isinstance(orders, dict):
        raise BindingError(f'{place} {title!r}: orders: expected {{ Lifeline = "Start" }}')
    return Begin(title, states, {name: _text(orders, name, place) for name in orders})


def _besides(row: Mapping[str, Any], place: str) -> Besides:
    actions = _texts(row.get("actions"), f"{place} actions")
    if not all(actions):
        raise BindingError(f"{place}: an action is empty")
    return Besides(frozenset(_texts(row.get("lifelines"), f"{place} lifelines")), actions)


def _table(data: Mapping[str, Any], key: str, file: str) -> Mapping[str, Any]:
    table = data.get(key, {})
    if not isinstance(table, dict):
        raise BindingError(f"{file}: expected a table [{key}]")
    return table


def _tables(data: Mapping[str, Any], key: str, file: str) -> list[Mapping[str, Any]]:
    rows = data.get(key, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BindingError(f"{file}: expected tables [[{key}]]")
    return rows


def _text(row: Mapping[str, Any], key: str, place: str) -> str:
    value = row.get(key)
    if not isinstance(value, str):
        raise BindingError(f"{place}: expected a text {key}, not {value!r}")
    return value


def _texts(value: Any, place: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise BindingError(f"{place}: expected a list of texts, not {value!r}")
    return tuple(value)
