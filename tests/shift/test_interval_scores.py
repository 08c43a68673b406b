"""Interval scores, undamped errors and errors by channel, against plain NumPy."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from revin_forecast.backbones import Linear, Ridge
from revin_forecast.normalizers import Identity, RevIN
from revin_forecast.shift import generators
from revin_forecast.shift.aggregates import build_panels, channel_cells, interval_scores
from revin_forecast.shift.measuring.blocks import block_means
from revin_forecast.shift.measuring.calibration import best_factors, conformal_radii
from revin_forecast.shift.measuring.cell import Cell
from revin_forecast.shift.measuring.evaluator import Evaluator
from revin_forecast.shift.measuring.interval_scores import (
    LOSS_LEVELS,
    QUANTILE_LEVELS,
    score_conformal,
    score_quantiles,
)
from revin_forecast.shift.measuring.windows import clean_windows, validation_windows
from revin_forecast.shift.suite.datasets import prepare_dataset
from revin_forecast.shift.suite.suite import DatasetConfig, WindowConfig
from revin_forecast.training.fit import fit_model
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.training.settings import TrainingSettings
from tests.support.shift_datasets import DATASETS
from tests.support.shift_suites import make_spec
from tests.support.simulated_benchmark import BLOCK, RESAMPLES, simulate_benchmark

GRID = WindowConfig(lookback=24, horizon=12, stride=5)
CLEAN = Cell(None, "clean")
SENSOR = Cell(generators.SensorOffset(), "observation", 3)


class Scaled(nn.Module):
    """A model whose forecasts are multiplied by a factor."""

    def __init__(self, model, factor):
        super().__init__()
        self.model, self.factor = model, factor

    def forward(self, past):
        return self.factor * self.model(past)


@pytest.fixture(scope="module")
def data():
    return prepare_dataset(DatasetConfig("ar"), GRID)


@pytest.fixture(scope="module")
def model(data):
    model_config = ModelConfig(make_spec(Ridge), make_spec(Identity), GRID.lookback, GRID.horizon)
    return fit_model(model_config, data.split)[0]


def measure(model, data, *cells):
    evaluator = Evaluator(model, data.shift_dataset, GRID.stride, 50)
    return [evaluator.measure(cell)[0] for cell in cells]


def pinball(truth, quantile, level):
    return np.where(truth >= quantile, level * (truth - quantile), (1 - level) * (quantile - truth))


def make_errors(random):
    errors = random.normal(size=(9, 5, 2))
    errors[2, 1, 0] = errors[4, :, 1] = np.nan
    return errors


@pytest.mark.parametrize("gain", [None, np.array([4.0]), np.linspace(1, 3, 45).reshape(9, 5, 1)])
def test_conformal_scores_are_those_of_their_quantiles(gain):
    random = np.random.default_rng(0)
    errors, unit = make_errors(random), np.array([2.0, 0.5])
    radii = np.sort(random.gamma(2, size=(3, 5, 2)), axis=0)
    scores = score_conformal(errors, radii, gain, unit)
    factor = np.ones((9, 5, 1)) if gain is None else np.broadcast_to(gain, (9, 5, 1))
    inner, middle, outer = radii
    offsets = {0.1: -middle, 0.3: -inner, 0.5: 0 * inner, 0.7: inner, 0.9: middle}
    losses = [2 * pinball(-errors, offsets[level], level) for level in LOSS_LEVELS]
    loss = np.mean(losses, axis=0) / factor
    counts = np.isfinite(errors).sum(axis=1)  # a window without any observed step has no mean
    counts = np.where(counts > 0, counts, np.nan)
    for name, values in (
        ("wql", loss / unit),
        ("coverage_80", np.abs(errors) <= middle),
        ("coverage_95", np.abs(errors) <= outer),
    ):
        expected = np.where(np.isfinite(errors), values, 0).sum(axis=1) / counts
        assert scores[name] == pytest.approx(expected, rel=1e-5, nan_ok=True), name
    width = np.broadcast_to(2 * middle / factor, errors.shape).mean(axis=1) / unit
    assert np.broadcast_to(scores["width_80"], width.shape) == pytest.approx(width, rel=1e-5)


def test_own_quantiles_are_scored_like_conformal_ones():
    errors, unit = make_errors(np.random.default_rng(1)), np.array([2.0, 0.5])
    radii = np.array([0.4, 1.3, 2.1])[:, None, None] * np.ones((3, 5, 2))
    inner, middle, outer = radii[..., None]
    ends = np.concatenate([-outer, -middle, -inner, 0 * inner, inner, middle, outer], axis=-1)
    assert ends.shape[-1] == len(QUANTILE_LEVELS)
    for gain in (None, np.array([4.0])):
        own = score_quantiles(errors[..., None] + ends, gain, unit)
        conformal = score_conformal(errors, radii, gain, unit)
        for name, values in own.items():
            known = np.isfinite(values)
            expected = np.broadcast_to(conformal[name], values.shape)
            assert values[known] == pytest.approx(expected[known], rel=1e-5), name
        assert known.sum() == 17


def test_radius_is_the_finite_sample_quantile():
    random = np.random.default_rng(2)
    forecasts, truth = random.normal(size=(2, 30, 4, 2))
    truth[:15, 2, 1] = np.nan  # 15 windows are too few for 95 %
    radii = conformal_radii(forecasts, truth)
    errors = np.sort(np.abs(forecasts - truth)[:, 3, 0])
    assert radii[:, 3, 0] == pytest.approx([errors[12], errors[24], errors[29]])
    assert np.isnan(radii[2, :, 1]).all()
    assert np.isfinite(radii[:2]).all()


def test_conformal_intervals_cover_clean_data_and_fail_under_a_shift(model, data):
    clean, shifted = (
        result.row for result in measure(model, data, CLEAN, Cell(generators.Level(), "steady", 5))
    )
    assert clean["coverage_80"] == pytest.approx(0.8, abs=0.03)
    assert clean["coverage_95"] == pytest.approx(0.95, abs=0.02)
    assert shifted["coverage_95"] < 0.5
    assert shifted["width_80"] == pytest.approx(clean["width_80"], rel=1e-6)
    # The radii are from validation windows, which share no truth with the test windows.
    windows = validation_windows(data.shift_dataset, 100)
    assert len(windows.starts) <= 100
    assert windows.starts[0] + GRID.lookback == data.split.train
    assert windows.starts[-1] + data.shift_dataset.width <= data.split.validation


@pytest.mark.parametrize("factor", [0.3, 0.8, 3.0])
def test_damped_copy_has_the_undamped_error_of_the_model(model, data, factor):
    originals = measure(model, data, CLEAN, SENSOR)
    copies = measure(Scaled(model, factor), data, CLEAN, SENSOR)
    for original, copy in zip(originals, copies, strict=True):
        assert copy.row["mase_undamped"] == pytest.approx(original.row["mase_undamped"], rel=1e-6)
        assert copy.row["mase_pb"] != pytest.approx(original.row["mase_pb"], rel=1e-3)
    ratio = originals[0].row["undamping"] / copies[0].row["undamping"]
    assert ratio == pytest.approx(factor, rel=1e-6)


def test_factors_minimize_squares_and_constants_keep_theirs(model, data):
    windows = clean_windows(data.shift_dataset, GRID.stride)
    forecast = model(windows.past).double().detach().numpy()
    factors = best_factors(forecast, windows.targets)
    column = forecast[:, 3, 1], windows.targets[:, 3, 1]
    assert factors[3, 1] == pytest.approx(np.linalg.lstsq(column[0][:, None], column[1])[0][0])
    assert (best_factors(-windows.targets, windows.targets) == 0).all()
    (constant,) = measure(Scaled(model, 0.0), data, CLEAN)
    assert constant.row["undamping"] == 1
    assert constant.row["mase_undamped"] == pytest.approx(constant.row["mase_pb"], rel=1e-6)


def test_own_quantiles_of_an_equivariant_model_are_pulled_back(data):
    sizes, training = (GRID.lookback, GRID.horizon), TrainingSettings(loss="quantile")
    config = ModelConfig(make_spec(Linear), make_spec(RevIN), *sizes, training)
    model = config.build(data.shift_dataset.channels).eval()
    scaled = Cell(generators.Scale("up"), "steady", 5)
    clean, shifted = (result.row for result in measure(model, data, CLEAN, scaled))
    for name in ("own_coverage_80", "own_coverage_95", "own_width_80", "own_wql", "mase_pb"):
        assert shifted[name] == pytest.approx(clean[name], rel=1e-4), name
    assert shifted["width_80"] == pytest.approx(clean["width_80"] / 5, rel=1e-6)
    few = ModelConfig(
        make_spec(Linear),
        make_spec(RevIN),
        *sizes,
        TrainingSettings(loss="quantile", levels=(0.1, 0.5, 0.9)),
    )
    (row,) = measure(few.build(data.shift_dataset.channels).eval(), data, CLEAN)
    assert "own_wql" not in row.row


def test_curved_inverse_leaves_the_coverage_only():
    dataset = DATASETS["real"]
    model = ModelConfig(make_spec(Ridge), make_spec(Identity), 24, 12).build(dataset.channels)
    row = Evaluator(model, dataset, GRID.stride, 50).measure(Cell(generators.Tails(), "steady", 3))
    assert np.isnan([row[0].row["wql"], row[0].row["width_80"]]).all()
    assert 0 < row[0].row["coverage_80"] < 1


def test_errors_by_channel_with_their_interval(model, data):
    dataset = data.shift_dataset
    (result,) = measure(model, data, SENSOR)
    channels = np.array(result.row["mase_channels"])
    assert channels.mean() == pytest.approx(result.row["mase_pb"], rel=1e-6)
    blocks = result.blocks["channels"]
    length = -(-dataset.width // GRID.stride)
    assert blocks.shape == (len(result.window_errors) // length, dataset.channels)
    assert blocks.mean(axis=1) == pytest.approx(
        block_means(result.window_errors[:, None], length)[:, 0], rel=1e-5
    )
    cells = pd.DataFrame({"cell_key": ["a", "b"], "dataset": ["ar", "ar"]})
    names = {"ar": data.channel_names}
    table = channel_cells(cells, {"a": channels}, {"a": blocks}, names)
    assert table.channel.to_list() == list(data.channel_names)
    assert table.mase_pb.to_numpy() == pytest.approx(channels, rel=1e-6)
    # The 97.5 % quantile of Student's t with 18 degrees of freedom.
    error = blocks[:, 1].std(ddof=1) / np.sqrt(len(blocks))
    assert len(blocks) == 19
    assert (table.hi - table.mase_pb)[1] / error == pytest.approx(2.1009, rel=1e-4)


def test_table_of_intervals_by_hand():
    cells, errors = simulate_benchmark(datasets=("a", "b"))
    cells = cells.assign(
        coverage_80=0.8 - 0.1 * cells.severity.clip(upper=2),
        coverage_95=0.95,
        width_80=2.0,
        wql=cells.mase_pb / 2,
    )
    blocks = {
        key: {
            "coverage_80": np.full(10, 0.7, np.float32),
            "coverage_95": np.full(10, 0.95, np.float32),
            "wql": errors[key].reshape(-1, BLOCK).mean(axis=1) / 2,
        }
        for key in cells.cell_key[cells.placement != "natural"]
    }
    panels = build_panels(cells, errors, RESAMPLES)
    table = interval_scores(panels, blocks).set_index(["backbone", "normalizer", "column"])
    assert set(table.source) == {"conformal"}  # no model has quantiles of its own
    row = table.loc["mlp", "RevIN", "steady"]
    steady = cells[(cells.placement == "steady") & (cells.backbone == "mlp")]
    assert row.coverage_80 == pytest.approx(steady[steady.normalizer == "RevIN"].coverage_80.mean())
    assert row.coverage_95_lo == row.coverage_95_hi == pytest.approx(0.95)
    assert row.width_80 == pytest.approx(2)
    means = np.log(steady.wql).groupby(steady.normalizer).mean()
    assert row.wql == pytest.approx(np.exp(means["RevIN"]))
    assert row.against_twin == pytest.approx(means["RevIN"] - means["Identity"])
    assert row.twin_lo < row.against_twin < row.twin_hi < 0
    without_blocks = interval_scores(panels, {})
    assert without_blocks.coverage_80_lo.isna().all()
    assert without_blocks.wql.to_numpy() == pytest.approx(table.wql.to_numpy())


def test_validation_without_room_gives_no_interval(model, data):
    from dataclasses import replace

    dataset = data.shift_dataset
    narrow = replace(dataset, train=dataset.start + GRID.lookback - 3, cache={})
    row = Evaluator(model, narrow, GRID.stride, 50).measure(CLEAN)[0].row
    assert np.isnan([row["coverage_80"], row["width_80"], row["wql"]]).all()
    assert np.isfinite(row["mase_undamped"])
    assert torch.is_tensor(clean_windows(narrow, GRID.stride).past)
