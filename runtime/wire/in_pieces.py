"""JSON of any length, read without holding up other threads."""

import json
from json.decoder import WHITESPACE, JSONArray, JSONObject  # type: ignore[attr-defined]
from typing import Any

AT_ONCE = 128 * 1024
"""Characters that Python's parser reads in one go."""


def decoded(decoder: json.JSONDecoder, given: str) -> object:
    """The JSON value of a text. Raises `json.JSONDecodeError`, as the decoder does.

    Python's parser lets no other thread go on before it has ended. So of a long text it reads one value at a time that
    contains no others; what contains some is read here, in Python, where threads take turns.
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
