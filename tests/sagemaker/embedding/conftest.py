"""What the tests of embedding dialects share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from extproc.openai.call import Call
from extproc.routing.targets import Target

if TYPE_CHECKING:
    from extproc.openai.document import Document
    from extproc.translate import Translator


class Container:
    """A container of one dialect, asked by tests."""

    def call(self, **document: Any) -> Call:
        """A call for one text, unless the document has others."""
        return Call("m", False, False, {"input": "word", **document}, "embedding")

    def target(self, **fields: Any) -> Target:
        """A target with these fields."""
        return Target(id="t", endpoint="e", models=("m",), region="us-east-1", kind="embedding", **fields)

    def asked(self, dialect: Translator, target: Target | None = None, **document: Any) -> Document:
        """The body that such a request becomes."""
        body: Document = orjson.loads(dialect.request(self.call(**document), target or self.target()))
        return body

    def answered(self, dialect: Translator, answer: Any, target: Target | None = None, **document: Any) -> Document:
        """What becomes of an answer to it."""
        return dialect.response(orjson.dumps(answer), self.call(**document), target or self.target())


@pytest.fixture(scope="session")
def container() -> Container:
    """One to ask."""
    return Container()
