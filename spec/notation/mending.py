"""Lines that do not fit the notation, and what their authors probably meant.

What other notations write instead, keywords with a slip in them, arrows of another make. Each comes with the line of
this notation that stands for it, which the reader then reads; nothing in here is read without a diagnostic.
"""

import re
from collections.abc import Container
from typing import NamedTuple

from spec.notation.arrows import Arrow, is_known, scan
from spec.notation.model import Severity
from spec.notation.text import INVISIBLE, trim
from spec.notation.words import COLOURS, FOREIGN, FOREIGN_KINDS, FRAGMENTS, KINDS, PLACED, WORDS, suggest


class Mended(NamedTuple):
    """What is wrong with a line, and the line to read instead; None if there is none."""

    complaint: str
    instead: str | None
    severity: Severity = "error"


_FIRST = re.compile(r"([A-Za-z]\w*[+-]?)([:;.,]?)(?=[\s#]|$)\s*(.*)")
_OTHER_ARROWS = tuple(
    (re.compile(pattern), instead)
    for pattern, instead in (
        (r"&gt;", ">"),
        (r"&lt;", "<"),
        (r"[→⟶➔➜⇒⟹]+", "->"),
        (r"[←⟵⇐]+", "<-"),
        (r"[↔⇔]", "<->"),
        (r"[‐‑‒–—−]+(?=>)", "--"),  # noqa: RUF001
        (r"(?<=<)[‐‑‒–—−]+", "--"),  # noqa: RUF001
        (r"<[=~]+>", "<->"),
        (r"[=~]+>+", "->"),
        (r"<+[=~]+", "<-"),
        (r"\.\.+>+", "-->"),
        (r"<+\.\.+", "<--"),
        (r"(?<!-)(--?)[ ]+(?=>)", r"\1"),
        (r"(--?)>{3,}", r"\1>>"),
        (r"<{3,}(?=-)", "<<"),
        (r"(--?)\)", r"\1>>"),
        (r"(?<=-)(?:\\\\?|//?)(?=\s|\w)", ">"),
        (r"#\w*(?=\s*(?:-|<))", ""),
    )
)
_STYLE = r"(?P<style>\[[^\[\]]{0,200}\]|##?\w{1,40}(?:;[\w.]{0,20}){0,2})"
_SPLIT_DASH = re.compile(rf"(?P<left>[^:#]*?[^:#\-\s])\s*--?{_STYLE}--?(?P<head>>>?|x)(?P<rest>.*)")
_STYLED_HEAD = re.compile(
    r"(?P<left>[^:#]*?[^:#<\-\s])\s*(?P<back><<?)?(?P<dash>--?)(?P<head>>>?|x)?"
    rf"\s*{_STYLE}\s*(?P<right>[^:#]*)(?P<text>(?:[:#].*)?)"
)
_GLUED = re.compile(r"(?P<word>[a-z]+)(?::|(?=[\[({]))(?P<rest>.*)", re.IGNORECASE)
_PLACED = re.compile(r"\w+\s+(?:over|left\s+of|right\s+of)\s", re.IGNORECASE)
_PLACE = re.compile(r"^(?:over|left\s+of|right\s+of)\s", re.IGNORECASE)
_HEADLESS = re.compile(r"(?<!-)--?(?!-)")
_LONG = 60
_MANY = 200
_UNLIKELY = 2000
"""A longer line is no slip of a hand."""
_USAGE = {
    "parallel": "`parallel`, `parallel on` or `parallel off`",
    "note": "`note (over|left of|right of) A:text`",
    "state": "`state over A:text`",
    "participantgroup": "`participantgroup text`",
    **dict.fromkeys(("box", "abox", "rbox", "aboxright", "aboxleft"), "`box (over|left of|right of) A:text`"),
}


def mend(line: str, known: Container[str]) -> Mended:
    """What to make of a line that is no statement."""
    skipped = unreadable(line)
    if len(line) > _UNLIKELY:
        return skipped
    return (
        _invisible(line)
        or _empty(line)
        or _foreign(line)
        or _split_dash(line)
        or _styled_head(line, known)
        or _glued(line)
        or _other_arrow(line, known)
        or _headless(line, known)
        or _keyword(line)
        or _colon(line)
        or skipped
    )


def unreadable(line: str) -> Mended:
    """What is said about a line that looks like nothing that we know."""
    return Mended(f"expected a statement or a message such as `A->B:text`, got `{shortened(line)}`; skipped", None)


def shortened(line: str) -> str:
    """The line, or enough of it to recognise it."""
    return line if len(line) <= _LONG else line[: _LONG - 1] + "…"


def is_prose(arrow: Arrow, line: str, known: Container[str]) -> bool:
    """Whether the arrow is rather the x in `a non-xml answer`, or that of a name: `Participant x-proxy`.

    Two strangers, several words and no text; or a keyword with a slip in it, which stands before a name.
    """
    head = line[arrow.start : arrow.end]
    bounded = line[arrow.start - 1].isspace() and line[arrow.end].isspace()
    if not arrow.lost or head not in {"-x", "x-", "--x", "x--"} or is_known(arrow.left, known) or bounded:
        return False
    if ":" not in line and not is_known(arrow.right, known) and (" " in arrow.left or " " in arrow.right):
        return True
    first = _FIRST.match(line)
    is_slip = (
        first is not None and first[1] not in WORDS and (first[1].lower() in WORDS or suggest(first[1]) is not None)
    )
    return is_slip and (":" not in line or _PLACED.match(line) is not None)


def _empty(line: str) -> Mended | None:
    """An arrow from nobody or to nobody."""
    if {"<", ">"}.isdisjoint(line):
        return None
    head = line.partition(":")[0]
    for filled, side, name in (
        (f"?{line}", "before", "sender"),
        (f"{head}?", "behind", "receiver"),
        (f"?{head}?", "", ""),
    ):
        arrow = scan(filled)
        if (
            arrow is None
            or "?" not in {arrow.left, arrow.right}
            or not {"<", ">"} & set(filled[arrow.start : arrow.end])
        ):
            continue
        if not side:
            return Mended("expected a name on both sides of the arrow; skipped", None)
        role = name if not arrow.look.reversed else "receiver" if name == "sender" else "sender"
        return Mended(f"expected the {role} {side} the arrow (`[` or `]` for the environment); skipped", None)
    return None


def _foreign(line: str) -> Mended | None:
    for foreign in FOREIGN:
        if found := foreign.pattern.fullmatch(line):
            if foreign.stand_in is None:
                return Mended(f"`{shortened(line)}`: {foreign.advice}; skipped", None)
            instead = trim(found.expand(foreign.stand_in))
            return Mended(f"`{shortened(line)}`: {foreign.advice}; read as `{shortened(instead)}`", instead)
    return None


def _invisible(line: str) -> Mended | None:
    """A character that nobody sees where it does harm: `A-\u200b>B`."""
    found = next((char for char in line if char in INVISIBLE), None)
    instead = trim(line.translate(dict.fromkeys(map(ord, INVISIBLE)))) if found else ""
    first = _FIRST.match(instead)
    if found is None or (scan(instead) is None and not (first and first[1] in WORDS)):
        return None
    return Mended(f"an invisible character stands in the line (U+{ord(found):04X}); read without it", instead)


def _split_dash(line: str) -> Mended | None:
    """`A-[#red]->B`, as PlantUML has it."""
    found = _SPLIT_DASH.fullmatch(line)
    if found is None:
        return None
    if "hidden" in found["style"].lower():
        return Mended(f"`{shortened(line)}`: an arrow that is hidden is not drawn, and is no message; skipped", None)
    instead = f"{found['left']}--{found['style']}{found['head']}{found['rest']}"
    complaint = f"the style stands between dashes in `{shortened(line)}`; read as `{shortened(instead)}`"
    return Mended(complaint, instead, "warning")


def _styled_head(line: str, known: Container[str]) -> Mended | None:
    """`A->#redB`, `A->[#red]B`: the style on the wrong side of the head."""
    found = _STYLED_HEAD.fullmatch(line)
    if found is None or bool(found["head"]) == bool(found["back"]):
        return None
    style, right = found["style"], trim(found["right"])
    if not right:
        style, right = _parted(style, known)
    form = f"-{style}{found['head']}" if found["head"] else f"{found['back']}{style}-"
    place = "before the head" if found["head"] else "behind the head"
    if not right:
        return Mended(f"the colour goes {place}: `{form}`; got `{shortened(line)}`; skipped", None)
    arrow = form.replace("-", found["dash"], 1)
    instead = f"{found['left']}{arrow}{right}{found['text']}"
    return Mended(f"the colour goes {place}: `{form}`; read as `{shortened(instead)}`", instead)


def _parted(style: str, known: Container[str]) -> tuple[str, str]:
    """`#redB` as a colour and a name: one that is known, or one behind a colour that is."""
    cuts = range(2, len(style))
    named = next((cut for cut in cuts if style[cut:] in known), None)
    coloured = next((cut for cut in reversed(cuts) if style[1:cut] in COLOURS and not style[cut].islower()), None)
    cut = named or coloured or len(style)
    return style[:cut], style[cut:]


def _glued(line: str) -> Mended | None:
    """`alt[ready]`, `title:Foo`: no blank behind the keyword."""
    found = _GLUED.fullmatch(line)
    word = found["word"].lower() if found else ""
    if found is None or word not in FRAGMENTS | KINDS | {"else", "thread", "title", "frame"} or not trim(found["rest"]):
        return None
    if line[found.start("rest")].isspace():
        return None  # `alt: text` is the keyword with a `:` behind it
    instead = f"{word} {trim(found['rest'])}"
    return Mended(f"expected a blank behind `{word}`; read as `{shortened(instead)}`", instead)


def _other_arrow(line: str, known: Container[str]) -> Mended | None:
    """An arrow as other tools, or a word processor, write it."""
    head, colon, text = line.partition(":")
    if not set(head) & set("-=~.>&<→⟶➔➜⇒⟹←⟵⇐↔⇔"):
        return None
    mended = head
    for pattern, instead in _OTHER_ARROWS:
        mended = pattern.sub(instead, mended)
    arrow = scan(mended, known) if mended != head else None
    if arrow is None or arrow.lost:
        return None
    instead = mended + colon + text
    return Mended(f"no arrow of this notation in `{shortened(line)}`; read as `{shortened(instead)}`", instead)


def _headless(line: str, known: Container[str]) -> Mended | None:
    """`A-B:text` between two lifelines that are known."""
    head, colon, text = line.partition(":")
    for count, dash in enumerate(_HEADLESS.finditer(head)):
        left, right = trim(head[: dash.start()]), trim(head[dash.end() :])
        if is_known(left, known) and is_known(right, known):
            instead = f"{left}{dash.group()}>{right}{colon}{text}"
            return Mended(f"the arrow has no head; expected `->`, read as `{shortened(instead)}`", instead)
        if count > _MANY:
            break
    return None


def _colon(line: str) -> Mended | None:
    """`App:Main->B:text`."""
    head, _, rest = line.partition(":")
    arrow = scan(rest)
    if arrow is None or not arrow.is_pointed(rest):
        return None
    return Mended(f"expected an arrow before the first `:`; a name holds none, got `{shortened(head)}:`; skipped", None)


def _keyword(line: str) -> Mended | None:
    """A keyword with capitals or with a slip in it, or a kind of participant that there is not."""
    first = _FIRST.match(line)
    if first is None:
        return None
    word, rest = first[1], first[3]
    low = word.lower()
    if (first[2] or low != word) and low in WORDS:
        if low == "parallel":
            rest = rest.lower()
        elif low in PLACED:
            rest = _PLACE.sub(lambda found: found.group().lower(), rest)
        instead = trim(f"{low} {rest}")
        complaint = f"expected the keyword `{low}`, got `{word}{first[2]}`; read as `{shortened(instead)}`"
        return Mended(complaint, instead, "error" if first[2] else "warning")
    if low in WORDS:
        usage = _USAGE.get(low, f"a name behind `{low}`")
        if low == "parallel":
            instead = "parallel off" if rest.lower() == "off" else "parallel"
            return Mended(f"expected {usage}, got `{shortened(line)}`; read as `{instead}`", instead)
        return Mended(f"expected {usage}, got `{shortened(line)}`; skipped", None)
    meant = suggest(word)
    if low in FOREIGN_KINDS or (rest[:1] == '"' and '" as ' in rest):
        kind = meant if meant in KINDS and low not in FOREIGN_KINDS else "participant"
        instead = f"{kind} {rest}"
        return Mended(
            f"`{word}` is no kind of participant; did you mean `{kind}`? read as `{shortened(instead)}`", instead
        )
    if meant is None or (meant == "end" and rest):
        return None
    instead = trim(f"{meant} {rest}")
    return Mended(f"`{word}` is no keyword; did you mean `{meant}`? read as `{shortened(instead)}`", instead)
