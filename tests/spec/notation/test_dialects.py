"""Texts in other notations are named and refused as a whole."""

import pytest

from spec.notation import read

MERMAID = "sequenceDiagram\nparticipant A as Alice\nA->>B: hi\ncritical x\noption y\nend"
PLANTUML = "@startuml\nactor A\nA -> B : x\nreturn ok\n@enduml"
MARKDOWN = (
    "# Notes\n\nProse -> with an arrow: yes.\n\n```sequence\nA->B:x\n```\n\n```mermaid\nsequenceDiagram\nA->>B: y\n```"
)


@pytest.mark.parametrize(
    ("text", "name", "line"),
    [
        (MERMAID, "Mermaid", 1),
        ("\n\n%% drawn by hand\n" + MERMAID, "Mermaid", 4),
        ("// ours\n# ours\n" + MERMAID, "Mermaid", 3),
        ("sequenceDiagram;\nA->>B: x", "Mermaid", 1),
        ("SequenceDiagram\nA->>B: x", "Mermaid", 1),
        ("%%{init: {'theme': 'dark'}}%%\n" + MERMAID, "Mermaid", 1),
        ("%%{init: {\n'theme': 'dark'}}%%\n" + MERMAID, "Mermaid", 1),
        ("---\ntitle: X\n---\n" + MERMAID, "Mermaid", 4),
        ("flowchart LR\nA-->B", "Mermaid", 1),
        ("graph TD\nA-->B", "Mermaid", 1),
        ("stateDiagram-v2\n[*] --> A", "Mermaid", 1),
        (PLANTUML, "PlantUML", 1),
        ("' ours\n\n" + PLANTUML, "PlantUML", 3),
        ("@startuml name with blanks\nA->B", "PlantUML", 1),
        ("@startmindmap\n* A", "PlantUML", 1),
        (MARKDOWN, "Markdown", 1),
        ("```\nA->B:x\n```", "Markdown", 1),
        ("~~~ sequence\nA->B:x\n~~~", "Markdown", 1),
        ("```{mermaid}\nsequenceDiagram\n```", "Markdown", 1),
        ("Some words about it.\n\n```mermaid\nsequenceDiagram\n```", "Markdown", 1),
        ("## Notes\n\nSome words.\n\n```\nA->B:x\n```", "Markdown", 1),
        ("---\ntags: [x]\n---\n# Notes\n```sequence\nA->B\n```", "Markdown", 5),
        ("digraph G {\nA -> B\n}", "Graphviz", 1),
        ("msc {\nA,B;\n}", "Mscgen", 1),
        ("<?xml version='1.0'?>\n<svg/>", "XML", 1),
        ("<svg xmlns='x'>", "XML", 1),
        ("<!DOCTYPE html>\n<html>", "HTML", 1),
        ('{\n"a": 1}', "JSON", 1),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_another_notation_is_refused_with_one_error(text: str, name: str, line: int, end: str) -> None:
    diagram = read("\ufeff" + text.replace("\n", end))
    (diagnostic,) = diagram.diagnostics
    assert (diagnostic.line, diagnostic.severity) == (line, "error")
    assert f"this is {name}" in diagnostic.message
    assert diagram.notation == name
    assert (diagram.lifelines, diagram.body, diagram.title, diagram.frame) == ((), (), None, None)


@pytest.mark.parametrize(
    "text",
    [
        "A->B:x\nsequenceDiagram",
        "A->B:x\n@startuml",
        "sequenceDiagram->B:x",
        "participant graph\ngraph->B:x",
        "// Mermaid: sequenceDiagram\nA->B:x",
        "# Notes\nA->B:x",
        "# Notes\n## More\nA->B:x",
        "# Notes\nA->B:x\n```",
        "---\nA->B:x",
        "---\nA->B:x\n---\nB->A:y",
        "[->A:x",
        "title sequenceDiagram\nA->B:x",
        "skinparam x 3\nA->B:x",
        "lorem ipsum\nA->B:x\n```",
        "A->B:```",
    ],
)
def test_what_does_not_begin_as_one_is_not(text: str) -> None:
    diagram = read(text)
    assert diagram.notation == "sequencediagram.org"
    assert list(diagram.messages())


def test_its_lines_are_mended_as_ever() -> None:
    diagram = read("A->B:x\n@enduml\nreturn ok\nnote left: hm\nB --> A ++ : y")
    assert [message.label for message in diagram.messages()] == ["x", "y"]
    assert [(each.line, each.severity) for each in diagram.diagnostics] == [
        (2, "error"),
        (3, "error"),
        (4, "error"),
        (5, "warning"),
    ]
