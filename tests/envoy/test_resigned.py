"""attempt.lua and a new signature in a real Envoy."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.envoy

TICKET = {"expires": "4102444800", "payload": "abc", "credentials": "of-east", "clock": "0", "mac": "mac"}


def test_first(pair):
    """It works."""
    east, west = pair.upstreams.values()
    asked = []

    def resign(request):
        asked.append(request)
        return b"authorization: new\nx-amz-date: later\nx-amz-security-token: t\n"

    pair.hooks["resign"] = resign
    pair.tickets = {"east": TICKET}
    east.script = [pair.answer(status=403, headers=(("x-amzn-errortype", "ExpiredTokenException"),))]
    reply = pair.post()
    print(asked)
    print(east.received)
    print(pair.outcomes(), pair.attributes())
    assert reply.body == b"east"
    assert west.received == []
