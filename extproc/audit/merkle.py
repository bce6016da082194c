"""Merkle trees as RFC 6962 §2.1 defines them (SHA-256): roots, and proofs that one leaf is in a tree."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def leaf(data: bytes) -> bytes:
    """The hash of one leaf: 32 bytes. The prefix keeps a leaf from being taken for an inner node."""
    return sha256(b"\x00" + data).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes; of none, the hash of nothing."""
    if not leaves:
        return sha256().digest()
    level = leaves
    while len(level) > 1:
        level = _above(level)
    return level[0]


def path(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The audit path of leaf `index` (RFC 6962 §2.1.1): the siblings from the leaf up to the root.

    Raises:
        IndexError: there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(index)
    siblings = []
    level = leaves
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            siblings.append(level[sibling])
        level = _above(level)
        index //= 2
    return tuple(siblings)


def proven(leaf_hash: bytes, index: int, size: int, siblings: Sequence[bytes], expected: bytes) -> bool:
    """Whether `siblings` prove that `leaf_hash` is leaf `index` of the tree of `size` leaves with root `expected`.

    The algorithm of RFC 9162 §2.1.3.2.
    """
    if not 0 <= index < size:
        return False
    at, last, node = index, size - 1, leaf_hash
    for sibling in siblings:
        if last == 0:
            return False
        if at % 2 or at == last:
            node = _node(sibling, node)
            while at % 2 == 0 and at != 0:
                at, last = at // 2, last // 2
        else:
            node = _node(node, sibling)
        at, last = at // 2, last // 2
    return last == 0 and node == expected


def _above(level: Sequence[bytes]) -> list[bytes]:
    """The next level of a tree: an odd one out goes up as it is."""
    rest = iter(level)
    nodes = [_node(left, right) for left, right in zip(rest, rest, strict=False)]
    if len(level) % 2:
        nodes.append(level[-1])
    return nodes


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()
