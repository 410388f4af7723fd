"""Compiling ahead of the workers of a test run: they wait while it runs, and it leaves nothing out that they call."""

import os
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from spec.exploration.engine import components
from tests.support.compiling import begin, is_cached, main, wait

SOON = 30.0
"""Seconds within which a process ends that does nothing."""


def test_who_waits_waits_until_it_has_ended() -> None:
    compiling = begin([sys.executable, "-c", "input()"])  # there is nothing to read: it fails as soon as it runs
    try:
        assert wait(compiling.lock, SOON)
        assert compiling.process.wait(SOON) == 1
    finally:
        compiling.end()
    assert not compiling.lock.exists()
    assert wait(compiling.lock), "it is over"


def test_nobody_waits_for_ever_nor_for_who_was_ended() -> None:
    compiling = begin([sys.executable, "-c", "import time; time.sleep(600)"])
    assert not wait(compiling.lock, 0.1)
    compiling.process.kill()
    assert wait(compiling.lock, SOON)
    compiling.end()


def test_what_was_written_after_it_was_compiled_is_not_cached(tmp_path: Path) -> None:
    """Neither is what another Python compiled, nor what nobody did."""
    folder = tmp_path / "compiled"
    kept = folder / "__pycache__" / "kernel.expand-291.py311.nbi"
    kept.parent.mkdir(parents=True)
    source = folder / "kernel.py"
    source.touch()
    assert not is_cached(folder, (3, 11))
    kept.touch()
    now = time.time()
    os.utime(source, (now - 5, now - 5))
    assert is_cached(folder, (3, 11))
    assert not is_cached(folder, (3, 12))
    os.utime(source, (now + 5, now + 5))
    assert not is_cached(folder, (3, 11))


@pytest.mark.nightly
@pytest.mark.skipif(find_spec("numba") is None, reason="needs numba")
def test_every_function_is_called_but_what_large_searches_need(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each that is called from outside, and so all that these call."""
    from numba.core.dispatcher import Dispatcher

    from spec.exploration.engine.compiled import growth, hashing, kernel, leaf_trimming, scans

    left = set()

    def noting(name: str, function: Any) -> Any:
        def noted(*args: Any) -> Any:
            left.discard(name)
            return function(*args)

        return noted

    for module in (growth, hashing, kernel, leaf_trimming, scans):
        for name, one in [*vars(module).items()]:
            is_own = isinstance(one, Dispatcher) and getattr(one, "__module__", "") in {
                module.__name__,
                components.__name__,
            }
            if is_own and not name.startswith("_") and not one.targetoptions.get("inline"):
                left.add(name)
                monkeypatch.setattr(module, name, noting(name, one))
    assert len(left) > 9
    main()
    assert left == {"pack_anew"}
