"""A policy that is nothing but rules: pii-detector and dlp-filter are two tables over this."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from extproc.policies.base import Action, Rule
from extproc.policies.scan import RuleSet
from extproc.policies.verdict import ALLOW, Block, Finding, Phase, Place, Text, Verdict


class RulePolicy:
    """Applies its rules to every text, in both directions, wherever it stands. Immutable."""

    phases: ClassVar[frozenset[Phase]] = frozenset(Phase)

    def __init__(self, kind: str, rules: Iterable[Rule]) -> None:
        self.kind = kind
        self._rules = RuleSet(rules)

    def judge(self, texts: Sequence[Text]) -> Sequence[Verdict]:
        """One verdict for each text; a block names the first rule, in the order of the settings, that matched."""
        return [self._verdict(text.text) for text in texts]

    def rules(self, place: Place) -> Sequence[Rule]:
        """All of them, everywhere."""
        del place
        return self._rules.rules

    def _verdict(self, text: str) -> Verdict:
        findings = []
        block = None
        for rule, start, end in self._rules.scan(text):
            marker = rule.replace(text[start:end]) if rule.action is Action.REDACT else None
            findings.append(Finding(rule.policy, rule.name, start, end, marker, rule.reversible))
            if rule.action is Action.BLOCK and block is None:
                block = Block(rule.policy, rule.name, rule.message)
        return Verdict(tuple(findings), block) if findings else ALLOW
