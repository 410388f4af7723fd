"""File Infos and fragments of real files: each is read once, and what was found is kept in a cache file.

A file is cut into fragments of the service's size, the last one shorter; a hash is that of the content, in hexadecimal
digits. Metadata of a file that has not changed since (size and time of modification, in nanoseconds) are in the cache.
"""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from immutabledict import immutabledict

from machines.events import FileMetadata, FragmentMetadata
from runtime.services.settings import SettingsError

log = logging.getLogger("clientjoin.service")

CACHE = ".clientjoin-cache.json"
"""The cache file's name, in the folder that is shared, unless another place is given."""
FORM = 1
"""Of the cache file; another one is not read."""


@dataclass
class Shared:
    """What a folder holds."""

    files: dict[str, FileMetadata] = field(default_factory=dict)
    """By the hash of their content."""
    fragments: dict[str, FragmentMetadata] = field(default_factory=dict)
    hashed: int = 0
    """How many files were read; the others were in the cache."""
    places: dict[str, str] = field(default_factory=dict)
    """A path of each file, by its hash."""

    def frozen(self) -> tuple[immutabledict[str, FileMetadata], immutabledict[str, FragmentMetadata]]:
        """The files and fragments as a view holds them."""
        return immutabledict(self.files), immutabledict(self.fragments)


def share(
    folders: Iterable[Path],
    algorithm: str,
    fragment_size: int,
    cache: Path | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Shared:
    """The files below these folders, without hidden ones and symbolic links; `fragment_size` in bytes.

    `progress` is told which file is read, how many bytes are done, and of how many. Raises `SettingsError` for a folder
    that is none, or a file that cannot be read.
    """
    shared = Shared()
    for folder in folders:
        if not folder.is_dir():
            raise SettingsError(f"--share {folder}: there is no such folder")
        place = cache or folder / CACHE
        known = _read(place, algorithm, fragment_size)
        found = {path: path.stat() for path in _files(folder)}
        missing = {path for path, stat in found.items() if not _is_known(known.get(str(path)), stat)}
        total, done = sum(found[path].st_size for path in missing), 0
        for path, stat in found.items():
            if path in missing:
                progress(str(path), done, total)
                known[str(path)] = _hashed(path, stat, algorithm, fragment_size)
                done += stat.st_size
                shared.hashed += 1
            _add(shared, path, known[str(path)])
        if missing:
            progress("", total, total)
            _write(place, algorithm, fragment_size, {str(path): known[str(path)] for path in found})
    return shared


def _files(folder: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise SettingsError(f"--share {folder}: cannot read {error.filename}: {error.strerror}") from None

    for here, folders, names in os.walk(folder, onerror=fail):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(here, name)
            if not name.startswith(".") and path.is_file() and not path.is_symlink():
                yield path


def _is_known(entry: Any, stat: os.stat_result) -> bool:
    return bool(entry) and (entry["size"], entry["modified"]) == (stat.st_size, stat.st_mtime_ns)


def _hashed(path: Path, stat: os.stat_result, algorithm: str, fragment_size: int) -> dict[str, Any]:
    """What the cache holds of a file: its size, its time, its hash, and the hash and size of each fragment."""
    name = algorithm.replace("-", "")
    whole, fragments, size = hashlib.new(name), [], 0
    try:
        with path.open("rb") as file:
            while data := file.read(fragment_size):
                whole.update(data)
                fragments.append([hashlib.new(name, data).hexdigest(), len(data)])
                size += len(data)
    except OSError as error:
        raise SettingsError(f"--share: cannot read {path}: {error.strerror}") from None
    if size != stat.st_size:
        raise SettingsError(f"--share: {path} has changed while it was read: share what is not being written")
    return {"size": size, "modified": stat.st_mtime_ns, "hash": whole.hexdigest(), "fragments": fragments}


def _add(shared: Shared, path: Path, entry: dict[str, Any]) -> None:
    sequence = tuple(name for name, _ in entry["fragments"])
    shared.files[entry["hash"]] = FileMetadata(entry["size"], sequence)
    shared.fragments.update({name: FragmentMetadata(size) for name, size in entry["fragments"]})
    shared.places[entry["hash"]] = str(path)


def _read(place: Path, algorithm: str, fragment_size: int) -> dict[str, Any]:
    try:
        given = json.loads(place.read_text(encoding="utf-8"))
        if [given["form"], given["algorithm"], given["fragment_size"]] == [FORM, algorithm, fragment_size]:
            return {path: entry for path, entry in given["files"].items() if _is_entry(entry)}
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("the cache %s cannot be read, and is made anew: %s", place, error)
    return {}


def _is_entry(entry: Any) -> bool:
    """Whether a cache entry has the form that `_hashed` gives."""
    return (
        isinstance(entry, dict)
        and all(isinstance(entry.get(name), int) for name in ("size", "modified"))
        and isinstance(entry.get("hash"), str)
        and isinstance(entry.get("fragments"), list)
        and all(isinstance(one, list) and len(one) == 2 for one in entry["fragments"])  # noqa: PLR2004 - hash, size
        and all(isinstance(name, str) and isinstance(size, int) for name, size in entry["fragments"])
    )


def _write(place: Path, algorithm: str, fragment_size: int, files: dict[str, Any]) -> None:
    text = json.dumps({"form": FORM, "algorithm": algorithm, "fragment_size": fragment_size, "files": files})
    new = place.with_name(f"{place.name}.new")
    try:
        new.write_text(text, encoding="utf-8")
        new.replace(place)  # whoever reads meanwhile has the old one, or the new one
    except OSError as error:
        log.warning("the cache %s cannot be written, so files are hashed again next time: %s", place, error.strerror)
