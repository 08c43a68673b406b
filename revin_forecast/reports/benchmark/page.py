"""The benchmark report as one self-contained HTML page of text, tables and plots."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from revin_forecast.reports.benchmark.figure_html import render_figure
from revin_forecast.reports.benchmark.input_tables import ONLINE, Tables, fill_tables
from revin_forecast.reports.benchmark.plots import PLOTS
from revin_forecast.reports.benchmark.plots.plot import Plot
from revin_forecast.reports.benchmark.result import describe_result, describe_scope
from revin_forecast.reports.benchmark.style import DARK_COLOURS, assign_styles
from revin_forecast.reports.benchmark.summary import summary_markdown
from revin_forecast.reports.benchmark.tables.incomplete import render_incomplete
from revin_forecast.reports.benchmark.tables.scores import render_leaderboard
from revin_forecast.reports.benchmark.topics import list_topics
from revin_forecast.reports.formatting import format_duration
from revin_forecast.reports.templates import render_template
from revin_forecast.utils.files import atomic_write


def write_benchmark_report(
    tables: Mapping[str, pd.DataFrame], facts: Mapping[str, Any], folder: Path
) -> None:
    """Write `report.html` and `summary.md` of a shift benchmark into a folder.

    Args:
        tables: tables by the names of `input_tables.TABLE_COLUMNS`; any may be absent or empty.
        facts: name, date, versions, machine, cores, threads, wall_s, git_rev, config, stages,
            findings (the address of a page that discusses the results); any may be absent.
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
    plots = {plot.key: plot for plot in plot_all(tables)}
    byline = [str(facts[key]) for key in ("date", "machine") if facts.get(key)]
    if facts.get("wall_s"):
        byline.append(f"{format_duration(float(facts['wall_s']))} of wall time")
    return render_template(
        "benchmark/page.html.jinja",
        title=f"Shift benchmark {facts.get('name', '')}".strip(),
        byline=byline,
        findings=describe_result(tables),
        findings_page=facts.get("findings"),
        scope=describe_scope(tables),
        incomplete=render_incomplete(tables),
        leaderboard=render_leaderboard(tables),
        key_figure=render_figure(plots["Gain"]),
        topics=list_topics(tables, facts, plots),
        dark_colours=DARK_COLOURS,
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
