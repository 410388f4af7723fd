"""When two endpoints are the same: equal URIs have one normal form."""

import re
from collections.abc import Mapping
from functools import lru_cache

from immutabledict import immutabledict

DEFAULT_PORTS: Mapping[str, str] = immutabledict({"http": "80", "https": "443", "ftp": "21", "ws": "80", "wss": "443"})


LONG = 1024
"""Characters of a URI beyond which its normal form is worked out anew each time: many would take much memory."""


def compared(uri: str) -> str:
    """By what a URI is compared: its `normal_form`."""
    return normal_form(uri) if len(uri) <= LONG else normal_form.__wrapped__(uri)


@lru_cache(maxsize=16384)  # each request asks for those of everybody
def normal_form(uri: str) -> str:
    """A URI such that equal ones are equal texts (RFC 3986, 6.2.2 and 6.2.3); what is no URI stays as it stands."""
    if not _CHARACTERS.fullmatch(uri) or not (parts := _URI.fullmatch(uri)):
        return uri
    scheme, authority, path, rest = parts[1].lower(), parts[2], _unescaped(parts[3]), _unescaped(parts[4])
    if authority is None:
        return f"{scheme}:{path}{rest}"
    if not (place := _AUTHORITY.fullmatch(authority)):
        return uri
    user, host, port = _unescaped(place[1]), _unescaped(place[2]).lower(), place[3]
    port = f":{port}" if port and port != DEFAULT_PORTS.get(scheme) else ""
    return f"{scheme}://{user}{host}{port}{_without_dots(path)}{rest}"


def _unescaped(text: str) -> str:
    """Percent-encoded only where it must be, in upper case (6.2.2.1, 6.2.2.2)."""

    def letter(escape: re.Match[str]) -> str:
        char = chr(int(escape[1], 16))
        return char if _UNRESERVED.fullmatch(char) else escape[0].upper()

    return _ESCAPE.sub(letter, text)


def _without_dots(path: str) -> str:
    """The path from the root, without `.` and `..` (6.2.2.3)."""
    kept: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if path.endswith(("/.", "/..")):
        kept.append("")
    return "/" + "/".join(kept)


_CHARACTERS = re.compile("(?:[!-$&-~]|%[0-9A-Fa-f]{2})+")
_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?://([^/?#]*))?([^?#]*)(.*)")
_AUTHORITY = re.compile(r"((?:[^@]*@)?)(\[[^\[\]@]*\]|[^:@\[\]]*)(?::([0-9]*))?")
_ESCAPE = re.compile("%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile("[A-Za-z0-9._~-]")
