"""The table of translators, and every row of the translation tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from extproc.errors import GatewayMisconfigured
from extproc.openai.chat import ChatCall
from extproc.routing.targets import Target
from extproc.translate import TRANSLATORS, translator

TABLES = Path(__file__).parent / "tables"
# Rows by table: <endpoint>_<dialect>_requests.json and <endpoint>_<dialect>_responses.json.
ROWS = {
    kind: [
        pytest.param(endpoint, dialect, row, id=f"{endpoint} {dialect}: {row['name']}")
        for endpoint, dialect in TRANSLATORS
        for row in json.loads((TABLES / f"{endpoint}_{dialect}_{kind}.json").read_text(encoding="utf-8"))
    ]
    for kind in ("requests", "responses")
}


def target(**fields: Any) -> Target:
    """A target without defaults but those of the row."""
    return Target(id="t", endpoint="e", models=("m",), region="us-east-1", **{"temperature": None, **fields})


def call(**document: Any) -> ChatCall:
    """A call with that document."""
    return ChatCall("m", bool(document.get("stream")), False, document)


@pytest.mark.parametrize(("endpoint", "dialect", "row"), ROWS["requests"])
def test_requests_are_translated(endpoint: str, dialect: str, row: Any) -> None:
    """The container gets exactly these bytes: equal prompts share a prefix."""
    body = translator(endpoint, dialect).request(call(**row["request"]), target(**row["target"]))
    assert body.decode() == row["body"]


@pytest.mark.parametrize(("endpoint", "dialect", "row"), ROWS["requests"])
def test_translating_does_not_change_the_call(endpoint: str, dialect: str, row: Any) -> None:
    """One call is translated for several targets, in any order."""
    asked = call(**row["request"])
    before = orjson.dumps(asked.document)
    translator(endpoint, dialect).request(asked, target(**row["target"]))
    assert orjson.dumps(asked.document) == before


@pytest.mark.parametrize(("endpoint", "dialect", "row"), ROWS["responses"])
def test_responses_are_translated(endpoint: str, dialect: str, row: Any) -> None:
    """The client gets a chat completion, with every field the container added."""
    assert translator(endpoint, dialect).response(orjson.dumps(row["body"]), call(), target()) == row["document"]


@pytest.mark.parametrize(("endpoint", "dialect"), [("chat", "morse"), ("embeddings", "openai"), ("", "")])
def test_a_pair_without_a_translator_is_a_misconfiguration(endpoint: str, dialect: str) -> None:
    """It is not the client's fault, and no other status would tell the operator."""
    with pytest.raises(GatewayMisconfigured, match="format"):
        translator(endpoint, dialect)
