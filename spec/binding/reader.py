"""A binding's TOML file, row by row. Whatever is wrong in it is said with the file, the place and the remedy."""

import difflib
import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from spec.binding.labels import LabelRule, normal
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
)
from spec.binding.obligations import Forgets, Obligation

TABLES = (
    "label",
    "lifeline",
    "chart",
    "begin",
    "may_be_undrawn",
    "obligation",
    "forgets",
    "ignores",
    "environment",
    "needs",
    "fault",
    "interchangeable",
    "early_sends",
    "publishes",
    "channels",
    "routes",
    "payloads",
)

RENAMED = {
    "besides": "may_be_undrawn",
    "owes": "obligation",
    "alike": "interchangeable",
    "ahead": "early_sends",
    "at_rest": "quiescent",
}
"""Names that keys had before, and what they are called now."""

LABEL = ("text", "pattern", "from", "to", "message", "detail", "topic", "ignored", "again")
ACTIONS = ("lifelines", "actions", "why")
BEGIN = {
    "title": "",
    "orders": "Start",
    "later": "",
    "examples": "",
    "in_full": "",
    "quiescent": "",
    "sessions": "s1",
    "services": "retry will",
    "endpoints": "http://one/",
    "patient": "",
    "recurring": "",
}
"""The keys of a [[begin]] that name no lifeline, each with what it can say of one."""
SERVICES = frozenset({"retry", "will"})


def read_file(path: Path, *, is_default: bool = False) -> Binding:
    """A binding from a TOML file. Of the default one it is not remembered where each row stands.

    Raises `BindingError` if the file cannot be read, or says what no binding says.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BindingError(f"{path}: not UTF-8 (byte {error.start}): save it as UTF-8") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise BindingError(
            f"{path}: cannot be read: {why}; expected a TOML file, see spec/binding/default.toml"
        ) from None
    return _read(text, str(path), is_default=is_default)


def read_text(text: str, file: str) -> Binding:
    """A binding from the text of a file, which `file` names in errors. Raises `BindingError`."""
    return _read(text, file, is_default=False)


def _read(text: str, file: str, *, is_default: bool) -> Binding:
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BindingError(f"{file}: not TOML: {error}; texts stand in quotes, see spec/binding/default.toml") from None
    for key, value in data.items():
        if key in RENAMED:
            raise BindingError(f"{file}: the table {key!r} is called {RENAMED[key]!r} now: rename it")
        if key not in TABLES:
            raise BindingError(f"{file}: unknown table {key!r}{_near(key, TABLES)}; there are {', '.join(TABLES)}")
        if key in {"lifeline", "chart", "environment", "needs", "channels", "routes", "payloads"}:
            if not isinstance(value, dict):
                raise BindingError(f"{file}: expected a table [{key}], not {value!r}")
        elif not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            raise BindingError(f"{file}: expected tables [[{key}]], with two brackets")
    lifelines = data.get("lifeline", {})
    players = {name: _player(name, row, file, is_default=is_default) for name, row in lifelines.items()}
    return Binding(
        labels=tuple(_label(row, file, is_default=is_default) for row in data.get("label", ())),
        players={name: player for name, player in players.items() if isinstance(player, Player)},
        outside={name: outside for name, outside in players.items() if not isinstance(outside, Player)},
        events={name: _events(row, f"{file}: [chart.{name}]") for name, row in data.get("chart", {}).items()},
        begins=tuple(_begin(row, file, is_default=is_default) for row in data.get("begin", ())),
        may_be_undrawn=tuple(
            _may_be_undrawn(row, f"{file}: [[may_be_undrawn]]", is_default=is_default)
            for row in data.get("may_be_undrawn", ())
        ),
        ignores=tuple(
            _may_be_undrawn(row, f"{file}: [[ignores]]", is_default=is_default) for row in data.get("ignores", ())
        ),
        environment={
            name: _texts(orders, f"{file}: [environment] {name}")
            for name, orders in data.get("environment", {}).items()
        },
        needs={name: _text({name: before}, name, f"{file}: [needs]") for name, before in data.get("needs", {}).items()},
        faults=tuple(_fault(row, f"{file}: [[fault]]", is_default=is_default) for row in data.get("fault", ())),
        interchangeable=tuple(
            _interchangeable(row, f"{file}: [[interchangeable]]", is_default=is_default)
            for row in data.get("interchangeable", ())
        ),
        early_sends=tuple(
            _may_be_undrawn(row, f"{file}: [[early_sends]]", is_default=is_default)
            for row in data.get("early_sends", ())
        ),
        publishes=tuple(_publishes(row, file, is_default=is_default) for row in data.get("publishes", ())),
        obligations=tuple(
            _obligations(row, f"{file}: [[obligation]]", is_default=is_default) for row in data.get("obligation", ())
        ),
        forgets=tuple(_forgets(row, f"{file}: [[forgets]]", is_default=is_default) for row in data.get("forgets", ())),
        channels=_channels(data["channels"], f"{file}: [channels]") if "channels" in data else None,
        routes={name: _texts(to, f"{file}: [routes] {name}") for name, to in data.get("routes", {}).items()},
        payloads={
            name: _payloads(said, f"{file}: [payloads] {name}") for name, said in data.get("payloads", {}).items()
        },
        places={} if is_default else _places(data, players, file),
    )


def _places(data: Mapping[str, Any], players: Mapping[str, Any], file: str) -> dict[str, str]:
    """Where rows stand that are no more than a name and a value."""
    kinds = ("environment", "needs", "routes", "payloads")
    rows = [(kind, name, f"[{kind}]") for kind in kinds for name in data.get(kind, {})]
    rows += [("outside", name, "[lifeline]") for name, player in players.items() if not isinstance(player, Player)]
    return {f"{kind} {name}": f"{file}: {table} {name}" for kind, name, table in rows}


def _payloads(said: Any, place: str) -> tuple[tuple[Any, ...], ...]:
    values = said if isinstance(said, list) and all(isinstance(each, list) for each in said) else None
    if values is None or any(isinstance(value, (list, dict)) for each in values for value in each):
        raise BindingError(f"{place}: expected lists of plain values, as in [[7], [8]], not {said!r}")
    return tuple(map(tuple, values))


def _channels(row: Mapping[str, Any], place: str) -> Model:
    _known(row, ("model", "why"), place)
    said = _text(row, "model", place)
    for model in MODELS:
        if model == said:
            return model
    raise BindingError(f"{place} model: expected {', '.join(map(repr, MODELS))}, not {said!r}{_near(said, MODELS)}")


def _label(row: Mapping[str, Any], file: str, *, is_default: bool) -> LabelRule:
    place = f"{file}: [[label]] {row.get('text') or row.get('pattern') or ''!r}"
    _known(row, LABEL, place)
    ignored = _flag(row, "ignored", place)
    if ignored and "message" in row:
        raise BindingError(f"{place}: an arrow that is ignored has no message: leave out one of the two")
    message = "" if ignored else _text(row, "message", place)
    detail, topic, sender, receiver = (_text(row, key, place, "") for key in ("detail", "topic", "from", "to"))
    stands, again = BUILT_IN if is_default else place, _flag(row, "again", place)
    if ("text" in row) == ("pattern" in row):
        raise BindingError(f"{place}: give either text or pattern")
    if "text" in row:
        shown = normal(_text(row, "text", place))
        said = [text.replace("{", "{{").replace("}", "}}") for text in (message, detail, topic)]
        pattern = re.compile(re.escape(shown))
        return LabelRule(pattern, shown, said[0], said[1], said[2], ignored, stands, again, sender, receiver)
    shown = _text(row, "pattern", place)
    try:
        rule = LabelRule(re.compile(shown), shown, message, detail, topic, ignored, stands, again, sender, receiver)
        groups = dict.fromkeys(rule.pattern.groupindex, "")
        for text in (message, detail, topic):
            text.format(**groups)
    except (re.error, RecursionError, OverflowError) as error:
        raise BindingError(f"{place}: not a regular expression: {error}") from None
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise BindingError(
            f"{place}: message, detail and topic can only use the pattern's groups, as {{name}} for (?P<name>...), "
            f"not {error}"
        ) from None
    return rule


def _player(name: str, row: Any, file: str, *, is_default: bool) -> Player | Outside:
    place = f"{file}: [lifeline] {name}"
    if not isinstance(row, dict):
        raise BindingError(f"{place}: expected {{ chart = ... }} or {{ like = ... }}, not {row!r}")
    _known(row, ("chart", "like", "group", "role", "client", "patient", "scripted", "ignored", "environment"), place)
    outside: list[Outside] = [key for key in ("ignored", "environment") if _flag(row, key, place)]
    if outside:
        if len(row) > 1:
            raise BindingError(f"{place}: a lifeline that is {outside[0]} is played by nobody: leave out the rest")
        return outside[0]
    chart, like, group, role, client = (
        _text(row, key, place, "") for key in ("chart", "like", "group", "role", "client")
    )
    scripted = _flag(row, "scripted", place)
    if scripted and (chart or like):
        raise BindingError(f"{place}: a lifeline that is scripted is played by no chart: leave out chart and like")
    if not (chart or like or scripted):
        raise BindingError(
            f"{place}: expected chart, the name of the chart that plays it, or like, a lifeline whose part it plays"
        )
    stands = BUILT_IN if is_default else place
    return Player(chart, group, role, client, like, _flag(row, "patient", place), stands, scripted)


def _events(row: Any, place: str) -> Events:
    if not isinstance(row, dict):
        raise BindingError(f"{place}: expected a table with sends, receives or internal, not {row!r}")
    _known(row, ("sends", "receives", "internal", "why"), place)
    sends, receives = (_messages(row.get(key, []), f"{place} {key}") for key in ("sends", "receives"))
    return Events(sends, receives, _texts(row.get("internal", []), f"{place} internal"), place)


def _messages(said: Any, place: str) -> dict[str, str]:
    """Events with the names of their messages, from a list or a table."""
    if isinstance(said, dict):
        return {event: _text(said, event, place) for event in said}
    if not isinstance(said, list):
        raise BindingError(
            f'{place}: expected a list of events, or a table as in {{ event = "message" }}, not {said!r}'
        )
    return {event: event for event in _texts(said, place)}


def _begin(row: Mapping[str, Any], file: str, *, is_default: bool) -> Begin:
    title = _text(row, "title", f"{file}: [[begin]]")
    place = f"{file}: [[begin]] {title!r}"
    states = {key: _text(row, key, place) for key in row if key not in BEGIN}
    orders, sessions, services, endpoints = (
        _by_lifeline(row, key, place) for key in ("orders", "sessions", "services", "endpoints")
    )
    for lifeline, said in services.items():
        if unknown := sorted(set(said.split()) - SERVICES):
            raise BindingError(f"{place} services: {lifeline} is to be {unknown[0]!r}: expected retry, will, or both")
    later = [tuple(text.split()) for text in _texts(row.get("later", []), f"{place} later")]
    pairs = tuple((words[0], words[1]) for words in later if len(words) == 2)  # noqa: PLR2004 - lifeline and order
    if len(pairs) < len(later):
        raise BindingError(f'{place} later: expected lifelines with orders, as in ["Lifeline Start"]')
    return Begin(
        title,
        states,
        orders,
        BUILT_IN if is_default else place,
        pairs,
        examples=_flag(row, "examples", place),
        in_full=_flag(row, "in_full", place),
        quiescent=_flag(row, "quiescent", place),
        sessions=sessions,
        services=services,
        endpoints=endpoints,
        patient=_flag(row, "patient", place, default=True),
        recurring=_flag(row, "recurring", place),
    )


def _by_lifeline(row: Mapping[str, Any], key: str, place: str) -> dict[str, str]:
    said = row.get(key, {})
    if not isinstance(said, dict):
        raise BindingError(f'{place} {key}: expected {{ Lifeline = "{BEGIN[key]}" }}, not {said!r}')
    return {name: _text(said, name, f"{place} {key}") for name in said}


def _may_be_undrawn(row: Mapping[str, Any], place: str, *, is_default: bool) -> MayBeUndrawn:
    more = ("states",) if "[[ignores]]" in place else ("unless_drawn",) if "[[may_be_undrawn]]" in place else ()
    _known(row, (*ACTIONS, *more), place)
    actions = _texts(row.get("actions"), f"{place} actions")
    for action in actions:
        if action.removeprefix("-")[:1] not in {"?", "!", "*"}:
            raise BindingError(f"{place} actions: {action!r} is no action: expected '?message', '!message' or '*'")
    return MayBeUndrawn(
        frozenset(_texts(row.get("lifelines"), f"{place} lifelines")),
        actions,
        BUILT_IN if is_default else place,
        _texts(row.get("states", ["*"]), f"{place} states"),
        _unless_drawn(row, place),
    )


def _unless_drawn(row: Mapping[str, Any], place: str) -> bool | frozenset[str]:
    if isinstance(row.get("unless_drawn"), list):
        return frozenset(_texts(row["unless_drawn"], f"{place} unless_drawn"))
    return _flag(row, "unless_drawn", place, or_=" or a list of messages")


def _publishes(row: Mapping[str, Any], file: str, *, is_default: bool) -> Publishes:
    place = f"{file}: [[publishes]]"
    _known(row, ("lifelines", "messages", "why"), place)
    lifelines, messages = (_texts(row.get(key), f"{place} {key}") for key in ("lifelines", "messages"))
    return Publishes(frozenset(lifelines), frozenset(messages), BUILT_IN if is_default else place)


def _obligations(row: Mapping[str, Any], place: str, *, is_default: bool) -> Obligation:
    _known(row, ("lifelines", "received", "sends", "from", "to", "why"), place)
    said = {key: _text(row, key, place, "") for key in ("sends", "from", "to", "why")}
    for key in ("sends", "to"):
        try:
            said[key].format(topic="")
        except (KeyError, IndexError, ValueError, AttributeError):
            raise BindingError(f"{place} {key}: expected a message, in which only {{topic}} is filled in") from None
    lifelines, received = _receivers(row, place)
    stands = BUILT_IN if is_default else place
    return Obligation(lifelines, received, said["sends"], said["from"], said["to"], said["why"], stands)


def _forgets(row: Mapping[str, Any], place: str, *, is_default: bool) -> Forgets:
    _known(row, ("lifelines", "received", "wills", "why"), place)
    lifelines, received = _receivers(row, place)
    why, wills = _text(row, "why", place, ""), _flag(row, "wills", place)
    return Forgets(lifelines, received, why, BUILT_IN if is_default else place, wills)


def _receivers(row: Mapping[str, Any], place: str) -> tuple[frozenset[str], tuple[str, ...]]:
    lifelines, received = (_texts(row.get(key), f"{place} {key}") for key in ("lifelines", "received"))
    for name in received:
        if name.removeprefix("-")[:1] in {"", "?", "!"}:
            raise BindingError(f"{place} received: {name!r} is no message: expected names, '*', or '-' before one")
    return frozenset(lifelines), received


def _interchangeable(row: Mapping[str, Any], place: str, *, is_default: bool) -> Interchangeable:
    _known(row, ("messages", "why"), place)
    return Interchangeable(
        frozenset(_texts(row.get("messages"), f"{place} messages")), BUILT_IN if is_default else place
    )


def _fault(row: Mapping[str, Any], place: str, *, is_default: bool) -> Fault:
    _known(row, ("message", "detail", "instead", "why"), place)
    message, detail, instead = (
        _text(row, "message", place),
        *(_text(row, key, place, "") for key in ("detail", "instead")),
    )
    return Fault(message, detail, instead, BUILT_IN if is_default else place)


def _known(row: Mapping[str, Any], keys: Collection[str], place: str) -> None:
    for key in row:
        if key in RENAMED and key not in keys:
            raise BindingError(f"{place}: the key {key!r} is called {RENAMED[key]!r} now: rename it")
    for key in row:
        if key not in keys:
            raise BindingError(f"{place}: unknown {key}{_near(key, keys)}; there are {', '.join(keys)}")


def _near(key: str, keys: Collection[str]) -> str:
    near = difflib.get_close_matches(key, keys, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _text(row: Mapping[str, Any], key: str, place: str, default: str | None = None) -> str:
    value = row.get(key, default)
    if not isinstance(value, str):
        came = "nothing" if value is None else repr(value)
        raise BindingError(f'{place}: expected a text {key}, as in {key} = "...", not {came}')
    return value


def _texts(value: Any, place: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        came = "nothing" if value is None else repr(value)
        raise BindingError(f'{place}: expected a list of texts, as in ["..."], not {came}')
    return tuple(value)


def _flag(row: Mapping[str, Any], key: str, place: str, *, default: bool = False, or_: str = "") -> bool:
    value = row.get(key, default)
    if not isinstance(value, bool):
        raise BindingError(f"{place}: expected {key} = true or false{or_}, not {value!r}")
    return value
