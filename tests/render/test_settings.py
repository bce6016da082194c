"""Addresses as people write them."""

import pytest

from extproc.render.settings import Address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:80", Address("127.0.0.1", 80)),
        (":41002", Address("0.0.0.0", 41002)),
        ("[::1]:8080", Address("::1", 8080)),
        ("workers:50051", Address("workers", 50051)),
        ("unix:/run/kt/w.sock", Address(path="/run/kt/w.sock")),
    ],
)
def test_an_address_is_read(text, address):
    """A port with or without a host, IPv6 in brackets, and Unix sockets are understood."""
    assert Address.parse(text) == address


@pytest.mark.parametrize("text", ["", "80", "host", "host:", "host:x", "host:0", "host:65536", "host:٣", "unix:"])
def test_what_is_no_address_is_refused(text):
    """Anything else is an error that says what to write."""
    with pytest.raises(ValueError, match="write"):
        Address.parse(text)


def test_an_address_becomes_envoys():
    """A TCP address and a socket have their own shapes in Envoy's API."""
    assert Address("h", 1).document() == {"socket_address": {"address": "h", "port_value": 1}}
    assert Address(path="/s").document() == {"pipe": {"path": "/s"}}
