"""Who takes part: declarations, groups, and names that come into being where they are first used."""

from __future__ import annotations

import re
from dataclasses import replace

from spec.notation.arrows import unquoted
from spec.notation.model import Lifeline
from spec.notation.text import cut_style, plain, split_style, trim
from spec.notation.words import PICTURED

DEEPEST = 60
"""Groups inside groups beyond this are read as if they were not there."""

_QUOTED = re.compile(r'"(?P<label>(?:[^"\\]|\\.)*)"\s*(?P<rest>$|[#;].*$|[Aa][Ss](?:\s.*)?$)')
_LOOSELY_QUOTED = re.compile(r'"(?P<label>.*?)"\s*(?P<rest>$|[#;][^"]*$|[Aa][Ss](?:\s.*)?$)')
_STYLED_AS = re.compile(r"(?P<style>[#;]\S*(?:\s+[#;]\S*)*)\s+[Aa][Ss]\s+(?P<name>[^#;]+)")
_LABELLED = re.compile(r'(?P<name>[^"]*[^"\s])\s+"(?P<label>[^"]+)"')
_BENT = re.compile(r"[“”„«](?P<label>[^“”„«»]*)[“”»](?P<rest>\s.*|)")
_UNJOINED = re.compile(r'"(?P<label>[^"]+)"\s*(?P<name>[^\s"].*)$')
_AS = re.compile(r"(?<=\S)\s+[Aa][Ss]\s")
_TAIL = re.compile(r"\s(?:<<[^<>]*>>|order\s+\d+)$")
_NAMED_ICON = re.compile(r"[A-Za-z][\w\-]*")
_CODE = re.compile(r"(?:[\\&]?[uxUX+#]?[0-9A-Fa-f]{2,6};?)$")


class Participants:
    """The lifelines in the order in which they came up."""

    def __init__(self) -> None:
        self.lifelines: dict[str, Lifeline] = {}
        self.declared: set[str] = set()
        self.groups: list[str] = []

    def use(self, name: str, line: int, column: int) -> None:
        """`name` takes part from here on, if it does not yet."""
        if name not in self.lifelines:
            self._add(Lifeline(name, plain(name), line=line, column=column, raw_label=name))

    def declare(self, lifeline: Lifeline) -> str | None:
        """The lifeline is as declared; a complaint if it was declared before as something else."""
        before = self.lifelines.get(lifeline.name)
        again = before is not None and lifeline.name in self.declared
        if before:
            lifeline = replace(lifeline, group=before.group, group_path=before.group_path)
        self._add(lifeline)
        self.declared.add(lifeline.name)
        if before and again and (before.label, before.kind) != (lifeline.label, lifeline.kind):
            return f"`{lifeline.name}` was declared on line {before.line} already; read as declared here"
        return None

    def _add(self, lifeline: Lifeline) -> None:
        if self.groups and not lifeline.group_path:
            path = tuple(self.groups[:DEEPEST])
            lifeline = replace(lifeline, group=group_label(path), group_path=path)
        self.lifelines[lifeline.name] = lifeline


def group_label(path: tuple[str, ...]) -> str | None:
    """The text of nested groups, from the outermost."""
    return " / ".join(label for label in (plain(split_style(raw)[1]) for raw in path) if label) or None


def declaration(kind: str, text: str) -> tuple[Lifeline | None, str]:
    """What `KIND text` declares, None if there is no name in it; and what is odd about it."""
    icon, text = _icon(kind, text)
    style, text = split_style(text)
    text, odd = _straight(text)
    quoted = (_QUOTED.match(text) or _LOOSELY_QUOTED.match(text)) if text[:1] == '"' else None
    if quoted:
        label, rest = quoted["label"], quoted["rest"]
        if renamed := _STYLED_AS.fullmatch(rest):
            rest = f"as {renamed['name']} {renamed['style']}"
            odd = odd or f'the style comes last; read as `{kind} "{label}" {trim(rest)}`'
        aliased = rest[:2].lower() == "as"
        odd = f"expected `as`, got `{rest[:2]}`; read as such" if aliased and rest[:2] != "as" else odd
        name, after = cut_style(rest[2:] if aliased else rest)
        name = name if aliased else trim(label)
    else:
        label, after = cut_style(text)
        name = label
        if unjoined := _UNJOINED.match(label):
            label, name = unjoined["label"], unjoined["name"]
            odd = f'expected `as` between label and name; read as `{kind} "{label}" as {name}`'
        elif renamed_to := list(_AS.finditer(label)):
            word = trim(renamed_to[-1].group())
            odd = f"expected `as`, got `{word}`; read as such" if word != "as" else odd
            name, label = trim(label[renamed_to[-1].end() :]), trim(label[: renamed_to[-1].start()])
            if unquoted(name) != name:
                name, label = label, unquoted(name)
                odd = f'the alias comes last; write `{kind} "{label}" as {name}`, as it was read'
        elif labelled := _LABELLED.fullmatch(label):
            label, name = labelled["label"], labelled["name"]
            odd = f'the label comes first; write `{kind} "{label}" as {name}`, as it was read'
        label, odd = _closed(kind, label, name, odd) if label.count('"') == 1 else (label, odd)
        name = label if name in {f'"{label}', f'{label}"'} else name
    if tail := _TAIL.search(name):
        odd = f"`{trim(tail.group())}` is not of this notation; it was left out"
        label = label if label != name else trim(name[: tail.start()])
        name = trim(name[: tail.start()])
    name = unquoted(name)
    for mark in ":#":
        if mark in name:
            odd = f"a name holds no `{mark}`"
            name = trim(name.partition(mark)[0])
            odd += f'; read as `{name}`; write `{kind} "{label}" as ALIAS`'
    if name.endswith(";") and name.rstrip("; "):
        label = label if label != name else label.rstrip("; ")
        name = name.rstrip("; ")
        odd = f"a line does not end in `;`; read as `{name}`"
    if not name:
        return None, odd
    return Lifeline(name, plain(label), kind, raw_label=label, style=trim(f"{style} {after}"), icon=icon), odd


def _straight(text: str) -> tuple[str, str]:
    """The text with the quotes of this notation, where a word processor has bent those around the label."""
    bent = _BENT.fullmatch(text)
    if bent is None:
        return text, ""
    return f'"{bent["label"]}"{bent["rest"]}', 'quotes are straight, `"`; read as if they were'


def _closed(kind: str, label: str, name: str, odd: str) -> tuple[str, str]:
    """A label that has lost one of its quotes."""
    if label[:1] != '"' and label[-1:] != '"':
        return label, odd
    whole = trim(label.strip('"'))
    named = "" if name == label else f" as {name}"
    return whole, odd or f'the quote is not closed; read as `{kind} "{whole}"{named}`'


def _icon(kind: str, text: str) -> tuple[str, str]:
    if kind not in PICTURED:
        return "", text
    first, _, rest = text.partition(" ")
    is_icon = first.startswith(("data:", "http:", "https:")) if kind == "image" else _CODE.match(first)
    is_before_label = _NAMED_ICON.fullmatch(first) and _QUOTED.match(trim(rest))
    return (first, trim(rest)) if is_icon or is_before_label else ("", text)
