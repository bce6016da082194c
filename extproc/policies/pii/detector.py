"""The pii-detector itself: from its settings to rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extproc.policies.base import Action, Refine, Rule, refusal, whole
from extproc.policies.pii import asia, card, email, europe, health, iban, ip_address, person, phone, ssn, things, uk, us
from extproc.policies.pii.markers import replacement
from extproc.policies.pii.spelled import DIGITS, DIGITS_GATE, DISGUISES, MOST_POSITIONS
from extproc.policies.rules import RulePolicy
from extproc.policies.scan import Pattern, compile_pattern

KIND = "pii-detector"

# Entity to its expressions; a new entity is a line here, or in a file for a family of them.
ENTITIES: Mapping[str, tuple[tuple[str, Refine], ...]] = {
    "EMAIL": ((email.EXPRESSION, email.refine),),
    "SSN": ((ssn.EXPRESSION, ssn.refine),),
    "CREDIT_CARD": ((card.EXPRESSION, card.refine),),
    "IBAN": ((iban.EXPRESSION, iban.refine),),
    "IP_ADDRESS": ((ip_address.EXPRESSION_V4, ip_address.refine_v4), (ip_address.EXPRESSION_V6, ip_address.refine_v6)),
    "PHONE": ((phone.EXPRESSION, phone.refine),),
    **us.ENTITIES,
    **uk.ENTITIES,
    **asia.ENTITIES,
    **europe.ENTITIES,
    **things.ENTITIES,
    **person.ENTITIES,
    **health.ENTITIES,
}
# Of expressions that match something in most texts: what also matches where there is anything to confirm (`Rule.gate`).
GATES: Mapping[str, str] = {
    phone.EXPRESSION: phone.GATE,
    ip_address.EXPRESSION_V6: ip_address.GATE_V6,
    person.EXPIRY: person.EXPIRY_GATE,
    DIGITS: DIGITS_GATE,
}
# Looked for when `entities` is not given: what a checksum or its form tells apart from other text by itself, and what
# the modes add. The rest needs a word before it, is rarer, or both.
DEFAULT = (
    "EMAIL", "SSN", "IBAN", "IP_ADDRESS", "PHONE", "UK_NINO", "IN_PAN", "SG_NRIC", "KR_RRN", "ES_NIE", "IT_FISCAL_CODE",
    "FR_NIR", "CH_AHV", "FI_HETU", "BR_CPF", "MAC_ADDRESS", "VIN", "CRYPTO", "URL_CREDENTIALS",
)  # fmt: skip
PCI = ("CREDIT_CARD", "CREDIT_CARD_CVV", "CREDIT_CARD_EXPIRY")
HEALTHCARE = tuple(health.ENTITIES)


def build(settings: Mapping[str, Any]) -> RulePolicy:
    """The policy of a `policy.pii-detector` block (keys as documented; absent ones take their defaults).

    Raises PatternError for a bad expression in `detect_patterns`.
    """
    action = Action(settings.get("action") or "redact")
    redaction = settings.get("redaction") or {}
    reversible = bool(redaction.get("reversible"))
    wanted = settings.get("entities")
    if wanted is None:
        wanted = (*DEFAULT, *(PCI if settings.get("pci_mode", True) else ()))
    wanted = (*wanted, *(HEALTHCARE if settings.get("healthcare_mode") else ()))
    found = [
        (name, _pattern(each[0]), each[1])
        for name in ENTITIES
        if name in wanted
        for each in (*ENTITIES[name], *DISGUISES.get(name, ()))
    ]
    found += [("CUSTOM", compile_pattern(expression), whole) for expression in settings.get("detect_patterns") or ()]
    return RulePolicy(
        KIND,
        [
            Rule(
                *(KIND, name, pattern, action, replacement(name, redaction), refine),
                *(refusal(KIND, name), reversible),
                gate=_pattern(GATES[pattern.source]) if pattern.source in GATES else None,
            )
            for name, pattern, refine in found
        ],
        settings,
    )


def _pattern(expression: str) -> Pattern:
    return compile_pattern(expression, most=MOST_POSITIONS)
