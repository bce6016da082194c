"""Merkle trees: the published vectors of Certificate Transparency, and what must hold for every tree."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.audit import merkle

# The leaves and roots of Certificate Transparency's own tests (merkletree/merkle_tree_test.cc).
LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
PATHS = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}


@pytest.mark.parametrize("size", range(1, 9))
def test_published_roots(size):
    """The root over the first leaves is the published one, for every size."""
    assert merkle.root([merkle.leaf(data) for data in LEAVES[:size]]).hex() == ROOTS[size - 1]


def test_root_of_nothing():
    """The root of an empty tree is the hash of nothing (RFC 6962 section 2.1)."""
    assert merkle.root([]) == sha256(b"").digest()


@pytest.mark.parametrize(("index", "size"), list(PATHS))
def test_published_paths(index, size):
    """Audit paths are the published ones, and prove their leaf."""
    leaves = [merkle.leaf(data) for data in LEAVES[:size]]
    path = merkle.path(leaves, index)
    assert [each.hex() for each in path] == PATHS[index, size]
    assert merkle.proven(leaves[index], index, size, path, bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_no_such_leaf(index, size):
    """A leaf that is not in the tree has no path, and nothing proves it."""
    leaves = [merkle.leaf(data) for data in LEAVES[:size]]
    with pytest.raises(IndexError):
        merkle.path(leaves, index)
    assert not merkle.proven(merkle.leaf(b""), index, size, (), merkle.root(leaves))


def by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, as it is written: split at the largest power of two below the size."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256().digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + by_definition(leaves[:split]) + by_definition(leaves[split:])).digest()


TREES = st.lists(st.binary(max_size=8), min_size=1, max_size=40).map(
    lambda datas: [merkle.leaf(each) for each in datas]
)


@given(TREES)
def test_root_is_the_definitions(leaves):
    """The level-by-level root is that of the recursive definition."""
    assert merkle.root(leaves) == by_definition(leaves)


@given(TREES, st.data())
def test_each_leaf_is_proven(leaves, data):
    """Every leaf's path proves it, at its own place and in a tree of its own size only."""
    index = data.draw(st.integers(0, len(leaves) - 1))
    path, root = merkle.path(leaves, index), merkle.root(leaves)
    assert merkle.proven(leaves[index], index, len(leaves), path, root)
    assert not merkle.proven(merkle.leaf(b"other leaf"), index, len(leaves), path, root)
    assert not merkle.proven(leaves[index], index, len(leaves), path, bytes(32))
    assert not merkle.proven(leaves[index], index, len(leaves), (*path, root), root)
    if path:
        assert not merkle.proven(leaves[index], index, len(leaves), path[:-1], root)
        broken = data.draw(st.integers(0, len(path) - 1))
        changed = tuple(sha256(each).digest() if at == broken else each for at, each in enumerate(path))
        assert not merkle.proven(leaves[index], index, len(leaves), changed, root)


def test_leaf_is_no_node():
    """The hash of two nodes together, taken as a leaf, is another than theirs: no inner node passes for a record."""
    left, right = merkle.leaf(b"a"), merkle.leaf(b"b")
    assert merkle.leaf(left + right) != merkle.root([left, right])
