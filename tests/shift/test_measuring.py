"""The metrics of a cell against plain loops over its windows."""

import numpy as np
import pytest
import torch
from torch import nn

from revin_forecast.backbones import Ridge
from revin_forecast.normalizers import Identity, LastValue, RevIN
from revin_forecast.shift import generators
from revin_forecast.shift.measuring.cell import Cell
from revin_forecast.shift.measuring.evaluator import Evaluator, tail_mean
from revin_forecast.shift.measuring.windows import clean_windows, shifted_windows, window_starts
from revin_forecast.shift.suite.datasets import prepare_dataset
from revin_forecast.shift.suite.suite import DatasetConfig, WindowConfig
from revin_forecast.training.fit import fit_model
from revin_forecast.training.model_config import ModelConfig
from tests.support.shift_suites import make_spec

GRID = WindowConfig(lookback=24, horizon=12, stride=5)


@pytest.fixture(scope="module")
def data():
    return prepare_dataset(DatasetConfig("ar"), GRID)


@pytest.fixture(scope="module")
def model(data):
    model_config = ModelConfig(make_spec(Ridge), make_spec(Identity), GRID.lookback, GRID.horizon)
    return fit_model(model_config, data.split)[0]


def measure(model, data, cell):
    return Evaluator(model, data.shift_dataset, GRID.stride, 50).measure(cell)[0]


def naive_scale(data):
    train = data.split.values[: data.split.train]
    return np.abs(train[1:] - train[:-1]).mean(axis=0)


def expected_window_errors(model, data, shift, severity):
    """Return the MASE* of a steady shift by window, from the shifted rows."""
    dataset, values = data.shift_dataset, data.shift_dataset.values
    knob = shift.knobs[severity]
    rng = dataset.random_generator(shift.name, 0)
    moved, errors = values.copy(), []
    signs = rng.choice((-1.0, 1.0), size=values.shape[1])
    if shift.name == "level":
        moved[dataset.start :] += knob * signs
    else:
        moved[dataset.start :] *= 1 + knob
    for start in range(dataset.start, len(values) - 36 + 1, GRID.stride):
        past = torch.from_numpy(moved[start : start + 24]).float().unsqueeze(0)
        forecast = model(past)[0].double().detach().numpy()
        restored = forecast - knob * signs if shift.name == "level" else forecast / (1 + knob)
        error = restored - values[start + 24 : start + 36]
        errors.append((np.abs(error).mean(axis=0) / naive_scale(data)).mean())
    return np.array(errors)


@pytest.mark.parametrize(
    "shift", [generators.Level(), generators.Scale("up")], ids=lambda s: s.name
)
def test_errors_are_pulled_back(model, data, shift):
    result = measure(model, data, Cell(shift, "steady", 3))
    expected = expected_window_errors(model, data, shift, 3)
    assert result.window_errors == pytest.approx(expected, rel=1e-5)
    row = result.row
    assert row["mase_pb"] == pytest.approx(expected.mean(), rel=1e-6)
    clean = measure(model, data, Cell(None, "clean")).window_errors
    ratio = np.log(expected.mean() / clean.mean())
    assert row["r_log"] == pytest.approx(ratio, rel=1e-4)
    assert row["ci_lo"] < row["r_log"] < row["ci_hi"]
    assert row["e0_ref"] == pytest.approx(clean.mean(), rel=1e-6)
    assert row["cvar10"] == pytest.approx(
        np.sort(expected)[-round(len(expected) / 10) :].mean(), 1e-4
    )


def test_equivariant_model_degrades_in_raw_units_only(data):
    model_config = ModelConfig(make_spec(Ridge), make_spec(RevIN), GRID.lookback, GRID.horizon)
    model, _ = fit_model(model_config, data.split)
    clean = measure(model, data, Cell(None, "clean")).row
    scaled = measure(model, data, Cell(generators.Scale("up"), "steady", 5)).row
    assert scaled["mse_raw"] / clean["mse_raw"] == pytest.approx(25, rel=1e-4)
    assert scaled["mase_pb"] == pytest.approx(clean["mase_pb"], rel=1e-5)
    assert scaled["eg"] < 1e-5


@pytest.mark.parametrize("normalizer", [Identity, RevIN])
def test_another_phase_of_a_trending_season_is_a_null_control(normalizer):
    """Training has seen windows at all phases of co2's year, so none is new."""
    data = prepare_dataset(DatasetConfig("co2"), WindowConfig(48, 24, 12))
    model_config = ModelConfig(make_spec(Ridge), make_spec(normalizer), 48, 24)
    evaluator = Evaluator(
        fit_model(model_config, data.split)[0], data.shift_dataset, 12, resamples=50
    )
    clean, *moved = (
        evaluator.measure(Cell(generators.Phase(), "steady", severity))[0].row["mase_pb"]
        for severity in range(6)
    )
    assert abs(np.log(np.array(moved) / clean)).max() < 0.05


def test_truth_shifts_with_the_process_and_not_with_the_sensor(data):
    dataset = data.shift_dataset
    clean = clean_windows(dataset, GRID.stride)
    process_shift = shifted_windows(dataset, Cell(generators.Level(), "steady", 3), GRID.stride)
    sensor_fault = shifted_windows(
        dataset, Cell(generators.SensorOffset(), "observation", 3), GRID.stride
    )
    assert (np.abs(process_shift.targets - clean.targets) > 0.9).all()
    assert np.array_equal(sensor_fault.targets, clean.targets)
    assert ((sensor_fault.past - clean.past).abs() > 0.9).all()
    assert process_shift.displacement == pytest.approx(1.0)


def test_age_limits_the_shifted_look_back_steps(data):
    dataset, clean = data.shift_dataset, clean_windows(data.shift_dataset, GRID.stride)
    for age in (0, 6, 24):
        placement = "transition" if age else "horizon"
        shifted = shifted_windows(dataset, Cell(generators.Level(), placement, 3, age), GRID.stride)
        moved = (shifted.past - clean.past).abs() > 0.5
        assert not moved[:, : 24 - age].any()
        assert moved[:, 24 - age :].all()
        assert (np.abs(shifted.targets - clean.targets) > 0.5).all()


def test_faster_clock_has_fewer_windows_with_their_clean_partners(data):
    dataset = data.shift_dataset
    shift = generators.Frequency()
    shifted = shifted_windows(dataset, Cell(shift, "steady", 5), GRID.stride)
    starts = window_starts(dataset, GRID.stride)
    assert 0.4 * len(starts) < len(shifted.starts) < 0.6 * len(starts)
    assert np.isfinite(shifted.targets).all()
    rows = starts[shifted.clean_indices] - dataset.start
    assert rows == pytest.approx(1.8 * (shifted.starts - dataset.start), abs=GRID.stride / 2 + 1)


def test_deciles_partition_the_clean_windows(model, data):
    evaluator = Evaluator(model, data.shift_dataset, GRID.stride, 50)
    results = evaluator.measure(Cell(None, "natural"))
    for name in ("level_decile", "scale_decile"):
        deciles = [result for result in results if result.row["shift"] == name]
        assert len(deciles) == 10
        pooled = np.sort(np.concatenate([decile.window_errors for decile in deciles]))
        assert np.array_equal(pooled, np.sort(evaluator.clean_errors.window_errors))
        displacements = [decile.row["displacement"] for decile in deciles]
        assert displacements == sorted(displacements)


def test_channels_without_a_naive_error_are_excluded_and_counted():
    from dataclasses import replace

    data = prepare_dataset(DatasetConfig("ar"), GRID)
    values = data.shift_dataset.values.copy()
    values[:, 1] = 3.0
    dataset = replace(data.shift_dataset, values=values, cache={})
    model = ModelConfig(make_spec(Ridge), make_spec(LastValue), 24, 12).build(values.shape[1])
    row = Evaluator(model, dataset, GRID.stride, 50).measure(Cell(None, "clean"))[0].row
    assert row["n_excl_channels"] == 1
    assert np.isfinite(row["mase_pb"])


def test_rejects_forecasts_that_are_not_finite(data):
    class NanForecaster(nn.Module):
        def forward(self, past):
            return past[:, :12] * float("nan")

    with pytest.raises(ValueError, match=r"\d+ of \d+ forecasts contain NaN or infinity"):
        Evaluator(NanForecaster(), data.shift_dataset, GRID.stride, 50)


def test_tail_mean_is_over_the_worst_tenth():
    assert tail_mean(np.arange(100, dtype=np.float32)) == 94.5
    assert tail_mean(np.array([3.0], dtype=np.float32)) == 3.0
