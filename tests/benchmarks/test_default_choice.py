import numpy as np
import pytest

from benchmarks.accuracy import statsforecast_runs
from benchmarks.accuracy.default_choice import add_summary_rows
from benchmarks.accuracy.held_out_tables import TABLES, load_table

STAND_IN = """
import sys
import numpy as np
task = np.load(sys.argv[1])
last = task["histories"][:, -1]
values = np.repeat(last[:, None, None], int(task["horizon"]), 2)
with open(sys.argv[2], "wb") as file:
    np.savez(file, names=["Last"], values=values, seconds=np.ones((len(last), 1)), date="today")
"""


def test_statistical_models_see_a_capped_history_without_gaps():
    nan = np.nan
    values = np.array([[nan, 5.0], [1.0, nan], [nan, 7.0], [3.0, nan], [nan, 9.0], [8.0, 8.0]])
    seen = statsforecast_runs.cut_histories(values, (4, 5), season=1)
    wanted = [[nan, nan, 1, 2, 3], [nan, 5, 6, 7, 7], [nan, 1, 2, 3, 3], [5, 6, 7, 8, 9]]
    np.testing.assert_array_equal(seen, wanted)
    long = np.arange(3000.0)[:, None]
    for season, rows in ((24, 1000), (288, 2304)):
        seen = statsforecast_runs.cut_histories(long, (2500, 2900), season)
        assert seen.shape == (2, rows)
        assert seen[:, -1].tolist() == [2499, 2899]


def test_statistical_forecasts_are_made_once(tmp_path, monkeypatch):
    program = tmp_path / "program.py"
    program.write_text(STAND_IN)
    monkeypatch.setattr(statsforecast_runs, "PROGRAM", program)
    runs = []
    monkeypatch.setattr(
        statsforecast_runs, "ensure_environment", lambda folder: runs.append(folder) or "python"
    )
    given = np.array([[np.nan, 1.0], [2.0, 3.0]])
    for season, runs_then in ((1, 1), (1, 1), (2, 2)):
        made = statsforecast_runs.forecast_histories(given, season, 3, tmp_path / "peers")
        assert len(runs) == runs_then
        assert made.values[:, 0].tolist() == [[1.0] * 3, [3.0] * 3]
        assert str(made.date) == "today"


def test_tables_end_with_what_is_held_out(data_dir):
    problem = load_table(TABLES["los_speed"], data_dir)
    assert problem.series.values.shape == (2016, 13)
    assert (problem.train, problem.origins) == (1613, (1613, 2016 - 288))
    weekly = load_table(TABLES["weekly"], data_dir)
    assert weekly.series.values.shape == (2597 + 13, 359)
    assert np.isfinite(weekly.series.values[-13 - 80 :]).all()
    weather = load_table(TABLES["weather"], data_dir)
    assert np.nanmin(weather.series.values) > -1000


def test_the_page_ends_with_means():
    names = ("default", "SeasonalNaive", "AutoETS", "AutoTheta", "DynamicOptimizedTheta")
    rows = []
    for data, scale in (("etth1", 1.0), ("etth2", 4.0)):
        row = {"data": data, "origins": 4} | dict.fromkeys(names, scale)
        rows.append(row | {"default": 1.0} | {f"{name} s": 2.0 for name in names})
    *kept, total, single = add_summary_rows(rows)
    assert kept == rows
    assert (total["AutoETS"], total["default"], total["AutoETS s"]) == (2.5, 1.0, 4.0)
    assert single["default"] == pytest.approx(0.5)
    assert (single["default s"], single["AutoETS s"]) == (4.0, 1.0)
    assert add_summary_rows([*rows, total, single]) == [*rows, total, single]
    without = add_summary_rows([row | {"AutoETS": None} for row in rows])
    assert (without[-2]["AutoETS"], without[-1]["AutoETS"]) == (None, None)
