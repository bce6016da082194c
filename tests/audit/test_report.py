"""The report: places, meanings, bounds."""

from __future__ import annotations

import json
import re
from pathlib import Path

import extproc.audit
from extproc.audit.report import MEANINGS, MOST_FINDINGS, MOST_NOTES, Finding, Place, Report


def test_place_of_a_finding():
    """It is named as precisely as it is known."""
    assert Finding("changed-line", "a", "t", line=3).place == str(Place("a", 3)) == "a:3"
    assert Finding("unsealed", "a", "t", offset=9).place == "a at byte 9"
    assert Finding("foreign-file", "a", "t").place == "a"


def test_findings_are_bounded():
    """Those beyond the bound are counted, not kept."""
    report = Report()
    for line in range(MOST_FINDINGS + 5):
        report.find("changed-line", "a", "t", line=line)
    assert (len(report.findings), report.omitted, report.whole) == (MOST_FINDINGS, 5, False)
    assert list(report.codes()) == ["changed-line"]
    for _ in range(MOST_NOTES + 5):
        report.note("open", "a", "t")
    assert len(report.notes) == MOST_NOTES


def test_document_is_json():
    """The report has a JSON form in which a finding says what it means, and leaves out what it does not know."""
    report = Report()
    report.find("foreign-file", "a", "t")
    report.note("open", "b", "u")
    report.totals.events["exchange"] = 2
    document = json.loads(json.dumps(report.document()))
    meaning = MEANINGS["foreign-file"]
    assert document["findings"] == [{"code": "foreign-file", "file": "a", "text": "t", "meaning": meaning}]
    assert document["notes"] == [{"code": "open", "file": "b", "text": "u"}]
    assert (document["whole"], document["totals"]["records"]) == (False, 2)


def test_every_code_has_its_meaning():
    """The codes that the sources use are those that are explained, no more and no fewer."""
    package = Path(extproc.audit.__file__).parent.parent
    sources = "\n".join(
        path.read_text() for room in ("audit", "edge") for path in sorted((package / room).rglob("*.py"))
    )
    pattern = r"(?:\bfind|_find|_stop|Trouble)\(\s*\"([a-z-]+)\""
    assert set(re.findall(pattern, sources)) == set(MEANINGS)
