"""The wire gives back every event as it was, and refuses everything else with a reason."""

import logging
from collections import Counter
from dataclasses import fields, is_dataclass, replace

import pytest
from hypothesis import HealthCheck, given, settings
from immutabledict import immutabledict

from machines.events import (
    BUS_EVENTS,
    BusEvent,
    ClientGoodbye,
    ClientMetadata,
    ClientRegistered,
    FileInfoPublished,
    FileMetadata,
    FragmentMetadata,
    ReasonCode,
    TrackerHello,
)
from machines.strategies import bus_events
from runtime.wire import events as wire
from runtime.wire.events import LOGGED, Malformed, Refusals, decode, decode_or_refuse, encode
from runtime.wire.strict_json import MAX_BYTES, MAX_DEPTH, MAX_INT64
from tests.support.wire_samples import ACCEPTED, DENIED, GOODBYE, ID, REQUESTED, beside, changed

untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


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
        replace(GOODBYE, request_id="s-1"),
        f'{{"EventId":"{ID}","ClientIdentifier":"a","RequestId":"s-1"}}',
    ),
    (
        ClientRegistered(event_id=ID, client="a", info=ClientMetadata(request_id="s-1"), request_id="s-1"),
        (
            f'{{"EventId":"{ID}","ClientIdentifier":"a","RequestId":"s-1",'
            '"Info":{"Endpoints":[],"StoredFragments":[],"RequestId":"s-1"},"AddedFiles":{},"AddedFragments":{}}'
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


@untimed
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
        (wire.CLIENT_METADATA, ClientMetadata(frozenset({"http://a/"}), frozenset({"ab"}), "s-1")),
    ]:
        written = shape.write(metadata)
        assert isinstance(written, dict)
        assert is_dataclass(metadata)
        assert len(written) == len(fields(metadata))


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


def test_an_item_given_twice_is_in_a_set_once() -> None:
    event = decode(ACCEPTED.topic, changed(ACCEPTED, ["RemoveFileInfos"], ["f", "g", "f"]))
    assert event == ACCEPTED
    sequence = decode(
        FileInfoPublished.topic, encode(FileInfoPublished(event_id=ID, hash="f", size=1, fragment_sequence=("a", "a")))
    )
    assert isinstance(sequence, FileInfoPublished)
    assert sequence.fragment_sequence == ("a", "a")


def test_an_empty_name_of_a_request_is_as_good_as_none() -> None:
    assert decode(GOODBYE.topic, beside('"RequestId":""')) == GOODBYE
    with pytest.raises(Malformed, match="RequestId"):
        decode(GOODBYE.topic, beside('"RequestId":null'))


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


def test_refusals_are_counted_and_logged_until_enough(
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
