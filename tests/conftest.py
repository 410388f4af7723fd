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

from tests.support import compiling
from tests.support.nightly import share
from tests.support.programs import needed

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile("ci", max_examples=share(160), deadline=None, print_blob=True, derandomize=True)
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


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Twice as many as there are processors: a good part of the tests waits for brokers and clocks."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 2 * processors


class Together(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out tests one by one, and files of `TOGETHER` whole, largest first."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0].removeprefix("tests/")
        return file if file in TOGETHER else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    return Together(config, log) if config.getoption("dist") == "load" else None


SEARCH = ("spec/exploration", "mutation")
"""Where the tests are that search most. Others that search compile for themselves what is not yet compiled."""
COMPILING = pytest.StashKey[compiling.Compiling]()
"""What compiles ahead of the workers."""


def pytest_configure(config: pytest.Config) -> None:
    """Compile ahead where there are workers, and files or folders that search, not just some tests."""
    has_workers = config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput")
    places = [config.invocation_params.dir / arg for arg in config.args]
    is_wide = any(map(searches, places)) and not any("::" in arg for arg in config.args)
    if has_workers and is_wide and not config.option.collectonly and compiling.is_wanted():
        config.stash[COMPILING] = compiling.begin()


def searches(place: Path) -> bool:
    """Whether a file is among those that search most, or a folder holds some of them."""
    found = place.resolve()
    return any(found in {one, *one.parents} or one in found.parents for one in (HERE / name for name in SEARCH))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker what to wait for."""
    if COMPILING in node.config.stash:
        node.workerinput["compiling"] = str(node.config.stash[COMPILING].lock)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """What is compiled ahead took as long as tests were collected, or nearly so."""
    lock = getattr(session.config, "workerinput", {}).get("compiling")
    if lock and any(searches(item.path) for item in session.items):
        compiling.wait(Path(lock))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if COMPILING in config.stash and (status := config.stash[COMPILING].process.poll()):
        told = f"compiling ahead failed with status {status}, so that each worker compiled for itself"
        terminalreporter.write_line(f"{told}: python -m tests.support.compiling says why", yellow=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    if COMPILING in config.stash:
        config.stash[COMPILING].end()


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
