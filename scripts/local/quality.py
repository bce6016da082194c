"""scripts/quality: recall, precision, false alarms and cost of the detectors on labelled data, against floors."""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from counting import DISGUISES, Label, Tallies, Tally, disguised, families, findings, percentile, timed
from injecting import scored
from processes import ROOT

from extproc.policies import dlp
from extproc.policies.chain import Chain
from extproc.policies.pii import detector
from extproc.policies.verdict import Phase, Place, Text

SIX = ("EMAIL", "PHONE", "SSN", "CREDIT_CARD", "IBAN", "IP_ADDRESS")
# Its labels are incomplete: half of the numbers that its own sentences call social security numbers have none.
PARTLY_LABELLED = "Nannigalaxy/PII-synthetic_dataset"
# Rules that no issuer's tokens are written into.
GENERIC = frozenset({"named-secret", "issued-key", "prefixed-token"})
PROMPTS = 1500
CLEAN_BYTES = 8192
CLEAN_TEXTS = 400
STREAMED_TEXTS = 40
RUNS = 3

# Figure to its bound: ">=" floors and "<=" ceilings. Times are for one core of a small server, at rest.
FLOORS: dict[str, tuple[str, float]] = {
    **{f"{entity} recall": (">=", 0.97) for entity in SIX},
    **{f"{entity} precision": (">=", 0.98) for entity in SIX},
    **{f"{entity} recall, all sources": (">=", 0.97) for entity in SIX},
    **{f"{entity} precision, all sources": (">=", 0.96) for entity in SIX},
    "PII hits on hard negatives": ("<=", 5),
    "PII hits on hard negatives, every entity": ("<=", 5),
    "PII hits on ordinary prompts": ("<=", 2),
    "disguised values found": (">=", 0.80),
    "secret hits on hard negatives": ("<=", 0),
    "secret hits on ordinary prompts": ("<=", 2),
    "secret recall": (">=", 0.90),
    "secret recall, families without a rule": (">=", 0.80),
    "secret recall, generic rules alone": (">=", 0.70),
    "us per clean 8 KB of ASCII, p50": ("<=", 60),
    "us per clean 8 KB of ASCII, p99": ("<=", 200),
    "us per clean 8 KB of many scripts, p50": ("<=", 60),
    "us per clean 8 KB of many scripts, p99": ("<=", 200),
    "us per streamed token, p50": ("<=", 10),
    "us per streamed token with secrets, p50": ("<=", 10),
    "injection false alarms on ordinary prompts": ("<=", 0.003),
    "injection F1 on all sources at 0.8": (">=", 0.73),
    "injection recall, overrides and jailbreaks": (">=", 0.67),
    "injection held out: harmless_en, harmless": ("<=", 0.04),
    "injection held out: attacks_en, attacks": (">=", 0.68),
    "injection held out: attacks_other, attacks": (">=", 0.60),
    "injection, of recall left in disguises": (">=", 0.93),
    "injection false alarms on disguised texts": ("<=", 0.005),
    "injection, of recall left in long texts": (">=", 0.90),
    "us per KB for injection, p50": ("<=", 100),
}

Figures = dict[str, float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns 1 when a figure is beyond its bound, 2 when the data are not there."""
    parser = argparse.ArgumentParser(prog="scripts/quality", description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, metavar="DIR", help="with pii/, secrets/ and prompt_injection/")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of text")
    given = parser.parse_args(arguments)
    try:
        people = list(lines(given.data / "pii" / "corpus_dev.jsonl.gz"))
        secrets = list(lines(given.data / "secrets" / "dev.jsonl"))
        asked = list(lines(given.data / "prompt_injection" / "dev.jsonl.gz"))
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    prompts = ordinary(asked)
    figures = {**personal(people, prompts), **secret(secrets, prompts), **cost(prompts_of(asked)), **scored(asked)}
    failed = beyond(figures, FLOORS)
    print(json.dumps({"figures": figures, "failed": failed}, indent=2) if given.json else as_text(figures))
    return 1 if failed else 0


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a JSON-lines file, compressed or not."""
    opened: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def prompts_of(rows: Iterable[dict[str, Any]]) -> list[str]:
    """What people asked, each text once, in an order that depends on the texts alone.

    Not the documents among the harmless rows: they were made, and all their messages are from one address.
    """
    texts = {row["text"] for row in rows if not row["label"] and "document" not in row["category"]}
    return sorted(texts, key=lambda text: hashlib.sha256(text.encode()).digest())


def ordinary(rows: Iterable[dict[str, Any]]) -> list[str]:
    """The ordinary prompts that false alarms are counted on."""
    return prompts_of(rows)[:PROMPTS]


def pii(**settings: Any) -> Chain:
    """A chain of the pii-detector alone."""
    return Chain((detector.build(settings),))


def personal(rows: Sequence[dict[str, Any]], prompts: Sequence[str]) -> Figures:
    """Recall and precision by entity, false alarms, and what is left of recall when values are disguised."""
    chain = pii()
    figures: Figures = {}
    for suffix, chosen in (
        ("", [row for row in rows if row["source"] != PARTLY_LABELLED]),
        (", all sources", rows),
    ):
        tallies = Tallies(SIX)
        for row in chosen:
            tallies.add(labels(row), findings(chain, row["text"]))
        for entity, tally in tallies.by_entity.items():
            figures[f"{entity} recall{suffix}"] = tally.recall
            figures[f"{entity} precision{suffix}"] = tally.precision
    negatives = [row["text"] for row in rows if "hard_negative" in row["source"]]
    figures["PII hits on hard negatives"] = hits(chain, negatives)
    figures["PII hits on hard negatives, every entity"] = hits(pii(entities=list(detector.ENTITIES)), negatives)
    figures["PII hits on ordinary prompts"] = hits(chain, prompts)
    whole = Tally()
    for name in DISGUISES:
        tally = Tally()
        for row in rows:
            for label in labels(row) if row["source"] == "generated_positive_dev" else ():
                if made := disguised(row["text"], label, name):
                    text, (entity, start, end) = made
                    hit = any(f.entity == entity and f.start < end and start < f.end for f in findings(chain, text))
                    for each in (tally, whole):
                        each.found += hit
                        each.missed += not hit
        figures[f"disguised values found, {name}"] = tally.recall
    figures["disguised values found"] = whole.recall
    return figures


def labels(row: dict[str, Any]) -> list[Label]:
    """The labelled values of the six entities in a row."""
    spans = ((span["entity"], span["start"], span["end"]) for span in row["structured_spans"])
    return [span for span in spans if span[0] in SIX]


def hits(chain: Chain, texts: Iterable[str]) -> int:
    """Findings in texts that should have none."""
    return sum(len(findings(chain, text)) for text in texts)


def secret(rows: Sequence[dict[str, Any]], prompts: Sequence[str]) -> Figures:
    """What the catalogue of secrets finds, by kind of rule, and mistakes."""
    chain = Chain((dlp.build({"secrets": True}),))
    # One rule for each row, not one for each cluster of overlapping findings, says which rules know a family.
    (policy,) = chain.policies
    place = Place(Phase.REQUEST, "user")
    found = [
        (row["rule"], frozenset(rule.name for rule, _, _ in policy.rule_set.scan(Text(place, row["text"]))))
        for row in rows
        if row["label"]
    ]
    everything, unknown, alone = families(found, GENERIC)
    return {
        "secret hits on hard negatives": hits(
            chain, (row["text"] for row in rows if row["source"] == "generated_hard_negative")
        ),
        "secret hits on ordinary prompts": hits(chain, prompts),
        "secret hits on what others' tests call none": hits(
            chain, (row["text"] for row in rows if not row["label"] and row["source"] != "generated_hard_negative")
        ),
        "secret recall": everything.recall,
        "secret recall, families without a rule": unknown.recall,
        "secret recall, generic rules alone": alone.recall,
    }


def cost(prompts: Iterable[str]) -> Figures:
    """Microseconds for a clean text of 8 KB and a streamed token, with PII's defaults and enterprise.yaml's rules."""
    enterprise = yaml.safe_load((ROOT / "tests" / "data" / "configs" / "enterprise.yaml").read_text(encoding="utf-8"))
    settings = enterprise["policy"]["dlp-filter"]
    chain = Chain((detector.build({}), dlp.build(settings)))
    prompts = list(prompts)

    def clean(prompts: Iterable[str]) -> list[str]:
        return [text for text in blocks(prompts) if not findings(chain, text)][:CLEAN_TEXTS]

    def whole(texts: Sequence[str]) -> list[float]:
        return best(lambda: [timed(lambda text=text: findings(chain, text)) for text in texts])

    texts = clean(prompts)
    mixed, ascii_only = whole(texts), whole(clean(filter(str.isascii, prompts)))
    return {
        "us per clean 8 KB of ASCII, p50": percentile(ascii_only, 50),
        "us per clean 8 KB of ASCII, p99": percentile(ascii_only, 99),
        "us per clean 8 KB of many scripts, p50": percentile(mixed, 50),
        "us per clean 8 KB of many scripts, p99": percentile(mixed, 99),
        "us per streamed token, p50": streamed(chain, texts),
        "us per streamed token with secrets, p50": streamed(
            Chain((detector.build({}), dlp.build({**settings, "secrets": True}))), texts
        ),
    }


def blocks(prompts: Iterable[str]) -> Iterator[str]:
    """Texts of 8 KB, each of different prompts."""
    block = b""
    for prompt in prompts:
        block += prompt.encode() + b"\n"
        if len(block) >= CLEAN_BYTES:
            yield block[:CLEAN_BYTES].decode(errors="ignore")
            block = b""


def streamed(chain: Chain, texts: Sequence[str]) -> float:
    """The median time of a push of about a token."""
    place = Place(Phase.RESPONSE, "assistant")

    def run() -> list[float]:
        times: list[float] = []
        for text in texts[:STREAMED_TEXTS]:
            window = chain.window(place)
            assert window is not None  # noqa: S101  # both policies read answers
            times += [
                timed(lambda token=token, push=window.push: push(token))
                for token in re.findall(r"\s?\S{1,5}|\s+", text)
            ]
        return times

    return percentile(best(run), 50)


def best(run: Callable[[], list[float]]) -> list[float]:
    """Each time's best of some runs: what the machine does besides is not ours."""
    return [min(times) for times in zip(*(run() for _ in range(RUNS)), strict=True)]


def beyond(figures: Figures, floors: dict[str, tuple[str, float]]) -> list[str]:
    """The names of bounded figures that are missing or beyond their bound."""
    return [
        name
        for name, (sign, bound) in floors.items()
        if name not in figures or (figures[name] < bound if sign == ">=" else figures[name] > bound)
    ]


def as_text(figures: Figures) -> str:
    """A table: figure, value, bound, and a mark where the bound is not held."""
    failed = beyond(figures, FLOORS)
    rows = []
    for name in dict.fromkeys((*figures, *FLOORS)):
        value = figures.get(name)
        shown = (
            "missing"
            if value is None
            else f"{value:.3f}"
            if isinstance(value, float) and value <= 1
            else f"{value:.0f}"
        )
        sign, bound = FLOORS.get(name, ("", 0.0))
        rows.append(
            f"{name:<58}{shown:>9}  {f'{sign} {bound:g}' if sign else '':<9}{'FAILED' if name in failed else ''}"
        )
    return "\n".join(row.rstrip() for row in rows)


if __name__ == "__main__":
    raise SystemExit(main())
