"""Programs that tests need beside Python, what kind of test each is, and how many examples are tried.

Every test has the marks of its folder (`FOLDERS`), and `property` if Hypothesis makes its examples. The profile is
chosen by `--hypothesis-profile` or the variable HYPOTHESIS_PROFILE; without either it is `ci` where CI is set, and
`dev` elsewhere.
"""

import gc
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests.support.programs import needed

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile("ci", max_examples=100, deadline=None, print_blob=True, derandomize=True)
"""The same examples each time: a change is not blamed for what only other examples find. `nightly` draws them anew."""
settings.register_profile(
    "nightly", max_examples=2000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "soak", max_examples=20_000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))

gc.set_threshold(100_000, 50, 1_000)  # searches keep millions of small tuples, none of which is garbage

HERE = Path(__file__).parent
FOLDERS = {
    "mutation": ("mutation", "spec/conformance/test_planted.py", "spec/exploration/test_planted.py"),
    "broker": (
        "end_to_end",
        "properties/test_on_brokers.py",
        "runtime/mqtt",
        "runtime/demo",
        "runtime/services",
        "runtime/kit",
        "runtime/test_driver.py",
        "runtime/test_driver_end.py",
        "runtime/test_recorder.py",
        "runtime/cli/test_replay.py",
        "runtime/cli/test_commands.py",
        "spec/rendering/test_sequence.py",
    ),
    "exhaustive": (
        "spec/exploration",
        "spec/conformance",
        "machines/test_explored.py",
        "machines/test_every_chart.py",
        "runtime/cli/test_explore.py",
        "spec/projection/test_realisability.py",
    ),
    "property": ("properties",),
}
"""The marks of tests, by where they stand."""


TOGETHER = (
    "mutation/test_conformance.py",
    "mutation/test_exploration.py",
    "mutation/test_planted.py",
    "runtime/cli/test_replay.py",
    "runtime/demo/test_demo.py",
    "runtime/demo/test_demo_faults.py",
    "spec/conformance/test_checker.py",
    "spec/conformance/test_counterexample.py",
    "spec/conformance/test_third_party.py",
    "spec/exploration/any_number/test_certificate.py",
    "spec/exploration/any_number/test_shortcuts.py",
    "spec/exploration/any_number/test_slices.py",
    "spec/exploration/any_number/test_termination.py",
    "spec/exploration/any_number/test_views.py",
    "spec/exploration/test_agreement.py",
    "spec/exploration/test_equivalences.py",
    "spec/exploration/test_pages.py",
    "spec/exploration/test_promela.py",
    "spec/exploration/test_remedies.py",
    "spec/monitor/test_gaps.py",
)
"""Files whose tests have one worker, since what they share takes longer to make than most of them."""


def pytest_xdist_auto_num_workers() -> int:
    """Twice as many as there are processors: a good part of the tests waits for brokers and clocks."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 2 * processors


class Together(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out tests one by one, and files of `TOGETHER` whole, largest first."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0].removeprefix("tests/")
        return file if file in TOGETHER else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    return Together(config, log) if config.getoption("dist") == "load" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        place = item.path.relative_to(HERE).as_posix()
        for mark, folders in FOLDERS.items():
            if any(place == folder or place.startswith(f"{folder}/") for folder in folders):
                item.add_marker(mark)
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("property")


@pytest.fixture(scope="session")
def mosquitto_program() -> str:
    return needed("mosquitto")


@pytest.fixture(scope="session")
def graphviz_program() -> str:
    return needed("dot")


@pytest.fixture(scope="session")
def spin_programs() -> tuple[str, str]:
    """SPIN, and the C compiler that it needs."""
    return needed("spin"), needed("cc")
