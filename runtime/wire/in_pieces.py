"""JSON of any length, read and written without holding up other threads.

Python's parser, its writer and `sorted` let no other thread go on before they have ended, which takes tenths of a
second with a large event. So what is large is done here in pieces, between which threads take turns.
"""

import heapq
import json
from collections.abc import Collection, Iterator
from json.decoder import WHITESPACE, JSONArray, JSONObject  # type: ignore[attr-defined]
from typing import Any, cast

AT_ONCE = 128 * 1024
"""Characters that Python's parser reads in one go."""
SOME = 1000
"""Entries that are written, or sorted, in one go."""


def decoded(decoder: json.JSONDecoder, given: str) -> object:
    """The JSON value of a text. Raises `json.JSONDecodeError`, as the decoder does.

    Of a long text Python's parser reads one value at a time that contains no others; what contains some is read here,
    in Python.
    """
    if len(given) <= AT_ONCE:
        return decoder.decode(given)
    inner, memo = vars(decoder)["scan_once"], dict[str, str]()

    def scan(text: str, place: int) -> Any:
        match text[place : place + 1]:
            case "{":
                return JSONObject((text, place + 1), True, scan, None, decoder.object_pairs_hook, memo)
            case "[":
                return JSONArray((text, place + 1), scan)
            case _:
                return inner(text, place)

    begin = WHITESPACE.match(given, 0).end()
    try:
        value, end = scan(given, begin)
    except StopIteration as nothing:
        raise json.JSONDecodeError("Expecting value", given, nothing.value) from None
    end = WHITESPACE.match(given, end).end()
    if end != len(given):
        raise json.JSONDecodeError("Extra data", given, end)
    return value


def encoded(value: object) -> str:
    """The JSON text of a value whose keys are texts, without blanks. Raises `TypeError` or `ValueError`."""
    return "".join(_pieces(value)) if _is_large(value) else _written(value)


def _is_large(value: object) -> bool:
    if isinstance(value, dict):
        return len(value) > SOME or any(_is_large(one) for one in value.values())
    return isinstance(value, list) and (len(value) > SOME or any(_is_large(one) for one in value))


def _pieces(value: object) -> Iterator[str]:
    """The text of an object or array in pieces: each entry that is large, and runs of those that are not."""
    is_object = isinstance(value, dict)
    entries = value.items() if isinstance(value, dict) else ((None, one) for one in cast("list[object]", value))
    comma = ""
    run: list[tuple[str | None, object]] = []
    yield "{" if is_object else "["
    for key, one in entries:
        large = _is_large(one)
        if run and (large or len(run) == SOME):
            yield comma + _of_run(run)
            run, comma = [], ","
        if large:
            yield comma + (f"{_written(key)}:" if is_object else "")
            yield from _pieces(one)
            comma = ","
        else:
            run.append((key, one))
    if run:
        yield comma + _of_run(run)
    yield "}" if is_object else "]"


def _of_run(run: list[tuple[str | None, object]]) -> str:
    """Entries as they stand between brackets; without a key where they are those of an array."""
    return _written([one for _, one in run] if run[0][0] is None else dict(run))[1:-1]


def _written(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def in_order(texts: Collection[str]) -> list[str]:
    """The texts, sorted."""
    if len(texts) <= SOME:
        return sorted(texts)
    given = list(texts)
    return list(heapq.merge(*(sorted(given[place : place + SOME]) for place in range(0, len(given), SOME))))
