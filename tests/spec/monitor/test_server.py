"""One server as the monitor sees it."""

from itertools import product

import pytest

from machines.events import TORRENT, TRACKER
from spec.monitor.server import OURS, Server


@pytest.mark.parametrize("role", [TRACKER, TORRENT])
@pytest.mark.parametrize("requests", [0, 3])
def test_how_a_server_starts_does_not_hang_on_its_name(role: str, requests: int) -> None:
    for flags in product((False, True), repeat=3):
        asked = Server(role, "anna", {**OURS}, *flags)  # not the very charts for which it is remembered
        found = Server(role, "anna", OURS, *flags).online(requests)
        assert found == asked.online(requests), flags
        assert found
        assert {state.client.data.client for state in found} == {"anna"}
