"""What reads without a fault and is probably not meant: warnings about a diagram as a whole.

Names come into being where they are first used, so a slip in one makes a second lifeline. A name that was not declared
is compared with those that were: with their spelling, their labels, and those of them that take part in nothing.
Names that were not declared are compared with each other only where they look the same (`a1` and `a2` are no slips).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

from spec.notation.lifecycle import absences
from spec.notation.model import Create, Destroy, Diagnostic, Diagram, Lifeline, Message, Presentation, Reference
from spec.notation.text import INVISIBLE
from spec.notation.words import ACTIVATIONS, DESTRUCTIONS, FRAGMENTS, KINDS, WORDS

_SHORTEST = 4
"""Among shorter names one letter is no slip."""

_DELAYED = re.compile(r"(?P<name>.*\S)\s*(?P<delay>\(\d{1,6}(?:\.\d{1,3})?\))")
_ITEM = re.compile(r"(?:[-*•–+|]|--|/\*|\d{1,3}[.)]|[a-z]\))\s+\S.*")  # noqa: RUF001
_PARTS = re.compile(r"\s*,\s*|\s+&\s+|\s+and\s+|\s*/\s*|\s*\|\s*")
_COMMENT = re.compile(r"\s//")
_MARKS = re.compile(r"(?:--|[+*;,.!?])+$")
_HALF_ARROW = re.compile(r"\(\s*-?\d[^()]*\)\s*\w.*|.*-\s*(?:\([^()]*\))?$")
_OPENERS = re.compile(
    rf"(?:{'|'.join(sorted(FRAGMENTS | {'else'}, key=len, reverse=True))})[\[({{].*".replace("+", r"\+")
)
_DIRECTING = KINDS | ACTIVATIONS | DESTRUCTIONS | {"create", "participantgroup"}
_WORDY = 3
_INSEPARABLE = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


def doubts(diagram: Diagram, declared: Collection[str], texts: Mapping[int, tuple[int, str]]) -> list[Diagnostic]:
    """The warnings.

    `declared` are the names with a declaration, `texts` the column and text of each line by number.
    """
    found = [
        *_about_names(diagram, declared, texts),
        *((line, message) for line, _, message in absences(diagram.body)),
        *_about_lines(texts),
    ]
    if not diagram.lifelines and not diagram.diagnostics and not found and _is_empty(diagram):
        first = min(texts, default=1)
        column = texts[first][0] if texts else 1
        return [Diagnostic(first, column, "warning", "there is no diagram in here: no lifeline, and no message")]
    return [Diagnostic(line, texts[line][0] if line in texts else 1, "warning", message) for line, message in found]


def _is_empty(diagram: Diagram) -> bool:
    is_said = diagram.title or diagram.frame
    return not is_said and all(isinstance(each, Presentation) and each.keyword in {"//", "#"} for each in diagram.body)


def _about_lines(texts: Mapping[int, tuple[int, str]]) -> Iterator[tuple[int, str]]:
    for number, (_, text) in texts.items():
        if found := _INSEPARABLE.search(text):
            yield number, f"U+{ord(found.group()):04X} does not end a line; read as one line"


def _about_names(
    diagram: Diagram, declared: Collection[str], texts: Mapping[int, tuple[int, str]]
) -> Iterator[tuple[int, str]]:
    """At most one warning for each lifeline, where it first comes up. Being created introduces it, too."""
    spelled = {*declared, *_created(diagram)}
    names = {each.name: each for each in diagram.lifelines}
    nets = _Nets(diagram, spelled)
    uses = Counter(name for each in diagram.messages() for name in (each.sender, each.receiver))
    for lifeline in diagram.lifelines:
        complaint = _shape(lifeline, names)
        if lifeline.name not in declared:
            hint = nets.complaint(lifeline) if lifeline.name not in spelled else ""
            complaint = hint or complaint or _unlikely(lifeline.name) or _delayed(lifeline.name, names)
            begun = next((name for name in _beginnings(lifeline.name) if name in names), None)
            if begun and not uses[lifeline.name]:
                complaint = complaint or (
                    f"`{lifeline.name}` is read as a name, though `{begun}` is one, and takes part in no message"
                )
        if complaint:
            yield lifeline.line, complaint
    for message in diagram.messages():
        right = message.sender if message.look.reversed else message.receiver
        if right is None or right in declared or uses[right] > 1 or ":" in texts.get(message.line, (0, ":"))[1]:
            continue
        begun = next((name for name in _beginnings(right) if name in names), None)
        if begun or len(right.split()) >= _WORDY:
            said = f"the lifeline `{begun}` and a text" if begun else "a lifeline and a text"
            yield message.line, f"expected a `:` between {said}; read as a lifeline named `{right}`"


def _beginnings(name: str) -> Iterator[str]:
    """The beginnings of a name that end where a word does."""
    return (name[: found.start()].rstrip() for found in re.finditer(r"(?<=\w)[^\w]", name))


def _unlikely(name: str) -> str:
    """What no one would call a lifeline without declaring it."""
    mark = next((mark for mark in ',;":，；：' if mark in name), "")  # noqa: RUF001
    if mark:
        return f"expected a name, got one with a `{mark}` in it; read as a lifeline named `{name}`"
    if name.count("[") != name.count("]"):
        return f"expected a name or, for the environment, a bracket alone; read as a lifeline named `{name}`"
    if _HALF_ARROW.fullmatch(name):
        return f"expected an arrow without blanks in it, and a delay such as `->(5)`; read as a lifeline named `{name}`"
    return ""


def _delayed(name: str, names: Collection[str]) -> str:
    """`B(3)->A`, where B is there: a delay at the wrong end of the arrow."""
    found = _DELAYED.fullmatch(name)
    if found is None or found["name"] not in names:
        return ""
    return (
        f"`{name}` is read as a lifeline beside `{found['name']}`; a delay stands behind the arrow, as in "
        f"`{found['name']}->{found['delay']}...`"
    )


def _shape(lifeline: Lifeline, names: Collection[str]) -> str:
    """What is odd about a name in itself, declared or not."""
    name = lifeline.name
    first, _, rest = name.partition(" ")
    parts = [part for part in _PARTS.split(name) if part]
    if _COMMENT.search(name):
        return f"there are no comments behind a statement; read as a lifeline named `{name}`"
    if len(parts) > 1 and all(part in names for part in parts):
        return f"read as one lifeline named `{name}`, though its parts are lifelines, too; write a line for each"
    if _ITEM.fullmatch(name) or (first.isdecimal() and rest and (rest in names or int(first[:9]) == lifeline.line)):
        return f"`{name}` begins like an item of a list; read as a lifeline of that name"
    if rest and ((first in WORDS and rest in names) or first in _DIRECTING):
        return f"expected a message or `{first}`, not both; read as a lifeline named `{name}`"
    if _OPENERS.fullmatch(name):
        return f"expected a blank behind the keyword; read as a lifeline named `{name}`"
    if not any(char.isalnum() for char in name) and set(name) & set("[]?*"):
        return f"the environment is `[` or `]`; read as a lifeline named `{name}`"
    return ""


class _Nets:
    """Names as they could have been meant."""

    def __init__(self, diagram: Diagram, declared: Collection[str]) -> None:
        known = [each for each in diagram.lifelines if each.name in declared]
        strangers = [each for each in diagram.lifelines if each.name not in declared]
        speaking = set(_taking_part(diagram))
        silent = [each for each in known if each.name not in speaking]
        self.exact = {squashed(each.name): each for each in reversed(known)}
        self.labels = {squashed(each.label): each for each in reversed(known) if each.label != each.name}
        self.silent = {each.name: each for each in silent}
        self.lengths = sorted({len(name) for name in self.silent}, reverse=True)
        self.inside: dict[str, Lifeline] = {}
        """Of each silent name, what a name that is its beginning or its end can be."""
        wanted = {each.name for each in strangers}
        lengths = {len(name) for name in wanted}
        for each in silent:
            for length in lengths:
                for part in (each.name[:length], each.name[-length:]):
                    if part in wanted and part != each.name and _is_part(part, each.name):
                        self.inside.setdefault(part, each)
        self.near: dict[tuple[int, bool, str], list[Lifeline]] = {}
        for each in known:
            if len(each.name) >= _SHORTEST - 1:
                low = each.name.lower()
                self.near.setdefault((len(low), True, low[0]), []).append(each)
                self.near.setdefault((len(low), False, low[-1]), []).append(each)
        self.seen = {_seen(each.name): each for each in reversed(strangers)}

    def complaint(self, lifeline: Lifeline) -> str:
        """What a name that was not declared was probably meant to be."""
        name, key = lifeline.name, squashed(lifeline.name)
        close = (self.exact.get(key) if key else None) or self._slip(name)
        if close:
            return f"`{name}` is not declared; did you mean `{close.name}` of line {close.line}?"
        if key and key in self.labels:
            close = self.labels[key]
            return f"`{name}` is not declared, and is the label of `{close.name}`; did you mean `{close.name}`?"
        silent = self.inside.get(name) or next(self._parts(name), None)
        if silent:
            other = f"`{silent.name}` of line {silent.line}"
            return f"`{name}` is not declared, and {other} is, but takes part in no message; is it the same?"
        twin = self.seen[_seen(name)]
        if twin is not lifeline:
            return f"`{name}` is nearly `{twin.name}` of line {twin.line}; read as another lifeline"
        return ""

    def _slip(self, name: str) -> Lifeline | None:
        low = name.lower()
        near = (
            each
            for length in (len(low) - 1, len(low), len(low) + 1)
            for key in ((length, True, low[0]), (length, False, low[-1]))
            for each in self.near.get(key, ())
        )
        return next((each for each in near if is_slip(name, each.name)), None)

    def _parts(self, name: str) -> Iterator[Lifeline]:
        """The silent names that `name` begins or ends with."""
        for length in self.lengths:
            for part in (name[:length], name[-length:]):
                if part != name and part in self.silent and _is_part(part, name):
                    yield self.silent[part]


def _taking_part(diagram: Diagram) -> Iterator[str | None]:
    for statement in diagram.statements():
        match statement:
            case Message():
                yield from (statement.sender, statement.receiver)
            case Create(name=name) | Destroy(name=name):
                yield name
            case Reference(over=over):
                yield from over


def _created(diagram: Diagram) -> Iterator[str]:
    for statement in diagram.statements():
        if isinstance(statement, Create):
            yield statement.name
        elif isinstance(statement, Message) and statement.created and statement.receiver is not None:
            yield statement.receiver


def _is_part(part: str, name: str) -> bool:
    """Whether the longer name goes on, or begins, where a word ends; a beginning of some length may be any."""
    if name.startswith(part) and (not name[len(part)].isalnum() or len(part) >= _SHORTEST - 1):
        return True
    return name.endswith(part) and not name[-len(part) - 1].isalnum()


def squashed(name: str) -> str:
    """A name in one case without blanks, dashes and the like."""
    shown = unicodedata.normalize("NFKC", name).casefold()
    return "".join(char for char in shown if unicodedata.category(char)[0] in "LNM")


def _seen(name: str) -> str:
    """A name as it looks in a drawing, without marks at its end that other notations put there."""
    shown = unicodedata.normalize("NFC", name).translate(dict.fromkeys(map(ord, INVISIBLE)))
    return " ".join(_MARKS.sub("", " ".join(shown.split())).split()) or name


def is_slip(name: str, other: str) -> bool:
    """Whether two names are one slip apart: a letter too many, wrong, or two swapped.

    What tells names apart on purpose is no slip: digits, a word of one letter, a capital at the end (`ServerA`).
    """
    shorter, longer = sorted((name, other), key=len)
    if len(longer) - len(shorter) > 1 or len(shorter) < _SHORTEST - (len(longer) > len(shorter)):
        return False
    if len(longer) < _SHORTEST or longer.lower() == shorter.lower():
        return False
    low, long = shorter.lower(), longer.lower()
    if (len(low), len(long)) != (len(shorter), len(longer)):
        return False  # a letter that has another length in the other case
    start = _common(zip(low, long, strict=False))
    end = _common(zip(reversed(low[start:]), reversed(long[start:]), strict=False))
    left, right = low[start : len(low) - end], long[start : len(long) - end]
    pairs = ((longer, start), (shorter, start)) if left else ((longer, start),)
    if len(right) == len(left) == len("ab"):
        return left == right[::-1] and left.isalpha()
    if len(right) != 1 or len(left) > 1:
        return False
    return all(_is_letter_of_word(each, place) for each, place in pairs)


def _common(pairs: Iterable[tuple[str, str]]) -> int:
    count = 0
    for one, other in pairs:
        if one != other:
            break
        count += 1
    return count


def _is_letter_of_word(name: str, place: int) -> bool:
    """Whether the letter at `place` is one of several of a word, and no capital that ends one."""
    around = [name[index : index + 1] for index in (place - 1, place + 1) if index >= 0]
    is_alone = not any(char.isalnum() for char in around)
    is_last = not name[place + 1 : place + 2].isalnum()
    return name[place].isalpha() and not is_alone and not (is_last and name[place].isupper())
