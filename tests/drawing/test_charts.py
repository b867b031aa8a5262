"""Charts are well-formed, escape what they are given, and stay inside their frame."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.drawing import calibration_chart, metric_chart

SVG = "{http://www.w3.org/2000/svg}"
share = st.floats(0, 1)
text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)


def inside(svg):
    root = ElementTree.fromstring(svg)
    width, height = float(root.get("width")), float(root.get("height"))
    dots = root.findall(f"{SVG}circle")
    assert all(0 <= float(one.get("cx")) <= width and 0 <= float(one.get("cy")) <= height for one in dots)
    return root, dots


@given(st.lists(st.tuples(share, share, st.integers(1, 10**6)), max_size=12), text)
def test_calibration_of_anything(points, title):
    root, dots = inside(calibration_chart(points, title=title))
    assert len(dots) == len(points)
    assert (root.find(f"{SVG}title").text or "") == title


@given(st.lists(st.tuples(text, st.floats(-1e9, 1e9)), max_size=40), text, text)
def test_curves_of_anything(points, title, metric):
    _, dots = inside(metric_chart(points, title=title, metric=metric))
    assert len(dots) == len(points)


@pytest.mark.parametrize("count", [1, 6, 12, 13, 60])
def test_labels_of_months_do_not_overlap(count):
    svg = metric_chart([(f"2013-{i:02d}", i / 7) for i in range(count)], title="t", metric="m")
    places = [float(x) for x in re.findall(r'<text x="([\d.]+)"[^>]*>2013-', svg)]
    assert all(after - before > 55 for before, after in pairwise(places))


def test_ticks_are_round():
    svg = metric_chart([("a", 0.7012345), ("b", 0.7398765)], title="t", metric="m")
    assert {"0.7", "0.72", "0.74"} <= set(re.findall(r">([\d.]+)</text>", svg))
