"""Examples in docstrings and on pages print what they say."""

import doctest
import importlib
import re
from pathlib import Path
from typing import Any

import pytest
from statemachine import Event, State, StateChart

from tests.support.places import TOP

SESSION = re.compile(r"```pycon\n(.*?)```", re.DOTALL)
TUTORIALS = {"machines", "spec.notation", "spec.interaction", "spec.projection", "spec.exploration", "spec.monitor"}
"""Packages that begin with an example."""


class MyAsker(StateChart[Any]):
    """A chart of a reader, who asks once."""

    idle, waiting, done = State(initial=True), State(), State(final=True)
    ask = Event(idle.to(waiting), name="!question")
    hear = Event(waiting.to(done), name="?answer")


class MyAnswerer(StateChart[Any]):
    """A chart of a reader, who answers once."""

    idle, asked, done = State(initial=True), State(), State(final=True)
    hear = Event(idle.to(asked), name="?question")
    answer = Event(asked.to(done), name="!answer")


def modules() -> list[str]:
    """The modules with an example in some docstring."""
    return [
        ".".join(path.relative_to(TOP).with_suffix("").parts).removesuffix(".__init__")
        for package in ("machines", "spec", "runtime")
        for path in sorted((TOP / package).rglob("*.py"))
        if re.search(r"^ *>>> ", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]


def pages() -> list[Path]:
    """The pages with a session."""
    folders = [TOP / name for name in ("machines", "spec", "runtime", "tests")]
    every = [TOP / "README.md", *(page for folder in folders for page in sorted(folder.rglob("*.md")))]
    return [page for page in every if SESSION.search(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("name", modules())
def test_the_examples_of_a_module_print_what_they_say(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried
    assert not failed


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(TOP).as_posix())
def test_the_sessions_of_a_page_print_what_they_say(page: Path) -> None:
    runner = doctest.DocTestRunner()
    for session in SESSION.finditer(page.read_text(encoding="utf-8")):
        line = page.read_text(encoding="utf-8").count("\n", 0, session.start(1))
        names = {"MyAsker": MyAsker, "MyAnswerer": MyAnswerer}
        runner.run(doctest.DocTestParser().get_doctest(session[1], names, page.name, str(page), line))
    assert runner.summarize().attempted
    assert not runner.failures


def test_the_pipeline_begins_with_examples() -> None:
    assert {*modules()} >= TUTORIALS
    assert TOP / "spec" / "README.md" in pages()
