"""Headers from variables, and Retry-After."""

import pytest

from extproc.edge.trail.sinks.headers import from_variable, retry_after, variable
from extproc.edge.trail.sinks.sink import Unusable


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        ("a=b", {"a": "b"}),
        ("Authorization=Bearer%20x%3D, api-key = k=v ", {"authorization": "Bearer x=", "api-key": "k=v"}),
        ("a=%2C%25", {"a": ",%"}),
    ],
)
def test_headers_are_read(value, headers):
    """Names in lower case, values decoded, blanks around both taken away."""
    assert from_variable("H", {"H": value}) == headers


@pytest.mark.parametrize("value", ["", "a", "a=", "a=b,", "a b=c", "a=b%0d%0aevil: 1", "a=%00", "é=x", "a=é", "=x"])
def test_what_is_no_header_is_refused(value):
    """Nothing that could end a header or begin another passes, and the value is not shown."""
    with pytest.raises(Unusable) as raised:
        from_variable("H", {"H": value})
    assert "evil" not in str(raised.value)


def test_without_a_variable_there_are_none():
    """A sink without headers_env has no headers of its own."""
    assert from_variable(None, {}) == {}
    with pytest.raises(Unusable):
        variable("H", {})


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, 0.0),
        ("", 0.0),
        ("120", 120.0),
        ("Tue, 03 Feb 2026 12:00:30 GMT", 30.0),
        ("Tue, 03 Feb 2026 11:00:00 GMT", 0.0),
        ("-5", 0.0),
        ("soon", 0.0),
        ("1.5", 0.0),
    ],
)
def test_retry_after(value, seconds):
    """Seconds or a date; nonsense and the past ask for nothing."""
    assert retry_after(value, 1_770_120_000.0) == seconds
