"""The pages: pieces are made from the code, snippets run, links lead somewhere, commands are those that CI runs.

`python -m tests.support.documents` renews the pieces and the picture.
"""

import contextlib
import io
import re
from pathlib import Path

import pytest

from runtime.cli.main import COMMANDS
from spec.exploration.pages import FOLDER, findings
from spec.exploration.picture import picture
from tests.support.documents import (
    EDGES,
    MAKERS,
    PAGES,
    PIECE,
    SHOWN,
    are_joined,
    edges,
    folder_of,
    nodes,
    renewed,
    shown,
)
from tests.support.fault_table import FAULTS, missing
from tests.support.places import TOP

README = TOP / "README.md"
RENEW = "renew it with: python -m tests.support.documents"
EVERY_PAGE = (
    README,
    *(
        TOP / name / "README.md"
        for name in ("machines", "spec", "runtime", "runtime/services", "tests", "tests/benchmarks")
    ),
)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_the_pieces_are_those_of_the_code(page: Path) -> None:
    text = text_of(page)
    assert text == renewed(text), f"a piece of {page} is stale; {RENEW}"


def test_every_piece_is_on_a_page_once() -> None:
    assert sorted(found[2] for page in PAGES for found in PIECE.finditer(text_of(page))) == sorted(MAKERS)


def test_the_tests_of_the_faults_exist() -> None:
    assert missing() == []
    assert len(FAULTS) == 44


def test_the_picture_is_that_of_the_trace() -> None:
    path = FOLDER / f"{SHOWN}.svg"
    assert text_of(path) == picture(shown()), f"{path} is stale; {RENEW}"
    assert f"(spec/findings/{SHOWN}.svg)" in text_of(README)
    assert [each.name for each in FOLDER.glob("*.svg")] == [path.name]


def test_the_pipeline_is_that_of_the_packages() -> None:
    packages = {path.parent.name for path in (TOP / "spec").glob("*/__init__.py")}
    assert packages <= set(nodes()), "a package of spec is not in the picture: see tests/support/documents.py"
    assert set(edges()) <= set(EDGES)
    for one, other in edges():
        assert are_joined(one, other), f"neither {one} nor {other} imports the other"
    assert not are_joined("notation", "machines")
    assert all(folder_of(node).is_dir() for node in nodes())


def test_the_readme_fits_a_newcomer() -> None:
    lines = text_of(README).splitlines()
    assert len(lines) <= 150
    assert all(finding.name in text_of(README) for finding in findings())


@pytest.mark.parametrize("page", [README, TOP / "machines" / "README.md"], ids=lambda page: page.parent.name)
def test_the_snippet_runs_and_prints_what_it_says(page: Path) -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", text_of(page), re.DOTALL)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(snippet, str(page), "exec"), {})
    if page == README:
        assert printed.getvalue() == (
            "('giving_up',)\nwhoever is registered counts itself as registered - torrent1's timeout expires\n"
        )


def test_there_are_exactly_two_commands_to_begin_with() -> None:
    commands = re.findall(r"```sh\n(.*?)\n```", text_of(README), re.DOTALL)
    assert len(commands) == 2
    assert commands[0].endswith(".venv/bin/clientjoin demo")
    assert commands[1].endswith(".venv/bin/python -m pytest -n auto")
    assert all(command.startswith("python3 -m venv ") and "\n" not in command for command in commands)


def test_the_table_of_commands_has_each_once() -> None:
    told = re.findall(r"^\| `clientjoin (\w+)", text_of(README), re.MULTILINE)
    assert sorted(told) == sorted(COMMANDS)


def test_the_dependencies_are_those_of_the_package() -> None:
    told = text_of(README).partition("## Dependencies")[2].partition("\n## ")[0].lower()
    names = re.findall(r'^    "([\w-]+)[>=<\[]', text_of(TOP / "pyproject.toml"), re.MULTILINE)
    assert len(names) > 8
    for name in names:
        assert name in told, f"{name} is not in the README's table of dependencies"


@pytest.mark.parametrize("page", EVERY_PAGE, ids=lambda page: page.parent.name)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?://)([^)\s]+)\)", text_of(page)):
        name, _, heading = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), f"{page}: {link}"
        if heading:
            headings = re.findall(r"^#+ (.*)$", text_of(target), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}
            assert heading in anchors, f"{page}: {link}"


@pytest.mark.parametrize("package", ["machines", "spec", "runtime"])
def test_each_package_says_what_it_is_for(package: str) -> None:
    for path in (TOP / package).rglob("__init__.py"):
        text = text_of(path)
        docstring = text.partition('"""')[2].partition('"""')[0]
        assert len(docstring.splitlines()) >= 4, f"{path}: what comes in, what goes out, where does one begin reading?"
        assert "egin with" in docstring or "egin reading" in docstring, f"{path}: where does one begin reading?"
