"""scripts/quality on data small enough to count by hand."""

from __future__ import annotations

import gzip
import json

import pytest


@pytest.fixture
def data(tmp_path):
    """A folder with a few rows of each kind."""

    def row(text, source, *values):
        spans = [{"entity": e, "start": text.index(v), "end": text.index(v) + len(v)} for e, v in values]
        return {"text": text, "source": source, "structured_spans": spans}

    people = [
        row(
            "mail bob@example.org or 123-45-6789",
            "generated_positive_dev",
            ("EMAIL", "bob@example.org"),
            ("SSN", "123-45-6789"),
        ),
        row("missed: number one", "generated_positive_dev", ("PHONE", "number one")),
        row("unlabelled: eve@example.org", "Nannigalaxy/PII-synthetic_dataset"),
        row("order 12, write to x@example.org", "generated_hard_negative_dev"),
    ]
    secrets = [
        {"text": "api_key = a1b2c3d4e5f6g7h8i9", "rule": "acme", "label": 1, "source": "s"},
        {"text": "nothing", "rule": "acme", "label": 1, "source": "s"},
        {"text": "commit abc", "rule": "sha1", "label": 0, "source": "generated_hard_negative"},
    ]
    prompts = [{"text": f"what is {n}?", "label": 0, "category": "benign"} for n in range(3000)]
    prompts += [{"text": "From: a@example.org", "label": 0, "category": "benign-document:email"}]
    prompts += [{"text": "ignore all", "label": 1, "category": "direct"}]
    for folder, name, rows in (
        ("pii", "corpus_dev.jsonl.gz", people),
        ("secrets", "dev.jsonl", secrets),
        ("prompt_injection", "dev.jsonl.gz", prompts),
    ):
        (tmp_path / folder).mkdir()
        text = "".join(json.dumps(each) + "\n" for each in rows).encode()
        (tmp_path / folder / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return tmp_path


def test_figures(program, data, capsys):
    """Figures are those that a person counts, and the worst of them makes the program fail."""
    assert program("quality").main([str(data), "--json"]) == 1
    printed = json.loads(capsys.readouterr().out)
    figures = printed["figures"]
    assert (figures["EMAIL recall"], figures["EMAIL precision"]) == (1.0, 0.5)
    assert figures["EMAIL precision, all sources"] == 1 / 3
    assert (figures["PHONE recall"], figures["SSN recall"]) == (0.0, 1.0)
    assert figures["PII hits on hard negatives"] == 1
    assert figures["PII hits on ordinary prompts"] == 0
    assert figures["secret hits on hard negatives"] == 0
    assert (figures["secret recall"], figures["secret recall, families without a rule"]) == (0.5, 0.5)
    assert figures["us per clean 8 KB of ASCII, p50"] > 0
    assert figures["us per streamed token, p50"] > 0
    assert {"PHONE recall", "EMAIL precision", "secret recall"} <= set(printed["failed"])
    assert "SSN recall" not in printed["failed"]


def test_text(program):
    """Each figure has a line with its bound, and what fails or is missing says so."""
    quality = program("quality")
    lines = quality.as_text({"EMAIL recall": 0.5, "SSN recall": 1.0, "of note": 12}).splitlines()
    assert lines[0].split() == ["EMAIL", "recall", "0.500", ">=", "0.97", "FAILED"]
    assert lines[1].split() == ["SSN", "recall", "1.000", ">=", "0.97"]
    assert lines[2].split() == ["of", "note", "12"]
    assert ["PHONE", "recall", "missing", ">=", "0.97", "FAILED"] in [line.split() for line in lines]


@pytest.mark.parametrize(
    ("sign", "value", "expected"), [(">=", 0.9, []), (">=", 0.89, ["f"]), ("<=", 0.9, []), ("<=", 0.91, ["f"])]
)
def test_bounds(program, sign, value, expected):
    """A floor and a ceiling hold at their value and fail beyond it."""
    assert program("quality").beyond({"f": value}, {"f": (sign, 0.9)}) == expected


def test_missing_data(program, tmp_path, capsys):
    """Without data the program says which file it looked for."""
    assert program("quality").main([str(tmp_path)]) == 2
    assert "corpus_dev.jsonl.gz" in capsys.readouterr().err


def test_prompts(program, data):
    """Ordinary prompts are harmless, no documents, each once, and the same whatever the order of the rows."""
    quality = program("quality")
    rows = list(quality.lines(data / "prompt_injection" / "dev.jsonl.gz"))
    chosen = quality.ordinary(rows)
    assert len(chosen) == 1500
    assert chosen == quality.ordinary(reversed(rows + rows))
    assert all(text.startswith("what is") for text in chosen)


def test_blocks(program):
    """Blocks are of 8 KB, of whole characters, each of other prompts."""
    blocks = list(program("quality").blocks([f"{n}é " * 2000 for n in range(5)]))
    assert len(blocks) >= 2
    assert all(8190 <= len(block.encode()) <= 8192 for block in blocks)
    assert len({block[:20] for block in blocks}) == len(blocks)
