"""The plots of the report, made from tables alone."""

import numpy as np
import pandas as pd
import pytest

from revin_forecast.reports.benchmark.input_tables import (
    SUMMARY_COLUMNS,
    TABLE_COLUMNS,
    dataset_errors,
    error_curves,
    fill_tables,
    ratios_to_baseline,
)
from revin_forecast.reports.benchmark.plots import PLOTS
from revin_forecast.reports.benchmark.plots.comparisons import (
    indistinguishable_groups,
    mean_ranks,
    plot_ranks,
)
from revin_forecast.reports.benchmark.plots.example_windows import plot_example_windows
from revin_forecast.reports.benchmark.plots.heat_map import plot_heat_map
from revin_forecast.reports.benchmark.plots.panels import log_axis, root_axis
from revin_forecast.reports.benchmark.style import assign_styles
from revin_forecast.reports.benchmark.summary import summary_markdown
from revin_forecast.reports.benchmark.tables.context import render_provenance
from revin_forecast.reports.benchmark.tables.scores import render_leaderboard
from tests.support.benchmark_tables import (
    DATA_SETS,
    NORMALIZERS,
    PLOT_KEYS,
    UNMEASURED,
    make_report_facts,
    make_report_tables,
)

STYLES = assign_styles(NORMALIZERS, ("SeasonalNaive", "Repeat"))


def first_figure(plot):
    """Return the first figure of a plot."""
    return next(iter(plot.figures.values()))


def traces_by_panel(figure, name):
    """Return the traces of a line, without its band, by horizontal axis."""
    traces = [t for t in figure.data if t.name == name and t.hoverinfo != "skip"]
    return {trace.xaxis or "x": trace for trace in traces}


def annotation_texts(figure):
    """Return the texts of a figure: titles of panels and axes."""
    return [note.text for note in figure.layout.annotations]


def test_plots_are_in_page_order(plots):
    assert list(plots) == PLOT_KEYS
    for key, plot in plots.items():
        assert bool(plot.figures) == (key not in UNMEASURED)
        assert plot.title
        assert "Good" in plot.caption
        for figure in plot.figures.values():
            assert figure.layout.showlegend is False  # drawn by the page


class RecordingTables(dict):
    """Tables that record which of them are read."""

    def __init__(self, tables):
        super().__init__(tables)
        self.names_read = set()

    def __getitem__(self, name):
        self.names_read.add(name)
        return super().__getitem__(name)

    def get(self, name, default=None):
        self.names_read.add(name)
        return super().get(name, default)


@pytest.fixture(scope="module")
def readers(small_tables):
    """Return the plots that read each table; the others do not depend on its absence."""
    readers = {name: [] for name in TABLE_COLUMNS}
    for key, draw in zip(PLOT_KEYS, PLOTS, strict=True):
        tables = RecordingTables(fill_tables(small_tables))
        assert draw(tables, STYLES).key == key
        for name in tables.names_read:
            readers[name].append((key, draw))
    return readers


MEASURED = [name for name in TABLE_COLUMNS if name != "cells" and name not in SUMMARY_COLUMNS]


@pytest.mark.parametrize("absent", MEASURED)
def test_each_table_may_be_absent(small_tables, readers, absent):
    tables = fill_tables({name: frame for name, frame in small_tables.items() if name != absent})
    for key, draw in readers[absent]:
        assert draw(tables, STYLES).key == key
    summary_markdown(tables, make_report_facts())
    assert render_leaderboard(tables)
    assert render_provenance(tables, make_report_facts())


def test_key_figure_compares_each_model_with_its_twin(tables, plots):
    figure = first_figure(plots["Gain"])
    assert annotation_texts(figure)[:2] == ["clean data", "steady shift"]
    headline = tables["headline"]
    rows = headline[(headline["column"] == "steady") & (headline["normalizer"] == "RevIN")]
    less = next(t for t in figure.data if t.xaxis == "x2" and t.name == "clearly less error")
    ratios = dict(zip(less.customdata, less.x, strict=True))
    for row in rows.itertuples():
        assert ratios[f"RevIN on {row.backbone}"] == pytest.approx(
            np.exp(row.against_twin), rel=1e-3
        )
        assert row.twin_hi < 0


def test_severity_curves_are_geometric_means_over_datasets(tables, plots):
    figure = plots["P1a"].figures["Ridge, mean over data sets"]
    titles = annotation_texts(figure)
    cells = tables["cells"]
    rows = cells[(cells.backbone == "Ridge") & (cells.normalizer == "RevIN") & (cells.arm == "")]
    rows = rows[(rows["shift"] == "level") & (rows.placement == "steady") & (rows.severity == 4)]
    errors = np.exp(np.log(rows.mase_pb).groupby(rows.dataset).mean())
    line = traces_by_panel(figure, "RevIN")["x"]
    assert titles[0] == "level"
    assert list(line.x) == [0, 1, 2, 3, 4, 5]
    assert line.y[4] == pytest.approx(np.exp(np.log(errors).mean()), rel=1e-4)


def test_process_and_observation_never_share_a_figure(plots):
    process, observation = (
        annotation_texts(first_figure(plots["P1a"])),
        annotation_texts(first_figure(plots["P1b"])),
    )
    assert "sensor offset" in observation
    assert not set(process[:-2]) & set(observation[:-2])


def test_failed_cell_excludes_its_dataset_from_all_lines(tables, plots):
    figure = plots["P1a"].figures["Ridge, mean over data sets"]
    assert "frequency 2/3" in annotation_texts(figure)
    errors = dataset_errors(tables["cells"])
    errors = errors[(errors.backbone == "Ridge") & (errors["shift"].isin(["frequency", "none"]))]
    errors = errors[errors.placement.isin(["clean", "steady"])]
    clean = errors[errors.placement == "clean"]
    points = error_curves(errors[errors.placement == "steady"], clean, "severity")
    assert set(points.data_sets) == {2}
    assert len(points) == 6 * len(NORMALIZERS)


def test_recovery_separates_the_clean_point(plots):
    figure = first_figure(plots["P2"])
    lines = [t for t in figure.data if t.name == "RevIN" and t.hoverinfo != "skip"]
    first = [t for t in lines if (t.xaxis or "x") == "x"]
    assert [list(t.x) for t in first] == [[0, 0.125, 0.25, 0.5, 0.75, 1], [1.25]]
    assert set(plots["P2"].figures) == {
        f"{backbone}, severity {severity}" for backbone in ("Ridge", "MLP") for severity in (5, 3)
    }


def test_heat_map_has_a_block_per_placement_with_values(tables, plots):
    figure = first_figure(plots["P3"])
    blocks = [
        text for text in annotation_texts(figure) if "process" in text or "observation" in text
    ]
    assert len(blocks) == len(figure.data) == 4
    steady = figure.data[0]
    assert len(steady.z[0]) == 6  # three normalizers on two backbones, without the twin
    nce = tables["nce"]
    rows = nce[(nce["shift"] == "level") & (nce.placement == "steady") & (nce.backbone == "Ridge")]
    value = rows.loc[rows.normalizer == "RevIN", "nce"].item()
    assert steady.text[0][0] == f"{value:#.2g}"
    assert steady.z[0][0] == pytest.approx(np.log10(value), abs=1e-3)
    assert steady.zmin == -steady.zmax


def test_heat_map_saturates_at_ten_fold_and_marks_failures(tables):
    nce = tables["nce"].copy()
    level = (nce["shift"] == "level") & (nce.placement == "steady") & (nce.normalizer == "RevIN")
    nce.loc[level, "nce"] = np.where(nce.loc[level, "backbone"] == "Ridge", 1e4, np.nan)
    figure = first_figure(plot_heat_map({**tables, "nce": nce}, STYLES))
    row = figure.data[0]
    assert row.z[0][0] == pytest.approx(1)
    assert row.text[0][0] == "10000"
    assert row.z[0][3] is None
    assert row.text[0][3] == "-"
    assert any(text.endswith("*") for texts in row.text for text in texts)


def test_reference_with_the_class_of_a_model_is_excluded(small_tables):
    reference = small_tables["nce"].assign(
        backbone="SeasonalNaive", normalizer="reference", nce=np.nan
    )
    tables = {**small_tables, "nce": pd.concat([small_tables["nce"], reference])}
    tables["cells"] = small_tables["cells"].assign(role="model")
    assert len(first_figure(plot_heat_map(fill_tables(tables), STYLES)).data[0].z[0]) == 3


def test_break_even_starts_at_the_clean_series_with_sign(tables, plots):
    figure = first_figure(plots["P9"])
    cells = tables["cells"]
    clean = cells[(cells.placement == "clean") & (cells.backbone == "Ridge")]
    means = clean.pivot_table(index="dataset", columns="normalizer", values="mase_pb")
    gap = (means.RevIN - means.Identity).to_dict()
    lines = [trace for trace in figure.data if trace.meta]
    assert len(lines) == len(DATA_SETS)
    for trace, name in zip(lines, sorted(DATA_SETS), strict=True):
        assert list(trace.x) == pytest.approx(np.sqrt([0, 0.25, 0.5, 1, 2, 4]), abs=1e-4)
        assert np.sign(trace.y[0]) * trace.y[0] ** 2 == pytest.approx(gap[name], rel=1e-3)
    assert len(figure.layout.shapes) == len(DATA_SETS)  # one delta* each


def test_examples_show_every_shift_once_before_any_twice(plots, tables, monkeypatch):
    choices = plots["P7"].figures
    assert len(choices) == 3 * 4
    assert next(iter(choices)) == "level, severity 4: Identity on Ridge, ETTh1"
    assert annotation_texts(first_figure(plots["P7"]))[:6:3] == [
        "worst 1: &lt;b&gt;OT&lt;/b&gt;",
        "median 1: &lt;b&gt;OT&lt;/b&gt;",
    ]
    monkeypatch.setattr("revin_forecast.reports.benchmark.plots.example_windows.MAX_VALUES", 4000)
    limited = plot_example_windows(tables, STYLES)
    assert len({name.split(":")[0] for name in limited.figures}) == 3
    assert "further choices" in limited.caption


def test_ranks_need_six_datasets(plots):
    assert "6 data sets" in plots["P8b"].missing_reason
    many = fill_tables(make_report_tables(tuple("abcdef"), seeds=(0,), backbones=("Ridge",)))
    diagram = plot_ranks(many, STYLES)
    assert annotation_texts(first_figure(diagram))[:2] == ["clean", "steady"]
    pairs = ratios_to_baseline(many["pairs"])
    ranks = mean_ranks(pairs[pairs["column"] == "steady"])
    assert list(ranks.index) == ["RevIN", "LastValue", "DishTS", "Identity"]
    assert list(ranks) == [1, 2, 3, 4]


def test_bars_join_ranks_without_a_significant_difference():
    ranks = pd.Series({"a": 1.2, "b": 2.1, "c": 2.7, "d": 4.0})
    tests = pd.DataFrame(
        [("a", "c", 0.01), ("a", "d", 0.01), ("d", "b", 0.04), ("c", "d", 0.2), ("a", "b", 0.06)],
        columns=["normalizer_a", "normalizer_b", "p_holm"],
    )
    assert indistinguishable_groups(ranks, tests) == [("a", "b"), ("b", "c"), ("c", "d")]
    assert indistinguishable_groups(ranks, tests[:0]) == [("a", "d")]


def test_ticks_are_inside_the_range_of_their_axis():
    for values in ([0.98, 1.03], [0.3, 40.0], [1e-9, 5.0], [2.0], [np.nan], [1.0, np.inf]):
        axis = log_axis(values)
        low, high = axis["range"]
        assert high - low < 3.5  # an outlier does not flatten the others
        assert 2 <= len(axis["tickvals"]) <= 8
        assert all(low <= np.log10(tick) <= high for tick in axis["tickvals"])
    axis = root_axis([-3.0, 0.2])
    assert axis["tickvals"] == pytest.approx(
        [-np.sqrt(2), -np.sqrt(0.5), -np.sqrt(0.1), 0, np.sqrt(0.1)], abs=1e-5
    )
