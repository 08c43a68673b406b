"""The programs of benchmarks/accuracy run, and their committed results support the pages."""

import json
import re

import pytest

from benchmarks.accuracy.run import load_earlier_rows
from revin_forecast.utils.environment import environment_info
from tests.support.evidence_pages import ROOT, committed_rows, read_committed, repeat_page

OVERVIEW = (ROOT / "docs" / "benchmarks" / "index.md").read_text()
MODELS = ("default", "SeasonalNaive", "AutoETS", "AutoTheta", "DynamicOptimizedTheta")


def test_a_quick_run_repeats_the_committed_errors(data_dir, tmp_path):
    repeated = repeat_page("accuracy_revin", tmp_path, data_dir=data_dir)
    committed = {(row["data"], row["horizon"]): row for row in committed_rows("accuracy_revin")}
    for row in repeated:
        expected = committed[row["data"], row["horizon"]]
        assert row["RevIN MSE"] == pytest.approx(expected["RevIN MSE"], rel=1e-4)
        assert row["Identity MAE"] == pytest.approx(expected["Identity MAE"], rel=1e-4)
    assert "| etth1 | 512 | 96 |" in (tmp_path / "accuracy_revin.md").read_text()


def test_rows_measured_earlier_are_kept(data_dir, tmp_path):
    path = tmp_path / "accuracy_revin.json"
    record = read_committed("accuracy_revin")
    record["made"] = environment_info() | {"quick": True, "date": "2026-01-02", "threads": 1}
    record["rows"][0]["RevIN MSE"] = 9.0  # no measurement gives this value
    path.write_text(json.dumps(record))
    words = ("--missing", "--threads", "1", "--data", "etth1")
    rows = repeat_page("accuracy_revin", tmp_path, *words, data_dir=data_dir)
    assert rows == record["rows"]
    assert json.loads(path.read_text())["made"]["date"].startswith("2026-01-02 to ")
    path.write_text(json.dumps(record | {"made": record["made"] | {"threads": 99}}))
    with pytest.raises(SystemExit, match="was measured with threads 99, this run has"):
        load_earlier_rows(path, environment_info() | {"quick": True})


def test_the_overview_shows_the_committed_errors():
    committed = {(row["data"], row["horizon"]): row for row in committed_rows("accuracy_revin")}
    data = ""
    shown = re.findall(r"^\| (\w+, \d+)? ?\| (\d+) \| (.*?) \| (.*?) \| (.*?) \|$", OVERVIEW, re.M)
    assert len(shown) == 8
    for name, horizon, *cells in shown:
        data = name.split(",")[0].lower() or data
        row = committed[data, int(horizon)]
        expected = [row["RevIN MSE"], row["Identity MSE"], row["Repeat MSE"]]
        assert [float(cell.strip("*")) for cell in cells] == pytest.approx(expected, abs=6e-4)


def test_closed_form_runs_and_its_errors_are_exact(data_dir, tmp_path):
    rows = repeat_page("accuracy_closed_form", tmp_path, data_dir=data_dir)
    assert [row["maps"] for row in rows] == ["shared"] * 2 + ["default"] * 2
    assert all(row["difference"] < 1e-5 and row["windows"] == 544 for row in rows)
    assert max(row["difference"] for row in committed_rows("accuracy_closed_form")) < 1e-5


def test_online_solves_run_and_their_changes_follow_from_the_errors(data_dir, tmp_path):
    rows = repeat_page("accuracy_online", tmp_path, "--maps", "shared", data_dir=data_dir)
    assert [row["horizon"] for row in rows] == ["6", "12", "18", "24", "mean"]
    for row in (*rows, *committed_rows("accuracy_online")):
        assert row["change %"] == pytest.approx(100 * (row["online"] / row["fixed"] - 1))


def test_comparison_of_normalizers_runs(data_dir, tmp_path):
    assert len(repeat_page("accuracy_normalizers", tmp_path, data_dir=data_dir)) == 20
    for row in committed_rows("accuracy_normalizers"):
        if row["data"] == "etth1" and row["normalizer"] == "RevIN":
            assert row["Linear MSE"] < 0.38


def test_comparison_of_kept_levels_runs_and_shrinking_costs_little(data_dir, tmp_path):
    rows = repeat_page("accuracy_kept_level", tmp_path, data_dir=data_dir)
    assert [row["backbone"] for row in rows] == ["Ridge", "DLinear", "PatchTST"]
    assert all(0 <= row["mean share"] <= 1 and row["Blend MSE"] > 0 for row in rows)
    ratios = {"etth2": (1.005, 1.011), "exchange": (0.999, 1.001)}  # as the guide says
    for row in committed_rows("accuracy_kept_level"):
        low, high = ratios.get(row["data"], (0.935, 0.99))
        assert low < row["ShrunkLevel ratio"] < high


def test_comparison_of_backbones_runs_and_committed_errors_reach_their_targets(data_dir, tmp_path):
    rows = repeat_page("accuracy_backbones", tmp_path, "--data", "etth1", data_dir=data_dir)
    assert {row["backbone"] for row in rows} >= {"PatchTST", "Informer", "CycleNet"}
    committed = {
        row["backbone"]: row
        for row in committed_rows("accuracy_backbones")
        if (row["data"], row["look-back"], row["horizon"]) == ("etth1", 336, 96)
    }
    targets = {"PatchTST": 0.380, "DLinear": 0.378, "Linear": 0.378, "TSMixer": 0.395}
    targets |= {"InvertedTransformer": 0.395, "NBEATS": 0.390, "NHITS": 0.390}
    for name, target in targets.items():
        assert committed[name]["RevIN MSE"] <= target, name


def test_revin_helps_every_backbone_except_in_the_settings_of_the_page():
    rows = committed_rows("accuracy_backbones")
    assert len(rows) == 232
    worse = [row for row in rows if row["RevIN MSE"] >= row["without MSE"]]
    for row in worse:
        assert row["backbone"] in ("Ridge", "SparseTSF", "FITS"), row
        assert (row["data"], row["look-back"]) == ("etth1", 96), row
        assert row["RevIN MSE"] < 1.006 * row["without MSE"], row
    assert {row["data"] for row in rows if row["backbone"] == "Informer"} == {"etth1", "etth2"}


def test_the_table_of_the_paper_runs_and_revin_helps(data_dir, tmp_path):
    rows = repeat_page("accuracy_paper", tmp_path, "--data", "etth1", data_dir=data_dir)
    assert len(rows) == 4
    committed = {(row["data"], row["backbone"]): row for row in committed_rows("accuracy_paper")}
    assert all(row["fall"] > 0 for row in committed.values())
    assert committed["etth2", "Informer"]["fall"] > 1 / 3
    assert committed["etth2", "JoinedNBEATS"]["fall"] > 1 / 3


def test_the_study_of_shared_parameters_runs(data_dir, tmp_path):
    rows = repeat_page("accuracy_tying", tmp_path, "--data", "etth1", data_dir=data_dir)
    assert len(rows) == 4
    for row in committed_rows("accuracy_tying"):
        assert row["tied parameters"] < row["untied parameters"]
        assert row["seeds"] == 5


def test_smoothing_agrees_with_statsmodels(tmp_path):
    repeated = repeat_page("smoothing_check", tmp_path)
    committed = committed_rows("smoothing_check")
    assert len(repeated) == len(committed) == 28
    for row in (*repeated, *committed):
        columns = ("average",) if row["method"] == "all" else ("level", "errors")
        for name in ("level", "slope", "season", "errors", "average"):
            assert name not in columns or row[name] is not None
            assert (row[name] or 0) < 1e-6, row
    assert min(row["series"] for row in committed) >= 3


def test_the_default_is_better_than_statistical_models_in_the_mean(data_dir, tmp_path):
    rows = repeat_page("accuracy_product", tmp_path, data_dir=data_dir)
    assert [row["data"] for row in rows[:2]] == ["national_illness", "covid_daily"]
    assert {row["peers"] for row in rows[:2]} == {"left out"}
    *tables, total, _ = committed_rows("accuracy_product")
    assert len(tables) == 23
    for name in ("SeasonalNaive", "AutoETS", "AutoTheta", "DynamicOptimizedTheta"):
        assert total["default"] < total[name]
    assert total["default s"] < min(total["AutoETS s"], total["AutoTheta s"])
    shown = ("default", "AutoETS", "DynamicOptimizedTheta", "SeasonalNaive")
    means = [f"{total[name]:.2f}".removeprefix("0") for name in shown]
    row = f"mean MASE | {means[0]} | {means[1]} | | {means[2]} | {means[3]} |"
    assert row in OVERVIEW.replace("**", "")
    best = [min(MODELS, key=lambda name: table[name]) for table in tables]
    assert f"best on {best.count('default')} of 23" in OVERVIEW
