"""scripts/train_injection: the weights of prompt-injection, from rows marked `train` and patterns written here."""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent / "injection"))
from corpus import FOLDS, UNLIKE_TRAFFIC, Document, digest, documents
from fit import Floats, Windows, calibrated, fit, importance

from extproc.policies.features import VERSION
from extproc.policies.salts import BITS

SEED = 7
# One text in so many is taken for an attack when scores are made probabilities.
ATTACKS_ARE_ONE_IN = 2
TARGET = Path(__file__).resolve().parents[2] / "extproc" / "policies" / "injection.weights"


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, calibrate on what was held out, and write; returns 2 when the data are not there."""
    parser = argparse.ArgumentParser(prog="scripts/train_injection", description=__doc__)
    parser.add_argument("data", type=Path, metavar="DIR", help="with prompt_injection/dev.jsonl.gz")
    parser.add_argument("--output", type=Path, default=TARGET, help="default: the file in the package")
    given = parser.parse_args(arguments)
    try:
        everything = documents(given.data / "prompt_injection" / "dev.jsonl.gz", SEED)
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    important = importance(everything)
    windows = Windows(everything)
    scores = held_out(everything, important)
    kept = [at for at, each in enumerate(everything) if not each.bare and each.source not in UNLIKE_TRAFFIC]
    attacks = windows.attacks[kept]
    slope, offset = calibrated(scores[kept], attacks, by_prior([everything[at] for at in kept], attacks))
    weights, bias = fit(windows, important)
    unit = float(np.quantile(np.abs(weights[weights != 0]), 0.9999)) / 127
    small = np.clip(np.rint(weights / unit), -127, 127).astype(np.int8)
    about = {
        "features": VERSION,
        "bits": BITS,
        "slope": slope * unit,
        "offset": slope * bias + offset,
        "prior": 1 / ATTACKS_ARE_ONE_IN,
        "documents": len(everything),
        "data": digest(everything),
        "held_out": report(everything, scores * slope + offset),
    }
    given.output.write_bytes(json.dumps(about).encode() + b"\n" + small.tobytes())
    print(json.dumps({**about, "nonzero": int((small != 0).sum())}, indent=1))
    return 0


def held_out(everything: list[Document], important: Floats) -> Floats:
    """Each document's score by the model that saw neither its source nor its pattern."""
    fold = np.array([each.fold for each in everything])
    scores = np.zeros(len(everything))
    for number in range(len(FOLDS)):
        known, unknown = (np.flatnonzero(chosen) for chosen in (fold != number, fold == number))
        weights, bias = fit(Windows([everything[at] for at in known]), important[known])
        rest = Windows([everything[at] for at in unknown])
        scores[unknown] = rest.best(rest.strengths(weights)) + bias
    return scores


def by_prior(kept: list[Document], attacks: Floats) -> Floats:
    """Weights by which all sources of a kind count alike, and attacks together as one text in ATTACKS_ARE_ONE_IN."""
    weights = importance(kept)
    for kind, share in ((1.0, 1 / ATTACKS_ARE_ONE_IN), (0.0, 1 - 1 / ATTACKS_ARE_ONE_IN)):
        weights[attacks == kind] *= share * len(kept) / weights[attacks == kind].sum()
    return weights


def report(everything: list[Document], logits: Floats) -> dict[str, list[float]]:
    """By source and label: texts, and the shares that score 0.8 and 0.5 when their source was held out."""
    found: dict[str, list[float]] = defaultdict(list)
    for each, logit in zip(everything, logits, strict=True):
        if not each.bare:
            found[f"{each.source}, {'attacks' if each.attack else 'harmless'}"].append(1 / (1 + np.exp(-logit)))
    return {
        name: [len(scores), *(round(float(np.mean(np.array(scores) >= bound)), 4) for bound in (0.8, 0.5))]
        for name, scores in sorted(found.items())
    }


if __name__ == "__main__":
    raise SystemExit(main())
