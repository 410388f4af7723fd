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
from runtime.wire.events import Malformed, Refusals, decode, decode_or_refuse, encode
from runtime.wire.strict_json import MAX_BYTES, MAX_DEPTH, MAX_INT64, Kind
from tests.runtime.wire.test_events import ACCEPTED, DENIED, GOODBYE, ID, REQUESTED, beside, changed
from tests.support.strategies import bus_events

untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

SIZE_IN_MAP: list[str | int] = ["KnownFileInfos", "f1", "Size"]

REFUSED: list[tuple[BusEvent, bytes, str, str]] = [
    # not UTF-8
    (GOODBYE, b"\xff{}", "not-utf8", "$"),
    (GOODBYE, b'{"\xc3"}', "not-utf8", "$"),
    (GOODBYE, b'{"a":"\xed\xa0\x80"}', "not-utf8", "$"),
    (GOODBYE, b'"\xc0\xaf"', "not-utf8", "$"),
    (GOODBYE, b"\xef\xbb\xbf" + encode(GOODBYE), "not-utf8", "$"),
    (GOODBYE, encode(GOODBYE).decode().encode("utf-16"), "not-utf8", "$"),
    (GOODBYE, changed(GOODBYE, ["ClientIdentifier"], "\ud800"), "not-utf8", "$.ClientIdentifier"),
    (GOODBYE, changed(GOODBYE, ["ClientIdentifier"], "a\udc00b"), "not-utf8", "$.ClientIdentifier"),
    (GOODBYE, beside(r'"x":["\ud83d"]'), "not-utf8", '$["x"][0]'),
    (GOODBYE, beside(r'"\ude00":1'), "not-utf8", r'$["\ude00"]'),
    # not JSON
    (GOODBYE, b"", "not-json", "$"),
    (GOODBYE, b"  ", "not-json", "$"),
    (GOODBYE, b"{", "not-json", "$"),
    (GOODBYE, b"]", "not-json", "$"),
    (GOODBYE, b'{"a":1,}', "not-json", "$"),
    (GOODBYE, b"{'a':1}", "not-json", "$"),
    (GOODBYE, b'{"a":01}', "not-json", "$"),
    (GOODBYE, b'{"a":+1}', "not-json", "$"),
    (GOODBYE, b'{"a":1.}', "not-json", "$"),
    (GOODBYE, b'{"a":0x1}', "not-json", "$"),
    (GOODBYE, '{"a":\uff11}'.encode(), "not-json", "$"),
    (GOODBYE, b'{"a":"\n"}', "not-json", "$"),
    (GOODBYE, b'{"a":"\\x41"}', "not-json", "$"),
    (GOODBYE, b'{"a":nan}', "not-json", "$"),
    (GOODBYE, b'{"a":True}', "not-json", "$"),
    (GOODBYE, b"\x00", "not-json", "$"),
    (GOODBYE, encode(GOODBYE) + b"{}", "not-json", "$"),
    (GOODBYE, encode(GOODBYE) + b"\x00", "not-json", "$"),
    # too much
    (GOODBYE, b" " * (MAX_BYTES + 1), "too-large", "$"),
    (GOODBYE, encode(GOODBYE).ljust(MAX_BYTES + 1), "too-large", "$"),
    (GOODBYE, b"[" * (MAX_DEPTH + 1), "too-deep", "$"),
    (GOODBYE, b"[" * MAX_BYTES, "too-deep", "$"),
    (GOODBYE, b'{"a":' * (MAX_BYTES // 5), "too-deep", "$"),
    (GOODBYE, beside('"x":' + "[" * MAX_DEPTH + "]" * MAX_DEPTH), "too-deep", "$"),
    (GOODBYE, beside(r'"\"x\\":' + "[" * MAX_DEPTH), "too-deep", "$"),
    # a key twice
    (GOODBYE, beside(f'"EventId":"{ID}"'), "duplicate-key", '$["EventId"]'),
    (GOODBYE, beside(r'"Client\u0049dentifier":"a"'), "duplicate-key", '$["ClientIdentifier"]'),
    (GOODBYE, beside('"x":1,"x":1'), "duplicate-key", '$["x"]'),
    (GOODBYE, beside(r'"x":[1,{"y":{"z":0,"\u007a":0}}]'), "duplicate-key", '$["x"][1]["y"]["z"]'),
    (
        REQUESTED,
        encode(REQUESTED).replace(b'"f2":{', b'"\\u00661":{'),
        "duplicate-key",
        '$.KnownFileInfos["f1"]',
    ),
    (
        REQUESTED,
        encode(REQUESTED).replace(b'{"Size":5}', b'{"Size":5,"Size":5}'),
        "duplicate-key",
        '$.StoredFragments["ab"]["Size"]',
    ),
    # no such property
    (GOODBYE, b"{}", "missing-property", "$.EventId"),
    (GOODBYE, changed(GOODBYE, ["EventId"], ...), "missing-property", "$.EventId"),
    (GOODBYE, changed(GOODBYE, ["ClientIdentifier"], ...), "missing-property", "$.ClientIdentifier"),
    (GOODBYE, f'{{"EventId":"{ID}","clientidentifier":"a"}}'.encode(), "missing-property", "$.ClientIdentifier"),
    (REQUESTED, changed(REQUESTED, SIZE_IN_MAP, ...), "missing-property", '$.KnownFileInfos["f1"].Size'),
    (ACCEPTED, changed(ACCEPTED, ["FragmentSize"], ...), "missing-property", "$.FragmentSize"),
    # another type
    (GOODBYE, b"[]", "wrong-type", "$"),
    (GOODBYE, b"null", "wrong-type", "$"),
    (GOODBYE, b'"a"', "wrong-type", "$"),
    (GOODBYE, b"1", "wrong-type", "$"),
    (GOODBYE, changed(GOODBYE, ["ClientIdentifier"], 1), "wrong-type", "$.ClientIdentifier"),
    (GOODBYE, changed(GOODBYE, ["ClientIdentifier"], None), "wrong-type", "$.ClientIdentifier"),
    (GOODBYE, changed(GOODBYE, ["EventId"], None), "wrong-type", "$.EventId"),
    (REQUESTED, changed(REQUESTED, ["FragmentSize"], None), "wrong-type", "$.FragmentSize"),
    (REQUESTED, changed(REQUESTED, ["FragmentSize"], True), "wrong-type", "$.FragmentSize"),
    (REQUESTED, changed(REQUESTED, ["FragmentSize"], 1.0), "wrong-type", "$.FragmentSize"),
    (REQUESTED, changed(REQUESTED, ["FragmentSize"], "1"), "wrong-type", "$.FragmentSize"),
    (REQUESTED, changed(REQUESTED, ["FragmentSize"], [1]), "wrong-type", "$.FragmentSize"),
    (REQUESTED, changed(REQUESTED, ["Endpoints"], {"a": 1}), "wrong-type", "$.Endpoints"),
    (REQUESTED, changed(REQUESTED, ["Endpoints"], "http://a/"), "wrong-type", "$.Endpoints"),
    (REQUESTED, changed(REQUESTED, ["Endpoints", 1], None), "wrong-type", "$.Endpoints[1]"),
    (REQUESTED, changed(REQUESTED, ["KnownFileInfos"], []), "wrong-type", "$.KnownFileInfos"),
    (REQUESTED, changed(REQUESTED, ["KnownFileInfos", "f1"], None), "wrong-type", '$.KnownFileInfos["f1"]'),
    (REQUESTED, changed(REQUESTED, SIZE_IN_MAP, False), "wrong-type", '$.KnownFileInfos["f1"].Size'),
    (
        REQUESTED,
        changed(REQUESTED, ["KnownFileInfos", "f2", "FragmentSequence", 2], 0),
        "wrong-type",
        '$.KnownFileInfos["f2"].FragmentSequence[2]',
    ),
    (
        ACCEPTED,
        changed(ACCEPTED, ["Clients", "Bö", "Endpoints"], None),
        "wrong-type",
        '$.Clients["Bö"].Endpoints',
    ),
    (DENIED, changed(DENIED, ["Reason"], None), "wrong-type", "$.Reason"),
    (DENIED, changed(DENIED, ["ReasonCode"], True), "wrong-type", "$.ReasonCode"),
    (DENIED, changed(DENIED, ["ReasonCode"], 4.0), "wrong-type", "$.ReasonCode"),
    # no number
    (REQUESTED, changed(REQUESTED, ["FragmentSize"], float("nan")), "not-finite", "$.FragmentSize"),
    (REQUESTED, changed(REQUESTED, SIZE_IN_MAP, float("-inf")), "not-finite", '$.KnownFileInfos["f1"].Size'),
    (GOODBYE, b"NaN", "not-finite", "$"),
    (GOODBYE, beside('"x":{"y":[Infinity]}'), "not-finite", '$["x"]["y"][0]'),
    (GOODBYE, beside('"x":-1e999'), "not-finite", '$["x"]'),
    # out of range
    (REQUESTED, changed(REQUESTED, SIZE_IN_MAP, -1), "out-of-range", '$.KnownFileInfos["f1"].Size'),
    (REQUESTED, changed(REQUESTED, SIZE_IN_MAP, MAX_INT64 + 1), "out-of-range", '$.KnownFileInfos["f1"].Size'),
    (REQUESTED, changed(REQUESTED, ["StoredFragments", "ab", "Size"], -(2**63)), "out-of-range", ".Size"),
    (REQUESTED, changed(REQUESTED, ["FragmentSize"], 0), "out-of-range", "$.FragmentSize"),
    (REQUESTED, encode(REQUESTED).replace(b"1024", b"9" * 5000), "out-of-range", "$.FragmentSize"),
    (REQUESTED, encode(REQUESTED).replace(b"1024", b"-" + b"9" * 1_000_000), "out-of-range", "$.FragmentSize"),
    # empty
    (GOODBYE, changed(GOODBYE, ["ClientIdentifier"], ""), "empty", "$.ClientIdentifier"),
    (REQUESTED, changed(REQUESTED, ["HashAlgorithm"], ""), "empty", "$.HashAlgorithm"),
    (REQUESTED, changed(REQUESTED, ["Endpoints", 0], ""), "empty", "$.Endpoints[0]"),
    (REQUESTED, changed(REQUESTED, ["StoredFragments", ""], {"Size": 1}), "empty", '$.StoredFragments[""]'),
    (ACCEPTED, changed(ACCEPTED, ["Clients", ""], {}), "empty", '$.Clients[""]'),
    # what only this protocol knows
    (GOODBYE, changed(GOODBYE, ["EventId"], ""), "not-a-uuid", "$.EventId"),
    (GOODBYE, changed(GOODBYE, ["EventId"], ID.replace("-", "")), "not-a-uuid", "$.EventId"),
    (GOODBYE, changed(GOODBYE, ["EventId"], ID + " "), "not-a-uuid", "$.EventId"),
    (GOODBYE, changed(GOODBYE, ["EventId"], ID + "\n"), "not-a-uuid", "$.EventId"),
    (GOODBYE, changed(GOODBYE, ["EventId"], "{" + ID), "not-a-uuid", "$.EventId"),
    (GOODBYE, changed(GOODBYE, ["EventId"], ID.replace("0", "\uff10")), "not-a-uuid", "$.EventId"),
    (DENIED, changed(DENIED, ["ReasonCode"], 3), "unknown-reason-code", "$.ReasonCode"),
    (DENIED, changed(DENIED, ["ReasonCode"], -1), "unknown-reason-code", "$.ReasonCode"),
]


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
    assert {kind for _, _, kind, _ in REFUSED} | {"unknown-topic"} == set(get_args(Kind))


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
def test_a_valid_payload_with_a_value_replaced_raises_nothing_but_malformed(
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
def test_a_valid_payload_with_bytes_changed_raises_nothing_but_malformed(event: BusEvent, data: st.DataObject) -> None:
    payload = encode(event)
    start = data.draw(st.integers(0, len(payload)))
    end = data.draw(st.integers(start, min(len(payload), start + 4)))
    only_malformed(event.topic, payload[:start] + data.draw(st.binary(max_size=4)) + payload[end:])
