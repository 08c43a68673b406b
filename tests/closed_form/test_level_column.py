"""Ridge inside ShrunkLevel against dense least squares with the level as a column."""

import numpy as np
import pytest
import torch

from revin_forecast.backbones import Ridge
from revin_forecast.closed_form import fit_ridge, ridge_mse, window_equations
from revin_forecast.closed_form.equations_with_gaps import equations_with_gaps
from revin_forecast.closed_form.level_column import add_level_column, drop_level_column
from revin_forecast.data.windows import Windows
from revin_forecast.evaluation.holdout import score
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import RevIN, ShrunkLevel

LOOKBACK, HORIZON, CHANNELS = 8, 3, 2
WIDTH = LOOKBACK + HORIZON
PENALTY = 1e-2


def simulate_rows(rows=300):
    """Return channels whose levels revert, the second one more slowly and far from 0."""
    noise = torch.randn(rows, 2, 2, generator=torch.Generator().manual_seed(0)).double()
    level = noise[:, 0].clone()
    for row in range(1, rows):
        level[row] += torch.tensor([0.2, 0.6]).double() * level[row - 1]
    return level + noise[:, 1] + torch.tensor([0.0, 20.0])


def build_model(training, per_channel=False, kind=ShrunkLevel, penalties=(PENALTY,)):
    sizes = {} if kind is RevIN else {"lookback": LOOKBACK, "horizon": HORIZON}
    normalizer = kind(CHANNELS, **sizes)
    ridge = Ridge(LOOKBACK, HORIZON, CHANNELS, per_channel=per_channel, penalties=penalties)
    model = Reversible(ridge, normalizer).double().eval()
    if kind is ShrunkLevel:
        normalizer.initialize_from(training, LOOKBACK)
    return model


def solve_dense(windows):
    """Return maps of u and of (u, level), one row for each step, by dense least squares.

    Windows (count, width) are minus the centre. An input of NaN counts as the level, and each step
    uses the windows that have its target.
    """
    taken, kept = [], []
    for step in range(LOOKBACK, WIDTH):
        used = windows[np.isfinite(windows[:, step])]
        inputs, level = split_level(used[:, :LOOKBACK])
        target = used[:, step] - level[:, 0]
        gram = inputs.T @ inputs
        penalty = PENALTY * np.trace(gram) / LOOKBACK * np.eye(LOOKBACK)
        both = np.hstack([inputs, level])
        wide_penalty = np.pad(penalty, ((0, 1), (0, 1)))  # the level has no penalty
        taken.append(np.linalg.solve(gram + penalty, inputs.T @ target))
        kept.append(np.linalg.solve(both.T @ both + wide_penalty, both.T @ target))
    return np.stack(taken), np.stack(kept)


def split_level(past):
    level = np.nanmean(past, axis=1, keepdims=True)
    return np.where(np.isfinite(past), past - level, 0), level


def extract_windows(parts, mean, per_channel):
    """Return the windows of each map, (count, width), minus the mean."""
    windows = np.concatenate([(part - mean).unfold(0, WIDTH, 1).numpy() for part in parts])
    return [windows[:, [c]] if per_channel else windows for c in range(CHANNELS)]


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("refit", [False, True])
def test_forecast_is_revin_and_a_share_of_the_kept_level(per_channel, gaps, refit):
    values = simulate_rows()
    parts = [values[:220], values[220:]]
    if gaps:  # in the first rows, which are targets of no window
        parts[0][torch.tensor([1, 3, 4]), torch.tensor([0, 1, 1])] = torch.nan
    model = build_model(parts[0], per_channel)
    fit_ridge(model, *parts, refit=refit)
    layer = model.normalizer
    assert ((layer.shares > 0.05) & (layer.shares < 0.95)).all()
    assert ((layer.slopes > -1) & (layer.slopes < 0)).all()
    mean = parts[0].nanmean(dim=0)
    past = values[-3 * LOOKBACK :].reshape(3, LOOKBACK, CHANNELS).clone()
    past[1, 2] = torch.nan
    with torch.no_grad():
        forecast = model(past).numpy()
    windows = extract_windows(parts if refit else parts[:1], mean, per_channel)
    for channel, rows in enumerate(windows):
        taken, kept = solve_dense(rows.reshape(-1, WIDTH))
        inputs, level = split_level((past - mean)[:, :, channel].numpy())
        revin, free = inputs @ taken.T, np.hstack([inputs, level]) @ kept.T
        expected = level + revin + layer.shares[channel].item() * (free - revin)
        np.testing.assert_allclose(
            forecast[..., channel] - mean[channel].item(), expected, atol=1e-8
        )


def test_missing_targets_give_each_step_its_slope_and_all_steps_a_mean_reading():
    values = simulate_rows()
    values[torch.rand(values.shape, generator=torch.Generator().manual_seed(1)) < 0.1] = torch.nan
    model = build_model(values)
    fit_ridge(model, values)
    rows = extract_windows([values], values.nanmean(dim=0), False)[0].reshape(-1, WIDTH)
    rows = rows[np.isfinite(rows[:, :LOOKBACK]).any(axis=1)]
    taken, kept = solve_dense(rows)
    slopes = kept[:, -1]
    np.testing.assert_allclose(model.normalizer.slopes[:, 0], slopes, atol=1e-9)
    # kept = taken - slope g for the reading level - g u, each step with a g of its own.
    maps = (taken - kept[:, :-1]) / slopes[:, None]
    expected = 1 / LOOKBACK - maps.mean(axis=0) + maps.mean()
    np.testing.assert_allclose(model.normalizer.reading_weights[1], expected, atol=1e-9)


def test_without_a_kept_level_the_fit_is_that_of_revin():
    values = simulate_rows().cumsum(dim=0)
    shrunk, revin = (build_model(values, kind=kind) for kind in (ShrunkLevel, RevIN))
    assert not shrunk.normalizer.shares.any()
    assert fit_ridge(shrunk, values) == fit_ridge(revin, values)
    assert torch.equal(shrunk.backbone.weight, revin.backbone.weight)


@pytest.mark.parametrize("per_channel", [False, True])
def test_error_over_all_windows_and_selected_penalty(per_channel):
    values = simulate_rows()
    training, validation = values[:220], values[220:]
    shrunk, revin = (
        build_model(training, per_channel, kind, (1e-4, 1e-2, 1.0)) for kind in (ShrunkLevel, RevIN)
    )
    fits = [fit_ridge(model, training, validation) for model in (shrunk, revin)]
    assert fits[0].penalties == fits[1].penalties
    assert fits[0].validation_mse == pytest.approx(fits[1].validation_mse)
    expected = score(shrunk.float(), Windows(validation.float(), LOOKBACK, HORIZON)).mse
    assert ridge_mse(shrunk.double(), validation) == pytest.approx(expected, rel=1e-5)


def test_block_path_equals_the_fast_path():
    values = simulate_rows(90)
    fast = add_level_column(
        window_equations(values, LOOKBACK, HORIZON), RevIN(1).location_weights(LOOKBACK)
    )
    for stride in (None, 1):
        normalizer = RevIN(CHANNELS).double()
        if stride is None:  # every window is extracted
            normalizer.location_weights = lambda lookback: None
        steps = list(equations_with_gaps(values, normalizer, LOOKBACK, HORIZON, keep_level=True))
        for number, step in enumerate(steps):
            torch.testing.assert_close(step.gram, fast.gram, rtol=1e-9, atol=1e-7)
            torch.testing.assert_close(step.cross[0], fast.cross[number], rtol=1e-9, atol=1e-7)
            torch.testing.assert_close(step.input_sums, fast.input_sums, rtol=1e-9, atol=1e-7)
    assert len(drop_level_column(fast).gram) == LOOKBACK
