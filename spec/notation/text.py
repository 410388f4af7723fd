r"""Lines, blanks and text markup.

Markup comes in pairs (`**bold** //italic// --small-- ++big++ ""mono"" ~~struck~~`) and may span a `\n`. A mark without
a partner is text, except where it opens a line of the text (`**bold to the end`); a `//` stays there, too, because of
paths. So do a run of four or more (`****`, a password), and the `//` of a URL. Tags (`<color:#red>`) go whether they
are closed or not. A backslash takes the meaning from the mark behind it.

A style (`#fill #border;width;line`, `##name`) stands before a text or behind a name; without a colour it begins with
`;`.
"""

import re
from collections.abc import Iterator

BLANK = "".join(char for char in map(chr, range(0x3001)) if char.isspace()) + "\ufeff\u200b\u200e\u200f\u2060\u00ad"
"""What may stand around a statement without being seen: white space, BOM, zero-width characters."""
INVISIBLE = "\ufeff\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\u00ad"
"""Characters without a width; not those that join others to one sign."""

_TAGS = "color|colour|size|align|link|background|position|stroke|wordwrap|difference|border|font|fontfamily|fontsize"
_PIECE = re.compile(
    r"\\n|\\[*/+\-\"~<>\\#]|\*\*+|//+|--+|\+\++|\"\"+|~~+"
    rf"|<(?:(?P<opened>{_TAGS}):[^<>]*|(?P<small>su[bp]))>|</(?P<closed>{_TAGS}|su[bp])>"
)
_URL = re.compile(r"(?:https?|ftps?|sftp|wss?|mqtts?|amqps?|file|tcp|udp|ssh|redis|jdbc:\w+|s3|git)s?:$", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][\w+.\-]*:$")
_REACH = 16
_LONGEST_STYLE = 60
_BARE_STYLE = re.compile(r"\s*;(?:\d{1,4}(?:\.\d{1,3})?(?:;[A-Za-z]{0,20})?|;[A-Za-z]{1,20})\s*$")
_LEADING_BARE_STYLE = re.compile(r"\s*;(?:\d{1,4}(?:\.\d{1,3})?(?:;[A-Za-z]{0,20})?|;[A-Za-z]{1,20})(?=\s|$)")
_STYLE = re.compile(r"\s*(?:##[\w\-]+|#(?:[0-9A-Fa-f]{3,8}|[A-Za-z]+)?(?:;[^\s#]*)*)(?:,[^\s#]*)?(?=[\s#]|$)")


def trim(text: str) -> str:
    """The text without blanks at its ends."""
    return text.strip(BLANK)


def lines(text: str) -> Iterator[tuple[int, int, str]]:
    """Number, column and text of every line that holds something. Only CR and LF end a line."""
    seemly = text.translate({0x09: " ", 0xA0: " "})
    for number, line in enumerate(re.split(r"\r\n|\n|\r", seemly), start=1):
        held = line.lstrip(BLANK)
        if held:
            yield number, len(line) - len(held) + 1, held.rstrip(BLANK)


def split_style(text: str) -> tuple[str, str]:
    """`#fill #border;3;dashed rest` as its leading style and the rest; `#1 attempt` is all rest."""
    end = 0
    while (token := _STYLE.match(text, end) or _LEADING_BARE_STYLE.match(text, end)) and trim(token.group()) != "#":
        end = token.end()
    return trim(text[:end]), trim(text[end:])


def cut_style(text: str) -> tuple[str, str]:
    """A name and the style behind it: it begins at the first `#`, or is a `;width;line` at the end."""
    name, sharp, style = text.partition("#")
    if bare := _BARE_STYLE.search(name, max(0, len(name) - _LONGEST_STYLE)):
        name, sharp = name[: bare.start()], trim(bare.group()) + (" " if sharp else "") + sharp
    return trim(name), trim(sharp + style)


def beside_style(style: str) -> str:
    """What a style that stands behind a name holds and no style can: `a comment` of `#red a comment`, or nothing."""
    return split_style(style)[1]


def _is_url(text: str, piece: re.Match[str]) -> bool:
    return _URL.search(text[max(0, piece.start() - _REACH) : piece.start()]) is not None


def _is_perhaps_url(text: str, piece: re.Match[str]) -> bool:
    after = text[piece.end() : piece.end() + 1]
    return after.isalnum() and _SCHEME.search(text[max(0, piece.start() - _REACH) : piece.start()]) is not None


def _marks(text: str, pieces: list[re.Match[str]]) -> set[int]:
    """Which pieces are marks that have a partner."""
    found: dict[str, list[int]] = {}
    doubtful: list[int] = []
    for index, piece in enumerate(pieces):
        run = piece.group()
        if run[0] in "\\<" or len(run) > len("***"):
            continue
        if run[0] == "/" and _is_url(text, piece):
            continue
        if run[0] == "/" and _is_perhaps_url(text, piece):
            doubtful.append(index)
        else:
            found.setdefault(run[0], []).append(index)
    slashes = found.get("/", [])
    if len(slashes) % 2:  # one of `Result://failed//` and `app://home` is markup: the one that completes a pair
        found["/"] = sorted(slashes + doubtful)
    paired = {index for each in found.values() for index in each[: len(each) // 2 * 2]}
    return paired | set(_opening(text, pieces, paired, {each[-1] for each in found.values()} - paired))


def _opening(text: str, pieces: list[re.Match[str]], paired: set[int], single: set[int]) -> Iterator[int]:
    """Which marks without a partner open a line of the text: nothing but marks and tags stands before them."""
    end, at_start = 0, True
    for index, piece in enumerate(pieces):
        run = piece.group()
        at_start = at_start and not trim(text[end : piece.start()])
        end = piece.end()
        opens = at_start and index in single and run[0] != "/" and not text[end : end + 1].isspace() and end < len(text)
        if opens:
            yield index
        at_start = run == r"\n" or (at_start and (opens or index in paired or run[0] == "<"))


def plain(raw: str) -> str:
    r"""The text as it is read: without markup, `\n` as a newline, without blanks at its ends."""
    pieces = list(_PIECE.finditer(raw))
    marks = _marks(raw, pieces)
    tags = {piece["opened"] or piece["small"] for piece in pieces}
    out: list[str] = []
    end = 0
    for index, piece in enumerate(pieces):
        out.append(raw[end : piece.start()])
        end = piece.end()
        run = piece.group()
        if run == r"\n":
            out.append("\n")
        elif run[0] == "\\":
            out.append(run[1])
        elif index in marks:
            out.append(run[2:])
        elif run[0] != "<" or (piece["closed"] and piece["closed"] not in tags):
            out.append(run)
    out.append(raw[end:])
    return trim("".join(out))


def escape(label: str) -> str:
    """A raw text that reads as `label`, with no more backslashes than it takes."""
    tidy = trim(label.replace("\r\n", "\n").replace("\r", "\n"))
    for special in (r"\\(?=[n*/+\-\"~<>\\#])", r"[\\*/+\-\"~<]"):
        raw = re.sub(special, lambda found: "\\" + found.group(), tidy).replace("\n", r"\n")
        if plain(raw) == tidy:
            break
    return raw


def raw_for(label: str, raw: str) -> str:
    """The raw text if it still says `label`, else one that does."""
    return raw if plain(raw) == trim(label) and "\n" not in raw and "\r" not in raw else escape(label)


def raw_behind_style(label: str, raw: str) -> str:
    """The same for a text that may have a style in front of it: a `#red` that belongs to the text is escaped."""
    said = raw_for(label, raw)
    return "\\" + said if split_style(said)[0] else said
