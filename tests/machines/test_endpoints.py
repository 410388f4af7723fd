"""Endpoints are compared as URIs (RFC 3986, 6.2.2 and 6.2.3)."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from machines.endpoints import normal_form

untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

SAME = [
    ("http://a", "http://a/"),
    ("HTTP://A/", "http://a:80/"),
    ("http://a:/", "http://a/"),
    ("https://a:443", "HTTPS://a"),
    ("ftp://a:21/x", "ftp://a/x"),
    ("ws://a:80", "ws://a/"),
    ("wss://a:443/", "wss://a"),
    ("mqtt://a:1883", "MQTT://A:1883/"),
    ("http://[FE80::1]:80/", "http://[fe80::1]"),
    ("http://user@A/", "http://user@a:80"),
    ("http://a/%7euser", "http://a/~user"),
    ("http://a/%c3%a9", "http://a/%C3%A9"),
    ("http://%41%c3%a9/", "http://a%C3%A9"),
    ("http://a/b/./c/../d", "http://a/b/d"),
    ("http://a/b/.", "http://a/b/"),
    ("http://a/b/c/..", "http://a/b/"),
    ("http://a/../..", "http://a"),
    ("http://a/%2e%2E/b", "http://a/b"),
    ("http://a?q", "http://a/?q"),
]
DIFFERENT = [
    ("http://a", "https://a"),
    ("http://a", "http://a:8080"),
    ("http://a:443", "http://a"),
    ("http://a/b", "http://a/B"),
    ("http://a/b", "http://a/b/"),
    ("http://a/b", "http://a//b"),
    ("http://a/?q", "http://a/"),
    ("http://a/?q", "http://a/?Q"),
    ("http://U@a", "http://u@a"),
    ("http://a/%2f", "http://a//"),
    ("http://a/%2541", "http://a/%41"),
    ("urn:a", "urn:A"),
    ("mailto:a", "http:a"),
    ("A", "a"),
    ("http://b\u00fccher/", "http://B\u00fccher/"),
]
GARBAGE = [
    "",
    " ",
    "http",
    "://",
    "http://a:b:c/",
    "HTTP://[::1/",
    "HTTP://A:80x",
    "HTTP://A:\u0663/",
    "HTTP://A B/",
    "HTTP://A/%",
    "HTTP://A/%4",
    "HTTP://A/%%34%31",
    "HTTP://A\n",
    "\x00",
    "\ud800",
    "HTTP://\u212a/",
    "HTTP://u@v@A/",
    "1HTTP://A",
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_these_are_the_same_endpoint(one: str, other: str) -> None:
    assert normal_form(one) == normal_form(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_these_are_different_endpoints(one: str, other: str) -> None:
    assert normal_form(one) != normal_form(other)


@pytest.mark.parametrize("uri", GARBAGE)
def test_what_is_no_uri_stays_as_it_stands(uri: str) -> None:
    assert normal_form(uri) == uri


@untimed
@given(
    st.text("aZ:/?#[]@%2eE4.~ 0\x00\ud800ä", max_size=20).map("http:".__add__)
    | st.lists(
        st.sampled_from(
            ["http:", "WS:", "//", "/", "..", ".", "%2e", "%2F", "%c3", "A", ":80", "@", "[", "]", "?", "#"]
        )
    ).map("".join)
)
def test_a_normal_form_is_its_own(uri: str) -> None:
    assert normal_form(normal_form(uri)) == normal_form(uri)
