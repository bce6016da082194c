"""Tokens with a form of their own."""

from __future__ import annotations

import string

import pytest

LOWER = string.ascii_lowercase + string.digits
HEX = "0123456789abcdef"
BASE32 = string.ascii_uppercase + "234567"


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("aws-access-key-id", ("AKIA", 16, BASE32)),
        ("aws-access-key-id", ("ASIA", 16, BASE32)),
        ("aws-bedrock-key", ("ABSK", 120, string.ascii_letters)),
        ("github-token", ("ghp_", 36, LOWER)),
        ("github-token", ("github_pat_", 82, LOWER)),
        ("gitlab-token", ("glpat-", 20, LOWER)),
        ("slack-token", ("xoxb-123456789012-", 24, LOWER)),
        ("slack-token", ("hooks.slack.com/services/T01234567/B01234567/", 24, LOWER)),
        ("stripe-key", ("sk_live_", 24, LOWER)),
        ("google-key", ("AIza", 35, LOWER)),
        ("azure-client-secret", ("abc8Q~", 34, LOWER)),
        ("openai-key", ("sk-proj-", 48, LOWER)),
        ("openai-key", ("sk-ant-api03-", 95, LOWER)),
        ("huggingface-token", ("hf_", 34, string.ascii_letters)),
        ("npm-token", ("npm_", 36, LOWER)),
        ("pypi-token", ("pypi-AgEIcHlwaS5vcmc", 60, LOWER)),
        ("twilio-key", ("SK", 32, HEX)),
        ("telegram-token", ("123456789:AA", 33, LOWER)),
        ("vault-token", ("hvs.", 24, LOWER)),
        ("age-key", ("AGE-SECRET-KEY-1", 58, BASE32)),
        ("service-token", ("dapi", 32, HEX)),
        ("service-token", ("NRAK-", 27, BASE32)),
        ("service-key", ("oy2", 43, LOWER)),
        ("prefixed-token", ("acme_live_", 32, LOWER)),
        ("prefixed-token", ("shpat_", 32, HEX)),
    ],
)
def test_kinds(found, dice, kind, parts):
    """Each kind is found in the middle of a sentence, whole, and not when too short or only a stand-in."""
    prefix, size, alphabet = parts
    secret = prefix + dice(size, alphabet)
    assert (kind, secret) in [(name, text.rstrip(".")) for name, text in found(f"use {secret} here")]
    assert [name for name, _ in found(f"use {prefix}{'x' * size} here") if name == kind] == []
    assert [name for name, _ in found(f"use {prefix} here")] == []


def test_several_parts(found, dice):
    """Tokens of several parts are found whole."""
    sendgrid = f"SG.{dice(22)}.{dice(43)}"
    discord = f"M{dice(23)}.{dice(6)}.{dice(38)}"
    assert ("sendgrid-key", sendgrid) in found(f"key {sendgrid}")
    assert ("discord-token", discord) in found(f"bot {discord}")


@pytest.mark.parametrize("prefix", ["sha256-", "img_", "chatcmpl-", "cus_", "commit-", "/assets/app_"])
def test_names_of_content_and_records_pass(found, dice, prefix):
    """What names a file or a record is no secret, however random."""
    assert found(f"see {prefix}{dice(32, LOWER)}") == []


@pytest.mark.parametrize(
    "text",
    [
        "string.IsNullOrWhiteSpaceOrEmpty2",
        "policySpec.isMustntEndWithNonAlpha",
        "s.AcceptanceTimeoutSeconds",
        "hf_requiredCharacteristicTypesForDisplayMetadata",
        "xoxb-my-bot-token",
        "bundle-a9993e364706816aba3e25717850c26c9cd0d89d.js",
        "well-known words-with-hyphens",
    ],
)
def test_code_passes(found, text):
    """Identifiers that begin as tokens do pass."""
    assert found(text) == []


def test_prefix_inside_of_base64_passes(found, dice):
    """A prefix that is chance in the middle of other text does not count."""
    assert found(f"+abc8Q~{dice(34, LOWER)}") == []
