"""Whatever is no event of its topic is refused, with its kind and its place; nothing but `Malformed` comes out."""

import json
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from machines.events import (
    EVENT_OF_TOPIC,
    BusEvent,
)
from machines.strategies import bus_events
from runtime.wire import events, in_pieces, strict_json
from runtime.wire.events import Malformed, Refusals, decode, decode_or_refuse, encode
from runtime.wire.strict_json import MAX_INT64, Kind
from tests.support.malformed import REFUSED
from tests.support.wire_samples import DENIED, GOODBYE, REQUESTED, changed

untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize(
    ("event", "payload", "kind", "path"),
    REFUSED,
    ids=[f"{i}-{kind}-{path}" for i, (_, _, kind, path) in enumerate(REFUSED)],
)
def test_malformed_input_is_refused_with_its_kind_and_place(
    event: BusEvent, payload: bytes, kind: str, path: str
) -> None:
    with pytest.raises(Malformed) as refusal:
        decode(event.topic, payload)
    assert (refusal.value.topic, refusal.value.kind) == (event.topic, kind)
    assert refusal.value.path.endswith(path)
    message = str(refusal.value)
    assert message.startswith(f"{event.topic}: {refusal.value.path}: expected ")
    assert ", came " in message
    assert message.isprintable()
    assert len(message) < 400


def test_the_table_of_malformed_input_has_every_kind() -> None:
    elsewhere = {"unknown-topic", "wrong-client"}  # of the topic: below, and tests/runtime/services/test_hardening.py
    assert {kind for _, _, kind, _ in REFUSED} | elsewhere == set(get_args(Kind))


@pytest.mark.parametrize("topic", ["", "nowhere", "tracker/hello/", "Tracker/Hello", "a\n\x1b[31m" * 1000])
def test_an_unknown_topic_is_refused(topic: str) -> None:
    with pytest.raises(Malformed) as refusal:
        decode(topic, encode(GOODBYE))
    assert (refusal.value.topic, refusal.value.kind) == (topic, "unknown-topic")
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 400


def test_a_message_says_what_was_expected_what_came_and_where() -> None:
    with pytest.raises(Malformed) as refusal:
        decode(REQUESTED.topic, changed(REQUESTED, ["KnownFileInfos", "f1", "Size"], "12\x1b[2J\n" * 99))
    assert str(refusal.value) == (
        'clients/join/requested: $.KnownFileInfos["f1"].Size: '
        f"expected an integer from 0 to {MAX_INT64}, "
        r'came "12\u001b[2J\n12\u001b[2J\n12\u001b[2J\n12\u001b[2J\n12\u001b[2J\n12\u001b[2…" [wrong-type]'
    )


def test_a_denial_with_an_unknown_code_is_told_the_known_ones() -> None:
    with pytest.raises(Malformed) as refusal:
        decode(DENIED.topic, changed(DENIED, ["ReasonCode"], 8))
    known = "1 (WRONG_FRAGMENT_SIZE), 2 (WRONG_HASH_ALGORITHM), 4 (ENDPOINT_CONFLICT), 128 (OTHER), came 8"
    assert known in str(refusal.value)


# Nothing but Malformed comes out.


def only_malformed(topic: str, payload: bytes) -> None:
    refusals = Refusals()
    event = decode_or_refuse(topic, payload, refusals)
    if event is None:
        assert refusals.total == 1
    else:
        assert type(event) is EVENT_OF_TOPIC[topic]
        assert decode(topic, encode(event)) == event


TOPICS = st.sampled_from(sorted(EVENT_OF_TOPIC))
STRINGS = st.text('aZ0"\\\x00ä\ud800\udc00\U0001f600', max_size=5) | st.sampled_from(["EventId", "Size", "Endpoints"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | STRINGS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STRINGS, inner, max_size=3),
    max_leaves=10,
)


@untimed
@given(TOPICS, st.binary(max_size=60))
def test_arbitrary_bytes_raise_nothing_but_malformed(topic: str, payload: bytes) -> None:
    only_malformed(topic, payload)


@untimed
@given(TOPICS, st.text(st.sampled_from('{}[]",:\\u0d8-1.eE+truefalsn \t\x00ÿ'), max_size=40))
def test_arbitrary_text_raises_nothing_but_malformed(topic: str, text: str) -> None:
    only_malformed(topic, text.encode())


@untimed
@given(TOPICS, JSON, st.booleans())
def test_arbitrary_json_raises_nothing_but_malformed(topic: str, value: object, escaped: bool) -> None:
    only_malformed(topic, json.dumps(value, ensure_ascii=escaped).encode("utf-8", "surrogatepass"))


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where the values of a JSON document stand."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for step, item in inner for place in places(item, (*path, step)))]


@untimed
@given(bus_events(), JSON, st.data())
def test_a_payload_with_a_value_replaced_raises_malformed_only(
    event: BusEvent, value: object, data: st.DataObject
) -> None:
    root = json.loads(encode(event))
    path = data.draw(st.sampled_from(places(root)))
    place = root
    for step in path[:-1]:
        place = place[step]
    if path:
        place[path[-1]] = value
    only_malformed(event.topic, json.dumps(root if path else value).encode())


@untimed
@given(bus_events(), st.data())
def test_a_payload_with_bytes_changed_raises_malformed_only(event: BusEvent, data: st.DataObject) -> None:
    payload = encode(event)
    start = data.draw(st.integers(0, len(payload)))
    end = data.draw(st.integers(start, min(len(payload), start + 4)))
    only_malformed(event.topic, payload[:start] + data.draw(st.binary(max_size=4)) + payload[end:])


# The quick way of reading and the careful one.


PIECES = [b'"x":1,', b'"Size":1,', b"1.0", b"-1", b"true", b'""', b"1e999", b"[", b"{}"]


def both_ways(topic: str, payload: bytes) -> None:
    """What the quick way reads, the careful one reads alike; what it gives up on may be anything."""
    shape = events._EVENTS[EVENT_OF_TOPIC[topic]]
    try:
        quick = shape.quick(strict_json._plain(payload))
    except (strict_json._Unusual, ValueError, RecursionError):
        return
    assert quick == shape.read(strict_json.parsed(payload))


@pytest.mark.parametrize(("event", "payload"), [(event, payload) for event, payload, _, _ in REFUSED])
def test_what_is_malformed_is_not_read_quickly(event: BusEvent, payload: bytes) -> None:
    with pytest.raises((strict_json._Unusual, ValueError, RecursionError)):
        events._EVENTS[type(event)].quick(strict_json._plain(payload))


@untimed
@given(bus_events())
def test_every_event_is_read_quickly(event: BusEvent) -> None:
    payload = encode(event)
    if rb"\u" not in payload:
        assert events._EVENTS[type(event)].quick(strict_json._plain(payload)) == decode(event.topic, payload)
    both_ways(event.topic, payload)


@untimed
@given(bus_events(), st.data())
def test_a_changed_payload_is_read_alike_in_both_ways(event: BusEvent, data: st.DataObject) -> None:
    payload = encode(event)
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(payload)))
        end = data.draw(st.integers(start, min(len(payload), start + 6)))
        piece = st.binary(max_size=3) | st.sampled_from(
            [b'"x":1,', b'"Size":1,', b"1.0", b"-1", b"true", b'""', b"1e999"]
        )
        payload = payload[:start] + data.draw(piece) + payload[end:]
    both_ways(event.topic, payload)


@untimed
@given(bus_events(), JSON, st.booleans(), st.data())
def test_what_is_written_is_read_as_its_text_is(
    event: BusEvent, value: object, replaced: bool, data: st.DataObject
) -> None:
    shape = events._EVENTS[type(event)]
    root = json.loads(encode(event))
    path = data.draw(st.sampled_from(places(root)))
    place = root
    for step in path[:-1]:
        place = place[step]
    if path and replaced:
        place[path[-1]] = value
    try:
        payload = in_pieces.encoded(root).encode()
    except (UnicodeEncodeError, ValueError):
        return  # such a thing is never sent
    largest = data.draw(st.sampled_from([len(payload) - 1, strict_json.MAX_BYTES]))
    assert read_or_fault(strict_json.read, shape, payload, largest) == read_or_fault(
        strict_json.read_of_written, shape, root, payload, largest
    )


def read_or_fault(read: Any, *given: Any) -> object:
    try:
        return read(*given)
    except strict_json.Fault as fault:
        return fault.kind, fault.path, fault.problem


# Long texts, which are read in pieces.


def outcome(read: Any, text: str) -> object:
    """What comes of reading a text, be it a value or a refusal."""
    try:
        return json.dumps(read(strict_json._PLAIN_JSON, text), allow_nan=True)
    except (strict_json._Unusual, ValueError, RecursionError) as error:
        return type(error).__name__, str(error)


@untimed
@given(JSON, st.sampled_from(["", " ", "\n\t"]), st.data())
def test_a_long_text_is_read_in_pieces_alike(value: object, blank: str, data: st.DataObject) -> None:
    text = blank + json.dumps(value, indent=data.draw(st.sampled_from([None, 1]))) + blank
    for _ in range(data.draw(st.integers(0, 2))):
        place = data.draw(st.integers(0, len(text)))
        text = text[:place] + data.draw(st.sampled_from([*'{}[]",:\\1e', "1,", "NaN"])) + text[place + 1 :]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(in_pieces, "AT_ONCE", 0)
        pieces = outcome(in_pieces.decoded, text)
    assert pieces == outcome(json.JSONDecoder.decode, text)


def test_no_piece_of_a_long_text_holds_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's parser holds up all threads until it has read what it was given (R16)."""
    given = []

    class Watched(json.JSONDecoder):
        def __init__(self) -> None:
            super().__init__()
            read = vars(self)["scan_once"]
            vars(self)["scan_once"] = lambda text, place: given.append(text[place]) or read(text, place)  # type: ignore[func-returns-value]

    monkeypatch.setattr(in_pieces, "AT_ONCE", 0)
    text = '{"a": [[], [1], {"b": {"c": [2, "x"]}}], "d": {}}'
    assert in_pieces.decoded(Watched(), text) == json.loads(text)
    assert given == ["1", "2", '"']


@untimed
@given(JSON)
def test_a_large_value_is_written_in_pieces_alike(value: object) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(in_pieces, "SOME", 1)
        written = in_pieces.encoded(value)
    assert written == json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@given(st.lists(st.text(max_size=2)))
def test_many_texts_are_sorted_in_pieces_alike(texts: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(in_pieces, "SOME", 2)
        assert in_pieces.in_order(frozenset(texts)) == sorted(set(texts))
        assert in_pieces.in_order(texts) == sorted(texts)


def test_no_piece_of_a_large_value_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    dumps, pieces = json.dumps, []

    def watched(value: object, **how: Any) -> str:
        pieces.append(dumps(value, **how))
        return pieces[-1]

    monkeypatch.setattr(in_pieces, "SOME", 3)
    monkeypatch.setattr(json, "dumps", watched)
    value = {"few": {"a": ["1", "2"]}, "many": {str(n): ["1"] for n in range(8)}, "deep": {"a": {"b": ["1"] * 7}}}
    for each in (value, {"deep": {"a": {"b": ["1"] * 9}}}):
        assert json.loads(in_pieces.encoded(each)) == each
    assert max(pieces, key=len) in {'{"few":{"a":["1","2"]}}', '{"0":["1"],"1":["1"],"2":["1"]}'}
    pieces.clear()
    in_pieces.encoded({"a": ["1"]})
    assert pieces == ['{"a":["1"]}']
