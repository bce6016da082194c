"""Secrets known by their names."""

from __future__ import annotations

import string

import pytest

LOWER = string.ascii_lowercase + string.digits
HEX = "0123456789abcdef"

FORMS = (
    'acme_api_key = "{}"',
    '{{"acmeToken": "{}"}}',
    "export ACME_KEY={}",
    'curl -H "Authorization: {}" https://x',
    "Authorization: Bearer {}",
    "client_secret => '{}'",
    "api-token := `{}`",
    "the token is {}",
    "--password {} --host x",
    "https://x.example/?access_token={}&lang=en",
    '_authToken="{}"',
    "SECRET_KEY ?= {}",
    '<add key="ApiKey" value="{}" />',
    "Bearer: {}",
    'token = "session={}"',
)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("size", "alphabet"), [(20, LOWER), (32, HEX), (40, string.ascii_letters + string.digits)])
def test_forms(found, dice, form, size, alphabet):
    """In whatever way a name and a random value are joined, the value is found and the name is kept."""
    secret = dice(size, alphabet)
    assert secret in [value for _, value in found(form.format(secret))]


@pytest.mark.parametrize(
    "text",
    [
        "password: hunter22",
        'password = "open-ses@me"',
        "PASS = 'q1w2e3r4'",
        "token: password=abc12345",
        "turkey, password=abc12345",
        "secret password abc12345",
    ],
)
def test_passwords(found, text):
    """A password needs letters and digits, or in quotation marks punctuation; other names before it do not hide it."""
    assert len(found(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "password: required",
        "password = getpass()",
        'password = os.environ["DB_PASSWORD1"]',
        "password: ${DB_PASSWORD1}",
        'token = "your-token-here-123"',
        "tokenizer = AutoTokenizer.from_pretrained(base2)",
        'primary_key = "a1b2c3d4e5f6g7h8"',
        'cache_key: "5d41402abc4b2a76b9719d911017c592"',
        'schemaKey = "DOC_Vector_5_32"',
        "secret_length = X25519.secret_length",
        'url_token = "https://example.org/a1b2c3"',
        "the author, who wrote 1234567890123456",
        "token count: 123456789",
        "version_key = 1.2.3.4.5.6",
        "Authorization: Basic {base64}",
        "react@18.2.0-canary-a1b2c3",
        'monkey: "a1b2c3d4e5f6g7h8i9"',
    ],
)
def test_what_passes(found, text):
    """Words, calls, variables, stand-ins, other kinds of keys, versions and addresses pass."""
    assert found(text) == []


def test_digests_and_uuids_need_a_name_that_says_secret(found):
    """Behind a name that says secret, a digest or UUID counts; behind any other it passes."""
    digest, uuid = "a9993e364706816aba3e25717850c26c9cd0d89d", "919108f7-52d1-4320-9bac-f847db4148a8"
    assert found(f'api_key: "{digest}"') == [("named-secret", digest)]
    assert found(f"client_secret={uuid}") == [("named-secret", uuid)]
    assert found(f"export ACME_KEY={uuid}") == [("named-secret", uuid)]
    for name in ("commit", "etag", "id", "request_id", "SRCREV_moby", "integrity", "app_version"):
        assert found(f'{name}: "{digest}" {name}={uuid}') == []


def test_aws_secret_keys(found, dice):
    """Forty characters behind AWS's name are found under their own kind; a SHA-1 there is not of that kind."""
    key = dice(40, string.ascii_letters + string.digits + "+/")
    assert ("aws-secret-key", key) in found(f"aws_secret_access_key = {key}") + found(f'"SecretAccessKey": "{key}"')
    assert {kind for kind, _ in found(f"aws_secret_access_key = {'a9993e36' * 5}")} <= {"named-secret"}


def test_issuers(found, dice):
    """A random value behind the name of a service is found; a word or a UUID is not."""
    key = dice(24, LOWER)
    assert found(f"mailchimp: {key}") == [("issued-key", key)]
    assert found("mailchimp: subscribers and campaigns") == []
    assert found("mailchimp: 919108f7-52d1-4320-9bac-f847db4148a8") == []
    assert found(f"whatever: {key}") == []
