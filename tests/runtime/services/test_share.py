"""What is shared of a folder: File Infos and fragments, hashed once."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from machines import FileMetadata, FragmentMetadata
from runtime.services.settings import SettingsError
from runtime.services.share import CACHE, share


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deeper" / "down").mkdir(parents=True)
    (tmp_path / "one").write_bytes(b"abcdefghij")
    (tmp_path / "deeper" / "down" / "two").write_bytes(b"abcd")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / ".hidden").write_bytes(b"hidden")
    (tmp_path / "link").symlink_to(tmp_path / "one")
    return tmp_path


def test_files_are_cut_and_hashed(folder: Path) -> None:
    shared = share([folder], "sha-256", 4)
    assert shared.files == {
        sha(b"abcdefghij"): FileMetadata(10, (sha(b"abcd"), sha(b"efgh"), sha(b"ij"))),
        sha(b"abcd"): FileMetadata(4, (sha(b"abcd"),)),
        sha(b""): FileMetadata(0),
    }
    sizes = {sha(b"abcd"): 4, sha(b"efgh"): 4, sha(b"ij"): 2}
    assert shared.fragments == {name: FragmentMetadata(size) for name, size in sizes.items()}
    assert shared.hashed == 3


def test_each_is_read_once(folder: Path) -> None:
    before = share([folder], "sha-256", 4)
    told: list[tuple[str, int, int]] = []
    again = share([folder], "sha-256", 4, progress=lambda *what: told.append(what))
    assert (again.files, again.fragments, again.hashed, told) == (before.files, before.fragments, 0, [])
    (folder / "one").write_bytes(b"ABCDEFGHIJ")
    os.utime(folder / "one", ns=(1, 1))
    (folder / "empty").unlink()
    later = share([folder], "sha-256", 4, progress=lambda *what: told.append(what))
    assert (later.hashed, set(later.files)) == (1, {sha(b"ABCDEFGHIJ"), sha(b"abcd")})
    assert told == [(str(folder / "one"), 0, 10), ("", 10, 10)]
    assert share([folder], "sha-512", 4).hashed == 2
    assert share([folder], "sha-512", 5).hashed == 2


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"form": 1, "algorithm": "sha-256", "fragment_size": 4, "files": {"one": {"size": 1}}}']
)
def test_a_cache_that_cannot_be_used_is_made_anew(folder: Path, text: str) -> None:
    share([folder], "sha-256", 4)
    (folder / CACHE).write_text(text)
    assert share([folder], "sha-256", 4).hashed == 3
    assert json.loads((folder / CACHE).read_text())["form"] == 1


def test_a_folder_that_is_not_there_is_said(folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"--share .*nowhere: there is no such folder"):
        share([folder / "nowhere"], "sha-256", 4)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_cannot_be_read_is_said(folder: Path) -> None:
    (folder / "one").chmod(0)
    with pytest.raises(SettingsError, match=r"cannot read .*one: Permission denied"):
        share([folder], "sha-256", 4)
