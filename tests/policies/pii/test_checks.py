"""Check digits: published examples, and what one wrong digit does."""

from __future__ import annotations

import pytest

from extproc.policies.pii.checks import is_date, mod_10, mod_11_10, verhoeff, weighted


@pytest.mark.parametrize(
    ("check", "number"),
    [
        pytest.param(verhoeff, "2363", id="Verhoeff's own example"),
        pytest.param(verhoeff, "234567890124", id="twelve digits"),
        pytest.param(mod_11_10, "07945", id="ISO 7064's example"),
        pytest.param(mod_11_10, "86095742719", id="a German tax number"),
        pytest.param(lambda digits: mod_10(digits, (1, 3) * 6), "4006381333931", id="EAN-13"),
    ],
)
def test_every_single_error_is_noticed(check, number):
    """The number passes; with any one digit changed it does not."""
    assert check(number)
    changed = [
        number[:at] + digit + number[at + 1 :]
        for at in range(len(number))
        for digit in "0123456789"
        if digit != number[at]
    ]
    assert not any(map(check, changed))


def test_weighted():
    """Digits beyond the weights do not count."""
    assert weighted("1234", (10, 1)) == 12


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ((2024, 2, 29), True),
        ((2023, 2, 29), False),
        ((0, 2, 29), True),
        ((2024, 4, 31), False),
        ((2024, 12, 31), True),
        ((2024, 0, 1), False),
        ((2024, 13, 1), False),
        ((2024, 1, 0), False),
    ],
)
def test_dates(day, expected):
    """Days that no calendar has are told apart."""
    assert is_date(*day) is expected
