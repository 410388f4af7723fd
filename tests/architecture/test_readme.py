"""The README's pictures are made from the charts, its snippet runs, and its commands are the ones that CI runs.

`python -m tests.architecture.test_readme` renews the pictures.
"""

import re

from machines import CHARTS
from machines.diagrams import mermaid
from tests.support.places import TOP

README = TOP / "README.md"
FOLDED = frozenset({"starting", "leaving"})
PICTURE = re.compile(r"(<!-- diagram (\w+): [^\n]*-->\n)(.*?)(<!-- end -->)", re.DOTALL)


def renewed(text: str) -> str:
    charts = {chart.__name__: chart for chart in CHARTS}
    return PICTURE.sub(
        lambda found: f"{found[1]}```mermaid\n{mermaid(charts[found[2]], FOLDED)}```\n{found[4]}",
        text,
    )


def test_the_pictures_are_those_of_the_charts() -> None:
    text = README.read_text(encoding="utf-8")
    assert [found[1] for found in PICTURE.findall(text)] == ["TorrentServer", "Tracker"]
    assert text == renewed(text), (
        "a picture in README.md is stale; renew it with: python -m tests.architecture.test_readme"
    )


def test_the_snippet_runs() -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(snippet, "README.md", "exec"), {})


def test_there_are_exactly_two_commands_to_begin_with() -> None:
    commands = re.findall(r"```sh\n(.*?)\n```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(commands) == 2
    assert commands[0].endswith(".venv/bin/clientjoin demo")
    assert commands[1].endswith(".venv/bin/python -m pytest")
    assert all(command.startswith("python3 -m venv ") and "\n" not in command for command in commands)


if __name__ == "__main__":
    README.write_text(renewed(README.read_text(encoding="utf-8")), encoding="utf-8")
