"""What is told of segments that are gone."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from extproc.audit import pruned

DAY = 86400.0


@pytest.fixture
def old(trails, keys):
    """A chain of four segments, closed, and another that is written 40 days later; nothing is removed yet."""
    trail = trails(signing=keys("signing"))
    writer = trail.writer("w0")
    dice = random.Random(0)
    removals = []
    for _ in range(4):
        writer.exchanges(dice, 1)
        removals.append(writer.removal(days=30))
        if len(removals) < 4:
            writer.rotate()
    writer.close()
    removals[3] = writer.removal(days=30)
    gateway = trail.writer("gateway", writer.now + 40 * DAY)
    return trail, writer, gateway, removals


def outcome(trail, gateway, path):
    """The findings' codes and the notes' codes, when the gateway has ended."""
    gateway.close()
    report = trail.report(path, closed=True)
    return list(report.codes()), [note.code for note in report.notes]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_removed_in_time(old, tmp_path, count):
    """Segments that were told of and removed when their time was over are not missed, from the first to all of them."""
    trail, writer, gateway, removals = old
    for number in range(count):
        gateway.prune(writer, number + 1, removals[number])
    assert outcome(trail, gateway, tmp_path) == ([], [])


def test_removed_from_the_middle(old, tmp_path):
    """The order in which they go does not matter, as long as each is told of."""
    trail, writer, gateway, removals = old
    gateway.prune(writer, 2, removals[1])
    gateway.prune(writer, 3, removals[2])
    assert outcome(trail, gateway, tmp_path) == ([], [])


@pytest.mark.parametrize("untold", [1, 2, 3])
def test_removed_without_a_word(old, tmp_path, untold):
    """A segment that goes without being told of is missed, whatever else was removed."""
    trail, writer, gateway, removals = old
    if untold > 1:
        gateway.prune(writer, untold - 1, removals[untold - 2])
    del trail.files[removals[untold - 1].segment]
    assert outcome(trail, gateway, tmp_path)[0] == ["segment-missing"]


def test_number_of_somebody_else(old, tmp_path):
    """A file that claims to be the thousand-millionth segment is found, and no list is made of those before it."""
    trail, writer, gateway, removals = old
    far = removals[0].segment.replace(".000001.", ".999999999.")
    trail.files[far] = trail.files[removals[0].segment]
    gateway.close()
    assert "after-closed" in trail.report(tmp_path).codes()
    del trail.files[removals[3].segment]
    texts = [finding.text for finding in trail.report(tmp_path).findings]
    assert any(f"segment 4 to 999999998 of chain {writer.name} is not here" in text for text in texts)


def test_what_told_of_the_oldest_is_gone(old, tmp_path):
    """When the line about older segments has been removed itself, the ones before the last removed are only noted."""
    trail, writer, gateway, removals = old
    del trail.files[removals[0].segment]
    gateway.prune(writer, 2, removals[1])
    assert outcome(trail, gateway, tmp_path) == ([], ["removed-earlier"])


def test_removed_too_early(old, tmp_path):
    """A removal before the retention had passed is found: the removed one's, or the remover's."""
    trail, writer, gateway, removals = old
    gateway.prune(writer, 1, replace(removals[0], retention_days=41))
    assert outcome(trail, gateway, tmp_path)[0] == ["removed-early"]


def test_retention_of_the_rest_counts(trails, keys, tmp_path):
    """What the segments that are left say of retention holds for those that went, too."""
    trail = trails(signing=keys("signing"), days=60)
    writer = trail.writer("w0")
    writer.write()
    removal = writer.removal(days=10)
    writer.rotate()
    writer.close()
    trail.days = 10
    gateway = trail.writer("gateway", writer.now + 40 * DAY)
    gateway.prune(writer, 1, removal)
    assert outcome(trail, gateway, tmp_path)[0] == ["removed-early"]


def test_crash_between_line_and_removal(old, tmp_path):
    """A segment that is told to be removed and is here is noted; other lines than told are found."""
    trail, _, gateway, removals = old
    gateway.write(pruned.document(removals[:1], gateway.now))
    assert outcome(trail, gateway, tmp_path) == ([], ["not-removed"])


@pytest.mark.parametrize("change", [{"last": 9}, {"hash": "00" * 32}, {"first": 1}])
def test_told_of_other_lines(old, tmp_path, change):
    """What is told must fit: what follows what was removed, and what is still here."""
    trail, writer, gateway, removals = old
    still = dict(trail.files)
    gateway.prune(writer, 1, replace(removals[0], **change))
    codes, _ = outcome(trail, gateway, tmp_path)
    assert codes in (["pruned"], ["missing-lines"])
    trail.files[removals[0].segment] = still[removals[0].segment]
    assert list(trail.report(tmp_path, closed=True).codes()) == ["pruned"]


@pytest.mark.parametrize(
    "line",
    [
        {"removed": None},
        {"removed": [{"segment": 1}]},
        pruned.document([pruned.Removed("notes.txt", 0, 1, "", "2026-01-01T00:00:00Z", 1)], 0.0),
        pruned.document([pruned.Removed("2026-01-01.x.0123456789ab.000001.jsonl", 0, 1, "", "then", 1)], 0.0),
        pruned.document([pruned.Removed("2026-01-01.x.0123456789ab.000001.jsonl", 0, 1, "", "2026-01-01", 1)], 0.0),
    ],
)
def test_nonsense_is_found(old, tmp_path, line):
    """A `pruned` line that cannot be read is found, though it is sealed."""
    trail, _, gateway, _ = old
    gateway.write({"time": "2026-03-01T00:00:00Z", "event": "pruned", **line})
    assert outcome(trail, gateway, tmp_path)[0] == ["pruned"]


def test_hole_in_a_chain_that_is_gone(old, tmp_path):
    """Of a chain that was removed whole, each segment must have been told of."""
    trail, writer, gateway, removals = old
    gateway.prune(writer, 1, removals[0])
    gateway.prune(writer, 4, removals[3])
    for removal in removals[1:3]:
        del trail.files[removal.segment]
    gateway.close()
    (finding,) = trail.report(tmp_path, closed=True).findings
    assert finding.code == "segment-missing"
    assert "segment 2 to 3 of" in finding.text
