"""The benchmark report as one self-contained HTML page of text, tables and plots."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from revin_forecast.reports.benchmark.figure_html import render_figure
from revin_forecast.reports.benchmark.input_tables import ONLINE, Tables, fill_tables
from revin_forecast.reports.benchmark.plots import PLOTS
from revin_forecast.reports.benchmark.plots.plot import Plot
from revin_forecast.reports.benchmark.style import assign_styles
from revin_forecast.reports.benchmark.summary import summary_markdown
from revin_forecast.reports.benchmark.tables.breakdowns import (
    render_breakdowns,
    render_fills,
    render_intervals,
    render_online,
)
from revin_forecast.reports.benchmark.tables.context import (
    render_checks,
    render_failures,
    render_provenance,
    render_shift_cards,
)
from revin_forecast.reports.benchmark.tables.details import render_detail_tables
from revin_forecast.reports.benchmark.tables.incomplete import render_incomplete
from revin_forecast.reports.benchmark.tables.scores import render_leaderboard, render_shift_tables
from revin_forecast.reports.formatting import format_duration
from revin_forecast.reports.templates import Section, render_template
from revin_forecast.utils.files import atomic_write


def write_benchmark_report(
    tables: Mapping[str, pd.DataFrame], facts: Mapping[str, Any], folder: Path
) -> None:
    """Write `report.html` and `summary.md` of a shift benchmark into a folder.

    Args:
        tables: tables by the names of `input_tables.TABLE_COLUMNS`; any may be absent or empty.
        facts: name, date, versions, machine, cores, threads, wall_s, git_rev, config, stages; any
            may be absent.
        folder: folder to write into, created if missing; existing files are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    filled_tables = fill_tables(tables)
    contents = {
        "report.html": render_benchmark_report(filled_tables, facts),
        "summary.md": summary_markdown(filled_tables, facts),
    }
    for name, text in contents.items():
        with atomic_write(folder / name) as partial:
            partial.write_text(text, encoding="utf-8")


def render_benchmark_report(tables: Tables, facts: Mapping[str, Any]) -> str:
    """Return the page as HTML; text from the tables is escaped.

    Args:
        tables: every table with every column, as returned by `fill_tables`.
        facts: as for `write_benchmark_report`.
    """
    sections = [
        ("table-1", "Table 1. Data sets and their shift", render_shift_cards(tables), "Data"),
        ("table-2", "Table 2. Headline", render_leaderboard(tables), "Headline"),
        ("table-3", "Table 3. nCE by shift", render_shift_tables(tables), "nCE"),
        ("table-4", "Table 4. Theory checks", render_checks(tables), "Theory"),
        ("table-5", "Table 5. Failures and exclusions", render_failures(tables), "Failures"),
        ("table-6", "Table 6. Provenance", render_provenance(tables, facts), "Provenance"),
        ("table-7", "Table 7. Gaps: each model's own fill", render_fills(tables), "Gaps"),
        ("table-8", "Table 8. Intervals", render_intervals(tables), "Intervals"),
        ("table-9", "Table 9. Online learning", render_online(tables), "Online"),
        ("table-10", "Table 10. By data set and channel", render_breakdowns(tables), "By data"),
        ("table-11", "Further tables", render_detail_tables(tables), "Further"),
    ]
    for plot in plot_all(tables):
        title = f"{plot.key}. {plot.title}"
        sections.append((plot.key.lower(), title, render_figure(plot), plot.key))
    byline = [str(facts[key]) for key in ("date", "machine") if facts.get(key)]
    if facts.get("wall_s"):
        byline.append(f"{format_duration(float(facts['wall_s']))} of wall time")
    return render_template(
        "benchmark/page.html.jinja",
        folder="benchmark",
        scripts=[],
        title=f"Shift benchmark {facts.get('name', '')}".strip(),
        byline=byline,
        incomplete=render_incomplete(tables),
        # A section without content is left out.
        sections=[Section(*section) for section in sections if section[2].strip()],
    )


def plot_all(tables: Tables) -> list[Plot]:
    """Return all plots in page order."""
    frames = [tables[key] for key in ("runs", "cells", "headline")]
    frames = [frame[frame["role"] != ONLINE] for frame in frames]
    models = [frame[frame["role"] == "model"] for frame in frames]
    references = [frame[frame["role"] != "model"] for frame in frames]
    normalizers = [*(tables[key]["normalizer"] for key in ("nce", "mce", "natural", "examples"))]
    normalizers += [frame["normalizer"] for frame in models]
    normalizers += [tables["pairs"]["normalizer_a"], tables["pairs"]["normalizer_b"]]
    # One assignment for all plots: a name has the same style even in plots that lack other names.
    styles = assign_styles(
        (name for column in normalizers for name in column if name),
        (name for frame in references for name in frame["backbone"] if name),
    )
    return [draw(tables, styles) for draw in PLOTS]
