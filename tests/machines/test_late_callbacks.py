"""Callbacks are looked up when the library is asked for the first of them, and then it does what it always does."""

import copy
import gc
import weakref

import pytest

from machines import TorrentServer
from machines.calls import Start
from machines.events import TrackerHello
from machines.participant import Participant
from tests.support.worlds import every_chart


def has_looked_up(chart: Participant) -> bool:
    return "_registry" in vars(chart._callbacks)


@every_chart
def test_a_chart_begins_where_the_library_lets_it_begin(
    chart: type[Participant], monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = object.__new__(chart)
    Participant.__init__(quick, None)
    monkeypatch.setattr("machines.late_callbacks.compiled", lambda _: None)
    slow = object.__new__(chart)
    Participant.__init__(slow, None)
    assert quick.where == slow.where
    assert quick.configuration_values == slow.configuration_values
    assert not has_looked_up(quick)
    assert type(quick._callbacks) is not type(slow._callbacks)


def test_who_is_stepped_by_the_table_looks_nothing_up() -> None:
    chart = TorrentServer("torrent-1")
    chart.receive(Start())
    assert chart.due()
    assert not has_looked_up(chart)


def test_the_library_steps_a_chart_that_looked_nothing_up() -> None:
    by_table, by_library = TorrentServer("torrent-1"), TorrentServer("torrent-1")
    by_table.receive(Start())
    by_library.send("recv_start", message=Start(), sender="")
    assert has_looked_up(by_library)
    assert by_library.snapshot() == by_table.snapshot()


def test_a_listener_hears_of_steps() -> None:
    class Listener:
        def __init__(self) -> None:
            self.heard: list[str] = []

        def after_transition(self, event: str) -> None:
            self.heard.append(event)

    listener, chart = Listener(), TorrentServer("torrent-1")
    chart.add_listener(listener)  # type: ignore[no-untyped-call]
    chart.receive(Start())
    assert listener.heard == ["recv_start"]
    assert chart.where == ("connecting",)


def test_a_copy_is_a_chart_of_its_own() -> None:
    chart = TorrentServer("torrent-1", start="awaiting_hello")
    copied = copy.deepcopy(chart)
    copied.send("recv_tracker_hello", message=TrackerHello(), sender="")
    assert copied.where == ("describing_view",)
    assert chart.where == ("awaiting_hello",)


def test_what_looks_up_does_not_keep_the_chart() -> None:
    chart = TorrentServer("torrent-1")
    kept, registry = weakref.ref(chart), chart._callbacks
    del chart
    gc.collect()
    assert kept() is None
    assert "nothing" not in registry
