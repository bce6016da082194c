"""The pii-detector itself: from its settings to rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extproc.policies.base import Action, Refine, Rule, refusal, whole
from extproc.policies.pii import card, email, iban, ip_address, phone, ssn
from extproc.policies.pii.markers import replacement
from extproc.policies.pii.spelled import DISGUISES, MOST_POSITIONS
from extproc.policies.rules import RulePolicy
from extproc.policies.scan import compile_pattern

KIND = "pii-detector"

# Entity to its expressions; a new entity is one file and one line.
ENTITIES: Mapping[str, tuple[tuple[str, Refine], ...]] = {
    "EMAIL": ((email.EXPRESSION, email.refine),),
    "SSN": ((ssn.EXPRESSION, ssn.refine),),
    "CREDIT_CARD": ((card.EXPRESSION, card.refine),),
    "IBAN": ((iban.EXPRESSION, iban.refine),),
    "IP_ADDRESS": ((ip_address.EXPRESSION_V4, ip_address.refine_v4), (ip_address.EXPRESSION_V6, ip_address.refine_v6)),
    "PHONE": ((phone.EXPRESSION, phone.refine),),
}


def build(settings: Mapping[str, Any]) -> RulePolicy:
    """The policy of a `policy.pii-detector` block (keys as documented; absent ones take their defaults).

    Raises PatternError for a bad expression in `detect_patterns`.
    """
    action = Action(settings.get("action") or "redact")
    redaction = settings.get("redaction") or {}
    wanted = settings.get("entities")
    if wanted is None:
        wanted = [name for name in ENTITIES if name != "CREDIT_CARD" or settings.get("pci_mode", True)]
    found = [
        (name, compile_pattern(each[0], most=MOST_POSITIONS), each[1])
        for name in ENTITIES
        if name in wanted
        for each in (*ENTITIES[name], *DISGUISES.get(name, ()))
    ]
    found += [("CUSTOM", compile_pattern(expression), whole) for expression in settings.get("detect_patterns") or ()]
    return RulePolicy(
        KIND,
        [
            Rule(KIND, name, pattern, action, replacement(name, redaction), refine, refusal(KIND, name))
            for name, pattern, refine in found
        ],
    )
