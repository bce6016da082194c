"""A witness changes nothing, and remembers what each policy said and where."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.policies.chain import Chain
from extproc.policies.marker import Marker
from extproc.policies.table import build
from extproc.policies.verdict import Phase, Place, PolicyFailed, Text
from extproc.trial.witness import Said, Witness

USER = Place(Phase.REQUEST, "user", path=("messages", 0, "content"))
SYSTEM = Place(Phase.REQUEST, "system", path=("messages", 1, "content"))
ANSWER = Place(Phase.RESPONSE, "assistant")
PII = build("pii-detector", {"entities": ["EMAIL"]})
DLP = build("dlp-filter", {"patterns": [{"name": "fatal", "regex": "FATAL", "action": "block"}]})
INJECTION = build("prompt-injection", {})


class Broken:
    """A policy that cannot judge."""

    kind = "broken"
    phases = frozenset(Phase)

    def judge(self, texts: Any) -> Any:
        """Fail."""
        raise ValueError(texts[0].text)

    def rules(self, place: Place) -> tuple[()]:
        """None."""
        del place
        return ()


def verdicts(witness: Witness, phase: Phase = Phase.REQUEST) -> list[tuple[str, str]]:
    """What each policy said, in short."""
    return [(said.policy, said.verdict) for said in witness.said(phase)]


def test_texts_are_judged_as_without_it() -> None:
    """It says what the chain says, and its windows are the chain's."""
    chain = Chain((PII, DLP))
    texts = [Text(USER, "to a@example.com"), Text(SYSTEM, "no")]
    witness = Witness(chain)
    assert witness.judge(texts) == chain.judge(texts)
    window = witness.window(ANSWER)
    assert window is not None
    assert window.push("to a@example.com ").text + window.finish().text == "to [EMAIL_REDACTED] "


def test_every_policy_has_its_say() -> None:
    """Redacted, allowed with a score, or nothing to read; of each finding its text and place."""
    witness = Witness(Chain((INJECTION, PII, DLP, Marker("audit-logger"))))
    witness.judge([Text(SYSTEM, "x"), Text(USER, "to a@example.com, b@example.com")])
    said = witness.said(Phase.REQUEST)
    assert verdicts(witness) == [
        ("prompt-injection", "allow"),
        ("pii-detector", "redact"),
        ("dlp-filter", "allow"),
        ("audit-logger", "reads nothing"),
    ]
    assert said[0].score is not None
    assert said[1].score is None
    assert [(found.place, found.matched) for found in said[1].found] == [
        (USER, "a@example.com"),
        (USER, "b@example.com"),
    ]
    assert witness.found(Phase.REQUEST) == said[1].found


def test_nobody_is_asked_after_a_block() -> None:
    """The policy that blocked is told with its rule, and those after it were not asked."""
    witness = Witness(Chain((PII, DLP, INJECTION)))
    witness.judge([Text(USER, "FATAL a@example.com")])
    assert verdicts(witness) == [
        ("pii-detector", "redact"),
        ("dlp-filter", "block"),
        ("prompt-injection", "not asked"),
    ]
    assert witness.said(Phase.REQUEST)[1].rule == "fatal"


def test_phases_are_apart() -> None:
    """What was said of the request is no word about the answer, and nothing is said where nothing was judged."""
    witness = Witness(Chain((INJECTION, PII)))
    assert witness.said(Phase.REQUEST) == ()
    witness.judge([])
    witness.judge([Text(ANSWER, "a@example.com")])
    assert witness.said(Phase.REQUEST) == ()
    assert verdicts(witness, Phase.RESPONSE) == [("prompt-injection", "reads nothing"), ("pii-detector", "redact")]


@pytest.mark.parametrize("fail_open", [False, True])
def test_a_policy_that_fails_is_told(fail_open: bool) -> None:
    """It failed and was left out, or failed and ended it all: then the policies after it were not asked."""
    witness = Witness(Chain((Broken(), PII), fail_open=fail_open))
    if fail_open:
        witness.judge([Text(USER, "a@example.com")])
        assert verdicts(witness) == [("broken", "failed"), ("pii-detector", "redact")]
        assert set(witness.failed) == {"broken"}
    else:
        with pytest.raises(PolicyFailed):
            witness.judge([Text(USER, "a@example.com")])
        assert verdicts(witness) == [("broken", "failed"), ("pii-detector", "not asked")]
    assert witness.said(Phase.REQUEST)[0] == Said("broken", Phase.REQUEST, "failed")
