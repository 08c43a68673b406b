"""A benchmark from Python: its tables, and the warning for cells that failed."""

import pandas as pd
import pytest

from revin_forecast.errors import InputError
from revin_forecast.shift import read_suite, robustness, run_benchmark
from tests.support.shift_suites import Unbuildable


def tiny_suite(*backbones):
    return read_suite(
        {
            "name": "tiny",
            "datasets": [{"name": "short", "process": "ar", "rows": 500}],
            "models": {"backbones": list(backbones), "normalizers": ["Identity"]},
            "shifts": ["level"],
            "windows": {"lookback": 12, "horizon": 4, "stride": 4},
            "protocol": {"severities": [3], "transition_severities": [], "resamples": 40},
        }
    )


def test_run_benchmark_returns_the_tables_and_warns_of_failed_cells(tmp_path, monkeypatch):
    monkeypatch.setattr("revin_forecast.shift.benchmark.run_theory_checks", pd.DataFrame)
    suite = tiny_suite("Repeat", Unbuildable)
    with pytest.warns(UserWarning, match="3 of .* cells failed: 3 x .*can never be built.* retry"):
        tables = run_benchmark(suite, tmp_path)
    statuses = tables["cells"].groupby("backbone").status.agg(set)
    assert statuses["Unbuildable"] == {"failed"}
    assert statuses["Repeat"] == {"done"}
    assert (tmp_path / "headline.parquet").is_file()
    again = run_benchmark(tiny_suite("Repeat"), tmp_path)  # nothing is measured again
    repeated = again["cells"].set_index("cell_key").mase_pb
    before = tables["cells"].set_index("cell_key").mase_pb
    pd.testing.assert_series_equal(repeated, before[repeated.index])


def test_run_benchmark_checks_the_suite_first(tmp_path):
    suite = tiny_suite({"class_path": "MLP", "init_args": {"width": 0}})
    with pytest.raises(InputError, match="MLP needs width >= 1 but got 0"):
        run_benchmark(suite, tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_robustness_takes_names_paths_and_classes(tmp_path):
    with pytest.raises(InputError, match="there is no file 'nowhere.csv'"):
        robustness("nowhere.csv", Unbuildable, Unbuildable, lookback=12, horizon=4)
    with pytest.raises(InputError, match="there is no shift 'levle'. Did you mean level"):
        robustness("ar", Unbuildable, Unbuildable, lookback=12, horizon=4, shifts="levle")
