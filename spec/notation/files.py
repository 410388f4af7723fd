"""Texts from files and from standard input: what can be read is, and of the rest is said what it is."""

import codecs
import sys
from pathlib import Path
from typing import NamedTuple

STANDARD_INPUT = "-"

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_KINDS = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"RIFF", "a picture or a sound"),
    (b"BM", "a picture"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\xd0\xcf\x11\xe0", "an office document"),
    (b"\x1f\x8b", "compressed"),
    (b"\x7fELF", "a program"),
)
_CONTROL = frozenset(range(0x20)) - frozenset(b"\t\n\r\x0b\x0c\x1b") | {0x7F}


class FileError(Exception):
    """A file that cannot be read, or is no text; the message names it and says what to do."""


class Source(NamedTuple):
    """A text and where it comes from; `remark` is not empty if its encoding was not UTF-8."""

    name: str
    text: str
    remark: str = ""


def load(file: Path | str) -> Source:
    """The text of a file, of standard input if it is `-`; raises `FileError`."""
    name = "<stdin>" if str(file) == STANDARD_INPUT else str(file)
    try:
        data = sys.stdin.buffer.read() if str(file) == STANDARD_INPUT else Path(file).read_bytes()
    except OSError as error:
        raise FileError(f"cannot read {name}: {error.strerror or error}") from None
    except ValueError:  # a name that the system cannot look up
        raise FileError(f"cannot read {name!r}: no file can have that name") from None
    return decoded(data, name)


def decoded(data: bytes, name: str) -> Source:
    """The text in `data`: UTF-8, or UTF-16 and UTF-32 where they can be told; raises `FileError`."""
    encoding = _encoding(data)
    if encoding is None and _is_binary(data):
        kind = next((kind for start, kind in _KINDS if data.startswith(start)), "")
        raise FileError(f"{name} is not text{f' but {kind}' if kind else ''}: give the diagram's text")
    try:
        text = data.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        said = {"utf-8-sig": "UTF-8", None: "UTF-8"}.get(encoding, str(encoding).upper())
        line = data.count(b"\n", 0, error.start) + 1
        raise FileError(f"{name} is not {said} (byte {error.start}, line {line}): save it as UTF-8") from None
    is_other = encoding is not None and encoding != "utf-8-sig"
    return Source(name, text, f"{name} is encoded in {str(encoding).upper()}; read as that" if is_other else "")


def _encoding(data: bytes) -> str | None:
    """The encoding that a byte order mark, or the pattern of zero bytes, says."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    even, odd = data[0::2], data[1::2]
    if len(data) % 2 == 0 and data:
        for first, second, encoding in ((even, odd, "utf-16-le"), (odd, even, "utf-16-be")):
            if (
                0 not in first
                and second.count(0) * 2 > len(second)
                and not _is_binary(first + second.replace(b"\0", b""))
            ):
                return encoding
    return None


def _is_binary(data: bytes) -> bool:
    """Whether there are characters that no text holds: a zero byte, or many other controls."""
    return 0 in data or sum(data.count(bytes((code,))) for code in _CONTROL) * 20 > len(data)
