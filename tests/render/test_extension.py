"""The shapes of Envoy's extensions and durations."""

import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import given
from hypothesis import strategies as st

from extproc.render.extension import extension, seconds, typed


def test_an_extension_carries_its_type():
    """The name stands outside, the type's URL and the fields inside."""
    assert extension("n", "a.v3.B", {"x": 1}) == {"name": "n", "typed_config": typed("a.v3.B", {"x": 1})}
    assert typed("a.v3.B") == {"@type": "type.googleapis.com/envoy.a.v3.B"}


@given(st.floats(0, 1e6))
def test_a_duration_is_what_protobuf_reads(value):
    """Every number of seconds is a duration by protobuf's own JSON parser, to the nanosecond."""
    duration = Duration()
    duration.FromJsonString(seconds(value))
    assert duration.ToNanoseconds() / 1e9 == pytest.approx(value, abs=1e-8)
