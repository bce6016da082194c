"""The drawing of scripts/bench --peers."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def drawing(program):
    """Three panels as they would be shown, parsed."""
    bars = program("bars")
    panels = [
        bars.Panel("requests/s", {"a & b": 200.0, "ours": 50.0, "none": 0.0}),
        bars.Panel("ms", {"a & b": 1.234, "ours": 2.0, "none": 0.0}),
        bars.Panel("nothing", {"ours": 0.0}),
    ]
    return ET.fromstring(bars.drawn(panels, "3 < 4", emphasised="ours"))


def test_bars_are_as_long_as_their_values(drawing, program):
    """Within a panel a bar's length is its value's share of the largest, and even nothing can be seen."""
    bars = program("bars")
    widths = [float(each.get("width")) for each in drawing.iter(f"{SVG}rect") if each.get("x")]
    whole = bars.BAR_WIDTH
    assert widths == [whole, whole / 4, 1, pytest.approx(whole * 0.617, abs=0.05), whole, 1, 1]


def test_every_value_and_name_is_written(drawing):
    """Names, titles, values and the caption are text, with what XML would misread escaped."""
    texts = [each.text for each in drawing.iter(f"{SVG}text")]
    assert texts.count("a & b") == 2
    assert {"requests/s", "200", "50", "1.23", "2", "0", "3 < 4"} <= set(texts)


def test_ours_stands_out_and_nothing_overlaps(drawing, program):
    """Only ours has the other colour, every bar is inside the drawing, and no two are in one place."""
    bars = program("bars")
    rects = [each for each in drawing.iter(f"{SVG}rect") if each.get("x")]
    assert [each.get("fill") == bars.EMPHASIS for each in rects] == [False, True, False, False, True, False, True]
    assert len({(each.get("x"), each.get("y")) for each in rects}) == len(rects)
    assert all(float(each.get("y")) + bars.BAR_HEIGHT < float(drawing.get("height")) for each in rects)
    assert all(float(each.get("x")) + float(each.get("width")) < float(drawing.get("width")) for each in rects)
