"""A policy that is nothing but rules: pii-detector and dlp-filter are two tables over this."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from extproc.policies.base import Action, Rule
from extproc.policies.placement import EVERYWHERE, Placement
from extproc.policies.rule_set import RuleSet
from extproc.policies.verdict import ALLOW, Block, Finding, Place, Text, Verdict


class RulePolicy:
    """Applies its rules to every text that it reads, by default all, in both directions. Immutable.

    `settings` are the policy's: `apply_to` says which texts it reads, and with `mode: observe` its rules only report.
    `rule_set` is what it looks for.
    """

    def __init__(self, kind: str, rules: Iterable[Rule], settings: Mapping[str, Any] | None = None) -> None:
        self.kind = kind
        self._placement = Placement.of(settings or {}, EVERYWHERE)
        self.phases = self._placement.read
        if (settings or {}).get("mode") == "observe":
            rules = [replace(rule, action=Action.OBSERVE) for rule in rules]
        self.rule_set = RuleSet(rules)

    def judge(self, texts: Sequence[Text]) -> Sequence[Verdict]:
        """One verdict for each text; a block names the first rule, in the order of the settings, that matched."""
        if self._placement is EVERYWHERE:
            return [self._verdict(text) for text in texts]
        return [self._verdict(text) if self._placement.reads(text.place) else ALLOW for text in texts]

    def rules(self, place: Place) -> Sequence[Rule]:
        """All of them, where it reads."""
        return self.rule_set.rules if self._placement.reads(place) else ()

    def _verdict(self, text: Text) -> Verdict:
        findings = []
        block = None
        for rule, start, end in self.rule_set.scan(text):
            marker = rule.replace(text.text[start:end]) if rule.action is Action.REDACT else None
            findings.append(Finding(rule.policy, rule.name, start, end, marker, rule.reversible))
            if rule.action is Action.BLOCK and block is None:
                block = Block(rule.policy, rule.name, rule.message)
        return Verdict(tuple(findings), block) if findings else ALLOW
