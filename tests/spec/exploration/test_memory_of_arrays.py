"""The compiled engine reads and writes its arrays within their bounds, which compiled code does not check by itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.nightly import by_day

SEARCHES = """
import sys
from spec.exploration.engine.choice import engine
from spec.exploration.model.closed import NotInert
from spec.exploration.model.renaming import permutations_of
from spec.exploration.model.scenario import scenario, Scenario
from spec.exploration.model.surroundings import Kept
from dataclasses import replace

name, torrents, most = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
asked = replace(scenario(name), torrents=torrents)
for each in sys.argv[4:]:
    kept = Kept()
    while True:
        system = asked.build(kept=kept)
        permutations = permutations_of(len(system.nodes), asked.interchangeable_groups())
        search = engine(each)(system, permutations, most=most)
        try:
            search.run()
        except NotInert:
            continue
        break
    print(search.count, search.transitions)
"""


def found(name: str, torrents: int, most: int, *engines: str, **variables: str) -> list[str]:
    """How many states and transitions each engine finds, in a process of its own: it may be a crash of that."""
    command = [sys.executable, "-X", "faulthandler", "-c", SEARCHES, name, str(torrents), str(most), *engines]
    told = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **variables})
    assert told.returncode == 0, told.stderr[-2000:]
    return told.stdout.splitlines()


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
    assert found(name, torrents, most, "compiled", **checked)
