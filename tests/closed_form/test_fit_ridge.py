import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from revin_forecast.backbones import Linear, Ridge
from revin_forecast.closed_form import fit_ridge, window_moments
from revin_forecast.closed_form.equations_with_gaps import equations_with_gaps
from revin_forecast.closed_form.normal_equations import NormalEquations, RidgePath
from revin_forecast.errors import InputError
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import (
    EMA,
    Blend,
    Identity,
    LastValue,
    MeanScale,
    Normalizer,
    RevIN,
    Robust,
)

LOOKBACK, HORIZON, CHANNELS = 10, 4, 3
WIDTH = LOOKBACK + HORIZON


def walk(rows=120, channels=CHANNELS, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, channels, generator=generator, dtype=torch.float64).cumsum(0) / 5


def stacked(values, width=WIDTH):
    """Every window of every channel as one row, the slow way."""
    return np.lib.stride_tricks.sliding_window_view(values.numpy(), width, axis=0).reshape(
        -1, width
    )


@given(
    rows=st.integers(1, 60),
    width=st.integers(1, 40),
    channels=st.integers(1, 3),
    seed=st.integers(),
)
def test_moments_equal_the_product_of_all_windows(rows, width, channels, seed):
    values = walk(max(rows, width), channels, abs(seed) % 2**32)
    windows, moments = stacked(values, width), window_moments(values, width)
    scale = (windows**2).sum()
    np.testing.assert_allclose(moments.gram, windows.T @ windows, rtol=0, atol=1e-14 * scale)
    np.testing.assert_allclose(
        moments.sums, windows.sum(0), rtol=0, atol=1e-13 * abs(windows).sum()
    )
    assert moments.count == len(windows)


def test_moments_of_a_long_series_are_exact_to_1e_14():
    values = walk(5000, 2)
    windows = stacked(values, 200)
    wanted = windows.T @ windows
    error = np.abs(window_moments(values, 200).gram.numpy() - wanted).max() / np.abs(wanted).max()
    assert error < 1e-14


def test_blocks_of_time_add_and_subtract():
    values = walk()
    whole = window_moments(values, WIDTH)
    first, rest = values[: 50 + WIDTH - 1], values[50:]
    both = window_moments(first, WIDTH) + window_moments(rest, WIDTH)
    left = whole - window_moments(rest, WIDTH)
    torch.testing.assert_close(both.gram, whole.gram, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(left.gram, window_moments(first, WIDTH).gram, rtol=0, atol=1e-10)
    assert both.count == whole.count
    assert left.count == 50 * CHANNELS


@pytest.mark.parametrize("normalizer", [RevIN(1), LastValue(1), Identity(1)])
def test_centring_is_a_projection_of_the_raw_matrix(normalizer):
    values = walk()
    weights = normalizer.location_weights(LOOKBACK)
    windows = stacked(values)
    centred = windows - (windows[:, :LOOKBACK] @ weights.numpy())[:, None]
    moments = window_moments(values, WIDTH).centre(weights)
    np.testing.assert_allclose(moments.gram, centred.T @ centred, rtol=0, atol=1e-10)
    np.testing.assert_allclose(moments.sums, centred.sum(0), rtol=0, atol=1e-10)


def test_too_few_rows_for_a_window():
    with pytest.raises(ValueError, match="13 rows hold no window of 14; pass at least 14 rows"):
        window_moments(walk(13), WIDTH)


def test_validation_error_is_a_quadratic_form():
    training, validation = walk(), walk(60, seed=1)
    equations = [
        NormalEquations.from_moments(window_moments(part, WIDTH), LOOKBACK)
        for part in (training, validation)
    ]
    path = RidgePath(equations[0])
    penalties = (1e-4, 1e-2, 1.0)
    errors = path.errors(equations[1], penalties)
    windows = stacked(validation)
    for penalty, error in zip(penalties, errors, strict=True):
        forecast = windows[:, :LOOKBACK] @ path.solve(penalty).numpy().T
        wanted = ((forecast - windows[:, LOOKBACK:]) ** 2).sum()
        assert error.item() == pytest.approx(wanted, rel=1e-9)


def fitted(normalizer, penalty=1e-3, per_channel=False, training=None, **options):
    ridge = Ridge(LOOKBACK, HORIZON, CHANNELS, per_channel=per_channel, penalties=[penalty])
    model = Reversible(ridge, normalizer).double()
    fit_ridge(model, walk() if training is None else training, **options)
    return model


def scores(model, values):
    windows = values.unfold(0, WIDTH, 1).mT
    with torch.no_grad():
        return (model(windows[:, :LOOKBACK]) - windows[:, LOOKBACK:]).square().mean().item()


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("statistic", ["mean", "last"])
def test_ridge_equals_textbook_least_squares_in_data_units(statistic, affine, per_channel):
    model = fitted(RevIN(CHANNELS, affine, statistic), per_channel=per_channel)
    for channel in range(CHANNELS if per_channel else 1):
        series = walk()[:, channel : channel + 1] if per_channel else walk()
        windows = stacked(series)
        past = windows[:, :LOOKBACK]
        location = past.mean(1, keepdims=True) if statistic == "mean" else past[:, -1:]
        x, y = past - location, windows[:, LOOKBACK:] - location
        gram = x.T @ x
        penalty = 1e-3 * np.trace(gram) / LOOKBACK
        wanted = np.linalg.solve(gram + penalty * np.eye(LOOKBACK), x.T @ y).T
        weight = model.backbone.weight.detach()
        got = weight[channel] if per_channel else weight
        np.testing.assert_allclose(got, wanted, atol=1e-9)
    assert model.backbone.bias.abs().max() == 0


def test_identity_learns_a_level():
    model = fitted(Identity(CHANNELS), penalty=1e-9, training=walk() + 100)
    windows = stacked(walk() + 100)
    design = np.hstack([windows[:, :LOOKBACK], np.ones((len(windows), 1))])
    wanted = np.linalg.lstsq(design, windows[:, LOOKBACK:], rcond=None)[0]
    np.testing.assert_allclose(model.backbone.weight.detach(), wanted[:-1].T, atol=1e-5)
    np.testing.assert_allclose(model.backbone.bias.detach(), wanted[-1], atol=1e-3)


@pytest.mark.parametrize("normalizer", [RevIN(CHANNELS), LastValue(CHANNELS), Identity(CHANNELS)])
def test_block_path_equals_the_fast_one(normalizer):
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
def test_gaps_take_a_target_out_of_its_own_step_only(normalizer, group, monkeypatch):
    monkeypatch.setattr(
        "revin_forecast.closed_form.equations_with_gaps.MAX_BLOCK_VALUES", group * LOOKBACK**2
    )
    values = walk()
    values[torch.rand(values.shape, generator=torch.Generator().manual_seed(5)) < 0.1] = torch.nan
    model = fitted(normalizer, training=values, penalty=1e-2)
    windows = values.unfold(0, WIDTH, 1).mT
    past, future = windows[:, :LOOKBACK], windows[:, LOOKBACK:]
    with torch.no_grad():
        stats = model.normalizer.statistics(past, past.isfinite())
    x = torch.where(past.isfinite(), stats.centre(past), 0).mT.reshape(-1, LOOKBACK).numpy()
    y = stats.centre(future).mT.reshape(-1, HORIZON).numpy()
    for step in range(HORIZON):
        seen = np.isfinite(y[:, step])
        inputs, targets = x[seen], y[seen, step]
        shift = isinstance(normalizer, Identity)
        inputs, targets = inputs - shift * inputs.mean(0), targets - shift * targets.mean()
        gram = inputs.T @ inputs
        ridge = gram + 1e-2 * np.trace(gram) / LOOKBACK * np.eye(LOOKBACK)
        wanted = np.linalg.solve(ridge, inputs.T @ targets)
        np.testing.assert_allclose(model.backbone.weight.detach()[step], wanted, atol=1e-9)


def test_median_is_solved_too():
    model = fitted(RevIN(CHANNELS, statistic="median"))
    assert scores(model, walk()) < scores(fitted(RevIN(CHANNELS), penalty=1e3), walk())


def test_penalty_is_the_best_on_validation_and_refit_uses_both_parts():
    training, validation = walk(), walk(200, seed=3)
    options = {"normalizer": RevIN(CHANNELS), "training": training}
    errors = {p: scores(fitted(penalty=p, **options), validation) for p in (1e-6, 1e-2, 1.0, 100.0)}
    model = Reversible(Ridge(LOOKBACK, HORIZON, CHANNELS, penalties=list(errors)), RevIN(CHANNELS))
    result = fit_ridge(model.double(), training, validation)
    assert result.penalties == (min(errors, key=lambda p: errors[p]),)
    assert result.validation_mse == pytest.approx(min(errors.values()), rel=1e-9)
    fit_ridge(model, training, validation, refit=True)
    assert scores(model, validation) < min(errors.values())


def test_overflow_is_told():
    values = walk()
    values[7, 0] = 1e200
    with pytest.raises(InputError, match="sums of squares overflow float64"):
        fitted(RevIN(CHANNELS), training=values)


def test_constant_series_and_windows_do_not_blow_up():
    values = walk()
    values[:, 0] = 3.0
    values[20:60, 1] = values[20, 1]
    model = fitted(RevIN(CHANNELS), training=values)
    assert model.backbone.weight.abs().max() < 10
    constant = fitted(
        RevIN(CHANNELS), training=torch.full((40, CHANNELS), 7.0, dtype=torch.float64)
    )
    past = torch.full((1, LOOKBACK, CHANNELS), 7.0, dtype=torch.float64)
    torch.testing.assert_close(constant(past), past[:, :HORIZON])


class _Other(Normalizer):
    def normalize(self, past, observed=None):
        return past, (past,)

    def denormalize(self, future, stats, kind="location"):
        return future


def test_what_cannot_be_solved_is_refused():
    sizes = (LOOKBACK, HORIZON, CHANNELS)
    trained = RevIN(CHANNELS)
    torch.nn.init.ones_(trained.affine_bias)
    cases = [
        (Linear(*sizes), RevIN(CHANNELS), "solves a Ridge but got Linear"),
        (Ridge(*sizes, penalties=[1.0]), _Other(CHANNELS), "inside _Other, which is no"),
        (Ridge(*sizes), RevIN(CHANNELS), "7 candidate penalties but no validation"),
        (Ridge(*sizes, penalties=[1.0]), trained, "affine bias is not 0"),
    ]
    for backbone, normalizer, message in cases:
        with pytest.raises(InputError, match=message):
            fit_ridge(Reversible(backbone, normalizer), walk())
    short = Reversible(Ridge(*sizes, penalties=[1.0]), RevIN(CHANNELS))
    with pytest.raises(ValueError, match="training part has 9 rows but one window"):
        fit_ridge(short, walk(9))
    with pytest.raises(ValueError, match="Ridge needs positive penalties"):
        Ridge(*sizes, penalties=[0.0])


@pytest.mark.parametrize("kind", [EMA, MeanScale, Robust, Blend, Identity, LastValue])
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
    wanted = inputs @ np.linalg.lstsq(inputs, targets, rcond=None)[0]
    with torch.no_grad():
        forecast = model(past)
    got = stats.centre(forecast).mT.reshape(-1, HORIZON).numpy()
    np.testing.assert_allclose(got, wanted, atol=1e-5)
