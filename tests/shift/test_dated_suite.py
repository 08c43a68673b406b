"""Dated shifts in a suite: windows of their own, and a test part that begins at the date."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from revin_forecast.data.catalog.dated.dated_shift import find_dated_shift, list_dated_shifts
from revin_forecast.data.catalog.dated.load import load_dated_shift
from revin_forecast.errors import InputError
from revin_forecast.shift.aggregates.pairwise import PAIR_COLUMNS, pairwise_tests
from revin_forecast.shift.runner.store import RunStore
from revin_forecast.shift.suite.datasets import prepare_dataset
from revin_forecast.shift.suite.suite_yaml import read_suite

CONFIG = Path(__file__).resolve().parents[2] / "configs" / "shift-dated.yaml"


@pytest.fixture
def write_suite(tmp_path):
    def write(*datasets):
        models = {"backbones": ["Ridge"], "normalizers": ["Identity", "RevIN"]}
        content = {"name": "own", "datasets": list(datasets), "models": models, "shifts": "none"}
        path = tmp_path / "suite.yaml"
        path.write_text(yaml.safe_dump({**content, "windows": {"lookback": 96, "stride": 1}}))
        return read_suite(path)

    return write


def test_the_suite_of_dated_shifts_lists_the_whole_catalogue():
    suite = read_suite(CONFIG)
    assert [config.name for config in suite.datasets] == [s.name for s in list_dated_shifts()]
    for config in suite.datasets:
        shift, windows = find_dated_shift(config.name), suite.windows_for(config)
        assert (windows.lookback, windows.horizon) == (shift.lookback, shift.horizon)
    assert suite.shifts == ()


def test_data_sets_have_windows_of_their_own(write_suite, tmp_path):
    suite = write_suite("stocks_lehman", {"name": "us_macro_oil", "horizon": 2}, "ar")
    runs = RunStore(suite, tmp_path).make_runs()
    sizes = {}
    for run in runs:
        config = run.planned.make_model_config(suite)
        sizes[run.planned.dataset_config.name] = config.lookback, config.horizon
        assert not run.error
        assert run.dataset.shift_dataset.lookback == config.lookback
    assert sizes == {"stocks_lehman": (20, 5), "us_macro_oil": (12, 2), "ar": (96, 96)}
    assert {cell.placement for run in runs for _, cell in run.cells} == {"clean", "natural"}
    # Other sizes are other runs.
    wider = RunStore(write_suite({"name": "us_macro_oil", "horizon": 3}), tmp_path).make_runs()
    assert not {run.key for run in runs} & {run.key for run in wider}
    with pytest.raises(InputError, match="horizon of ar is a number of steps from 1 up but got 0"):
        write_suite({"name": "ar", "horizon": 0})


def test_the_first_target_of_the_test_part_is_the_row_of_the_date(write_suite):
    suite = write_suite("stocks_lehman")
    (config,) = suite.datasets
    data = prepare_dataset(config, suite.windows_for(config))
    dataset = data.shift_dataset
    first = dataset.start + dataset.lookback
    times = load_dated_shift("stocks_lehman").series.timestamps
    assert times[first] == pd.Timestamp("2008-09-15")
    assert times[len(dataset.values) - 1] < pd.Timestamp("2010-09-15")
    assert dataset.train < first - dataset.lookback


def test_shifts_of_one_file_count_once_in_tests_over_data_sets():
    names = ["wti_kuwait", "wti_opec", "nile_dam", "ar", "sine", "co2", "stocks", "etth1"]
    rows = [
        ("RevIN", "Identity", "Ridge", "clean", name, value, value, value, "")
        for name, value in zip(names, [9.0, -1.0, *[1.0] * 6], strict=True)
    ]
    (tested,) = pairwise_tests(pd.DataFrame(rows, columns=PAIR_COLUMNS)).itertuples()
    assert tested.n_datasets == 7
    # The oil price's 9 and -1 are one 4: all seven numbers are positive.
    assert tested.p == pytest.approx(2 / 2**7)
