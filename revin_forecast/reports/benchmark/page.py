"""The page: words, tables, plots, one file that needs nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from revin_forecast.reports.benchmark import tables as made
from revin_forecast.reports.benchmark.figure_html import figure_html
from revin_forecast.reports.benchmark.input_tables import Tables, fill_tables
from revin_forecast.reports.benchmark.plots import PLOTS
from revin_forecast.reports.benchmark.plots.base import Plot
from revin_forecast.reports.benchmark.style import assign_styles
from revin_forecast.reports.benchmark.summary import summary_markdown
from revin_forecast.reports.formatting import format_duration
from revin_forecast.reports.html import render_page
from revin_forecast.utils.files import atomic_write

PAGE_FOLDER = Path(__file__).parent

INTRODUCTION = """
<p><strong>Two experiments, never averaged.</strong> Under <em>process shift</em> the world moved:
look-back and truth move together, and a forecast should move along. Under <em>observation
corruption</em> the sensor lied: the look-back moves, the truth stays clean, and a forecast should
stay where it is. The sign of a normalizer's effect flips between the two: what is a large gain in
the first is a large loss in the second. No number on this page mixes them; ask which of the two
your data suffer from before you read on.</p>
<p><strong>Where the shift lies.</strong> <em>steady</em>: look-back and horizon are shifted
alike. <em>transition</em>: the shift begins inside the look-back, k steps before the forecast
(its age). <em>horizon</em>: it begins at the forecast, so nobody can know of it; a control, in no
ranking. <em>observation</em>: only the look-back is corrupted. <em>natural</em>: nothing is
added, real windows are sorted by their own shift.</p>
<p><strong>The error.</strong> MASE*: the forecast is moved back through the known inverse of the
shift, compared with the clean truth, and the mean absolute error is divided by that of a seasonal
naive forecast inside the training part. It has no unit, lower is better, and a model that moves
exactly with the data has the same MASE* at every severity. Sizes of shifts are in standard
deviations of the training part.</p>
<p><strong>Signs.</strong> Ratios compare a model with its <em>twin</em>: same backbone, same
seed, no normalizer (Identity). Below 1, blue, ▼: less error than the twin. Above 1, orange, ▲:
more. Intervals are 95 % moving-block bootstrap intervals. On an AR(.9) they cover 85 % (450
windows) to 91 % (2,000), single windows 33 %: they are a little too narrow.</p>
"""


@dataclass(frozen=True)
class Section:
    """A part of the page that the list of contents points to."""

    key: str
    title: str
    short_title: str
    html: str


def write_benchmark_report(
    tables: Mapping[str, pd.DataFrame], facts: Mapping[str, Any], folder: Path
) -> None:
    """Write `report.html` and `summary.md` of a shift benchmark into a folder.

    Args:
        tables: by the names of `reading.COLUMNS`; any may be absent or empty.
        facts: name, date, versions, machine, cores, threads, wall_s, git_rev, config, stages; any
            may be absent.
        folder: made if it is not there; older files of these names are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    whole = fill_tables(tables)
    contents = {
        "report.html": render_benchmark_report(whole, facts),
        "summary.md": summary_markdown(whole, facts),
    }
    for name, text in contents.items():
        with atomic_write(folder / name) as partial:
            partial.write_text(text, encoding="utf-8")


def render_benchmark_report(tables: Tables, facts: Mapping[str, Any]) -> str:
    """Return the whole page.

    Args:
        tables: every table with every column, as `complete` returns them.
        facts: as for `write_report`.
    """
    numbers = [
        Section(
            "table-1", "Table 1. Data sets and their shift", "Data", made.render_shift_cards(tables)
        ),
        Section("table-2", "Table 2. Headline", "Headline", made.render_leaderboard(tables)),
        Section("table-3", "Table 3. nCE by shift", "nCE", made.render_shift_tables(tables)),
        Section("table-4", "Table 4. Theory checks", "Theory", made.render_checks(tables)),
        Section(
            "table-5", "Table 5. Failures and exclusions", "Failures", made.render_failures(tables)
        ),
        Section(
            "table-6", "Table 6. Provenance", "Provenance", made.render_provenance(tables, facts)
        ),
        Section("table-7", "Further tables", "Further", made.render_detail_tables(tables)),
    ]
    numbers = [section for section in numbers if section.html]
    plots = [_plot_section(plot) for plot in plot_all(tables)]
    name = f"Shift benchmark {facts.get('name', '')}".strip()
    told = [str(facts[key]) for key in ("date", "machine") if facts.get(key)]
    told += (
        [f"{format_duration(float(facts['wall_s']))} of wall time"] if facts.get("wall_s") else []
    )
    return render_page(
        name,
        f"<h1>{escape(name)}</h1><p class='made'>{escape(', '.join(told))}</p>"
        f"<section id='lead'><h2>How to read this page</h2>{INTRODUCTION}</section>"
        f"{_render_sections(numbers)}{_render_sections(plots)}",
        _render_contents([*numbers, *plots]),
        PAGE_FOLDER,
    )


def plot_all(tables: Tables) -> list[Plot]:
    """Return all plots in the order of the page."""
    frames = [tables[key] for key in ("runs", "cells", "headline")]
    models = [frame[frame["role"] == "model"] for frame in frames]
    others = [frame[frame["role"] != "model"] for frame in frames]
    normalizers = [*(tables[key]["normalizer"] for key in ("nce", "mce", "natural", "examples"))]
    normalizers += [frame["normalizer"] for frame in models]
    normalizers += [tables["pairs"]["normalizer_a"], tables["pairs"]["normalizer_b"]]
    looks = assign_styles(
        (name for column in normalizers for name in column if name),
        (name for frame in others for name in frame["backbone"] if name),
    )
    return [draw(tables, looks) for draw in PLOTS]


def _plot_section(plot: Plot) -> Section:
    return Section(plot.key.lower(), f"{plot.key}. {plot.title}", plot.key, figure_html(plot))


def _render_sections(sections: Sequence[Section]) -> str:
    return "".join(
        f'<section id="{one.key}"><h2>{escape(one.title)}</h2>{one.html}</section>'
        for one in sections
    )


def _render_contents(sections: Sequence[Section]) -> str:
    links = "".join(
        f'<a href="#{one.key}" title="{escape(one.title)}">{escape(one.short_title)}</a>'
        for one in sections
    )
    return f'<nav aria-label="Contents"><a href="#lead">How to read</a>{links}</nav>'
