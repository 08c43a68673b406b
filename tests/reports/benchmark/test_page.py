"""The report: every word escaped, every plot from tables alone, a page that needs nothing else."""

import html
import re

import numpy as np
import pandas as pd
import pytest

from revin_forecast.reports.benchmark import tables as html_tables
from revin_forecast.reports.benchmark import write_benchmark_report
from revin_forecast.reports.benchmark.input_tables import (
    TABLE_COLUMNS,
    dataset_errors,
    error_curves,
    fill_tables,
    ratios_to_baseline,
)
from revin_forecast.reports.benchmark.page import plot_all, render_benchmark_report
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
from revin_forecast.reports.html import ratio_cell
from tests.support.benchmark_tables import (
    DATA_SETS,
    HOSTILE,
    NORMALIZERS,
    report_facts,
    report_tables,
)
from tests.support.browser import until

KEYS = ["P1a", "P1b", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P8b", "P9", "P10"]
UNMEASURED = {"P8b"}  # needs six data sets
LOOKS = assign_styles(NORMALIZERS, ("SeasonalNaive", "Repeat"))


@pytest.fixture(scope="module")
def tables():
    return fill_tables(report_tables())


@pytest.fixture(scope="module")
def small():
    return report_tables(DATA_SETS[:1], seeds=(0,), backbones=("Ridge",))


@pytest.fixture(scope="module")
def plots(tables):
    return {plot.key: plot for plot in plot_all(tables)}


def only(plot):
    return next(iter(plot.figures.values()))


def traces(figure, name):
    """The traces of a line that have points, by panel."""
    found = [t for t in figure.data if t.name == name and t.hoverinfo != "skip"]
    return {trace.xaxis or "x": trace for trace in found}


def titles(figure):
    return [note.text for note in figure.layout.annotations]


def test_plots_come_in_the_order_of_the_page(plots):
    assert list(plots) == KEYS
    for key, plot in plots.items():
        assert bool(plot.figures) == (key not in UNMEASURED)
        assert plot.title
        assert "Good" in plot.caption
        for figure in plot.figures.values():
            assert figure.layout.showlegend is False  # the page draws it


def test_nothing_at_all_still_makes_a_page():
    nothing = fill_tables({})
    assert list(nothing) == list(TABLE_COLUMNS)
    shown = html.unescape(render_benchmark_report(nothing, {}))
    for plot in plot_all(nothing):
        assert not plot.figures
        assert plot.missing_reason.endswith(".")
        assert plot.missing_reason in shown
    assert "None were run" in summary_markdown(nothing, {})


class Noted(dict):
    """Tables that note which of them are looked at."""

    def __init__(self, tables):
        super().__init__(tables)
        self.seen = set()

    def __getitem__(self, name):
        self.seen.add(name)
        return super().__getitem__(name)

    def get(self, name, default=None):
        self.seen.add(name)
        return super().get(name, default)


@pytest.fixture(scope="module")
def readers(small):
    """Who draws from a table: where that one is absent, all others draw what they draw here."""
    found = {name: [] for name in TABLE_COLUMNS}
    for key, draw in zip(KEYS, PLOTS, strict=True):
        tables = Noted(fill_tables(small))
        assert draw(tables, LOOKS).key == key
        for name in tables.seen:
            found[name].append((key, draw))
    return found


@pytest.mark.parametrize("absent", [name for name in TABLE_COLUMNS if name != "cells"])
def test_each_table_may_be_absent(small, readers, absent):
    write = fill_tables({name: frame for name, frame in small.items() if name != absent})
    for key, draw in readers[absent]:
        assert draw(write, LOOKS).key == key
    summary_markdown(write, report_facts())
    assert html_tables.render_leaderboard(write)
    assert html_tables.render_provenance(write, report_facts())


def test_severity_curves_are_geometric_means_over_data_sets(tables, plots):
    figure = plots["P1a"].figures["Ridge, mean over data sets"]
    names = titles(figure)
    cells = tables["cells"]
    own = cells[(cells.backbone == "Ridge") & (cells.normalizer == "RevIN") & (cells.arm == "")]
    own = own[(own["shift"] == "level") & (own.placement == "steady") & (own.severity == 4)]
    each = own.groupby("dataset").mase_pb.mean()
    drawn_line = traces(figure, "RevIN")["x"]
    assert names[0] == "level"
    assert list(drawn_line.x) == [0, 1, 2, 3, 4, 5]
    assert drawn_line.y[4] == pytest.approx(np.exp(np.log(each).mean()), rel=1e-4)


def test_process_and_observation_never_share_a_figure(plots):
    process, corrupted = titles(only(plots["P1a"])), titles(only(plots["P1b"]))
    assert "sensor offset" in corrupted
    assert not set(process[:-2]) & set(corrupted[:-2])


def test_a_failed_cell_takes_its_data_set_out_for_all(tables, plots):
    figure = plots["P1a"].figures["Ridge, mean over data sets"]
    assert "frequency 2/3" in titles(figure)
    errors = dataset_errors(tables["cells"])
    errors = errors[(errors.backbone == "Ridge") & (errors["shift"].isin(["frequency", "none"]))]
    errors = errors[errors.placement.isin(["clean", "steady"])]
    clean = errors[errors.placement == "clean"]
    points = error_curves(errors[errors.placement == "steady"], clean, "severity")
    assert set(points.data_sets) == {2}
    assert len(points) == 6 * len(NORMALIZERS)


def test_bands_narrow_with_the_root_of_the_number_of_data_sets(tables):
    cells = tables["cells"]
    cells = cells[(cells["shift"].isin(["level", "none"])) & (cells.backbone == "Ridge")]
    cells = cells[cells.placement.isin(["clean", "steady"])]
    errors = dataset_errors(cells)
    one = errors[errors.dataset == DATA_SETS[0]]
    many = pd.concat([one.assign(dataset=str(number)) for number in range(4)])

    def reach(rows):
        steady = rows[rows.placement == "steady"]
        points = error_curves(steady, rows[rows.placement == "clean"], "severity")
        last = points[(points.line == "RevIN") & (points.severity == 5)].iloc[0]
        return np.log(last.hi / last.mase)

    assert reach(many) == pytest.approx(reach(one) / 2)


def test_recovery_leaves_the_clean_point_alone(plots):
    figure = only(plots["P2"])
    lines = [t for t in figure.data if t.name == "RevIN" and t.hoverinfo != "skip"]
    first = [t for t in lines if (t.xaxis or "x") == "x"]
    assert [list(t.x) for t in first] == [[0, 0.125, 0.25, 0.5, 0.75, 1], [1.25]]
    assert set(plots["P2"].figures) == {
        f"{backbone}, severity {severity}" for backbone in ("Ridge", "MLP") for severity in (5, 3)
    }


def test_heat_map_has_a_block_a_semantics_and_prints_its_values(tables, plots):
    figure = only(plots["P3"])
    blocks = [text for text in titles(figure) if "process" in text or "observation" in text]
    assert len(blocks) == len(figure.data) == 4
    steady = figure.data[0]
    assert len(steady.z[0]) == 6  # three normalizers on two backbones, without the twin
    nce = tables["nce"]
    own = nce[(nce["shift"] == "level") & (nce.placement == "steady") & (nce.backbone == "Ridge")]
    value = own.loc[own.normalizer == "RevIN", "nce"].item()
    assert steady.text[0][0] == f"{value:#.2g}"
    assert steady.z[0][0] == pytest.approx(np.log10(value), abs=1e-3)
    assert steady.zmin == -steady.zmax


def test_heat_map_ends_at_ten_fold_and_marks_what_failed(tables):
    nce = tables["nce"].copy()
    level = (nce["shift"] == "level") & (nce.placement == "steady") & (nce.normalizer == "RevIN")
    nce.loc[level, "nce"] = np.where(nce.loc[level, "backbone"] == "Ridge", 1e4, np.nan)
    figure = only(plot_heat_map({**tables, "nce": nce}, LOOKS))
    row = figure.data[0]
    assert row.z[0][0] == pytest.approx(1)
    assert row.text[0][0] == "10000"
    assert row.z[0][3] is None
    assert row.text[0][3] == "-"
    assert any(text.endswith("*") for texts in row.text for text in texts)


def test_break_even_is_signed_and_starts_at_the_clean_series(tables, plots):
    figure = only(plots["P9"])
    cells = tables["cells"]
    clean = cells[(cells.placement == "clean") & (cells.backbone == "Ridge")]
    means = clean.pivot_table(index="dataset", columns="normalizer", values="mase_pb")
    gap = (means.RevIN - means.Identity).to_dict()
    lines = [trace for trace in figure.data if trace.meta]
    assert len(lines) == len(DATA_SETS)
    for trace, name in zip(lines, sorted(DATA_SETS), strict=True):
        assert list(trace.x) == pytest.approx(np.sqrt([0, 0.25, 0.5, 1, 2, 4]), abs=1e-4)
        assert np.sign(trace.y[0]) * trace.y[0] ** 2 == pytest.approx(gap[name], rel=1e-3)
    assert len(figure.layout.shapes) == len(DATA_SETS)  # a delta* each


def test_examples_choose_every_shift_before_a_second_of_one(plots, tables, monkeypatch):
    choices = plots["P7"].figures
    assert len(choices) == 3 * 4
    assert next(iter(choices)) == "level, severity 4: Identity on Ridge, ETTh1"
    assert titles(only(plots["P7"]))[:6:3] == [
        "worst 1: &lt;b&gt;OT&lt;/b&gt;",
        "median 1: &lt;b&gt;OT&lt;/b&gt;",
    ]
    monkeypatch.setattr("revin_forecast.reports.benchmark.plots.example_windows.MAX_VALUES", 4000)
    few = plot_example_windows(tables, LOOKS)
    assert len({name.split(":")[0] for name in few.figures}) == 3
    assert "further choices" in few.caption


def test_pairs_say_against_the_twin_whichever_side_it_is_on():
    row = {"backbone": "Ridge", "column": "clean", "dataset": "a"}
    pairs = pd.DataFrame(
        [
            {**row, "normalizer_a": "RevIN", "normalizer_b": "Identity", "log_ratio": -0.2}
            | {"lo": -0.3, "hi": -0.1},
            {**row, "normalizer_a": "Identity", "normalizer_b": "SAN", "log_ratio": 0.5}
            | {"lo": 0.4, "hi": 0.7},
            {**row, "normalizer_a": "RevIN", "normalizer_b": "SAN", "log_ratio": 9}
            | {"lo": 9, "hi": 9},
        ]
    )
    turned = ratios_to_baseline(pairs).set_index("normalizer")
    assert list(turned.index) == ["RevIN", "SAN"]
    assert turned.loc["SAN", ["log_ratio", "lo", "hi"]].to_list() == [-0.5, -0.7, -0.4]


def test_ranks_need_six_data_sets(plots):
    assert "6 data sets" in plots["P8b"].missing_reason
    many = fill_tables(report_tables(tuple("abcdef"), seeds=(0,), backbones=("Ridge",)))
    diagram = plot_ranks(many, LOOKS)
    assert titles(only(diagram))[:2] == ["clean", "steady"]
    pairs = ratios_to_baseline(many["pairs"])
    ranks = mean_ranks(pairs[pairs["column"] == "steady"])
    assert list(ranks.index) == ["RevIN", "LastValue", "DishTS", "Identity"]
    assert list(ranks) == [1, 2, 3, 4]


def test_a_bar_joins_only_ranks_that_no_test_tells_apart():
    ranks = pd.Series({"a": 1.2, "b": 2.1, "c": 2.7, "d": 4.0})
    tests = pd.DataFrame(
        [("a", "c", 0.01), ("a", "d", 0.01), ("d", "b", 0.04), ("c", "d", 0.2), ("a", "b", 0.06)],
        columns=["normalizer_a", "normalizer_b", "p_holm"],
    )
    assert indistinguishable_groups(ranks, tests) == [("a", "b"), ("b", "c"), ("c", "d")]
    assert indistinguishable_groups(ranks, tests[:0]) == [("a", "d")]


def test_a_reference_is_no_model_though_one_has_its_class(small):
    other = small["nce"].assign(backbone="SeasonalNaive", normalizer="reference", nce=np.nan)
    both = {**small, "nce": pd.concat([small["nce"], other])}
    both["cells"] = small["cells"].assign(role="model")
    assert len(only(plot_heat_map(fill_tables(both), LOOKS)).data[0].z[0]) == 3


def test_looks_are_the_same_whoever_else_is_there():
    some = assign_styles(["RevIN", "Mine"], ["Repeat"])
    more = assign_styles(["Identity", "RevIN", "SAN", "Other"], [])
    assert some["RevIN"] == more["RevIN"]
    crowd = assign_styles([f"n{i}" for i in range(40)], [])
    assert len(set(crowd.values())) == len(crowd)


def test_axes_are_labelled_inside_their_range():
    for values in ([0.98, 1.03], [0.3, 40.0], [1e-9, 5.0], [2.0], [np.nan], [1.0, np.inf]):
        axis = log_axis(values)
        low, high = axis["range"]
        assert high - low < 3.5  # a model gone astray does not flatten the others
        assert 2 <= len(axis["tickvals"]) <= 8
        assert all(low <= np.log10(tick) <= high for tick in axis["tickvals"])
    axis = root_axis([-3.0, 0.2])
    assert axis["tickvals"] == pytest.approx(
        [-np.sqrt(2), -np.sqrt(0.5), -np.sqrt(0.1), 0, np.sqrt(0.1)], abs=1e-5
    )


def test_ratios_are_marked_by_their_whole_interval(tables):
    kinds = {
        "number better": (0.8, 0.7, 0.9),
        "number": (0.9, 0.7, 1.1),
        "number worse": (2.0, 1.1, 3.0),
    }
    assert {kind: ratio_cell(*parts).css_class for kind, parts in kinds.items()} == {
        kind: kind for kind in kinds
    }
    assert ratio_cell(0.8, np.nan, np.nan).css_class == "number"
    text = html_tables.render_leaderboard(tables)
    rows = re.findall(r"<tr>.*?</tr>", text)
    own = [row for row in rows if ">Ridge<" in row and ">RevIN<" in row]
    assert len(own) == 2
    assert own[1].count("▼") == 3  # clean, steady, transition
    assert own[1].count("▲") == 1  # observation: the sign flips
    assert "#1" in own[0]
    by_shift = html_tables.render_shift_tables(tables)
    assert by_shift.index("Process shift, steady") < by_shift.index("Observation corruption")


def test_failures_are_told_and_counted(tables):
    text = html.unescape(html_tables.render_failures(tables))
    assert f"ValueError: {HOSTILE} is too short" in text
    assert "frequency" in text
    assert "RuntimeError" in text
    assert "PASS" in html_tables.render_checks(tables)
    assert html_tables.render_checks(tables).count("FAIL") == 1
    cells = tables["cells"].assign(status="excluded", error="needs two channels")
    assert "needs two channels" in html_tables.render_failures({**tables, "cells": cells})


def test_summary_is_markdown_of_the_same_numbers(tables):
    text = summary_markdown(tables, report_facts())
    assert HOSTILE not in text
    assert "2 of 3 passed; FAILED: T7." in text
    headline = tables["headline"]
    best = headline[(headline["column"] == "steady") & (headline["rank"] == 1)].iloc[0]
    row = re.search(rf"\| {best.backbone} \| {best.normalizer} \|.*", text)
    assert row
    assert f"{best.mase:#.3g} [{best.lo:#.3g}, {best.hi:#.3g}] #1" in row[0]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    write_benchmark_report(report_tables(), report_facts(), folder / "deep")
    return folder / "deep"


def test_the_page_is_one_file_without_a_hostile_tag(written):
    assert sorted(path.name for path in written.iterdir()) == ["report.html", "summary.md"]
    text = (written / "report.html").read_text(encoding="utf-8")
    assert len(text) < 8e6
    assert text.count("plotly.js v") == 1
    assert HOSTILE not in text
    assert "<i>c0</i>" not in text
    assert "<b>no</b>" not in text
    assert html.escape(HOSTILE) in text
    tags = re.sub(r"<(script|style)[^>]*>.*?</\1>", "", text, flags=re.DOTALL)
    assert not re.findall(r'(?:src|href)="(?!#)[^"]*"', tags)


def test_the_same_tables_make_the_same_files(written, tmp_path):
    write_benchmark_report(report_tables(), report_facts(), tmp_path)
    for name in ("report.html", "summary.md"):
        assert (tmp_path / name).read_bytes() == (written / name).read_bytes()


@pytest.fixture
def opened(browser, written):
    """Open the page at a width; what it should not do is noted and looked at in the end."""
    unwanted, context = [], browser.new_context(service_workers="block")

    def open_at(width):
        tab = context.new_page()
        tab.set_viewport_size({"width": width, "height": 800})
        tab.on("console", lambda message: unwanted.append(message.text))
        tab.on("pageerror", lambda error: unwanted.append(str(error)))
        tab.on("dialog", lambda dialog: (unwanted.append(dialog.message), dialog.dismiss()))
        tab.on("request", lambda sent: sent.url.startswith("file:") or unwanted.append(sent.url))
        tab.goto((written / "report.html").as_uri())
        tab.wait_for_selector("body[data-drawn=all]", timeout=120_000)
        return tab

    yield open_at
    context.close()
    assert unwanted == []


OVERFLOW = "document.documentElement.scrollWidth - innerWidth"
DRAWN = "[...document.querySelectorAll('.plot')].map(p => p.querySelectorAll('.main-svg').length)"


@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_draws_every_plot_and_shows_names_as_text(opened, width):
    tab = opened(width)
    assert tab.evaluate(OVERFLOW) <= 0
    layers = tab.evaluate(DRAWN)
    assert len(layers) == len(KEYS) - len(UNMEASURED)
    assert all(layers)
    assert tab.get_by_role("cell", name=HOSTILE, exact=True).first.inner_text() == HOSTILE
    assert HOSTILE in tab.locator("#p9 .annotation-text").all_text_contents()
    assert "worst 1: <b>OT</b>" in tab.locator("#p7 .annotation-text").all_text_contents()
    columns = tab.evaluate(
        "new Set(document.querySelector('#p1a .plot')._fullLayout"
        "._subplots.xaxis.map((a, i, all) => document.querySelector('#p1a .plot')"
        "._fullLayout['xaxis' + (i ? i + 1 : '')].domain[0])).size"
    )
    assert columns == (2 if width == 390 else 4)


def test_lists_and_keys_choose_what_is_drawn(opened):
    tab = opened(1000)
    box = "document.querySelector('#p1a .plot')"
    first = tab.evaluate(f"{box}.data[1].y")
    tab.locator("#p1a select").select_option(index=1)
    assert tab.evaluate(f"{box}.data[1].y") != first
    shown = f"{box}.data.filter(t => t.visible && t.meta[0] === 'RevIN').length"
    assert tab.evaluate(shown) > 0
    tab.locator("#p1a .legend button", has_text="RevIN").click()
    assert tab.evaluate(shown) == 0
    assert tab.evaluate(f"{box}.data.filter(t => t.visible).length") > 0


def test_paper_has_room_for_every_figure(opened):
    tab = opened(1280)
    tab.emulate_media(media="print")
    until(tab, "document.querySelector('#p1a .plot')._fullLayout.width <= 700")
    sizes = tab.evaluate(
        """[...document.querySelectorAll('.plot')].map(({_fullLayout: {width, height}, style}) =>
        [width * (style.zoom || 1), height * (style.zoom || 1)])"""
    )
    assert all(width <= 701 and height <= 1000 for width, height in sizes)
    assert not tab.locator("nav").is_visible()
    assert len(tab.pdf(prefer_css_page_size=True)) > 50_000
    tab.emulate_media(media="screen")
    until(tab, "document.querySelector('#p1a .plot')._fullLayout.width > 700")


def test_regrets_and_equivariance_gaps_are_means_of_their_cells(small):
    cells = small["cells"].copy()
    known = (cells.role == "model") & (cells.status == "done")
    cells["oracle"] = np.where(known, cells.mase_pb - 0.25, np.nan)
    cells["regret"] = np.where(known, 0.25, np.nan)
    moved = known & (cells.placement == "steady") & cells["shift"].isin(["level", "scale"])
    cells["eg"] = np.where(moved, cells.severity / 10, np.nan)
    known = fill_tables({**small, "cells": cells})
    regret = re.sub(r"<[^>]+>", " ", html_tables.gaps.regrets(known))
    assert regret.count("0.250") >= 4 * len(NORMALIZERS)
    gaps = re.sub(r"<[^>]+>", " ", html_tables.gaps.equivariance_gaps(known))
    mean = cells.eg[moved & (cells["shift"] == "level")].mean()
    assert re.search(rf"Ridge\s+RevIN\s+{mean:.3f}\s+0.500", gaps)
    assert html_tables.gaps.regrets(fill_tables({})) == ""
    assert html_tables.gaps.equivariance_gaps(fill_tables({})) == ""


@pytest.mark.parametrize("kept", ["RevIN", "Identity", "LastValue"])
def test_a_part_with_one_normalizer_makes_a_page(small, kept):
    part = {
        name: table[table.normalizer.isin([kept, "reference"])] if "normalizer" in table else table
        for name, table in small.items()
        if not {"normalizer_a", "normalizer_b"} & set(table.columns)
    }
    assert "Shift benchmark" in render_benchmark_report(fill_tables(part), report_facts())
