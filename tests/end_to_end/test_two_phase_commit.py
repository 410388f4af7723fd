"""The page about two-phase commit: its commands are run, and what it shows is what they print."""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from runtime.cli.main import app
from tests.support.nightly import by_day
from tests.support.places import DATA

FOLDER = DATA / "two_phase_commit"
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```console\n\$ (.*)\n((?:.*\n)*?)```$", PAGE, re.MULTILINE)
LIKE_OTHERS = ("clientjoin explore --charts charts.py -v", "clientjoin explore --charts blocking.py --show deadlock")
STATUS = {"charts.py": 0, "blocking.py": 1, "forgetful.py": 1}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the folder, which is the current one."""
    copied = Path(shutil.copytree(FOLDER, tmp_path / "two_phase_commit"))
    monkeypatch.chdir(copied)
    paths, modules = list(sys.path), set(sys.modules)
    yield copied
    sys.path[:] = paths
    for name in set(sys.modules) - modules:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def shows(shown: list[str], printed: list[str]) -> bool:
    """Whether just these lines are printed; `...` alone is any number of lines, and at an end the rest of a line."""
    place, free = 0, False
    for line in shown:
        if line == "...":
            free = True
            continue
        while True:
            if place == len(printed):
                return False
            found = printed[place]
            place += 1
            if found == line or (line.endswith("...") and found.startswith(line.removesuffix("..."))):
                break
            if not free:
                return False
        free = False
    return free or place == len(printed)


def test_there_are_commands_on_the_page() -> None:
    assert len(BLOCKS) == PAGE.count("```console") == PAGE.count("$ clientjoin") == 6


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("command", "shown"),
    by_day(BLOCKS, [block for block in BLOCKS if block[0] in LIKE_OTHERS]),
    ids=[command for command, _ in BLOCKS],
)
def test_the_page_shows_what_is_printed(command: str, shown: str) -> None:
    program, *args = command.split()
    assert program == "clientjoin"
    result = CliRunner().invoke(app, args)
    assert shows(shown.splitlines(), result.stdout.rstrip("\n").split("\n")), result.stdout
    assert result.stderr == ""
    (charts,) = (name for name in STATUS if name in args)
    assert result.exit_code == STATUS[charts]


def test_what_the_page_quotes_stands_in_the_files(folder: Path) -> None:
    files = "".join((folder / name).read_text() for name in ("charts.py", "forgetful.py", "agreed.txt"))
    blocks = re.findall(r"^```(.*)\n((?:.*\n)*?)```$", PAGE, re.MULTILINE)
    quoted = [text for kind, text in blocks if kind != "console"]
    assert len(quoted) == 3
    for text in quoted:
        for line in text.splitlines():
            if not line.strip(" ."):
                continue
            assert f"{line}\n" in files, line


def test_the_charts_are_drawn(folder: Path) -> None:
    result = CliRunner().invoke(app, ["diagrams", "--charts", "charts.py", "--out", "pictures"])
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (folder / "pictures").iterdir()) == [
        "Coordinator.mmd",
        "Participant.mmd",
        "Timer.mmd",
    ]


def test_named_participants_are_told_apart(folder: Path) -> None:
    """The coordinator's data hold their names, which are exchanged with them; a property about one tells them apart."""
    with (folder / "charts.py").open("a") as file:
        file.write('\nINTERCHANGEABLE = [("P1", "P2")]\n')
    result = CliRunner().invoke(app, ["explore", "--charts", "charts.py", "--property", "deadlock"])
    assert result.exit_code == 0, result.output
    assert "574 states (all of them)" in result.stdout
    assert "Names were told apart" not in result.stdout
    result = CliRunner().invoke(app, ["explore", "--charts", "charts.py"])
    assert result.exit_code == 0, result.output
    assert "1,074 states (all of them)" in result.stdout
    assert "Names were told apart, since they matter: the property 'nobody commits" in result.stdout


@pytest.mark.parametrize(
    ("shown", "printed", "expected"),
    [
        ("a\nb", "a\nb", True),
        ("a\nb", "a\nc\nb", False),
        ("a\n...\nb", "a\nc\nb", True),
        ("a\n...\nb", "a\nc\nb\nd", False),
        ("a\n...", "a\nc\nb", True),
        ("...\nb", "a\nb", True),
        ("a ...", "a thing", True),
        ("a ...", "athing", False),
        ("a", "a\nb", False),
    ],
)
def test_comparing_a_page_with_what_is_printed(shown: str, printed: str, expected: bool) -> None:
    assert shows(shown.split("\n"), printed.split("\n")) is expected
