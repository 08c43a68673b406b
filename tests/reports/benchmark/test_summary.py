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
    assert f"{best.mase:#.3g} [{best.lo:#.3g}, {best.hi:#.3g}] #1" in row[0]
