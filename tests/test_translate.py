"""The table of translators, and every row of the translation tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from extproc.errors import GatewayMisconfigured
from extproc.openai.call import Call
from extproc.routing.targets import Target
from extproc.translate import TRANSLATORS, translator

TABLES = Path(__file__).parent / "tables"
# Rows by table: <kind>_<dialect>_requests.json and <kind>_<dialect>_responses.json.
ROWS = {
    side: [
        pytest.param(kind, dialect, row, id=f"{kind} {dialect}: {row['name']}")
        for kind, dialect in TRANSLATORS
        for row in json.loads((TABLES / f"{kind}_{dialect}_{side}.json").read_text(encoding="utf-8"))
    ]
    for side in ("requests", "responses")
}
# What a row is an answer to, unless it says so itself.
ASKED: dict[str, dict[str, Any]] = {
    "chat": {"messages": []},
    "completion": {"prompt": "Hi"},
    "embedding": {"input": "Hi"},
}


def target(**fields: Any) -> Target:
    """A target without defaults but those of the row."""
    return Target(id="t", endpoint="e", models=("m",), region="us-east-1", **{"temperature": None, **fields})


def call(kind: str, **document: Any) -> Call:
    """A call of that kind with that document."""
    return Call("m", bool(document.get("stream")), False, document, kind)


@pytest.mark.parametrize(("kind", "dialect", "row"), ROWS["requests"])
def test_requests_are_translated(kind: str, dialect: str, row: Any) -> None:
    """The container gets exactly these bytes: equal prompts share a prefix."""
    body = translator(kind, dialect).request(call(kind, **row["request"]), target(**row["target"]))
    assert body.decode() == row["body"]


@pytest.mark.parametrize(("kind", "dialect", "row"), ROWS["requests"])
def test_translating_does_not_change_the_call(kind: str, dialect: str, row: Any) -> None:
    """One call is translated for several targets, in any order."""
    asked = call(kind, **row["request"])
    before = orjson.dumps(asked.document)
    translator(kind, dialect).request(asked, target(**row["target"]))
    assert orjson.dumps(asked.document) == before


@pytest.mark.parametrize(("kind", "dialect", "row"), ROWS["responses"])
def test_responses_are_translated(kind: str, dialect: str, row: Any) -> None:
    """A chat completion with every field the container added, or a list of vectors with none."""
    asked = call(kind, **{**ASKED[kind], **row.get("request", {})})
    body = orjson.dumps(row["body"])
    assert translator(kind, dialect).response(body, asked, target(**row.get("target", {}))) == row["document"]


@pytest.mark.parametrize(("kind", "dialect"), [("chat", "morse"), ("chat", "tei"), ("embedding", "tgi"), ("", "")])
def test_a_pair_without_a_translator_is_a_misconfiguration(kind: str, dialect: str) -> None:
    """It is not the client's fault, and no other status would tell the operator."""
    with pytest.raises(GatewayMisconfigured, match="format"):
        translator(kind, dialect)
