"""Bytes to text, and the command that reads files."""

import codecs
import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from runtime.cli.main import app
from spec.notation.files import FileError, Source, decoded, load

TEXT = "title Größe\nA->B:x\n"


@pytest.mark.parametrize(
    ("data", "remark"),
    [
        (TEXT.encode(), ""),
        (codecs.BOM_UTF8 + TEXT.encode(), ""),
        (codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"), "UTF-16"),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "UTF-16"),
        (TEXT.encode("utf-16-le"), "UTF-16-LE"),
        (TEXT.encode("utf-16-be"), "UTF-16-BE"),
        (codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le"), "UTF-32"),
    ],
)
def test_an_encoding_is_recognised_and_said(data: bytes, remark: str) -> None:
    source = decoded(data, "a.txt")
    assert source.text == TEXT
    assert source.remark == (f"a.txt is encoded in {remark}; read as that" if remark else "")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "not text but a PNG picture"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "not text but a JPEG picture"),
        (b"PK\x03\x04\x14\x00\x00\x00", "not text but a ZIP archive"),
        (b"%PDF-1.7\n\x00\x01\x02", "not text but a PDF document"),
        (b"A->B:x\x00\n", "not text"),
        (bytes(range(32)) * 4, "not text"),
        (TEXT.encode("latin-1"), "not UTF-8 (byte 8, line 1): save it as UTF-8"),
        (b"A->B:x\nB->A:\xfc", "line 2"),
        (codecs.BOM_UTF16_LE + b"A", "not UTF-16"),
    ],
)
def test_what_is_no_text_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(FileError, match=r"a\.txt is not ") as caught:
        decoded(data, "a.txt")
    assert words in str(caught.value)


@given(st.binary())
def test_any_bytes_are_a_text_or_an_error(data: bytes) -> None:
    with contextlib.suppress(FileError):
        assert isinstance(decoded(data, "x"), Source)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_any_text_in_utf_8_is_that_text(text: str) -> None:
    assert decoded(b"\n" + text.encode(), "x").text.strip("\ufeff\n") == text.strip("\ufeff\n")


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot read"):
        load(tmp_path / "missing.txt")
    with pytest.raises(FileError, match="cannot read"):
        load(tmp_path)
    with pytest.raises(FileError, match="no file can have that name"):
        load("a\0b")


def test_read_goes_on_after_a_file_that_is_missing(tmp_path: Path) -> None:
    good, other, missing = tmp_path / "good.txt", tmp_path / "other.txt", tmp_path / "missing.txt"
    good.write_text("A->B:first\n")
    other.write_text("lorem\nA->B:second\n")
    result = CliRunner().invoke(app, ["read", str(good), str(missing), str(other)])
    assert result.exit_code == 2
    assert "first" in result.stdout
    assert "second" in result.stdout
    assert f"cannot read {missing}" in result.stderr
    assert CliRunner().invoke(app, ["read", str(good), str(other)]).exit_code == 1
    assert CliRunner().invoke(app, ["read", str(good)]).exit_code == 0


@pytest.mark.parametrize("command", [["read"], ["check"]])
def test_a_picture_is_not_read(tmp_path: Path, command: list[str]) -> None:
    picture = tmp_path / "p.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
    result = CliRunner().invoke(app, [*command, str(picture)])
    assert result.exit_code == 2
    assert f"clientjoin: {picture} is not text but a PNG picture" in result.stderr


def test_a_text_in_utf_16_is_read_and_that_is_said(tmp_path: Path) -> None:
    file = tmp_path / "wide.txt"
    file.write_bytes("A->B:größe\n".encode("utf-16-le"))
    result = CliRunner().invoke(app, ["read", str(file)])
    assert result.exit_code == 0
    assert "A -> B: größe" in result.stdout
    assert "is encoded in UTF-16-LE" in result.stderr


def test_standard_input_is_a_file() -> None:
    result = CliRunner().invoke(app, ["read", "-", "--json"], input="A<->B:x\n")
    assert result.exit_code == 0
    said = json.loads(result.stdout)
    assert said["file"] == "<stdin>"
    assert len(said["arrows"]) == 2
    (node,) = said["body"]
    assert (node["type"], node["both_ways"]) == ("message", True)


def test_another_notation_ends_with_status_1(tmp_path: Path) -> None:
    file = tmp_path / "a.mmd"
    file.write_text("sequenceDiagram\nA->>B: x\n")
    result = CliRunner().invoke(app, ["read", str(file)])
    assert result.exit_code == 1
    assert "this is Mermaid" in result.stdout
    assert "body (0 arrows)" in result.stdout
