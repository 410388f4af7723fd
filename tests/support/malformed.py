"""Payloads that are no events, each with the kind and the place that is said of it."""

from machines.events import (
    BusEvent,
)
from runtime.wire.events import encode
from runtime.wire.strict_json import MAX_BYTES, MAX_DEPTH, MAX_INT64
from tests.support.wire_samples import ACCEPTED, DENIED, GOODBYE, ID, REQUESTED, beside, changed

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
