"""The whole catalogue: in streams, on what is everywhere, and on bad input."""

from __future__ import annotations

import random
import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.policies.chain import Chain
from extproc.policies.dlp import build
from extproc.policies.pii import detector as pii
from extproc.policies.secrets.catalogue import CATALOGUE, NAMES
from extproc.policies.verdict import Phase, Place, Text

PLACE = Place(Phase.RESPONSE, "assistant")
CHAIN = Chain((build({"secrets": True}),))
WITH_PII = Chain((pii.build({"entities": list(pii.ENTITIES)}), build({"secrets": True, "blocked_terms": ["tiger"]})))


def made(size, alphabet=string.ascii_letters + string.digits):
    return "".join(random.Random(size).choices(alphabet, k=size))


PIECES = st.sampled_from(
    [
        "AKIA" + made(16, string.ascii_uppercase),
        "ghp_" + made(36),
        "glpat-" + made(20),
        "xoxb-123456789012-" + made(24),
        "sk-proj-" + made(40),
        "acme_" + made(32),
        "abc8Q~" + made(34),
        "SG." + made(22) + "." + made(43),
        "-----BEGIN PRIVATE" + " KEY-----\n" + made(64) + "\n" + made(20) + "\n-----END PRIVATE" + " KEY-----",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0." + made(20),
        "postgres://app:s3cr3t@db",
        "Server=db;Password=tiger5;",
        "curl -u me:tiger-5 x",
        "?sig=" + made(40),
        "api_key = ",
        '"token": "',
        "Authorization: Bearer ",
        "password is ",
        "aws_secret_access_key=",
        "mailchimp: ",
        made(40),
        made(32, "0123456789abcdef"),
        "tiger5xx",
        "secret",
        "\u212aey=",
        "\ud83d",
        "é",
    ]
)
GLUE = st.sampled_from(["", " ", "\n", '"', ", ", "=", ":", "-", ".", "_", "a", "&x="])


@pytest.mark.parametrize("chain", [CHAIN, WITH_PII], ids=["secrets", "secrets and every entity"])
@given(pieces=st.lists(st.tuples(GLUE, PIECES), max_size=5), end=GLUE, size=st.integers(1, 9))
@settings(max_examples=200, deadline=None)
def test_streams_equal_whole_texts(chain, pieces, end, size):
    """However secrets stand together and however a stream is cut, it delivers what the unary path delivers."""
    text = "".join(glue + piece for glue, piece in pieces) + end
    window = chain.window(PLACE)
    released = [window.push(text[at : at + size]) for at in range(0, len(text), size)] + [window.finish()]
    judged = chain.judge([Text(PLACE, text)])
    assert "".join(each.text for each in released) == judged.texts[0]
    assert sorted(map(repr, (f for each in released for f in each.findings))) == sorted(map(repr, judged.findings))


@pytest.mark.parametrize(("name", "source", "refine"), CATALOGUE)
@given(data=st.data(), before=st.text(max_size=48))
@settings(max_examples=30, deadline=None)
def test_refinements_never_raise(name, source, refine, data, before):
    """Whatever an expression matches, its refinement names parts of it, in order, and never raises."""
    candidate = data.draw(st.from_regex(re.compile(source, re.ASCII), fullmatch=True), label=name)
    ends = [end for span in refine(candidate, before) for end in span]
    assert ends == sorted(ends)
    assert all(0 <= end <= len(candidate) for end in ends)


@pytest.mark.parametrize(
    "text",
    [
        "commit a9993e364706816aba3e25717850c26c9cd0d89d",
        "etag 00e87c1346504856d6b0a91b7d536306",
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        '"integrity": "sha384-ywB1P0WjXou1oD1pmsZQBycsMqsO3tFjGotgWkP/W+2AhgcroefMI1i67KE0yCWn"',
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==",
        "request id 919108f7-52d1-4320-9bac-f847db4148a8",
        "/usr/lib/python3/site-packages/numpy/core/66/include",
        "VGhlIHJlcG9ydCBpcyBkdWUgb24gRnJpZGF5LCBhbmQgd2UgbWVldCBiZWZvcmUgbHVuY2gu",
        "=" * 60,
        "/" * 40,
        "AbstractSingletonProxyFactoryBeanConfigurationManager6Impl",
        "https://example.org/a/b?c=d#e",
        "arn:aws:s3:::bucket/key",
    ],
)
def test_what_is_everywhere_passes(text):
    """Digests, UUIDs, base64 text, images, paths and long names are no secrets."""
    assert CHAIN.judge([Text(PLACE, text)]).findings == ()


@pytest.mark.parametrize("text", ["a" * 1_000_000, "1" * 1_000_000, "token=" * 200_000, "=" * 1_000_000])
def test_a_million_characters(text):
    """A long text of one kind is judged, and has no secret in it."""
    assert CHAIN.judge([Text(PLACE, text)]).findings == ()


def test_marker_and_refusal():
    """The marker and the refusal say which kind of secret it was, never what."""
    token = "ghp_" + made(36)
    assert CHAIN.judge([Text(PLACE, f"use {token}.")]).texts == ("use [GITHUB_TOKEN_REDACTED].",)
    blocked = Chain((build({"secrets": True, "action": "block"}),)).judge([Text(PLACE, f"use {token}.")]).block
    assert blocked.rule == "github-token"
    assert token not in blocked.message


def test_names():
    """Every kind has a name in the form that markers and refusals are made of."""
    assert all(name == name.lower() and " " not in name for name in NAMES)
    assert len(NAMES) > 25
