"""The words of the notation, what other notations say instead, and the word that a typo probably meant."""

import re
from functools import lru_cache
from typing import NamedTuple

KINDS = frozenset({"participant", "rparticipant", "actor", "boundary", "control", "database", "entity"})
PICTURED = frozenset(
    {
        "fontawesome",
        *(f"fontawesome{version}{style}" for version in "567" for style in ("solid", "regular", "brands", "light", "")),
        "materialdesignicons",
        "image",
    }
)
"""Kinds with an icon before the name: a code point, or `data:...` for an image."""

FRAGMENTS = frozenset(
    {
        *(
            "alt",
            "opt",
            "loop",
            "par",
            "break",
            "critical",
            "ref",
            "seq",
            "strict",
            "neg",
            "ignore",
            "consider",
            "assert",
        ),
        *("region", "group", "expandable", "expandable+", "expandable-"),
    }
)
PLACED = frozenset({"note", "box", "abox", "rbox", "aboxright", "aboxleft", "state", "ref"})
"""What stands `over`, `left of` or `right of` lifelines."""

ACTIVATIONS = frozenset({"activate", "deactivate", "deactivateafter"})
DESTRUCTIONS = frozenset({"destroy", "destroyafter", "destroysilent"})
SETTINGS = frozenset(
    {
        *(
            "space",
            "linear",
            "autoactivation",
            "autonumber",
            "entryspacing",
            "participantspacing",
            "bottomparticipants",
        ),
        *("activecolor", "fontfamily", "lifelinecolor", "lifelinestyle", "style"),
    }
)
SETTING = re.compile(
    r"[a-z]+(?:style|colou?r|spacing|family|size|align|padding|margin|width|height|weight|thickness|radius|opacity)"
)
"""Settings that we have not seen yet look like those that we have."""

COLOURS = frozenset(
    {
        *("aqua", "beige", "black", "blue", "brown", "coral", "crimson", "cyan", "darkblue", "darkgreen", "darkred"),
        *(
            "fuchsia",
            "gold",
            "gray",
            "green",
            "grey",
            "indigo",
            "ivory",
            "khaki",
            "lightblue",
            "lightgray",
            "lightgreen",
        ),
        *(
            "lightgrey",
            "lime",
            "magenta",
            "maroon",
            "navy",
            "olive",
            "orange",
            "pink",
            "plum",
            "purple",
            "red",
            "salmon",
        ),
        *("silver", "skyblue", "tan", "teal", "tomato", "turquoise", "violet", "white", "yellow"),
    }
)
"""Colours that people write most; none holds an x."""

STRUCTURE = frozenset({"title", "frame", "participantgroup", "else", "thread", "end", "parallel", "create"})
WORDS = KINDS | PICTURED | FRAGMENTS | PLACED | ACTIVATIONS | DESTRUCTIONS | SETTINGS | STRUCTURE


class Foreign(NamedTuple):
    """A statement of another notation: what to say about it, and the statement that stands for it (None: nothing)."""

    pattern: re.Pattern[str]
    advice: str
    stand_in: str | None


def _foreign(pattern: str, advice: str, stand_in: str | None = None) -> Foreign:
    return Foreign(re.compile(pattern, re.IGNORECASE), advice, stand_in)


FOREIGN = (
    _foreign(r"@(start|end)\w*\b.*", "the site's diagrams have no first and last line of this kind; remove it"),
    _foreign(r"sequenceDiagram", "Mermaid's first line is not needed here; remove it"),
    _foreign(r"```.*", "a fence of Markdown is not a part of the diagram; remove it"),
    _foreign(r"%%.*", "a comment begins with `//` or `#`"),
    _foreign(r"'.*|/'.*|<!--.*", "a comment begins with `//` or `#`"),
    _foreign(r"\.\.\.+.*|…+|\|\|+\d*\|*", "a gap is written `space`", "space"),
    _foreign(
        r"(?:skinparam|hide|show|scale|header|footer|legend|caption|newpage|mainframe|links?|autoactivate|!\w+)"
        r"\b.*|option\s+(?:handwritten|footbox)\b.*|end(?:legend|header|footer|title)",
        "this notation has no such setting; remove it",
    ),
    _foreign(r"option\b.*", "a `critical` has one part here; write what may happen instead as `alt` and `else`"),
    _foreign(r"return\b.*", "this notation has no `return`; write the reply as a message, `B-->A:text`"),
    _foreign(r"and\b\s*(?!-)(.*)", "operands of `par` are separated by `thread`", r"thread \1"),
    _foreign(r"(?:else\s?if|els?if)\b:?\s*(.*)|else:\s*(.*)", "another branch is opened by `else`", r"else \1\2"),
    _foreign(r"end\s?(?:[rh]?note|ref)", "a note or `ref` is one line here and has no end"),
    _foreign(r"end\b.*|end(?:alt|opt|loop|par|break|critical|group|box|if|while)", "`end` stands alone", "end"),
    _foreign(r"rect\b.*", "a frame around messages is written `group`", "group"),
    _foreign(r"box\b\s*(?:\"([^\"]*)\"|([^#:]*?))\s*(#\w+)?", "write `participantgroup`", r"participantgroup \3 \1\2"),
    _foreign(r"[hr]note\s+((?:over|left of|right of)\s.*)", "a note is opened by `note`", r"note \1"),
    _foreign(
        r"create\s+(?:participant|actor|boundary|control|database|entity)\s+(.+)", "write `create NAME`", r"create \1"
    ),
    _foreign(r"==\s*([^=].*?)\s*=*", "a divider has `==` on both sides", r"==\1=="),
    _foreign(r"parallel\s*\{", "a block is opened by `parallel` alone", "parallel"),
    _foreign(r"\}", "a block is closed by `parallel off`", "parallel off"),
)
FOREIGN_KINDS = frozenset(
    {
        *("queue", "collections", "collection", "service", "system", "component", "object", "class", "user", "person"),
        *("cloud", "node", "usecase", "interface"),
    }
)


def suggest(word: str) -> str | None:
    """The keyword that is one slip away from `word`: a letter too many, too few, wrong, or two swapped."""
    low = word.lower()
    return _suggest(low) if len(word) <= _LONGEST and low not in WORDS else None


_LONGEST = max(map(len, WORDS)) + 1


@lru_cache(maxsize=1024)
def _suggest(word: str) -> str | None:
    near = {keyword for shorter in _slips(word) for keyword in _BY_SLIP.get(shorter, ())}
    return min((keyword for keyword in near if _is_slip(word, keyword)), default=None)


def _slips(word: str) -> set[str]:
    return {word, *(word[:index] + word[index + 1 :] for index in range(len(word)))}


def _is_slip(word: str, keyword: str) -> bool:
    """One edit apart. Words that share a shortened form can be two apart; for short ones that is too far."""
    if len(word) != len(keyword) or len(keyword) > len("database"):
        return True
    differing = [index for index, pair in enumerate(zip(word, keyword, strict=True)) if pair[0] != pair[1]]
    swapped = word[differing[0] : differing[-1] + 1] == keyword[differing[0] : differing[-1] + 1][::-1]
    return len(differing) == 1 or (len(differing) == len("ab") and swapped)


_BY_SLIP: dict[str, set[str]] = {}
for _word in WORDS - {"expandable", "ref", "seq", "neg"}:
    for _slip in _slips(_word):
        _BY_SLIP.setdefault(_slip, set()).add(_word)
