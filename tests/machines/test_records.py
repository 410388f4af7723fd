"""A record with other values is what `dataclasses.replace` makes of it."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from machines.records import replace
from machines.rules import View
from machines.strategies import tracker_views
from machines.torrent_server import TorrentServerData
from machines.tracker import TrackerData

RECORDS = st.one_of(
    tracker_views(),
    st.builds(TorrentServerData, st.text(max_size=3), attempt=st.integers(0, 3), leaves_will=st.booleans()),
    st.builds(TrackerData, st.text(max_size=3), pending=st.frozensets(st.text(max_size=1), max_size=2)),
)


@given(RECORDS, RECORDS, st.data())
def test_it_is_what_dataclasses_make_of_it(record: object, other: object, data: st.DataObject) -> None:
    other = other if type(other) is type(record) else record
    names = [field.name for field in dataclasses.fields(record)]  # type: ignore[arg-type]
    changes = {name: getattr(other, name) for name in data.draw(st.sets(st.sampled_from(names)))}
    before = dataclasses.asdict(record)  # type: ignore[call-overload]
    assert replace(record, **changes) == dataclasses.replace(record, **changes)  # type: ignore[type-var]
    assert dataclasses.asdict(record) == before  # type: ignore[call-overload]


def test_a_field_that_is_none_is_refused() -> None:
    with pytest.raises(AttributeError, match="View has no field 'file'"):
        replace(View(), file={})
