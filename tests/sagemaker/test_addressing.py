"""The x-amzn-sagemaker-* headers, against those that AWS's own client makes of the same parameters."""

from __future__ import annotations

import hashlib
import re

import pytest
from botocore.session import Session
from hypothesis import given
from hypothesis import strategies as st

from extproc.routing.targets import Target
from extproc.sagemaker import addressing

MODEL = Session().get_service_model("sagemaker-runtime")
FIELDS = {
    "inference_component": ("InferenceComponentName", "copy-1"),
    "target_model": ("TargetModel", "team a/model.tar.gz"),
    "target_variant": ("TargetVariant", "blue"),
    "target_container": ("TargetContainerHostname", "second"),
    "custom_attributes": ("CustomAttributes", "accept_eula=true; v=1"),
}


def target(**changes: object) -> Target:
    """A target with something behind it."""
    return Target("t", "ep", ("m",), "us-east-1", **changes)  # type: ignore[arg-type]  # whatever the table says


@pytest.mark.parametrize("field", FIELDS)
def test_each_field_is_the_header_of_the_service_model(field: str) -> None:
    """The header's name is the one that botocore sends the parameter in."""
    parameter, value = FIELDS[field]
    shape = MODEL.operation_model("InvokeEndpoint").input_shape.members[parameter]
    name = shape.serialization["name"].lower()
    assert addressing.fixed(target(**{field: value})) == {name: value}


def test_nothing_is_sent_that_was_not_asked_for() -> None:
    """A plain target has no header of these; the request id is sent only by targets that want it."""
    assert addressing.fixed(target()) == {}
    assert addressing.of_request(target(), {"model": "m", "user": "u"}, "a-request-id") == {}


def test_the_request_id_becomes_the_inference_id() -> None:
    """An id that fits is sent as it is; without one there is no header."""
    wants = target(inference_id=True)
    assert addressing.of_request(wants, {}, "0f1e-2d3c") == {"x-amzn-sagemaker-inference-id": "0f1e-2d3c"}
    assert addressing.of_request(wants, {}, "") == {}


@pytest.mark.parametrize(
    ("key", "identity"),
    [
        ("user-1 chat", "user-1 chat"),
        ("x" * 64, "x" * 64),
        ("x" * 65, hashlib.sha256(b"x" * 65).hexdigest()),
        ("schlüssel", hashlib.sha256("schlüssel".encode()).hexdigest()),
        ("a\r\nx-amz-date: b", hashlib.sha256(b"a\r\nx-amz-date: b").hexdigest()),
        (" padded", hashlib.sha256(b" padded").hexdigest()),
        ("", None),
        (17, None),
        (None, None),
    ],
)
def test_the_prompt_cache_key_says_which_requests_share_a_prefix(key: object, identity: str | None) -> None:
    """What is no id is replaced by its hash: equal keys still meet, and nothing of the client's opens a header."""
    made = addressing.of_request(target(), {"prompt_cache_key": key}, "")
    assert made.get("x-amzn-sagemaker-prefix-aware-id") == identity


@given(st.text())
def test_every_id_fits_the_service_model(text: str) -> None:
    """Whatever the text: 1 to 64 printable characters without a space in front, and the same every time."""
    made = addressing.fitting(text)
    assert made == addressing.fitting(text)
    assert bool(made) == bool(text)
    shape = MODEL.shape_for("InferenceId").metadata
    assert not text or shape["min"] <= len(made) <= shape["max"]
    assert not text or re.fullmatch(r"\S[ -~]*", made)
