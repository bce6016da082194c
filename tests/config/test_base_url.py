"""base_url: scheme, host, port and a path prefix, and nothing else."""

from __future__ import annotations

import posixpath
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.base_url import Origin, parse_base_url


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        (
            "https://runtime.sagemaker.eu-west-1.amazonaws.com",
            ("https", "runtime.sagemaker.eu-west-1.amazonaws.com", 443),
        ),
        ("https://vpce-0a-b.runtime.sagemaker.us-east-1.vpce.amazonaws.com/", None),
        ("http://localhost:8080", ("http", "localhost", 8080)),
        ("http://127.0.0.1", ("http", "127.0.0.1", 80)),
        ("HTTPS://Example.COM:8443/", ("https", "example.com", 8443)),
        ("http://[::1]:9000", ("http", "::1", 9000)),
        ("https://[2001:DB8:0:0::1]", ("https", "2001:db8::1", 443)),
        ("http://sagemaker_east:80", ("http", "sagemaker_east", 80)),
        ("https://proxy.example/sagemaker", ("https", "proxy.example", 443, "/sagemaker")),
        ("https://proxy.example:8443/a-b/~c/_d/v1.0/", ("https", "proxy.example", 8443, "/a-b/~c/_d/v1.0")),
    ],
)
def test_accepted(url: str, origin: tuple[Any, ...] | None) -> None:
    """An http or https URL is taken apart; names lower-cased, IPv6 without brackets, ports by scheme, paths kept."""
    expected = origin or ("https", "vpce-0a-b.runtime.sagemaker.us-east-1.vpce.amazonaws.com", 443)
    assert parse_base_url(url) == Origin(*expected)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("localhost:8080", "begins with"),
        ("ftp://h", "begins with"),
        ("//h", "begins with"),
        ("https://h/endpoints", "is added to it"),
        ("https://h/a/endpoints/x/invocations", "is added to it"),
        ("https://h//", "single slashes"),
        ("https://h//a", "single slashes"),
        ("https://h/a//b", "single slashes"),
        ("https://h/a/../b", "single slashes"),
        ("https://h/./b", "single slashes"),
        ("https://h/%2e", "single slashes"),
        ("https://h/a;b", "single slashes"),
        ("https://h/" + "a" * 200, "single slashes"),
        ("https://h?", "no query"),
        ("https://h/a?b", "no query"),
        ("https://h#", "no query"),
        ("https://user@h", "no user name"),
        ("https://:@h", "no user name"),
        ("https://", "host is missing"),
        ("https://:443", "host is missing"),
        ("https://-h", "no host name"),
        ("https://h..x", "no host name"),
        ("https://h.", "no host name"),
        ("https://" + "a" * 64, "no host name"),
        ("https://h\\x", "no host name"),
        ("https://h:0", "port 0"),
        ("https://h:65536", "cannot be read"),
        ("https://h:x", "cannot be read"),
        ("https://[::1", "cannot be read"),
        ("https://[::g]", "cannot be read"),
        ("https://[::1]x", "cannot be read"),
        ("https://[v1.x]", "IPv6"),
        ("http://[fe80::1%25eth0]", "zone"),
        ("https://h\r\nx: y", "control"),
        ("https://bücher.example", "ASCII"),
    ],
)
def test_refused(url: str, reason: str) -> None:
    """Anything that is not scheme, host and port is refused with its reason, which never repeats the URL."""
    with pytest.raises(ValueError, match=reason) as raised:
        parse_base_url(url)
    assert "user@" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "exposed"),
    [
        ("https://example.com", False),
        ("http://example.com", True),
        ("http://8.8.8.8", True),
        ("http://10.0.0.1", False),
        ("http://[::1]", False),
        ("http://emulator:8080", False),
        ("http://a.localhost", False),
        ("http://sagemaker.ns.svc.cluster.local", False),
    ],
)
def test_clear_text_across_the_internet_is_noticed(url: str, exposed: bool) -> None:
    """Only http to a public host is exposed."""
    assert parse_base_url(url).exposed is exposed


@given(st.text(max_size=40) | st.text("htps:/[]@#?%.:0a", max_size=30).map("http://".__add__))
def test_any_text_is_an_origin_or_a_value_error(url: str) -> None:
    """No text makes the parser raise anything else, and what it accepts is safe as a Host header."""
    try:
        origin = parse_base_url(url)
    except ValueError:
        return
    assert origin.host.isascii()
    assert set(origin.host) <= set("abcdefghijklmnopqrstuvwxyz0123456789.:_-")
    assert 1 <= origin.port <= 65535
    # A proxy that resolves, decodes or merges finds nothing to do: what is signed arrives.
    assert origin.path == "" or posixpath.normpath(unquote(origin.path)) == origin.path
