"""Markup, escapes and blanks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec.notation.text import escape, lines, plain, raw_for, split_style


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("", ""),
        ("plain", "plain"),
        ("**bold** //it// --small-- ++big++ ~~gone~~", "bold it small big gone"),
        ('""mono""', "mono"),
        (r"//Torrent\nServer//", "Torrent\nServer"),
        ("**//both//**", "both"),
        ("**sd** Startup", "sd Startup"),
        ("<color:#red>red</color> <size:20>big", "red big"),
        ("<link:https://a.b/c?d=e>here</link>", "here"),
        ("<align:left>a<background:#eee>b", "ab"),
        ("H<sub>2</sub>O", "H2O"),
        ("see http://x.y/z", "see http://x.y/z"),
        ("http://a/b and https://c//d", "http://a/b and https://c//d"),
        ("//see http://x.y//", "see http://x.y"),
        ("myapp://home then other://page", "myapp://home then other://page"),
        ("Result://failed//", "Result:failed"),
        ("mqtt://broker:1883", "mqtt://broker:1883"),
        ("a -- b", "a -- b"),
        ("i++", "i++"),
        ("2 ** 3", "2 ** 3"),
        ("// open", "// open"),
        ("password=****", "password=****"),
        ("---- cut ----", "---- cut ----"),
        (r"\**not bold\**", "**not bold**"),
        (r"\//x\//", "//x//"),
        (r"a\\nb", r"a\nb"),
        (r"C:\temp", r"C:\temp"),
        (r"\<color:#red>", "<color:#red>"),
        ("<<create>>", "<<create>>"),
        ("<xml>text</xml>", "<xml>text</xml>"),
        ("</color>", "</color>"),
        ("List<String> a<b:c>", "List<String> a<b:c>"),
        (r"  a \n b  ", "a \n b"),
        (r"\na\n", "a"),
    ],
)
def test_plain(raw: str, text: str) -> None:
    assert plain(raw) == text


@given(st.text(alphabet='ab */-+"~<>\\n:#x\n', max_size=24).map(plain))
def test_an_escaped_text_reads_as_itself(text: str) -> None:
    assert plain(escape(text)) == plain(raw_for(text, "")) == text


@given(st.text())
def test_any_text_has_a_plain_form(text: str) -> None:
    assert len(plain(text)) <= len(text)


def test_a_label_that_needs_no_escape_gets_none() -> None:
    assert escape("http://x (a -- b) C:\\temp") == "http://x (a -- b) C:\\temp"
    assert escape("two\nlines") == r"two\nlines"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("#red guard", ("#red", "guard")),
        ("#red #eee #blue;3;dashed guard here", ("#red #eee #blue;3;dashed", "guard here")),
        ("#1 attempt", ("", "#1 attempt")),
        ("##mine guard", ("##mine", "guard")),
        ("guard #red", ("", "guard #red")),
        ("#red", ("#red", "")),
        ("", ("", "")),
    ],
)
def test_a_style_stands_in_front(text: str, parts: tuple[str, str]) -> None:
    assert split_style(text) == parts


def test_only_cr_and_lf_end_a_line() -> None:
    text = "\ufeffa\r\n\u00a0\u00a0b\u00a0c \r\td\n\n\x0b\x0ce\u2028f\x85g\n"
    assert list(lines(text)) == [(1, 2, "a"), (2, 3, "b c"), (3, 2, "d"), (5, 3, "e\u2028f\x85g")]
