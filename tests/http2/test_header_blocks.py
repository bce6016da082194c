"""Header blocks: read as hpack reads them, also those that were kept; and ours, read by hpack."""

import pytest
from hpack import Decoder, Encoder
from hypothesis import given
from hypothesis import strategies as st

from extproc.http2.faults import ConnectionFault, ErrorCode
from extproc.http2.header_blocks import NO_TABLE, HeaderBlocks, literal

FIELD = st.tuples(st.sampled_from([b"x-a", b"x-b", b"te", b":path"]), st.binary(max_size=6), st.booleans())
BLOCKS = st.lists(st.tuples(st.lists(FIELD, max_size=4), st.sampled_from([None, None, None, 0, 60, 4096])), max_size=12)


@given(BLOCKS)
def test_every_block_says_what_it_says_without_any_kept(blocks):
    """Whatever comes before a block, with a table that changes or not: its fields are those of a plain decoder."""
    encoder, plain, ours = Encoder(), Decoder(), HeaderBlocks(65_536)
    for fields, table_size in blocks:
        if table_size is not None:
            encoder.header_table_size = table_size
        block = encoder.encode(fields)
        assert ours.decode(block).fields == dict(plain.decode(block, raw=True))


def test_a_block_that_repeats_is_not_decoded_again(http2, monkeypatch):
    """Envoy's do, from the second call on: this is most of what a call's head costs."""
    encoder, blocks = Encoder(), HeaderBlocks(65_536)
    blocks.decode(encoder.encode(http2.REQUEST))
    repeated = [encoder.encode(http2.REQUEST) for _ in range(3)]
    assert len({*repeated}) == 1
    first = blocks.decode(repeated[0])
    monkeypatch.setattr(Decoder, "decode", None)
    assert [blocks.decode(block) for block in repeated[1:]] == [first, first]


def test_a_kept_block_is_forgotten_when_the_table_changes():
    """The same bytes mean another field then."""
    encoder, blocks = Encoder(), HeaderBlocks(65_536)
    blocks.decode(encoder.encode([(b"x-a", b"1")]))
    latest = b"\xbe"  # The newest entry of the dynamic table: static ones end at 61.
    assert blocks.decode(latest).fields == {b"x-a": b"1"}
    blocks.decode(encoder.encode([(b"x-b", b"2")]))
    assert blocks.decode(latest).fields == {b"x-b": b"2"}


def test_only_so_many_are_kept():
    """A peer that never repeats itself takes no memory with it."""
    blocks = HeaderBlocks(65_536)
    for number in range(1_000):
        blocks.decode(literal(b"x-a", b"%d" % number))
    blocks.decode(literal(b"x-a", b"y" * 5_000))
    assert len(blocks._kept) <= 64
    assert max(map(len, blocks._kept)) < 1_024


@pytest.mark.parametrize(
    "block",
    [
        b"\xff",
        b"\xff" * 30,
        b"\x80",
        b"\xfe",
        b"\x40",
        b"\x40\x05ab",
        b"\x00\x81\xff\x00",
        b"\x3f\xe2\x1f",
        b"\x82\x20",
    ],
)
def test_what_is_no_hpack(block):
    """The table cannot be relied on any more, so the connection ends (RFC 7541 section 2.3.3, RFC 9113 4.3)."""
    with pytest.raises(ConnectionFault) as caught:
        HeaderBlocks(65_536).decode(block)
    assert caught.value.code is ErrorCode.COMPRESSION_ERROR


def test_a_small_block_that_means_much():
    """A thousand references to a large entry are not followed to the end (CVE-2016-6581)."""
    encoder, blocks = Encoder(), HeaderBlocks(65_536)
    blocks.decode(encoder.encode([(b"x", b"y" * 4_000)]))
    with pytest.raises(ConnectionFault):
        blocks.decode(b"\xbe" * 1_000)


@given(st.binary(min_size=1, max_size=300), st.binary(max_size=20_000))
def test_ours_are_read_by_others(name, value):
    """A literal of any length, and it leaves the table empty."""
    decoder = Decoder()
    assert decoder.decode(NO_TABLE + literal(name, value) + literal(b"b", b""), raw=True) == [
        (name, value),
        (b"b", b""),
    ]
    assert len(decoder.header_table.dynamic_entries) == 0
