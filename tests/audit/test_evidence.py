"""What records keep of bodies: hashes that prove a text, captured texts, and nothing that redaction took out."""

import hashlib
import hmac

import pytest

from extproc.audit import body
from extproc.audit.chain import key_id
from extproc.audit.evidence import Evidence, EvidenceSettings
from extproc.policies.verdict import Finding, Phase
from extproc.record import ExchangeRecord

KEY = bytes(range(32))


def record(*, reversible=False):
    """A record of a request with a redaction."""
    made = ExchangeRecord(started=1.0, config={}, request_id="r-1")
    made.found(Phase.REQUEST, [Finding("pii", "EMAIL", 0, 3, "[EMAIL_1]", reversible)])
    return made


def gathered(
    kept=None, *, sent=b'{"a":"jane@x.org"}', passed=None, answer=(b"data: 1\n\n", b"data: 2\n\n"), **settings
):
    """What one exchange's record holds in the end."""
    kept = kept or record()
    evidence = Evidence(EvidenceSettings(**settings))
    evidence.asked(sent, passed, kept)
    for part in answer:
        evidence.answered(part)
    evidence.complete(kept)
    return kept.document()


def test_headers_name_who_asks():
    """The principal and the chosen headers, cut to a bound; what is not sent is left out."""
    kept = record()
    evidence = Evidence(EvidenceSettings(principal_header="x-user", client_headers=("x-team", "x-none")))
    evidence.headers({"x-user": "u" * 300, "x-team": "blue", "authorization": "Bearer s"}, kept)
    assert kept.document()["principal"] == "u" * 256
    assert kept.document()["client_headers"] == {"x-team": "blue"}


def test_hashes_are_of_the_bytes_as_they_came_and_went():
    """HMAC-SHA256, however the answer was cut; they say nothing without the key."""
    document = gathered(hash_key=KEY)
    assert document["hashes"] == {
        "key": key_id(KEY),
        "request": hmac.new(KEY, b'{"a":"jane@x.org"}', hashlib.sha256).hexdigest(),
        "response": hmac.new(KEY, b"data: 1\n\ndata: 2\n\n", hashlib.sha256).hexdigest(),
    }
    assert gathered(hash_key=KEY, answer=(b"data: 1\n\ndata: 2\n\n",))["hashes"] == document["hashes"]


def test_nothing_is_kept_unless_asked_for():
    """No hash without a key, no body without `capture`."""
    assert {"hashes", "request_body", "response_body"}.isdisjoint(gathered())


def test_a_redacted_body_is_what_the_policies_passed():
    """Of the request the document they left, of the answer what the client got."""
    document = gathered(capture="redacted", capture_bytes=100, passed={"a": "[EMAIL_REDACTED]"})
    assert document["request_body"] == {"captured": "redacted", "text": '{"a":"[EMAIL_REDACTED]"}'}
    assert document["response_body"] == {"captured": "redacted", "text": "data: 1\n\ndata: 2\n\n"}


def test_a_request_that_no_policy_passed_is_not_kept():
    """Blocked, or no JSON at all: what stands in it was never redacted."""
    assert "request_body" not in gathered(capture="redacted", capture_bytes=100, passed=None)


def test_an_answer_with_restored_values_is_withheld():
    """It holds again what redaction took out of the request."""
    document = gathered(record(reversible=True), capture="redacted", capture_bytes=100, passed={})
    assert document["response_body"] == {"captured": "withheld"}
    assert "jane" not in str(document)


def test_a_full_body_is_encrypted_for_its_record_and_field():
    """AES-256-GCM: another key, record or field does not open it."""
    settings = {"capture": "full", "capture_bytes": 100, "encryption_key": KEY, "nonce": lambda: b"n" * 12}
    document = gathered(**settings)
    kept = document["request_body"]
    assert "jane" not in str(document)
    assert body.open_sealed(KEY, "r-1", "request_body", kept) == '{"a":"jane@x.org"}'
    for key, request_id, field in ((bytes(32), "r-1", "request_body"), (KEY, "r-2", "request_body"), (KEY, "r-1", "x")):
        with pytest.raises(ValueError, match="not encrypted with this key"):
            body.open_sealed(key, request_id, field, kept)


@pytest.mark.parametrize(("most", "truncated"), [(17, True), (18, False)])
def test_long_bodies_are_cut(most, truncated):
    """At a bound, and the record says so."""
    kept = gathered(capture="redacted", capture_bytes=most, passed={})["response_body"]
    assert len(kept["text"]) == most
    assert kept.get("truncated", False) is truncated


def test_an_answer_in_pieces_is_never_gathered_beyond_the_bound():
    """A stream of a million tokens costs what the bound costs."""
    evidence = Evidence(EvidenceSettings(capture="redacted", capture_bytes=10))
    for _ in range(1000):
        evidence.answered(b"x" * 7)
    assert len(evidence._answer) == 11
