"""A Runtime as bytes."""

import pickle
from dataclasses import fields
from pathlib import Path

import pytest

from extproc import __version__
from extproc.config import portable
from extproc.config.load import load_runtime
from extproc.config.portable import NotPortable
from extproc.policies.verdict import Phase, Place, Text

CONFIGS = sorted((Path(__file__).parents[1] / "data" / "configs").glob("*.yaml"))
ENVIRONMENT = {"AWS_REGION": "us-east-1"}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_nothing_is_lost(path):
    """Every field of each printed configuration; its targets stay one object each, wherever they stand."""
    before = load_runtime(path, environ=ENVIRONMENT)
    after = portable.load(portable.dump(before))
    for field in fields(before):
        if field.name != "chain":
            assert getattr(after, field.name) == getattr(before, field.name)
    assert (after.chain.order, after.chain.open) == (before.chain.order, before.chain.open)
    own = {id(target) for target in after.targets}
    assert all(id(target) in own for group in after.by_model.values() for target in group)


def test_the_chain_judges_as_before():
    """Settings and all."""
    before = load_runtime(CONFIGS[0].with_name("enterprise.yaml"), environ=ENVIRONMENT)
    text = Text(Place(Phase.REQUEST, "user"), "mail jane@example.com")
    judged = [chain.judge([text]) for chain in (before.chain, portable.load(portable.dump(before)).chain)]
    assert judged[0] == judged[1]
    assert judged[1].findings


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"no pickle", id="no pickle"),
        pytest.param(pickle.dumps(("0", None)), id="another version"),
        pytest.param(pickle.dumps((__version__, {})), id="no runtime"),
        pytest.param(pickle.dumps((__version__, print)), id="something else that can be called"),
        pytest.param(b"cos\nsystem\n.", id="a module"),
    ],
)
def test_other_bytes_are_refused(data):
    """Whatever they are: nothing but what a Runtime consists of is made from them."""
    with pytest.raises(NotPortable):
        portable.load(data)
