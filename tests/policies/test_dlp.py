"""dlp-filter: the user's patterns and terms, each with its action, marker and name."""

from __future__ import annotations

import pytest

from extproc.policies.chain import Chain
from extproc.policies.dlp import build
from extproc.policies.scan import PatternError
from extproc.policies.verdict import Phase, Place, Text

PLACE = Place(Phase.RESPONSE, "assistant")


def judge(settings, text):
    return Chain((build(settings),)).judge([Text(PLACE, text)])


def test_each_pattern_has_its_action():
    """A pattern redacts or blocks as it says, else as the policy says."""
    patterns = [{"name": "one", "regex": "1+", "action": "block"}, {"name": "two-b", "regex": "2+"}]
    assert judge({"patterns": patterns}, "a 22").texts == ("a [TWO_B_REDACTED]",)
    assert judge({"patterns": patterns}, "a 1").block.rule == "one"
    assert judge({"patterns": patterns, "action": "block"}, "a 22").block.rule == "two-b"


def test_detect_patterns():
    """Patterns without a name are numbered, and their marker says no more than that."""
    judged = judge({"detect_patterns": ["x+", "y+"]}, "a yy")
    assert judged.texts == ("a [CUSTOM_REDACTED]",)
    assert [finding.entity for finding in judged.findings] == ["pattern-2"]


@pytest.mark.parametrize(
    ("terms", "text", "expected"),
    [
        (["Project Zephyr"], "the PROJECT zephyr.", "the [BLOCKED_TERM_REDACTED]."),
        (["zephyr"], "zephyrs zephyr", "zephyrs [BLOCKED_TERM_REDACTED]"),
        (["zephyr"], "my_zephyr azephyr zephyr_1", "my_zephyr azephyr zephyr_1"),
        (["zephyr"], "zephyr zephyr,zephyr", "[BLOCKED_TERM_REDACTED] [BLOCKED_TERM_REDACTED],[BLOCKED_TERM_REDACTED]"),
        (["C++"], "c++11 and (C++)", "[BLOCKED_TERM_REDACTED]11 and ([BLOCKED_TERM_REDACTED])"),
        (["a", "a b"], "a b a", "[BLOCKED_TERM_REDACTED] [BLOCKED_TERM_REDACTED]"),
        (["été"], "ÉTÉ, tété", "[BLOCKED_TERM_REDACTED], tété"),
        (["naïve"], "naïveté", "naïveté"),
        (["机密"], "这是机密文件", "这是[BLOCKED_TERM_REDACTED]文件"),
        (["a.b*"], "a.b* axbb", "[BLOCKED_TERM_REDACTED] axbb"),
        (["  ", ""], "  x", "  x"),
    ],
)
def test_blocked_terms(terms, text, expected):
    """Terms are literal, in any case, between non-words; the longest wins; scripts without blanks have no edges."""
    assert judge({"blocked_terms": terms}, text).texts == (expected,)


def test_refusal_does_not_repeat_the_term():
    """A refusal for a blocked term names the rule, not the term."""
    judged = judge({"blocked_terms": ["zephyr"], "action": "block"}, "zephyr")
    assert judged.block.rule == "blocked-term"
    assert "zephyr" not in judged.block.message


def test_many_terms():
    """Two thousand terms are found among words that only begin like them."""
    terms = [f"secret{number}" for number in range(2000)]
    assert judge({"blocked_terms": terms}, "secret77 secret2000 secret1999").texts == (
        "[BLOCKED_TERM_REDACTED] secret2000 [BLOCKED_TERM_REDACTED]",
    )


def test_terms_in_a_stream():
    """A term is held until what follows shows that it ends there, and its neighbour goes out."""
    window = Chain((build({"blocked_terms": ["zephyr"]}),)).window(PLACE)
    out = "".join(window.push(character).text for character in "a zephyr, zephyrs") + window.finish().text
    assert out == "a [BLOCKED_TERM_REDACTED], zephyrs"


def test_bad_expression():
    """A bad expression is a PatternError with its position."""
    with pytest.raises(PatternError) as raised:
        build({"detect_patterns": ["ok", "a(?=b)"]})
    assert raised.value.position == 1


def test_printed_patterns_keep_their_meaning():
    """The three patterns of the printed configuration behave as written: secrets are only looked for when asked."""
    patterns = [
        {"name": "aws-access-key", "regex": "AKIA[A-Z0-9]{16}", "action": "block"},
        {"name": "aws-secret-key", "regex": "[A-Za-z0-9/+=]{40}", "action": "redact"},
        {"name": "internal-arn", "regex": "arn:aws:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:", "action": "redact"},
    ]
    assert judge({"patterns": patterns}, "AKIA0123456789ABCDEF").block.rule == "aws-access-key"
    assert judge({"patterns": patterns}, "git a9993e364706816aba3e25717850c26c9cd0d89d").texts == (
        "git [AWS_SECRET_KEY_REDACTED]",
    )
    assert judge({"patterns": patterns}, "arn:aws:iam::123456789012:role/x").texts == ("[INTERNAL_ARN_REDACTED]role/x",)
    assert judge({"patterns": patterns}, "password = 'hunter-22'").findings == ()
    assert judge({"patterns": patterns, "secrets": True}, "password = 'hunter-22'").findings[0].entity == "named-secret"
