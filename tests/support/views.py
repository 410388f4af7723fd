"""Files and fragments of a view."""

from immutabledict import immutabledict

from machines.events import (
    FileMetadata,
    Files,
    FragmentMetadata,
    Fragments,
)


def files_of(which: str) -> Files:
    return immutabledict() if which == "-" else immutabledict({"f": FileMetadata(int(which))})


def fragments_of(which: str) -> Fragments:
    return immutabledict() if which == "-" else immutabledict({"ab": FragmentMetadata(int(which))})
