"""The compiled engine reads and writes its arrays within their bounds, which compiled code does not check by itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.nightly import by_day

SEARCH = """
import sys
from dataclasses import replace
from spec.exploration.explore import Options, explore
from spec.exploration.model.scenario import scenario

name, torrents, most = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
found = explore(replace(scenario(name), torrents=torrents), Options(engine="compiled", most=most), properties=())
print(found.found.progress.states)
"""


@pytest.mark.parametrize(
    ("name", "torrents", "most"),
    by_day(
        [("standard", 4, 20_000), ("standard", 5, 1_000_000), ("default", 2, 300_000), ("late-wills", 2, 300_000)],
        [("standard", 5, 1_000_000), ("default", 2, 300_000), ("late-wills", 2, 300_000)],
    ),
)
def test_nothing_is_read_beyond_an_array(name: str, torrents: int, most: int, tmp_path: Path) -> None:
    """All is compiled once more, with each index looked at.

    With four servers there are more ways to exchange their names than components.
    """
    pytest.importorskip("numba", reason="numba, which compiles the engine, is not installed")
    checked = {"NUMBA_BOUNDSCHECK": "1", "NUMBA_FULL_TRACEBACKS": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    # A process of its own: it may be a crash of that.
    command = [sys.executable, "-X", "faulthandler", "-c", SEARCH, name, str(torrents), str(most)]
    told = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **checked})
    assert told.returncode == 0, told.stderr[-2000:]
    assert int(told.stdout) > 0
