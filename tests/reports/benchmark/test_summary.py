"""The Markdown summary of a benchmark."""

import re

from revin_forecast.reports.benchmark.summary import summary_markdown
from tests.support.benchmark_tables import HOSTILE, make_report_facts


def test_summary_has_the_numbers_of_the_tables(tables):
    text = summary_markdown(tables, make_report_facts())
    assert HOSTILE not in text
    assert "2 of 3 passed; FAILED: T7.\n" in text
    checks = tables["checks"].assign(passed=True)
    assert "3 of 3 passed.\n" in summary_markdown({**tables, "checks": checks}, {})
    headline = tables["headline"]
    best = headline[(headline["column"] == "steady") & (headline["rank"] == 1)].iloc[0]
    row = re.search(rf"\| {best.backbone} \| {best.normalizer} \|.*", text)
    assert row
    assert f"{best.mase:#.3g} [{best.lo:#.3g}, {best.hi:#.3g}] #1 ◆" in row[0]
    assert "## Incomplete" in text
    assert "| MLP | RevIN | 0.800 [0.750, 0.850] |" in text
    assert "| MLP | RevIN | conformal | 71.3 | 71.3 | 71.3 | 71.3 |" in text


def test_a_zero_shot_reference_is_marked(tables):
    headline = tables["headline"]
    is_naive = headline["backbone"] == "SeasonalNaive"
    assert is_naive.any()
    changed = headline.assign(
        backbone=headline["backbone"].where(~is_naive, "Pretrained"),
        role=headline["role"].where(~is_naive, "zero-shot"),
    )
    text = summary_markdown({**tables, "headline": changed}, make_report_facts())
    # Once: it has no twin, so the table of ratios leaves it out.
    assert text.count("| Pretrained | (zero-shot, no training) |") == 1
