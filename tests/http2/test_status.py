"""How gRPC calls end, as header blocks."""

import grpc
import pytest
from hpack import Decoder

from extproc.http2 import status
from extproc.http2.status import Status


def test_the_codes_are_grpcs():
    """By name and number."""
    assert {code.name: code.value for code in Status} == {code.name: code.value[0] for code in grpc.StatusCode}


@pytest.mark.parametrize(
    ("details", "sent"),
    [
        ("plain", b"plain"),
        ("100 %", b"100 %25"),
        ("zwölf\n", b"zw%C3%B6lf%0A"),
        ("\ud800", b"?"),
        ("x" * 5_000, b"x" * 1_024),
    ],
)
def test_details_are_percent_encoded(details, sent):
    """Printable ASCII as it is, the rest by the bytes of its UTF-8, and none of it endless."""
    assert status.percent_encoded(details) == sent


@pytest.mark.parametrize(
    ("block", "fields"),
    [
        (status.trailers(Status.OK), {b"grpc-status": b"0"}),
        (status.trailers(Status.OK, "ignored"), {b"grpc-status": b"0"}),
        (status.trailers(Status.INTERNAL), {b"grpc-status": b"13"}),
        (status.trailers(Status.NOT_FOUND, "a%"), {b"grpc-status": b"5", b"grpc-message": b"a%25"}),
        (status.HEAD, {b":status": b"200", b"content-type": b"application/grpc", b"grpc-accept-encoding": b"identity"}),
        (status.NOT_GRPC, {b":status": b"415"}),
    ],
)
def test_blocks_say_it(block, fields):
    """Read by hpack."""
    assert dict(Decoder().decode(block, raw=True)) == fields


def test_head_and_end_in_one():
    """Trailers-Only: a call that ends before anything was sent."""
    fields = dict(Decoder().decode(status.trailers_only(Status.UNIMPLEMENTED, "no"), raw=True))
    assert (fields[b":status"], fields[b"grpc-status"], fields[b"grpc-message"]) == (b"200", b"12", b"no")
