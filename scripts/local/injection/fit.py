"""Logistic regression where a text's score is that of its best window, in numpy alone."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
from corpus import Document
from numpy.typing import NDArray

from extproc.policies.features import LONGEST, features
from extproc.policies.salts import BITS
from extproc.policies.views import plain
from extproc.policies.windows import LENGTHS, SHORTEST

SIZE = 1 << BITS
# Tokens of a text that are trained on: a part of it, chosen by its hash.
MOST = {True: 600, False: 300}
ROUNDS = 25
RATE = 0.06
SHRINK = 1e-5
# A source counts no more than this many texts.
EVEN = 8000

Floats = NDArray[np.float64]


class Windows:
    """All windows of some documents, as ranges over one long row of tokens."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.attacks = np.array([each.attack for each in documents], float)
        words, pairs, pairs_at, starts, ends, firsts = [], [], [], [], [], []
        base = windows = 0
        for each in documents:
            of_words, of_pairs, at = _features(each)
            count = len(of_words)
            words.append(of_words)
            pairs.append(of_pairs)
            pairs_at.append(at + base)
            firsts.append(windows)
            for length in LENGTHS:
                if count <= length:
                    begin, end = np.array([0]), np.array([count])
                else:
                    begin = np.append(np.arange(0, count - length, max(1, length // 8)), count - length)
                    end = begin + length
                starts.append(base + begin)
                ends.append(base + end)
                windows += len(begin)
                if count <= length:
                    break
            base += count
        self.words, self.tokens = np.concatenate(words).astype(np.intp), base
        self.pairs, self.pairs_at = np.concatenate(pairs).astype(np.intp), np.concatenate(pairs_at)
        self.starts, self.ends, self.firsts = np.concatenate(starts), np.concatenate(ends), np.array(firsts)
        self.document = np.repeat(np.arange(len(documents)), np.diff(np.append(self.firsts, windows)))
        self.norm = 1 / np.sqrt(np.maximum(self.ends - self.starts, SHORTEST))

    def strengths(self, weights: Floats) -> Floats:
        """Of each window."""
        tokens = weights[self.words].sum(1) + np.bincount(self.pairs_at, weights[self.pairs], self.tokens)
        sums = np.concatenate([[0.0], np.cumsum(tokens)])
        return (sums[self.ends] - sums[self.starts]) * self.norm

    def best(self, strengths: Floats) -> Floats:
        """Of each document, its strongest window's."""
        return np.maximum.reduceat(strengths, self.firsts)


def _features(each: Document) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.int64]]:
    found = features(plain(each.text).encode("utf-8", "replace")[:LONGEST])
    words, at = found.words.T, found.pairs_at
    most = MOST[each.attack]
    if len(words) > most:
        first = int(hashlib.sha256(each.text.encode("utf-8", "replace")).hexdigest(), 16) % (len(words) - most)
        kept = (at >= first) & (at < first + most)
        words, at, pairs = words[first : first + most], at[kept] - first, found.pairs[kept]
    else:
        pairs = found.pairs
    if not len(words):
        words = np.zeros((1, found.words.shape[0]), np.uint32)
    # Feature 0 is never trained: it stands for words that are not looked at.
    return (np.zeros_like(words) if each.bare else words), pairs, at


def importance(documents: Sequence[Document]) -> Floats:
    """How much each document counts: big sources less."""
    kinds = [(each.source, each.attack, each.bare) for each in documents]
    counts = Counter(kinds)
    return np.array([min(1.0, EVEN / counts[kind]) for kind in kinds])


def fit(windows: Windows, important: Floats) -> tuple[Floats, float]:
    """Weights and bias. The gradient of a document goes to its windows by the softmax of their strengths.

    Full batches and Adam: the same numbers on every run of one machine.
    """
    weights, first, second = np.zeros(SIZE), np.zeros(SIZE), np.zeros(SIZE)
    bias, bias_first, bias_second = -3.0, 0.0, 0.0
    flat = windows.words.ravel()
    seen = np.bincount(flat, minlength=SIZE) + np.bincount(windows.pairs, minlength=SIZE)
    trained = seen > 1
    trained[0] = False
    per_token = windows.words.shape[1]
    for turn in range(1, ROUNDS + 1):
        strengths = windows.strengths(weights)
        best = windows.best(strengths)
        share = np.exp(strengths - best[windows.document])
        share /= np.add.reduceat(share, windows.firsts)[windows.document]
        error = (1 / (1 + np.exp(-best - bias)) - windows.attacks) * important
        of_windows = error[windows.document] * share * windows.norm
        steps = np.bincount(windows.starts, of_windows, windows.tokens + 1)
        steps -= np.bincount(windows.ends, of_windows, windows.tokens + 1)
        of_tokens = np.cumsum(steps)[: windows.tokens]
        slope = np.bincount(flat, np.repeat(of_tokens, per_token), SIZE)
        slope += np.bincount(windows.pairs, of_tokens[windows.pairs_at], SIZE)
        slope = slope * trained + SHRINK * important.sum() * weights
        first, second = 0.9 * first + 0.1 * slope, 0.99 * second + 0.01 * slope * slope
        weights -= RATE * (first / (1 - 0.9**turn)) / (np.sqrt(second / (1 - 0.99**turn)) + 1e-3)
        along = float(error.sum())
        bias_first, bias_second = 0.9 * bias_first + 0.1 * along, 0.99 * bias_second + 0.01 * along * along
        bias -= RATE * (bias_first / (1 - 0.9**turn)) / ((bias_second / (1 - 0.99**turn)) ** 0.5 + 1e-3)
    return weights, bias


def calibrated(scores: Floats, attacks: Floats, important: Floats) -> tuple[float, float]:
    """Slope and offset of the logistic curve that scores of texts which were held out fit best (Newton's method)."""
    slope, offset = 1.0, 0.0
    for _ in range(50):
        likely = 1 / (1 + np.exp(-(slope * scores + offset)))
        error, curve = (likely - attacks) * important, likely * (1 - likely) * important
        gradient = np.array([(error * scores).sum(), error.sum()])
        mixed = (curve * scores).sum()
        bend = np.array([[(curve * scores * scores).sum() + 1e-9, mixed], [mixed, curve.sum() + 1e-9]])
        step = np.linalg.solve(bend, gradient)
        slope, offset = slope - float(step[0]), offset - float(step[1])
    return slope, offset
