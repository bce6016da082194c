"""Made-up secrets, and what the catalogue finds in a text.

No secret stands in these tests as text: scanners read this repository.
"""

from __future__ import annotations

import random
import string

import pytest

from extproc.policies.dlp import build
from extproc.policies.verdict import Phase, Place, Text


@pytest.fixture(scope="session")
def dice():
    """A function to so many random characters, the same at every call."""

    def roll(size, alphabet=string.ascii_letters + string.digits, seed=7):
        chosen = random.Random(f"{seed} {alphabet}").choices(alphabet, k=size)
        return "".join(chosen)

    return roll


@pytest.fixture(scope="session")
def found():
    """A function from a text to (kind, text) of each secret found."""
    policy = build({"secrets": True})

    def values(text):
        (verdict,) = policy.judge([Text(Place(Phase.REQUEST, "user"), text)])
        return [(finding.entity, text[finding.start : finding.end]) for finding in verdict.findings]

    return values
