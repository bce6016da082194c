"""What clients are told of a refusal, and which policies can remember."""

from __future__ import annotations

from extproc.policies.base import Remembers, refusal, whole
from extproc.policies.table import KINDS, build


def test_refusal_names_policy_and_rule():
    """The default message says which policy and rule; a configured one replaces it."""
    assert refusal("dlp-filter", "aws-access-key") == "Blocked by policy dlp-filter (rule aws-access-key)."
    assert refusal("dlp-filter", "aws-access-key", "Not here.") == "Not here."


def test_whole_candidate_counts_by_default():
    """The default refinement keeps all of the match."""
    assert whole("abc", "before") == ((0, 3),)


def test_who_can_remember():
    """Of the shipped kinds only the one for which looking at a text costs more than knowing it again."""
    assert [kind for kind in KINDS if isinstance(build(kind, {}), Remembers)] == ["prompt-injection"]
