"""The wire gives back every event as it was, and refuses everything else with a reason."""

import json
import logging
from collections import Counter
from dataclasses import fields, is_dataclass, replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from immutabledict import immutabledict

from machines.events import (
    BUS_EVENTS,
    EVENT_OF_TOPIC,
    BusEvent,
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinRequested,
    ClientMetadata,
    ClientRegistered,
    FileInfoPublished,
    FileMetadata,
    FragmentMetadata,
    ReasonCode,
    TrackerHello,
)
from runtime import wire
from runtime.wire import LOGGED, MAX_BYTES, MAX_DEPTH, MAX_INT64, Malformed, Refusals, decode, decode_or_refuse, encode
from tests.strategies import bus_events

ID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
GOODBYE = ClientGoodbye(event_id=ID, client="a")
REQUESTED = ClientJoinRequested(
    event_id=ID,
    client="a",
    hash_algorithm="sha-256",
    fragment_size=1024,
    known_file_infos=immutabledict({"f2": FileMetadata(7, ("ab", "cd", "ab")), "f1": FileMetadata(0)}),
    stored_fragments=immutabledict({"ab": FragmentMetadata(5)}),
    endpoints=frozenset({"http://b/", "http://a/"}),
)
ACCEPTED = ClientJoinAccepted(
    event_id=ID,
    client="a",
    fragment_size=1024,
    add_file_infos=immutabledict({"f": FileMetadata(7, ("ab",))}),
    add_fragment_infos=immutabledict({"ab": FragmentMetadata(5)}),
    remove_file_infos=frozenset({"g", "f"}),
    remove_fragment_infos=frozenset({"cd"}),
    clients=immutabledict({"Bö": ClientMetadata(frozenset({"http://b/"}), frozenset({"ab"}))}),
)
DENIED = ClientJoinDenied(event_id=ID, client="a", reason_code=ReasonCode.OTHER)

GOLDEN: list[tuple[BusEvent, str]] = [
    (TrackerHello(event_id=ID), f'{{"EventId":"{ID}"}}'),
    (GOODBYE, f'{{"EventId":"{ID}","ClientIdentifier":"a"}}'),
    (
        REQUESTED,
        (
            f'{{"EventId":"{ID}","ClientIdentifier":"a","HashAlgorithm":"sha-256","FragmentSize":1024,'
            '"KnownFileInfos":{"f1":{"Size":0,"FragmentSequence":[]},"f2":{"Size":7,"FragmentSequence":["ab","cd","ab"]}},'
            '"StoredFragments":{"ab":{"Size":5}},"Endpoints":["http://a/","http://b/"]}'
        ),
    ),
    (
        replace(REQUESTED, fragment_size=None, known_file_infos=immutabledict(), stored_fragments=immutabledict()),
        (
            f'{{"EventId":"{ID}","ClientIdentifier":"a","HashAlgorithm":"sha-256",'
            '"KnownFileInfos":{},"StoredFragments":{},"Endpoints":["http://a/","http://b/"]}'
        ),
    ),
    (
        ACCEPTED,
        (
            f'{{"EventId":"{ID}","ClientIdentifier":"a","FragmentSize":1024,'
            '"AddFileInfos":{"f":{"Size":7,"FragmentSequence":["ab"]}},"AddFragmentInfos":{"ab":{"Size":5}},'
            '"RemoveFileInfos":["f","g"],"RemoveFragmentInfos":["cd"],'
            '"Clients":{"Bö":{"Endpoints":["http://b/"],"StoredFragments":["ab"]}}}'
        ),
    ),
    (DENIED, f'{{"EventId":"{ID}","ClientIdentifier":"a","ReasonCode":128}}'),
    (
        replace(DENIED, reason_code=ReasonCode.ENDPOINT_CONFLICT, reason=""),
        f'{{"EventId":"{ID}","ClientIdentifier":"a","ReasonCode":4,"Reason":""}}',
    ),
    (
        ClientRegistered(event_id=ID, client="a", info=ClientMetadata(frozenset({"http://a/"}), frozenset({"ab"}))),
        (
            f'{{"EventId":"{ID}","ClientIdentifier":"a","Info":{{"Endpoints":["http://a/"],"StoredFragments":["ab"]}},'
            '"AddedFiles":{},"AddedFragments":{}}'
        ),
    ),
    (
        FileInfoPublished(event_id=ID, hash="f", size=7, fragment_sequence=("ab",)),
        f'{{"EventId":"{ID}","Hash":"f","Size":7,"FragmentSequence":["ab"]}}',
    ),
]


@pytest.mark.parametrize(("event", "text"), GOLDEN)
def test_an_event_has_these_bytes(event: BusEvent, text: str) -> None:
    assert encode(event).decode() == text
    assert decode(event.topic, text.encode()) == event


@given(bus_events())
def test_every_event_comes_back_as_it_was(event: BusEvent) -> None:
    back = decode(event.topic, encode(event))
    assert back == event
    assert type(back) is type(event)
    assert hash(back) == hash(event)
    assert encode(back) == encode(event)


def test_the_table_has_each_event_with_each_of_its_fields() -> None:
    assert set(wire.PROPERTIES) == set(BUS_EVENTS)
    for event, properties in wire.PROPERTIES.items():
        named = [wire.EVENT_ID.field, *(known.field for known in properties)]
        assert sorted(named) == sorted(field.name for field in fields(event)), event
        assert len({known.name for known in properties} | {"EventId"}) == len(named), event


def test_the_shapes_fill_each_field_of_the_metadata() -> None:
    for shape, metadata in [
        (wire.FILE_METADATA, FileMetadata(1, ("ab",))),
        (wire.FRAGMENT_METADATA, FragmentMetadata(1)),
        (wire.CLIENT_METADATA, ClientMetadata(frozenset({"http://a/"}), frozenset({"ab"}))),
    ]:
        written = shape.write(metadata)
        assert isinstance(written, dict)
        assert is_dataclass(metadata)
        assert len(written) == len(fields(metadata))


# What is refused.


def changed(event: BusEvent, path: list[str | int], value: Any) -> bytes:
    """A valid payload with one value replaced, or the property left out where `value` is `...`."""
    root = json.loads(encode(event))
    place = root
    for step in path[:-1]:
        place = place[step]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return json.dumps(root).encode()


def beside(text: str) -> bytes:
    """A valid goodbye, but for this property that nobody reads."""
    return f'{{"EventId":"{ID}","ClientIdentifier":"a",{text}}}'.encode()


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
    assert {kind for _, _, kind, _ in REFUSED} | {"unknown-topic"} == set(get_args(wire.Kind))


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


# What is taken.


@pytest.mark.parametrize(
    "text",
    [
        '"x":null',
        '"x":{"y":[1,2.5,true,"",{}],"z":{"y":0}}',
        '"x":' + "9" * 5000,
        '"x":"' + "[" * 100 + '"',
        r'"x":"\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["',
        '"x":' + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1),
        '"x":[' + "[]," * 100 + "[]]",
        r'"x":"\ud83d\ude00"',
        '"clientidentifier":"b"',
        '"":0',
    ],
)
def test_an_unknown_property_is_skipped(text: str) -> None:
    assert decode(GOODBYE.topic, beside(text)) == GOODBYE


@pytest.mark.parametrize("form", [ID, ID.upper(), f"{{{ID}}}", f"urn:uuid:{ID.upper()}"])
def test_an_event_id_comes_in_one_form(form: str) -> None:
    assert decode(GOODBYE.topic, changed(GOODBYE, ["EventId"], form)) == GOODBYE
    assert decode(GOODBYE.topic, encode(replace(GOODBYE, event_id=form))) == GOODBYE


def test_the_bounds_themselves_are_in_range() -> None:
    for size in (1, MAX_INT64):
        event = replace(REQUESTED, fragment_size=size, stored_fragments=immutabledict({"a": FragmentMetadata(size)}))
        assert decode(event.topic, encode(event)) == event
    assert decode(GOODBYE.topic, encode(GOODBYE).ljust(MAX_BYTES)) == GOODBYE
    assert decode(FileInfoPublished.topic, f'{{"EventId":"{ID}","Hash":"f","Size":-0,"FragmentSequence":[]}}'.encode())


def test_white_space_order_and_escapes_mean_nothing() -> None:
    payload = f'\r\n{{ "Client\\u0049dentifier" :\t"\\u0061" , "EventId": "{ID}" }} '
    assert decode(GOODBYE.topic, payload.encode()) == GOODBYE


def test_an_item_given_twice_is_in_a_set_once_and_in_a_sequence_twice() -> None:
    event = decode(ACCEPTED.topic, changed(ACCEPTED, ["RemoveFileInfos"], ["f", "g", "f"]))
    assert event == ACCEPTED
    sequence = decode(
        FileInfoPublished.topic, encode(FileInfoPublished(event_id=ID, hash="f", size=1, fragment_sequence=("a", "a")))
    )
    assert isinstance(sequence, FileInfoPublished)
    assert sequence.fragment_sequence == ("a", "a")


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


@given(TOPICS, st.binary(max_size=60))
def test_arbitrary_bytes_raise_nothing_but_malformed(topic: str, payload: bytes) -> None:
    only_malformed(topic, payload)


@given(TOPICS, st.text(st.sampled_from('{}[]",:\\u0d8-1.eE+truefalsn \t\x00ÿ'), max_size=40))
def test_arbitrary_text_raises_nothing_but_malformed(topic: str, text: str) -> None:
    only_malformed(topic, text.encode())


@given(TOPICS, JSON, st.booleans())
def test_arbitrary_json_raises_nothing_but_malformed(topic: str, value: object, escaped: bool) -> None:
    only_malformed(topic, json.dumps(value, ensure_ascii=escaped).encode("utf-8", "surrogatepass"))


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where the values of a JSON document stand."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for step, item in inner for place in places(item, (*path, step)))]


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


@given(bus_events(), st.data())
def test_a_valid_payload_with_bytes_changed_raises_nothing_but_malformed(event: BusEvent, data: st.DataObject) -> None:
    payload = encode(event)
    start = data.draw(st.integers(0, len(payload)))
    end = data.draw(st.integers(start, min(len(payload), start + 4)))
    only_malformed(event.topic, payload[:start] + data.draw(st.binary(max_size=4)) + payload[end:])


# What is not sent.

UNSENDABLE: list[tuple[BusEvent, str]] = [
    (ClientGoodbye(client="a"), "has no event_id"),
    (BusEvent(event_id=ID), "is no event of the protocol"),
    (replace(GOODBYE, event_id="1"), r"\$\.EventId: expected a UUID"),
    (replace(GOODBYE, client=""), r"\$\.ClientIdentifier"),
    (replace(GOODBYE, client="\ud800"), "cannot be written"),
    (replace(GOODBYE, client=1), r"\$\.ClientIdentifier"),  # type: ignore[arg-type]
    (replace(GOODBYE, client="a" * MAX_BYTES), "too-large"),
    (replace(GOODBYE, client={1}), "cannot be written"),  # type: ignore[arg-type]
    (replace(REQUESTED, fragment_size=0), r"\$\.FragmentSize"),
    (replace(REQUESTED, fragment_size=True), r"\$\.FragmentSize"),
    (replace(REQUESTED, fragment_size=1.0), r"\$\.FragmentSize"),  # type: ignore[arg-type]
    (replace(REQUESTED, fragment_size=10**5000), "cannot be written"),
    (replace(REQUESTED, known_file_infos={"f": FileMetadata(-1)}), r'\$\.KnownFileInfos\["f"\]\.Size'),
    (replace(REQUESTED, stored_fragments={"a": FragmentMetadata(2**63)}), r'\$\.StoredFragments\["a"\]\.Size'),
    (replace(REQUESTED, stored_fragments={"a": FragmentMetadata(float("nan"))}), "not-finite"),  # type: ignore[arg-type]
    (replace(REQUESTED, stored_fragments={1: FragmentMetadata(1)}), "another type"),  # type: ignore[dict-item]
    (replace(REQUESTED, stored_fragments={"a": 1}), "cannot be written"),  # type: ignore[dict-item]
    (replace(REQUESTED, endpoints=frozenset({"a", 1})), "cannot be written"),  # type: ignore[arg-type]
    (replace(REQUESTED, endpoints=["a"]), "another type"),  # type: ignore[arg-type]
    (replace(REQUESTED, endpoints=None), "cannot be written"),  # type: ignore[arg-type]
    (replace(DENIED, reason_code=3), r"\$\.ReasonCode"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("event", "problem"), UNSENDABLE, ids=[problem for _, problem in UNSENDABLE])
def test_what_a_reader_would_refuse_is_not_sent(event: BusEvent, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{type(event).__name__} .*{problem}") as refusal:
        encode(event)
    assert not isinstance(refusal.value, Malformed)
    assert str(refusal.value).isprintable()


# Refusals are counted.


def test_refusals_are_counted_by_topic_and_kind_and_logged_until_there_are_enough(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refusals = Refusals()
    with caplog.at_level(logging.WARNING, "clientjoin.wire"):
        for _ in range(LOGGED + 5):
            assert decode_or_refuse("tracker/hello", b"{", refusals) is None
        assert decode_or_refuse("tracker/hello", b"{}", refusals) is None
        assert decode_or_refuse("tracker/goodbye", b"{", refusals) is None
        assert decode_or_refuse(GOODBYE.topic, encode(GOODBYE), refusals) == GOODBYE
    assert refusals.counts == Counter(
        {
            ("tracker/hello", "not-json"): LOGGED + 5,
            ("tracker/hello", "missing-property"): 1,
            ("tracker/goodbye", "not-json"): 1,
        }
    )
    assert refusals.total == LOGGED + 7
    assert len(caplog.records) == LOGGED + 2
    assert {record.levelname for record in caplog.records} == {"WARNING"}
    assert "further ones are only counted" in caplog.records[LOGGED - 1].getMessage()
    assert "expected the property EventId, came an object without it" in caplog.records[LOGGED].getMessage()
