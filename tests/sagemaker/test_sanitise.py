"""What of a container's words may be shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.sagemaker.sanitise import MAX_CHARACTERS, presentable

SHOWN = {
    "a vLLM sentence": (
        (
            "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens "
            "(4000 in the messages, 1000 in the completion). Please reduce the length of the messages or completion."
        ),
        None,
    ),
    "a TGI sentence": (
        (
            "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 3000 `inputs` "
            "tokens and 2000 `max_new_tokens`"
        ),
        None,
    ),
    "pydantic": (
        (
            "1 validation error for ChatCompletionRequest temperature Input should be a valid number "
            "[type=float_type, input_value='hot', input_type=str] "
            "For further information visit https://errors.pydantic.dev/2.11/v/float_type"
        ),
        (
            "1 validation error for ChatCompletionRequest temperature Input should be a valid number "
            "[type=float_type, input_value='hot', input_type=str]"
        ),
    ),
    "several lines": ("top_p must be in (0, 1],\n   got 2.0.", "top_p must be in (0, 1], got 2.0."),
    "the platform's hint": (
        (
            "temperature must be positive. See https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1"
            "#logEventViewer:group=/aws/sagemaker/Endpoints/prod in account 123456789012 for more information."
        ),
        "temperature must be positive.",
    ),
    "an ARN": ("bad adapter arn:aws:sagemaker:us-east-1:123456789012:endpoint/prod", "bad adapter"),
    "an account": ("quota of account 123456789012 is used up", "quota is used up"),
    "other alphabets": ("température doit être positive, « voilà »", None),
}


@pytest.mark.parametrize("name", SHOWN)
def test_a_validation_message_is_shown_without_its_wrapping(name: str) -> None:
    """What tells a caller how to correct the request is kept; links, ARNs and accounts go."""
    text, shown = SHOWN[name]
    assert presentable(text) == (shown or text)


HIDDEN = {
    "a traceback": 'Traceback (most recent call last):\n  File "/opt/vllm/engine.py", line 12, in step\nValueError',
    "a source file": "assertion failed in scheduler.py",
    "a Java frame": "java.lang.NullPointerException at ai.djl.serving.wlm.WorkLoadManager.run(WorkLoadManager.java:88)",
    "a path": "cannot open /opt/ml/model/config.json",
    "a path after a quote": "No such file: '/tmp/x'",
    "an account id": "denied for 123456789012",
    "an ARN cut short": "not allowed on resource: arn:",
    "a host name": "cannot resolve ip-10-0-1-7.ec2.internal",
    "an address": "connection to 10.0.1.7:8080 failed",
    "a local address": "cannot connect to localhost:8000",
    "a scheme": "s3://bucket/model.tar.gz is missing",
    "the cloud's name": "the SageMaker endpoint prod is not there",
    "an access key": "bad key AKIAIOSFODNN7EXAMPLE",
    "a Hugging Face token": "401 for hf_abcdefghijklmnop",
    "a JSON web token": "expired: eyJhbGciOiJIUzI1NiJ9",
    "an opaque token": "token " + "a1B2" * 12,
    "a password": "password authentication failed for user vllm",
    "an address in memory": "<object at 0x7f01b08b6f10>",
    "HTML": "<html><body>502</body></html>",
    "control characters": "bad \x1b[31mvalue",
    "Windows": "cannot read C:\\models\\x",
    "nothing": "",
    "nothing but a link": "See https://example.com/a for more information.",
}


@pytest.mark.parametrize("name", HIDDEN)
def test_what_could_name_our_infrastructure_is_not_shown(name: str) -> None:
    """One suspicious word, and none of the text is shown."""
    assert presentable(HIDDEN[name]) is None


def test_names_that_must_be_hidden_hide_the_text() -> None:
    """A text that has the endpoint's name in it is not shown."""
    assert presentable("adapter of prod-llama is missing", hide=("", "prod-llama")) is None
    assert presentable("adapter is missing", hide=("", "prod-llama")) == "adapter is missing"


def test_a_long_text_is_cut() -> None:
    """No more than a few sentences are shown."""
    shown = presentable("too long " * 200)
    assert shown is not None
    assert len(shown) == MAX_CHARACTERS
    assert shown.endswith("…")


LEAKS = st.sampled_from(
    [
        "123456789012",
        "arn:aws:iam::123456789012:role/r",
        "https://console.aws.amazon.com/x",
        "/opt/ml/model",
        "10.1.2.3",
    ]
)


@given(st.text(max_size=40), LEAKS, st.text(max_size=40))
def test_no_surroundings_let_a_leak_through(before: str, leak: str, after: str) -> None:
    """Whatever stands around it, an account, ARN, link, path or address is never shown."""
    shown = presentable(f"{before} {leak} {after}") or ""
    assert leak not in shown
    assert "123456789012" not in shown
