"""Who may import whom, what an import costs in modules, and what every file owes to its reader."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.places import TOP as ROOT

OURS = ("machines", "spec", "runtime")
MAY_IMPORT = {"machines": {"machines"}, "spec": {"spec", "machines"}, "runtime": {"runtime", "spec", "machines"}}
IGNORANT = ("notation", "interaction", "projection")
"""The parts of `spec` that are the oracle: they know nothing of the charts."""


def modules(package: str) -> Iterator[Path]:
    yield from sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield node.module or ""


@pytest.mark.parametrize("package", OURS)
def test_packages_import_only_what_they_may(package: str) -> None:
    for path in modules(package):
        for name in imported(path):
            top = name.partition(".")[0]
            assert top not in OURS or top in MAY_IMPORT[package], f"{path} imports {name}"


def test_the_oracle_does_not_know_the_charts() -> None:
    for path in modules("spec"):
        if path.relative_to(ROOT / "spec").parts[0].removesuffix(".py") in IGNORANT:
            assert not [name for name in imported(path) if name.partition(".")[0] == "machines"], path


def test_importing_the_charts_imports_nothing_else() -> None:
    program = "import machines, sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert "machines" in loaded
    assert not {"amqtt", "aiomqtt", "paho", "numpy", "asyncio_mqtt", "rich", "typer", "spec", "runtime"} & set(loaded)


@pytest.mark.parametrize("package", [*OURS, "tests"])
def test_files_stay_of_a_size_that_a_person_reads(package: str) -> None:
    allowed = {
        "machines/torrent_server.py": 680,  # one chart, one file: its transitions are the longest table
        "machines/tracker.py": 550,  # likewise
        "spec/exploration/engine/compiled/kernel.py": 445,  # one loop, compiled as one
        "runtime/mqtt/broker.py": 470,  # one broker: coming, going and passing on share the state of a connection
    }
    most = 600 if package == "tests" else 430  # a list of cases is read case by case
    for path in modules(package):
        name = path.relative_to(ROOT).as_posix()
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= allowed.get(name, most), f"{name} has {lines} lines"


def test_names_of_tests_fit_on_a_line_of_a_report() -> None:
    names = [
        (path, name) for path in modules("tests") for name in re.findall(r"def (test_\w+)", path.read_text("utf-8"))
    ]
    assert [f"{path}: {name}" for path, name in names if len(name) > 62] == []


def test_no_test_imports_another_test_module() -> None:
    for path in modules("tests"):
        assert not [name for name in imported(path) if name.rpartition(".")[2].startswith("test_")], path


def test_no_module_has_a_name_that_says_nothing() -> None:
    empty = {"utils", "helpers", "common", "core", "manager", "util", "helper"}
    assert not [path for package in OURS for path in modules(package) if path.stem in empty]


def test_the_top_level_holds_what_it_should() -> None:
    tracked = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=False, cwd=ROOT)
    if tracked.returncode:
        pytest.skip("not a git checkout: nothing says which files belong to the project")
    top = {name.partition("/")[0] for name in tracked.stdout.splitlines()}
    expected = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", *OURS, "tests"}
    assert {name for name in top if not name.startswith(".")} == expected
