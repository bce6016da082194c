"""What passes for structure, and what does not."""

from __future__ import annotations

import pytest

from extproc.openai.shape import is_base64, is_key, is_name


@pytest.mark.parametrize(
    "value",
    [
        *("chatcmpl-8f0c", "fp_44709d6fcb", "stop", "functions.get_weather:0", "call_1|fc_2", "019ab", "_x", "a" * 256),
        *("application/json", "gpt-oss-120b#lora=a"),
    ],
)
def test_identifiers_are_names(value: str) -> None:
    """Ids, reasons, types and roles of every container met so far."""
    assert is_name(value)


@pytest.mark.parametrize("value", ["", "two words", "jo@example.com", "a\nb", "stop\n", "é", "-x", "a" * 257, "{}"])
def test_text_is_no_name(value: str) -> None:
    """White space, addresses, other scripts and anything long."""
    assert not is_name(value)


@pytest.mark.parametrize("value", ["content", "$ref", "reasoning_content", "additional_properties_of_that", "a.b-c"])
def test_fields_names_are_keys(value: str) -> None:
    """What formats and schemas call their fields."""
    assert is_key(value)


@pytest.mark.parametrize("value", ["", "jo@example.com", "a b", "123-45-6789", "AKIAIOSFODNN7EXAMPLE", "a" * 41])
def test_what_can_hold_data_is_no_key(value: str) -> None:
    """An address, a number, an access key id: 20 characters are enough for one."""
    assert not is_key(value)


@pytest.mark.parametrize(("value", "expected"), [("", True), ("aGk=", True), ("a-_\r\nb", True), ("a b", False)])
def test_base64_is_told_from_text(value: str, expected: bool) -> None:
    """Both alphabets, padding and line breaks; nothing else."""
    assert is_base64(value) is expected
    assert not is_base64(value + "@")
    assert not is_base64(value + "é")
