"""Prompt injection for scripts/quality: recall and false alarms by source, in disguise and in long texts, and cost."""

from __future__ import annotations

import base64
import codecs
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from counting import percentile, timed

from extproc.policies import injection
from extproc.policies.linear import shipped

# System prompts of a game, full of what they forbid: the operator's texts are not scored.
OPERATORS = frozenset({"tensor_trust_extract_defence", "tensor_trust_hijack_defence"})
# Categories of rows that tell a model to drop its rules, in the words of their sources.
OVERRIDES = frozenset({"instruction override", "instruction_override", "jailbreak attempt", "jailbreak", "hijack"})
THRESHOLD = 0.8
# Texts of one source and label that are scored, chosen by their hash.
MOST = 400
LONG_TEXTS = 200
_LEET = str.maketrans("aeiost", "431057")
# Cyrillic ones.
_LOOKALIKES = str.maketrans("aceiopsxy", "\u0430\u0441\u0435\u0456\u043e\u0440\u0455\u0445\u0443")

DISGUISES: dict[str, Callable[[str], str]] = {
    "tags": lambda text: "".join(chr(0xE0000 + ord(c)) if " " <= c <= "~" else c for c in text),
    "zero-width": "\u200b".join,
    "spaced": " ".join,
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "reversed": lambda text: text[::-1],
    "base64": lambda text: base64.b64encode(text.encode("utf-8", "replace")).decode(),
    "hexadecimal": lambda text: text.encode("utf-8", "replace").hex(),
    "leetspeak": lambda text: text.lower().translate(_LEET),
    "look-alikes": lambda text: text.lower().translate(_LOOKALIKES),
    "full-width": lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
}


def scored(rows: Iterable[dict[str, Any]]) -> dict[str, float]:
    """The figures. Only rows marked `measure` count: the others were trained on."""
    policy = injection.build({})
    groups: dict[tuple[str, bool], list[str]] = defaultdict(list)
    overrides: list[str] = []
    for row in rows:
        if row.get("use") == "measure" and row["source"] not in OPERATORS:
            groups[row["source"], bool(row["label"])].append(row["text"])
            if row["label"] and row["category"] in OVERRIDES:
                overrides.append(row["text"])
    figures = {"injection recall, overrides and jailbreaks": share(map(policy.score, chosen(overrides, 4 * MOST)))}
    attacks: list[tuple[str, float]] = []
    harmless: list[tuple[str, float]] = []
    for (source, attack), texts in sorted(groups.items()):
        given = [(text, policy.score(text)) for text in chosen(texts, MOST)]
        (attacks if attack else harmless).extend(given)
        name = f"injection {'recall' if attack else 'false alarms'}, {source}"
        figures[name] = share(score for _, score in given)
    figures["injection false alarms on ordinary prompts"] = share(score for _, score in harmless)
    for bound in (THRESHOLD, 0.5):
        found, wrong = (sum(score >= bound for _, score in given) for given in (attacks, harmless))
        figures[f"injection F1 on all sources at {bound}"] = 2 * found / max(1, found + wrong + len(attacks))
    figures |= disguised(policy, attacks, harmless)
    figures |= buried(policy, attacks, harmless)
    figures |= held_out()
    figures |= cost(policy, [text for text, _ in harmless])
    return figures


def chosen(texts: Iterable[str], most: int) -> list[str]:
    """So many of the texts, the same each time."""
    return sorted(set(texts), key=lambda text: hashlib.sha256(text.encode("utf-8", "replace")).digest())[:most]


def share(scores: Iterable[float]) -> float:
    """Of the scores, the share that reaches the threshold."""
    given = list(scores)
    return sum(score >= THRESHOLD for score in given) / len(given) if given else 0.0


Given = Sequence[tuple[str, float]]


def disguised(policy: injection.InjectionDetector, attacks: Given, harmless: Given) -> dict[str, float]:
    """How much of recall is left in each disguise, and how often disguised harmless texts are taken for attacks."""
    plainly = [text for text, _ in attacks if text.isascii() and 20 < len(text) < 2000]
    plainly, others = chosen(plainly, MOST), chosen((text for text, _ in harmless if len(text) < 2000), MOST)
    usual = share(map(policy.score, plainly)) or 1.0
    kept, mistaken = {}, {}
    for name, disguise in DISGUISES.items():
        kept[name] = share(policy.score(disguise(text)) for text in plainly) / usual
        mistaken[name] = share(policy.score(disguise(text)) for text in others)
    return {
        **{f"injection, of recall left in {name}": value for name, value in kept.items()},
        "injection, of recall left in disguises": sum(kept.values()) / len(kept),
        "injection false alarms on disguised texts": sum(mistaken.values()) / len(mistaken),
    }


def buried(policy: injection.InjectionDetector, attacks: Given, harmless: Given) -> dict[str, float]:
    """How much of recall is left in the middle of 8 kB of harmless texts."""
    filler = "\n".join(text for text, score in harmless if score < 0.1 and len(text) > 200)
    texts = chosen((text for text, _ in attacks if len(text) < 600), LONG_TEXTS)
    usual = share(map(policy.score, texts)) or 1.0
    found = share(
        policy.score(f"{filler[at * 997 : at * 997 + 4000]}\n{text}\n{filler[at * 997 + 4000 : at * 997 + 8000]}")
        for at, text in enumerate(texts)
    )
    return {"injection, of recall left in long texts": found / usual}


def held_out() -> dict[str, float]:
    """What scripts/train_injection wrote down: each source scored by a model that had not seen it."""
    return {f"injection held out: {name}": row[1] for name, row in shipped().about["held_out"].items()}


def cost(policy: injection.InjectionDetector, texts: Iterable[str]) -> dict[str, float]:
    """Microseconds per KB of harmless texts of at least 1 KB, each the best of three runs."""
    long = [text for text in texts if len(text.encode("utf-8", "replace")) >= 1024][:LONG_TEXTS]
    times = [
        min(timed(lambda text=text: policy.score(text)) for _ in range(3))
        / (len(text.encode("utf-8", "replace")) / 1024)
        for text in long
    ]
    return {
        "us per KB for injection, p50": percentile(times, 50),
        "us per KB for injection, p99": percentile(times, 99),
    }
