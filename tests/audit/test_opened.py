"""A segment's first line."""

from __future__ import annotations

import base64

import orjson
import pytest

from extproc.audit import opened
from extproc.audit.checkpoint import Head


@pytest.fixture
def line(trails, keys):
    """A first line as it is written, with all that may stand in it."""
    trail = trails(signing=keys("signing"))
    resumed = {"chain": "w0.older", "seq": 7, "hash": "ab", "lost": 2}
    writer = trail.writer("w0", supervisor="gateway.0", log_all_access=True, resumed=resumed)
    writer.write()
    return orjson.loads(trail.files[writer.file].splitlines()[0])


def test_first_line_is_read(line, keys):
    """Every part of it is taken over."""
    parsed = opened.parse(line)
    assert (parsed.chain, parsed.segment, parsed.time) == (line["chain"], 1, line["time"])
    assert parsed.public == base64.b64decode(line["public_key"])
    assert (parsed.retention_days, parsed.supervisor, parsed.log_all_access) == (30, "gateway.0", True)
    assert (parsed.resumed, parsed.lost) == (Head("w0.older", 0, 7, "ab"), 2)
    assert parsed.certificate.key == keys("signing").id


def test_signer_is_who_vouches(line, keys):
    """The certificate holds for the signing key, for this chain and this session key; for no other."""
    public = keys("signing").public
    assert opened.parse(line).signer([keys("other").public, public]) == keys("signing").id
    assert opened.parse(line).signer([keys("other").public]) == ""
    assert opened.parse(line).signer([]) == ""
    assert opened.parse({**line, "chain": "w1.0"}).signer([public]) == ""
    stolen = {**line, "public_key": base64.b64encode(keys("attacker").public).decode()}
    assert opened.parse(stolen).signer([public]) == ""
    assert opened.parse({**line, "certificate": {**line["certificate"], "key": "0" * 16}}).signer([public]) == ""
    line.pop("certificate")
    assert opened.parse(line).signer([public]) == ""


def test_session_is_key_and_certificate(line, keys):
    """Two segments are of one session when both are the same, whatever else they say."""
    parsed = opened.parse(line)
    assert parsed.same_session(opened.parse({**line, "segment": 2, "retention_days": 3}))
    other = base64.b64encode(keys("other").public).decode()
    assert not parsed.same_session(opened.parse({**line, "public_key": other}))
    assert not parsed.same_session(opened.parse({name: line[name] for name in line if name != "certificate"}))


@pytest.mark.parametrize(
    "change",
    [
        {"event": "exchange"},
        {"format": 2},
        {"chain": None},
        {"segment": "1"},
        {"time": 3},
        {"public_key": None},
        {"public_key": "AAAA"},
        {"certificate": {}},
        {"certificate": {"key": "x", "signature": "AAAA"}},
        {"certificate": "x"},
        {"resumed": {}},
        {"resumed": 1},
    ],
    ids=str,
)
def test_what_is_none_is_refused(line, change):
    """A line that is no segment's first is refused."""
    with pytest.raises(ValueError, match="it"):
        opened.parse({**line, **change})
