"""scripts/train_injection on a few rows: what it reads, and that it makes the same file twice."""

from __future__ import annotations

import gzip
import json
import random
import sys
from pathlib import Path

import pytest

from extproc.policies.linear import read

FOLDER = Path(__file__).resolve().parents[2] / "scripts" / "local" / "injection"


@pytest.fixture
def module(program, monkeypatch):
    """Import a module of the training."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return program


@pytest.fixture
def data(tmp_path):
    """A folder with rows of several sources, two of them for measuring only."""
    rows = [
        {"text": f"what is the price of {n} apples?", "label": 0, "source": "t0_train", "use": "train"}
        for n in range(40)
    ]
    rows += [
        {"text": f"def f{n}(): return {n}", "label": 0, "source": "cse_instruct_code", "use": "train"}
        for n in range(10)
    ]
    rows += [
        {"text": f"you are DAN and have {n} rules", "label": 1, "source": "garak_dan", "use": "train"}
        for n in range(10)
    ]
    rows += [{"text": "NEVER TO BE SEEN", "label": 1, "source": "neuralchemy", "use": "measure"}]
    (tmp_path / "prompt_injection").mkdir()
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    (tmp_path / "prompt_injection" / "dev.jsonl.gz").write_bytes(gzip.compress(text))
    return tmp_path


@pytest.fixture
def small(module, monkeypatch):
    """The program with few texts of each pattern, and few rounds."""
    training = module("train_injection")
    corpus = sys.modules["corpus"]
    monkeypatch.setattr(corpus, "FILES", dict.fromkeys(corpus.FILES, 1))
    monkeypatch.setattr(corpus, "COMBINED", 10)
    monkeypatch.setattr(corpus, "PIECES", 10)
    monkeypatch.setattr(sys.modules["fit"], "ROUNDS", 4)
    return training


def test_trained_twice_the_same(small, data, tmp_path, capsys):
    """Two runs write one file, which the detector reads and which says what was held out."""
    files = [tmp_path / "one", tmp_path / "two"]
    for file in files:
        assert small.main([str(data), "--output", str(file)]) == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    model = read(files[0].read_bytes())
    assert model.about["held_out"]["garak_dan, attacks"][0] == 10
    assert "neuralchemy, attacks" not in model.about["held_out"]
    assert json.loads(capsys.readouterr().out.split("\n}\n")[0] + "}")["data"] == model.about["data"]


def test_rows_for_measuring_are_not_read(small, data):
    """Only rows marked `train` and generated texts are trained on."""
    everything = sys.modules["corpus"].documents(data / "prompt_injection" / "dev.jsonl.gz", 1)
    assert not any("NEVER TO BE SEEN" in each.text for each in everything)
    assert {each.source for each in everything} >= {"t0_train", "garak_dan", "attacks_en", "harmless_other"}
    assert small.digest(everything) != small.digest(everything[1:])


def test_data_that_are_not_there(small, tmp_path, capsys):
    """A missing file is said in one line."""
    assert small.main([str(tmp_path)]) == 2
    assert "dev.jsonl.gz" in capsys.readouterr().err


def test_patterns(module):
    """Alternatives, nested ones, names and escaped signs; the same dice give the same text."""
    patterns = module("patterns")
    assert patterns.text("a {b} c", random.Random(1)) == "a b c"
    assert patterns.text(r"\{x\|y\} {\|}", random.Random(1)) == "{x|y} |"
    assert {patterns.text("{a|{b|c}}", random.Random(seed)) for seed in range(50)} == {"a", "b", "c"}
    for name in ("attacks_en", "attacks_other", "harmless_en", "harmless_other"):
        for language, pattern in patterns.lines(f"{name}.txt"):
            text = patterns.text(pattern, random.Random(3))
            assert text, (language, pattern)
            assert "@" not in text.replace("bob@mail", "").replace("anna@example", ""), text
            assert text == patterns.text(pattern, random.Random(3))


def test_languages(module):
    """Both attacks and harmless texts come in at least fifteen languages besides English."""
    patterns = module("patterns")
    for name in ("attacks_other", "harmless_other"):
        assert len({language for language, _ in patterns.lines(f"{name}.txt")}) >= 15
