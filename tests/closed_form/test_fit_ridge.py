"""Closed-form Ridge fits against textbook least squares on explicit windows."""

import numpy as np
import pytest
import torch

from revin_forecast.backbones import Linear, Ridge
from revin_forecast.closed_form import fit_ridge, ridge_mse, window_moments
from revin_forecast.closed_form.equations_with_gaps import equations_with_gaps
from revin_forecast.closed_form.normal_equations import NormalEquations, RidgePath
from revin_forecast.data.windows import Windows
from revin_forecast.errors import InputError
from revin_forecast.evaluation.holdout import score
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import (
    EMA,
    Blend,
    DifferenceScale,
    Identity,
    LastValue,
    MeanScale,
    Normalizer,
    RevIN,
    Robust,
)
from tests.support.closed_form import waves

LOOKBACK, HORIZON, CHANNELS = 10, 4, 3
WIDTH = LOOKBACK + HORIZON


def walk(rows=120, channels=CHANNELS, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, channels, generator=generator, dtype=torch.float64).cumsum(0) / 5


def stack_windows(values, width=WIDTH):
    """Every window of every channel as one row, the slow way."""
    return np.lib.stride_tricks.sliding_window_view(values.numpy(), width, axis=0).reshape(
        -1, width
    )


def test_validation_error_is_a_quadratic_form():
    training, validation = walk(), walk(60, seed=1)
    equations = [
        NormalEquations.from_moments(window_moments(part, WIDTH), LOOKBACK)
        for part in (training, validation)
    ]
    path = RidgePath(equations[0])
    penalties = (1e-4, 1e-2, 1.0)
    errors = path.errors(equations[1], penalties)
    windows = stack_windows(validation)
    for penalty, error in zip(penalties, errors, strict=True):
        forecast = windows[:, :LOOKBACK] @ path.solve(penalty).numpy().T
        expected = ((forecast - windows[:, LOOKBACK:]) ** 2).sum()
        assert error.item() == pytest.approx(expected, rel=1e-9)


def fit_reversible(normalizer, penalty=1e-3, per_channel=False, training=None, **options):
    ridge = Ridge(LOOKBACK, HORIZON, CHANNELS, per_channel=per_channel, penalties=[penalty])
    model = Reversible(ridge, normalizer).double()
    fit_ridge(model, walk() if training is None else training, **options)
    return model


def mean_squared_error(model, values):
    windows = values.unfold(0, WIDTH, 1).mT
    with torch.no_grad():
        return (model(windows[:, :LOOKBACK]) - windows[:, LOOKBACK:]).square().mean().item()


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("affine", [False, True, "unguarded"])
@pytest.mark.parametrize("statistic", ["mean", "last"])
def test_ridge_equals_textbook_least_squares_in_data_units(statistic, affine, per_channel):
    model = fit_reversible(RevIN(CHANNELS, affine, statistic), per_channel=per_channel)
    for channel in range(CHANNELS if per_channel else 1):
        series = walk()[:, channel : channel + 1] if per_channel else walk()
        windows = stack_windows(series)
        past = windows[:, :LOOKBACK]
        location = past.mean(1, keepdims=True) if statistic == "mean" else past[:, -1:]
        x, y = past - location, windows[:, LOOKBACK:] - location
        gram = x.T @ x
        penalty = 1e-3 * np.trace(gram) / LOOKBACK
        expected = np.linalg.solve(gram + penalty * np.eye(LOOKBACK), x.T @ y).T
        weight = model.backbone.weight.detach()
        got = weight[channel] if per_channel else weight
        np.testing.assert_allclose(got, expected, atol=1e-9)
    assert model.backbone.bias.abs().max() == 0


def test_identity_learns_a_level():
    model = fit_reversible(Identity(CHANNELS), penalty=1e-9, training=walk() + 100)
    windows = stack_windows(walk() + 100)
    design = np.hstack([windows[:, :LOOKBACK], np.ones((len(windows), 1))])
    expected = np.linalg.lstsq(design, windows[:, LOOKBACK:], rcond=None)[0]
    np.testing.assert_allclose(model.backbone.weight.detach(), expected[:-1].T, atol=1e-5)
    np.testing.assert_allclose(model.backbone.bias.detach(), expected[-1], atol=1e-3)


@pytest.mark.parametrize("normalizer", [RevIN(CHANNELS), LastValue(CHANNELS), Identity(CHANNELS)])
def test_block_path_equals_the_fast_path(normalizer):
    values = walk()
    moments = window_moments(values, WIDTH).centre(normalizer.location_weights(LOOKBACK))
    fast = NormalEquations.from_moments(moments, LOOKBACK)
    steps = list(equations_with_gaps(values, normalizer.double(), LOOKBACK, HORIZON))
    assert len(steps) == HORIZON
    for number, step in enumerate(steps):
        torch.testing.assert_close(step.gram, fast.gram, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(step.cross[0], fast.cross[number], rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(
            step.target_squares[0], fast.target_squares[number], rtol=1e-9, atol=1e-9
        )
        torch.testing.assert_close(step.target_sums[0], fast.target_sums[number], atol=1e-9, rtol=0)
        assert step.count == fast.count


@pytest.mark.parametrize("normalizer", [RevIN(CHANNELS), LastValue(CHANNELS), Identity(CHANNELS)])
@pytest.mark.parametrize("group", [1, 3, 1000])
def test_a_missing_target_affects_only_its_own_step(normalizer, group, monkeypatch):
    monkeypatch.setattr(
        "revin_forecast.closed_form.equations_with_gaps.MAX_BLOCK_VALUES", group * LOOKBACK**2
    )
    values = walk()
    values[torch.rand(values.shape, generator=torch.Generator().manual_seed(5)) < 0.1] = torch.nan
    model = fit_reversible(normalizer, training=values, penalty=1e-2)
    windows = values.unfold(0, WIDTH, 1).mT
    past, future = windows[:, :LOOKBACK], windows[:, LOOKBACK:]
    with torch.no_grad():
        stats = model.normalizer.statistics(past, past.isfinite())
    x = torch.where(past.isfinite(), stats.centre(past), 0).mT.reshape(-1, LOOKBACK).numpy()
    y = stats.centre(future).mT.reshape(-1, HORIZON).numpy()
    for step in range(HORIZON):
        is_observed = np.isfinite(y[:, step])
        inputs, targets = x[is_observed], y[is_observed, step]
        shift = isinstance(normalizer, Identity)
        inputs, targets = inputs - shift * inputs.mean(0), targets - shift * targets.mean()
        gram = inputs.T @ inputs
        ridge = gram + 1e-2 * np.trace(gram) / LOOKBACK * np.eye(LOOKBACK)
        expected = np.linalg.solve(ridge, inputs.T @ targets)
        np.testing.assert_allclose(model.backbone.weight.detach()[step], expected, atol=1e-9)


def test_a_median_location_is_solved():
    model = fit_reversible(RevIN(CHANNELS, statistic="median"))
    assert mean_squared_error(model, walk()) < mean_squared_error(
        fit_reversible(RevIN(CHANNELS), penalty=1e3), walk()
    )


def test_penalty_is_the_best_on_validation_and_refit_uses_both_parts():
    training, validation = walk(), walk(200, seed=3)
    options = {"normalizer": RevIN(CHANNELS), "training": training}
    errors = {
        p: mean_squared_error(fit_reversible(penalty=p, **options), validation)
        for p in (1e-6, 1e-2, 1.0, 100.0)
    }
    model = Reversible(Ridge(LOOKBACK, HORIZON, CHANNELS, penalties=list(errors)), RevIN(CHANNELS))
    result = fit_ridge(model.double(), training, validation)
    assert result.penalties == (min(errors, key=lambda p: errors[p]),)
    assert result.validation_mse == pytest.approx(min(errors.values()), rel=1e-9)
    fit_ridge(model, training, validation, refit=True)
    assert mean_squared_error(model, validation) < min(errors.values())


def test_overflow_raises_an_input_error():
    values = walk()
    values[7, 0] = 1e200
    with pytest.raises(InputError, match="sums of squares overflow float64"):
        fit_reversible(RevIN(CHANNELS), training=values)


def test_constant_series_and_windows_do_not_blow_up():
    values = walk()
    values[:, 0] = 3.0
    values[20:60, 1] = values[20, 1]
    model = fit_reversible(RevIN(CHANNELS), training=values)
    assert model.backbone.weight.abs().max() < 10
    constant = fit_reversible(
        RevIN(CHANNELS), training=torch.full((40, CHANNELS), 7.0, dtype=torch.float64)
    )
    past = torch.full((1, LOOKBACK, CHANNELS), 7.0, dtype=torch.float64)
    torch.testing.assert_close(constant(past), past[:, :HORIZON])


class _Other(Normalizer):
    def normalize(self, past, observed=None):
        return past, (past,)

    def denormalize(self, future, stats, kind="location"):
        return future


def test_unsolvable_models_raise_input_errors():
    sizes = (LOOKBACK, HORIZON, CHANNELS)
    trained = RevIN(CHANNELS)
    torch.nn.init.ones_(trained.affine_bias)
    unguarded = RevIN(CHANNELS, "unguarded", eps=1e-5)
    torch.nn.init.constant_(unguarded.affine_weight, 1e-6)
    cases = [
        (Linear(*sizes), RevIN(CHANNELS), "solves a Ridge but got Linear"),
        (
            Ridge(*sizes, penalties=[1.0]),
            _Other(CHANNELS),
            "inside _Other, which is not a location",
        ),
        (Ridge(*sizes), RevIN(CHANNELS), "7 candidate penalties but no validation"),
        (Ridge(*sizes, penalties=[1.0]), trained, "affine bias is not 0"),
        (Ridge(*sizes, penalties=[1.0]), unguarded, "unguarded affine weights are too near 0"),
    ]
    for backbone, normalizer, message in cases:
        with pytest.raises(InputError, match=message):
            fit_ridge(Reversible(backbone, normalizer), walk())
    short = Reversible(Ridge(*sizes, penalties=[1.0]), RevIN(CHANNELS))
    with pytest.raises(ValueError, match="training part has 9 rows but one window"):
        fit_ridge(short, walk(9))
    with pytest.raises(ValueError, match="Ridge needs positive penalties"):
        Ridge(*sizes, penalties=[0.0])


@pytest.mark.parametrize(
    "kind", [EMA, MeanScale, Robust, Blend, Identity, LastValue, DifferenceScale]
)
def test_any_location_and_scale_is_solved_as_least_squares_on_its_windows(kind):
    values, normalizer = walk(), kind(CHANNELS).double()
    model = Reversible(Ridge(LOOKBACK, HORIZON, CHANNELS, penalties=[1e-9]).double(), normalizer)
    fit_ridge(model, values)
    windows = values.unfold(0, WIDTH, 1).mT
    past, future = windows[:, :LOOKBACK], windows[:, LOOKBACK:]
    with torch.no_grad():
        stats = normalizer.statistics(past, None)
        inputs = stats.centre(past).mT.reshape(-1, LOOKBACK).numpy()
        targets = stats.centre(future).mT.reshape(-1, HORIZON).numpy()
    if kind is Identity:
        inputs = np.concatenate([inputs, np.ones((len(inputs), 1))], axis=1)
    expected = inputs @ np.linalg.lstsq(inputs, targets, rcond=None)[0]
    with torch.no_grad():
        forecast = model(past)
    got = stats.centre(forecast).mT.reshape(-1, HORIZON).numpy()
    np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize("normalizer", [RevIN, LastValue, Identity])
@pytest.mark.parametrize("per_channel", [False, True])
def test_ridge_mse_equals_the_error_over_all_windows(normalizer, per_channel):
    values = waves(12, 5)
    model = Reversible(Ridge(9, 5, 2, per_channel=per_channel), normalizer(2)).eval()
    fit_ridge(model, values[:250], values[241:])
    if normalizer is Identity:
        assert model.backbone.bias.abs().min() > 0
    expected = score(model, Windows(values[200:].float(), 9, 5)).mse
    assert ridge_mse(model, values[200:]) == pytest.approx(expected, rel=1e-5)
