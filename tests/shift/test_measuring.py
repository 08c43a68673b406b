"""A cell's figures against plain loops over its windows."""

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
from tests.support.shift_suites import component

GRID = WindowConfig(lookback=24, horizon=12, stride=5)


@pytest.fixture(scope="module")
def data():
    return prepare_dataset(DatasetConfig("ar"), GRID)


@pytest.fixture(scope="module")
def model(data):
    recipe = ModelConfig(component(Ridge), component(Identity), GRID.lookback, GRID.horizon)
    return fit_model(recipe, data.split)[0]


def measured(model, data, cell):
    return Evaluator(model, data.shift_dataset, GRID.stride, 50).measure(cell)[0]


def naive_scale(data):
    train = data.split.values[: data.split.train]
    return np.abs(train[1:] - train[:-1]).mean(axis=0)


def by_hand(model, data, shift, severity):
    """MASE* of a steady shift, window by window, from whole rows."""
    world, values = data.shift_dataset, data.shift_dataset.values
    knob = shift.knobs[severity]
    draw = world.random_generator(shift.name, 0)
    moved, errors = values.copy(), []
    signs = draw.choice((-1.0, 1.0), size=values.shape[1])
    if shift.name == "level":
        moved[world.start :] += knob * signs
    else:
        moved[world.start :] *= 1 + knob
    for start in range(world.start, len(values) - 36 + 1, GRID.stride):
        past = torch.from_numpy(moved[start : start + 24]).float().unsqueeze(0)
        forecast = model(past)[0].double().detach().numpy()
        back = forecast - knob * signs if shift.name == "level" else forecast / (1 + knob)
        error = back - values[start + 24 : start + 36]
        errors.append((np.abs(error).mean(axis=0) / naive_scale(data)).mean())
    return np.array(errors)


@pytest.mark.parametrize(
    "shift", [generators.Level(), generators.Scale("up")], ids=lambda s: s.name
)
def test_pulled_back_errors(model, data, shift):
    result = measured(model, data, Cell(shift, "steady", 3))
    wanted = by_hand(model, data, shift, 3)
    assert result.window_errors == pytest.approx(wanted, rel=1e-5)
    facts = result.row
    assert facts["mase_pb"] == pytest.approx(wanted.mean(), rel=1e-6)
    clean = measured(model, data, Cell(None, "clean")).window_errors
    ratio = np.log(wanted.mean() / clean.mean())
    assert facts["r_log"] == pytest.approx(ratio, rel=1e-4)
    assert facts["ci_lo"] < facts["r_log"] < facts["ci_hi"]
    assert facts["e0_ref"] == pytest.approx(clean.mean(), rel=1e-6)
    assert facts["cvar10"] == pytest.approx(
        np.sort(wanted)[-round(len(wanted) / 10) :].mean(), 1e-4
    )


def test_an_equivariant_model_pays_in_raw_units_alone(data):
    recipe = ModelConfig(component(Ridge), component(RevIN), GRID.lookback, GRID.horizon)
    model, _ = fit_model(recipe, data.split)
    clean = measured(model, data, Cell(None, "clean")).row
    scaled = measured(model, data, Cell(generators.Scale("up"), "steady", 5)).row
    assert scaled["mse_raw"] / clean["mse_raw"] == pytest.approx(25, rel=1e-4)
    assert scaled["mase_pb"] == pytest.approx(clean["mase_pb"], rel=1e-5)
    assert scaled["eg"] < 1e-5


def test_the_truth_moves_with_the_world_and_not_with_the_sensor(data):
    world = data.shift_dataset
    clean = clean_windows(world, GRID.stride)
    world_moves = shifted_windows(world, Cell(generators.Level(), "steady", 3), GRID.stride)
    sensor_lies = shifted_windows(
        world, Cell(generators.SensorOffset(), "observation", 3), GRID.stride
    )
    assert (np.abs(world_moves.targets - clean.targets) > 0.9).all()
    assert np.array_equal(sensor_lies.targets, clean.targets)
    assert ((sensor_lies.past - clean.past).abs() > 0.9).all()
    assert world_moves.displacement == pytest.approx(1.0)


def test_ages_move_the_last_steps_alone(data):
    world, clean = data.shift_dataset, clean_windows(data.shift_dataset, GRID.stride)
    for age in (0, 6, 24):
        placement = "transition" if age else "horizon"
        found = shifted_windows(world, Cell(generators.Level(), placement, 3, age), GRID.stride)
        moved = (found.past - clean.past).abs() > 0.5
        assert not moved[:, : 24 - age].any()
        assert moved[:, 24 - age :].all()
        assert (np.abs(found.targets - clean.targets) > 0.5).all()


def test_a_faster_clock_has_fewer_windows_and_each_its_partner(data):
    world = data.shift_dataset
    shift = generators.Frequency()
    found = shifted_windows(world, Cell(shift, "steady", 5), GRID.stride)
    every = window_starts(world, GRID.stride)
    assert 0.4 * len(every) < len(found.starts) < 0.6 * len(every)
    assert np.isfinite(found.targets).all()
    rows = every[found.clean_indices] - world.start
    assert rows == pytest.approx(1.8 * (found.starts - world.start), abs=GRID.stride / 2 + 1)


def test_deciles_part_the_clean_windows(model, data):
    evaluator = Evaluator(model, data.shift_dataset, GRID.stride, 50)
    rows = evaluator.measure(Cell(None, "natural"))
    for name in ("level_decile", "scale_decile"):
        mine = [row for row in rows if row.row["shift"] == name]
        assert len(mine) == 10
        pooled = np.sort(np.concatenate([row.window_errors for row in mine]))
        assert np.array_equal(pooled, np.sort(evaluator.clean_errors.window_errors))
        places = [row.row["displacement"] for row in mine]
        assert places == sorted(places)


def test_channels_without_a_unit_are_counted_not_clipped():
    from dataclasses import replace

    data = prepare_dataset(DatasetConfig("ar"), GRID)
    values = data.shift_dataset.values.copy()
    values[:, 1] = 3.0
    world = replace(data.shift_dataset, values=values, cache={})
    model = ModelConfig(component(Ridge), component(LastValue), 24, 12).build(values.shape[1])
    facts = Evaluator(model, world, GRID.stride, 50).measure(Cell(None, "clean"))[0].row
    assert facts["n_excl_channels"] == 1
    assert np.isfinite(facts["mase_pb"])


def test_forecasts_that_are_no_numbers_are_refused(data):
    class Nothing(nn.Module):
        def forward(self, past):
            return past[:, :12] * float("nan")

    with pytest.raises(ValueError, match=r"\d+ of \d+ forecasts hold NaN or infinity"):
        Evaluator(Nothing(), data.shift_dataset, GRID.stride, 50)


def test_the_worst_tenth():
    assert tail_mean(np.arange(100, dtype=np.float32)) == 94.5
    assert tail_mean(np.array([3.0], dtype=np.float32)) == 3.0
