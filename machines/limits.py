"""What a tracker admits at most, and how many bytes what it knows takes in an event.

Sizes are upper bounds, and sums: that of a union is the sum of its parts. So the size of what the service knows follows
from the size of what it knew before, and from what has changed.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from immutabledict import immutabledict

from machines.events import ClientMetadata, FileMetadata, Files, Fragments
from machines.per_client import PerClient
from machines.persistent_map import difference

EVENT_BYTES = 512
"""What an event takes beside what it tells, at most."""
ENTRY_BYTES = 80
"""What a file, a fragment or a client takes in an event beside its texts, at most."""
QUOTED_BYTES = 3
"""What quotes and a comma take."""
ESCAPE_BYTES = 5
"""What a character that JSON escapes takes beside itself."""
SOME = 5000
"""Texts that are measured at once."""
_ESCAPED = re.compile(r'[\x00-\x1f"\\]')


@dataclass(frozen=True, slots=True)
class Limits:
    """What a tracker admits at most; None: any number. `event_bytes` bounds each event that tells of all it knows.

    Its own limits are the service's: what is admitted has to be told to everybody who joins later.
    """

    clients: int | None = None
    files: int | None = None
    fragments: int | None = None
    endpoints: int | None = None
    event_bytes: int | None = None


NO_LIMITS = Limits()


class _Known(NamedTuple):
    """What a service knew when it was last asked for its size."""

    files: Files
    fragments: Fragments
    size: int


_last = _Known(immutabledict(), immutabledict(), 0)


def size_of_known(files: Files, fragments: Fragments) -> int:
    """How many bytes what a service knows takes in an event at most.

    It is asked for at each request, and mostly nothing, or one client's share, has changed since the last one.
    """
    global _last  # noqa: PLW0603 - as a cache, it changes no answer
    if files is not _last.files or fragments is not _last.fragments:
        lost_files, new_files = difference(_last.files, files)
        lost_fragments, new_fragments = difference(_last.fragments, fragments)
        lost = size_of({key: _last.files[key] for key in lost_files}, lost_fragments)
        _last = _Known(files, fragments, _last.size - lost + size_of(new_files, new_fragments))
    return _last.size


def size_of(files: Mapping[str, FileMetadata], fragments: Collection[str]) -> int:
    """How many bytes these files, and the fragments of these hashes, take in an event at most."""
    in_sequence = [key for one in files.values() for key in one.fragment_sequence]
    return _sizes([*files, *in_sequence, *fragments]) + ENTRY_BYTES * (len(files) + len(fragments))


def size_of_clients(clients: Mapping[str, ClientMetadata]) -> int:
    """How many bytes these clients take in an event at most."""
    return sum(_clients.of(clients))


def _size_of_client(client: str, info: ClientMetadata) -> int:
    return ENTRY_BYTES + _sizes((client, info.request_id, *info.endpoints, *info.stored_fragments))


def _sizes(texts: Sequence[str]) -> int:
    """The bytes of texts in JSON, with what separates them: an escape for each character that needs one.

    Of many texts some at a time: to look through all of them at once would hold up other threads.
    """
    return sum(_size_of_some(texts[place : place + SOME]) for place in range(0, len(texts), SOME))


def _size_of_some(texts: Sequence[str]) -> int:
    text = "".join(texts)
    plain = len(text.encode("utf-8", "replace")) + QUOTED_BYTES * len(texts)
    return plain if text.isalnum() else plain + ESCAPE_BYTES * len(_ESCAPED.findall(text))


_clients = PerClient(_size_of_client)  # each request asks for the size of each client
