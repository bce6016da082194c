"""What one entity's rules find in a text."""

from __future__ import annotations

import pytest

from extproc.policies.pii.detector import build
from extproc.policies.verdict import Phase, Place, Text


@pytest.fixture(scope="session")
def found():
    """A function from an entity and a text to the values found."""

    def values(entity, text):
        (verdict,) = build({"entities": [entity]}).judge([Text(Place(Phase.REQUEST, "user"), text)])
        return [text[finding.start : finding.end] for finding in verdict.findings]

    return values
