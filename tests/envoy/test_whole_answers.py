"""Whole answers in a real Envoy: nothing of one is passed on before all of it has come."""

from __future__ import annotations

import pytest

from extproc.config.runtime import Limits

pytestmark = pytest.mark.envoy

BODY = b'{"choices": []}'


@pytest.mark.parametrize("ending", [b"<reset>", b"<stop>"], ids=["breaks off", "stalls"])
def test_an_answer_that_does_not_come_to_its_end_is_tried_elsewhere(pair, ending):
    """Though its head and half of its body had come; it is an attempt without an answer."""
    east, west = pair.upstreams.values()
    pair.whole = True
    pair.request_headers = {"x-envoy-upstream-rq-per-try-timeout-ms": "300"}
    east.answer, west.answer = pair.answer(pieces=(BODY[:7], ending)), pair.answer(body=BODY)
    reply = pair.post()
    assert (reply.status, reply.body, reply.complete) == (200, BODY, True)
    assert pair.outcomes()[0] == {"target": "east", "status": 0}


def test_an_answer_of_the_largest_size_passes_as_it_came(rig):
    """Up to the limit, byte for byte; over it the client gets an error of ours, and no other target is asked."""
    east, west = rig.upstream("east"), rig.upstream("west")
    rig.start(limits=Limits(max_response_bytes=8_000_000, max_body_bytes=1_000_000))
    rig.whole = True
    large = bytes(range(256)) * 31_000
    east.answer = rig.answer(body=large)
    assert rig.post().body == large
    east.answer = rig.answer(body=large + large)
    reply = rig.post()
    assert (reply.status, reply.error["code"]) == (502, "model_error")
    assert len(west.received) == 0
