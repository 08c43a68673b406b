"""The benchmark report as one self-contained HTML page of text, tables and plots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from revin_forecast.reports.benchmark import tables as html_tables
from revin_forecast.reports.benchmark.figure_html import figure_html
from revin_forecast.reports.benchmark.input_tables import Tables, fill_tables
from revin_forecast.reports.benchmark.plots import PLOTS
from revin_forecast.reports.benchmark.plots.plot import Plot
from revin_forecast.reports.benchmark.style import assign_styles
from revin_forecast.reports.benchmark.summary import summary_markdown
from revin_forecast.reports.formatting import format_duration
from revin_forecast.reports.html import render_page
from revin_forecast.utils.files import atomic_write

PAGE_FOLDER = Path(__file__).parent

INTRODUCTION = """
<p><strong>Two experiments, never averaged.</strong> Under <em>process shift</em> the process itself
changes: look-back and truth move together, and a forecast should move with them. Under
<em>observation corruption</em> the sensor fails: the look-back moves, the truth stays clean, and a
forecast should stay unchanged. The sign of a normalizer's effect flips between the two: a large
gain in the first is a large loss in the second. No number on this page combines them. Decide
before you read on which one affects your data.</p>
<p><strong>Placement of the shift.</strong> <em>steady</em>: look-back and horizon are shifted
alike. <em>transition</em>: the shift begins inside the look-back, k steps before the forecast
(its age). <em>horizon</em>: it begins at the forecast, so no model can predict it; a control that
is not ranked. <em>observation</em>: only the look-back is corrupted. <em>natural</em>: nothing is
added; real windows are sorted by their own shift.</p>
<p><strong>The error.</strong> MASE*: the forecast is mapped back through the known inverse of the
shift and compared with the clean truth; the mean absolute error is divided by that of a seasonal
naive forecast inside the training part. It has no unit, and lower is better. A model that moves
exactly with the data has the same MASE* at every severity. Shift sizes are in training sd (standard
deviations of the training part).</p>
<p><strong>Signs.</strong> Ratios compare a model with its <em>twin</em>: same backbone, same
seed, no normalizer (Identity). Below 1, blue, ▼: less error than the twin. Above 1, orange, ▲:
more. Intervals are 95 % moving-block bootstrap intervals. On an AR(.9) they cover 85 % (450
windows) to 91 % (2,000), so they are slightly too narrow; a bootstrap of single windows covers
33 %.</p>
"""


@dataclass(frozen=True)
class BenchmarkSection:
    """A section of the page with its entry in the table of contents."""

    key: str
    title: str
    short_title: str
    html: str


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
    # Tables come before plots; a section without content is left out.
    table_sections = [
        BenchmarkSection(
            "table-1",
            "Table 1. Data sets and their shift",
            "Data",
            html_tables.render_shift_cards(tables),
        ),
        BenchmarkSection(
            "table-2", "Table 2. Headline", "Headline", html_tables.render_leaderboard(tables)
        ),
        BenchmarkSection(
            "table-3", "Table 3. nCE by shift", "nCE", html_tables.render_shift_tables(tables)
        ),
        BenchmarkSection(
            "table-4", "Table 4. Theory checks", "Theory", html_tables.render_checks(tables)
        ),
        BenchmarkSection(
            "table-5",
            "Table 5. Failures and exclusions",
            "Failures",
            html_tables.render_failures(tables),
        ),
        BenchmarkSection(
            "table-6",
            "Table 6. Provenance",
            "Provenance",
            html_tables.render_provenance(tables, facts),
        ),
        BenchmarkSection(
            "table-7", "Further tables", "Further", html_tables.render_detail_tables(tables)
        ),
    ]
    table_sections = [section for section in table_sections if section.html]
    plot_sections = [_plot_section(plot) for plot in plot_all(tables)]
    name = f"Shift benchmark {facts.get('name', '')}".strip()
    byline = [str(facts[key]) for key in ("date", "machine") if facts.get(key)]
    if facts.get("wall_s"):
        byline.append(f"{format_duration(float(facts['wall_s']))} of wall time")
    return render_page(
        name,
        f"<h1>{escape(name)}</h1><p class='made'>{escape(', '.join(byline))}</p>"
        f"<section id='lead'><h2>How to read this page</h2>{INTRODUCTION}</section>"
        f"{_render_sections(table_sections)}{_render_sections(plot_sections)}",
        _render_contents([*table_sections, *plot_sections]),
        PAGE_FOLDER,
    )


def plot_all(tables: Tables) -> list[Plot]:
    """Return all plots in page order."""
    frames = [tables[key] for key in ("runs", "cells", "headline")]
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


def _plot_section(plot: Plot) -> BenchmarkSection:
    return BenchmarkSection(
        plot.key.lower(), f"{plot.key}. {plot.title}", plot.key, figure_html(plot)
    )


def _render_sections(sections: Sequence[BenchmarkSection]) -> str:
    return "".join(
        f'<section id="{section.key}"><h2>{escape(section.title)}</h2>{section.html}</section>'
        for section in sections
    )


def _render_contents(sections: Sequence[BenchmarkSection]) -> str:
    links = "".join(
        f'<a href="#{section.key}" title="{escape(section.title)}">'
        f"{escape(section.short_title)}</a>"
        for section in sections
    )
    return f'<nav aria-label="Contents"><a href="#lead">How to read</a>{links}</nav>'
