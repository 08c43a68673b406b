"""Colours of charts stand out from light and dark pages."""

import re
from pathlib import Path

from revin_forecast.reports.forecast import style
from revin_forecast.reports.forecast.contribution_chart import COLOURS

PAPERS = re.findall(
    r"--paper: (#\w{6})", (Path(style.__file__).parent / "page.css").read_text(encoding="utf-8")
)


def find_luminance(colour):
    """Return the relative luminance of WCAG 2."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in channels
    ]
    return sum(
        weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True)
    )


def test_lines_and_bars_have_contrast():
    assert len(set(PAPERS)) == 2  # light and dark
    for colour in {style.BLUE, style.ORANGE, style.GREEN, style.GREY, *COLOURS.values()}:
        for paper in PAPERS:
            low, high = sorted((find_luminance(colour), find_luminance(paper)))
            assert (high + 0.05) / (low + 0.05) >= 3, (colour, paper)
