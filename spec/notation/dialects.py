"""Texts in other notations that say so at their beginning: named, and not guessed at.

The first line that is neither blank nor a comment decides. A heading of Markdown looks like a comment of this notation,
so it takes a fence further down as well; so does prose at the beginning.
"""

import re
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from spec.notation.text import BLANK


class Foreign(NamedTuple):
    """The notation of a text, and the line that says so."""

    name: str
    line: int
    column: int
    text: str


Lines = Sequence[tuple[int, int, str]]
"""Number, column and text of each line that holds something."""

_MERMAID_KINDS = (
    r"sequenceDiagram|classDiagram(?:-v2)?|stateDiagram(?:-v2)?|erDiagram|gantt|journey|mindmap|timeline|gitGraph"
    r"|quadrantChart|requirementDiagram|zenuml|C4\w+|sankey(?:-beta)?|block-beta|(?:graph|flowchart)\s+(?:TB|TD|BT|RL|LR)"
)
_MERMAID = re.compile(rf"(?:{_MERMAID_KINDS})\s*;?|%%\s*\{{.*", re.IGNORECASE)
_OTHERS = (
    (re.compile(r"@start[a-z]+\b.*", re.IGNORECASE), "PlantUML"),
    (re.compile(r"(?:strict\s+)?(?:di)?graph\b[^{:>]*\{.*", re.IGNORECASE), "Graphviz"),
    (re.compile(r"msc\s*\{.*", re.IGNORECASE), "Mscgen"),
    (re.compile(r"<(?:svg|\?xml|mxfile)\b.*", re.IGNORECASE), "XML"),
    (re.compile(r"<(?:!doctype\s+html|html|head|body)\b.*", re.IGNORECASE), "HTML"),
    (re.compile(r"\{\s*(?:\"[^\"]*\"\s*:.*)?|\[\s*\{.*"), "JSON"),
)
_FENCE = re.compile(r"(?:>\s*)*(?:`{3,}|~{3,})\s*(?P<about>\{?[\w.\-]*\}?)[^`]*")
_DRAWN = re.compile(r"\{?\.?(?:sequence\w*|mermaid|plantuml|puml|uml|seqdiag|wsd)\}?", re.IGNORECASE)
_HEADING = re.compile(r"#{1,6}\s+\S.*")
_COMMENT = re.compile(r"//.*|#.*|%%(?!\s*\{).*|'.*|/'.*'/")
_RULE = "---"


def foreign_notation(lines: Lines, *, is_prose: bool) -> Foreign | None:
    """The notation of `lines` if they begin as another one; `is_prose`: the first line says nothing in this one."""
    first = next((line for line in lines if not _COMMENT.fullmatch(line[2])), None)
    if first is None:
        return None
    if first[2] == _RULE:
        return _behind_front_matter(lines, first)
    if name := _named(first[2]):
        return Foreign(name, *first)
    is_heading = _HEADING.fullmatch(lines[0][2]) is not None
    if _fence(lines, drawn=not (is_heading and is_prose)) and (is_heading or is_prose):
        return Foreign("Markdown", *lines[0])
    return None


def _named(text: str) -> str | None:
    """The notation whose first line this is."""
    if _MERMAID.fullmatch(text):
        return "Mermaid"
    if _FENCE.fullmatch(text):
        return "Markdown"
    return next((name for pattern, name in _OTHERS if pattern.fullmatch(text)), None)


def _behind_front_matter(lines: Lines, first: tuple[int, int, str]) -> Foreign | None:
    """Settings in YAML between two `---`: the line behind them says which notation it is."""
    start = lines.index(first)
    end = next(
        (index for index, line in enumerate(islice(lines, start + 1, None), start + 1) if line[2] == _RULE), None
    )
    behind = [line for line in lines[end + 1 :] if not _COMMENT.fullmatch(line[2])] if end is not None else []
    if not behind:
        return None
    name = _named(behind[0][2])
    if name:
        return Foreign(name, *behind[0])
    return Foreign("Markdown", *first) if _fence(lines) else None


def _fence(lines: Lines, *, drawn: bool = False) -> bool:
    """Whether there is a fence; `drawn`: one that holds a diagram by its own account."""
    fences = (found for line in lines if (found := _FENCE.fullmatch(line[2].strip(BLANK))))
    return any(not drawn or _DRAWN.fullmatch(found["about"]) for found in fences)
