"""The grid of the development panel runs on a small panel with the same files and columns."""

import json
import sys

import hypothesis
import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies
from hypothesis.extra.numpy import arrays

from benchmarks.accuracy import forecast_panel, panel_peers, panel_scores
from benchmarks.accuracy.panel import PanelComparison, group_tasks, plan_rows
from benchmarks.accuracy.panel_forecasts import (
    PanelForecasts,
    forecast_default,
    forecast_seasonal_naive,
)
from benchmarks.accuracy.panel_scores import estimate, score_series
from benchmarks.accuracy.panel_tasks import PanelTask, load_tasks
from benchmarks.pages.figures import draw_figure
from revin_forecast import Forecaster
from tests.support.evidence_pages import PAGES, committed_rows, repeat_page
from tests.support.panel_folder import write_panel
from tests.support.warm_programs import run_program

STAND_IN = """
import sys
import numpy as np
name, source, target = sys.argv[1:]
task = np.load(source)
shape = (len(task["lengths"]), int(task["horizons"].max()))
last = task["values"][np.cumsum(task["lengths"]) - 1]
bounds = np.full((shape[0], 2, shape[1]), np.nan)
arrays = {"mean": np.repeat(last[:, None], shape[1], 1), "lower": bounds, "upper": bounds}
arrays |= {"seconds": np.ones(shape[0]), "errors": np.full(shape[0], ""), "date": "today"}
with open(target, "wb") as file:
    np.savez(file, **arrays)
"""
SERIES = (
    ("trips", "tourism", "QS", 4, 4, 40),
    ("guests", "tourism", "QS", 4, 4, 36),
    ("output", "economy", "YS", 1, 3, 30),
    ("pills", "prescriptions", "MS", 12, 6, 72),
    ("jobs", "employment", "MS", 12, 6, 60),
    ("young", "employment", "MS", 12, 6, 20),
)


@pytest.fixture
def data_folder(tmp_path):
    """Return a folder with a panel of six series that grow and have seasons."""
    return write_panel(tmp_path / "data", SERIES)


def make_task(values, targets, season=1):
    dates = pd.date_range("2000-01-01", periods=len(values), freq="MS").to_numpy()
    given, wanted = np.array(values, dtype=float), np.array(targets, dtype=float)
    return PanelTask("one", "kind", "MS", season, 1, dates, given, wanted)


def make_forecasts(task, mean, lower, upper):
    made = PanelForecasts.make_empty([task])
    made.mean[0], made.lower[0], made.upper[0] = mean, np.array(lower), np.array(upper)
    return made


def test_each_series_has_two_origins_unless_it_is_too_short(data_folder):
    tasks = load_tasks(data_folder / "panel")
    assert [task.name for task in tasks if task.origin == 1] == [entry[0] for entry in SERIES]
    assert [task.name for task in tasks if task.origin == 2] == [entry[0] for entry in SERIES[:5]]
    late, early = (task for task in tasks if task.name == "pills")
    assert (len(late.values), len(early.values), late.horizon) == (66, 60, 6)
    np.testing.assert_array_equal(early.targets, late.values[60:])
    assert (late.frequency, late.dates[-1]) == ("monthly", np.datetime64("2005-06-01"))
    some = load_tasks(data_folder / "panel", ["economy"])
    assert [task.name for task in some] == ["output"] * 2
    with pytest.raises(SystemExit, match=r"no \['retail'\]; it has \['economy', 'employment'"):
        load_tasks(data_folder / "panel", ["retail"])


def test_scale_and_history():
    assert make_task([1, 2, 4, 6], [0], season=2).scale == 3.5
    assert make_task([1, 2, 1, 2], [0], season=2).scale == 1  # no seasonal difference
    assert make_task([1, 3, 4], [0], season=12).scale == 1.5  # less than a season
    assert make_task([1, np.nan, 4, 6], [0]).scale == 2
    gaps = make_task([np.nan, 1, np.nan, 3, np.nan], [0])
    assert gaps.history.tolist() == [1, 2, 3, 3]
    assert len(make_task(np.arange(1200), [0]).history) == 1000


def test_groups_are_all_then_frequencies_then_families(data_folder):
    groups = group_tasks(load_tasks(data_folder / "panel"), 1)
    assert groups == {
        ("all", "all"): [0, 1, 2, 3, 4, 5],
        ("yearly", "economy"): [2],
        ("quarterly", "tourism"): [0, 1],
        ("monthly", "all"): [3, 4, 5],
        ("monthly", "employment"): [4, 5],
        ("monthly", "prescriptions"): [3],
    }


def test_seasonal_naive_intervals_widen_with_each_season():
    made = forecast_seasonal_naive([make_task([0, 0, 3, 4, 6, 8], [0, 0, 0], season=2)])
    assert made.mean.tolist() == [[6, 8, 6]]
    spread = np.sqrt((9 + 16 + 9 + 16) / 4) * np.sqrt([1, 1, 2])
    np.testing.assert_allclose(made.upper[0, 1], made.mean[0] + 1.959964 * spread, rtol=1e-6)
    np.testing.assert_allclose(made.mean[0] - made.lower[0, 0], 1.281552 * spread, rtol=1e-6)
    assert forecast_seasonal_naive([make_task([1, 2], [0], season=2)]).errors[0]


def test_the_default_forecasts_as_a_user_would_and_refusals_are_recorded(data_folder):
    task = load_tasks(data_folder / "panel")[0]
    made = forecast_default([task, make_task([1.0], [0] * 6)])
    frame = pd.DataFrame({"ds": task.dates, "y": task.values})
    expected = Forecaster(4).fit(frame).predict(level=[80, 95])
    np.testing.assert_array_equal(made.mean[0, :4], expected["y"])
    np.testing.assert_array_equal(made.lower[0, 1, :4], expected["y-lo-95"])
    assert np.isnan(made.mean[0, 4:]).all()
    assert np.isnan(made.mean[1]).all()
    assert made.errors[0] == ""
    assert made.errors[1]
    assert made.seconds[0] > 0


def test_scores_of_a_series_by_hand():
    task = make_task([0, 2, 4], [10, np.nan, 20])  # scale 2
    lower, upper = [[8, 0, 19], [6, 0, 15]], [[11, 0, 19.5], [14, 0, 25]]
    scores = score_series(make_forecasts(task, [12, 0, 16], lower, upper), [task])
    assert scores.error.tolist() == [1.5]
    assert scores.coverage.tolist() == [[50, 100]]
    losses = [0.025 * 4, 0.1 * 2, 0.5 * 2, 0.1 * 1, 0.025 * 4]  # of the first target
    losses += [0.025 * 5, 0.1 * 1, 0.5 * 4, 0.9 * 0.5, 0.025 * 5]
    assert scores.quantile_loss[0] == pytest.approx(np.mean(losses) / 2)
    bare = score_series(make_forecasts(task, [12, 0, 16], np.nan, np.nan), [task])
    assert bare.error.tolist() == [1.5]
    assert np.isnan([bare.quantile_loss[0], *bare.coverage[0]]).all()


def test_ratios_have_a_least_error_and_a_clip():
    errors, reference = np.array([0.0, 0.002, 8.0]), np.array([0.0, 0.001, 1.0])
    assert panel_scores.average_ratios(errors, reference) == pytest.approx(16 ** (1 / 3))
    assert panel_scores.average_clipped_ratios(errors, reference) == pytest.approx(6 ** (1 / 3))
    assert panel_scores.divide_means(errors, reference) == pytest.approx(8.002 / 1.001)
    assert panel_scores.average_wins(errors, reference) == pytest.approx(100 / 6)
    assert panel_scores.average_wins(reference, errors) == pytest.approx(500 / 6)


@hypothesis.given(arrays(float, 8, elements=strategies.floats(0.01, 100)))
def test_a_paired_comparison_knows_a_constant_factor(errors):
    for statistic in (panel_scores.average_ratios, panel_scores.divide_means):
        assert estimate(statistic, 2 * errors, errors) == pytest.approx((2, 2, 2))
    clipped = estimate(panel_scores.average_clipped_ratios, 9 * errors, errors)
    assert clipped == pytest.approx((3, 3, 3))
    value, lower, upper = estimate(panel_scores.average, errors)
    assert errors.min() - 1e-9 <= lower <= upper <= errors.max() + 1e-9
    assert value == pytest.approx(errors.mean())


def test_estimates_count_complete_series():
    nan = np.nan
    mean = estimate(panel_scores.average, np.array([1.0, nan, 3.0]))
    assert str(mean) == "2"
    assert estimate(panel_scores.average, np.array([nan])) is None
    ratio = estimate(panel_scores.divide_means, np.array([1, nan, 3]), np.array([1, 1, nan]))
    assert ratio == (1, None, None)
    assert str(panel_scores.Estimate(0.71234, 0.5, 0.91)) == "0.712 [0.5, 0.91]"
    wide = np.arange(200.0)
    _, lower, upper = estimate(panel_scores.average, wide)
    error = wide.std() / np.sqrt(len(wide))
    assert lower == pytest.approx(99.5 - 1.96 * error, abs=0.8)
    assert upper == pytest.approx(99.5 + 1.96 * error, abs=0.8)


def test_peers_run_once_and_are_compared(data_folder, tmp_path, monkeypatch):
    program = tmp_path / "program.py"
    program.write_text(STAND_IN)
    monkeypatch.setattr(panel_peers, "PROGRAM", program)
    runs = []
    monkeypatch.setattr(
        panel_peers, "ensure_environment", lambda *given: runs.append(given) or sys.executable
    )
    for count in (len(panel_peers.PEERS), len(panel_peers.PEERS)):
        comparison = PanelComparison(load_tasks(data_folder / "panel"), tmp_path / "peers")
        row = comparison.score_group("AutoETS", [0, 1, 2, 3, 4, 5])
        assert len(runs) == count
    assert {folder for folder, _ in runs} == {tmp_path / "peers"}
    assert row["/ AutoETS"] == "1 [1, 1]"
    assert row["wins"] == "50 [50, 50]"
    assert (row["series"], row["no intervals"], row["80 %"]) == (6, 6, None)
    assert (row["s"], row["measured"]) == (1, "today")
    planned = list(plan_rows([], str(data_folder), False, 1, tmp_path / "peers"))
    yearly = [row.key["model"] for row in planned if row.key["frequency"] == "yearly"]
    assert "AutoARIMA" in yearly
    assert "MSTL" not in yearly
    with pytest.raises(SystemExit, match="no random part; leave --seeds out"):
        next(plan_rows([], str(data_folder), True, 2))


def test_the_program_of_the_peers_continues_where_it_was_interrupted(
    data_folder, tmp_path, monkeypatch
):
    tasks = load_tasks(data_folder / "panel")
    source, target = tmp_path / "tasks.npz", tmp_path / "AutoETS.npz"
    np.savez(source, **panel_peers.pack_histories(tasks))
    seen = []

    def forecast(history, season, horizon, step):
        seen.append((len(history), season, horizon, step))
        if len(seen) == 5:
            raise KeyboardInterrupt
        if step == "YS":
            raise ValueError("no yearly series")
        mean = np.full(horizon, history[-1])
        return {"mean": mean, "lo-80": mean - 1, "hi-80": mean + 1}

    monkeypatch.setattr(forecast_panel, "build_model", lambda name: forecast)
    monkeypatch.setattr(forecast_panel, "CHECKPOINT_SECONDS", 0)
    words = ("AutoETS", str(source), str(target))
    with pytest.raises(KeyboardInterrupt):
        forecast_panel.main(*words)
    assert not target.exists()
    forecast_panel.main(*words)
    warming = (60, 4, 4, "QS")
    given = [(len(t.history), t.season, t.horizon, t.step) for t in tasks]
    assert seen == [warming, *given[:4], warming, *given[2:]]  # a failed one is tried again
    made = np.load(target)
    assert not target.with_suffix(".part.npz").exists()
    yearly = [task.step == "YS" for task in tasks]
    assert (np.isnan(made["mean"]).all(axis=1) == yearly).all()
    assert made["errors"][2] == "ValueError('no yearly series')"
    first = tasks[0].history[-1]
    np.testing.assert_array_equal(made["mean"][0, :4], first)
    np.testing.assert_array_equal(made["upper"][0, 0, :4], first + 1)
    assert np.isnan(made["upper"][:, 1]).all()
    assert not forecast_panel.can_forecast("MSTL", 1)


def test_a_quick_run_needs_no_peers(data_folder, tmp_path):
    if (PAGES / "accuracy_panel.md").is_file():
        rows = repeat_page("accuracy_panel", tmp_path, data_dir=data_folder)
    else:  # until a full run is committed, no page has the command
        words = ["--grid", "panel", "--threads", "1", "--data-dir", data_folder, "--quick"]
        run_program("benchmarks.accuracy.run", [*words, "--out", tmp_path], tmp_path)
        rows = json.loads((tmp_path / "accuracy_panel.json").read_text())["rows"]
    assert [(row["origin"], row["model"]) for row in rows[::2]] == [(1, "default")] * 2 + [
        (2, "default")
    ] * 2
    assert {row["model"] for row in rows[1::2]} == {"SeasonalNaive"}
    assert {row["/ naive"] for row in rows[1::2]} == {"1"}
    assert all(row["failed"] == 0 and row["wins"] is None for row in rows)
    figure = draw_figure("accuracy_panel", rows)
    assert sum(len(trace.x) for trace in figure.data) == 4
    assert "| origin | frequency | family | model |" in (tmp_path / "accuracy_panel.md").read_text()


def test_the_default_is_compared_with_and_without_the_network(data_folder, tmp_path):
    rows = repeat_page("accuracy_pretrained_member", tmp_path, data_dir=data_folder)
    first = rows[0]
    assert [row["frequency"] for row in rows if row["origin"] == 1] == ["all", "quarterly"]
    # The network takes part, so the forecasts differ.
    assert first["MASE"] != first["MASE without"]
    full = [
        row["series"]
        for row in committed_rows("accuracy_pretrained_member")
        if row["frequency"] == "all"
    ]
    assert full == [267, 266]
