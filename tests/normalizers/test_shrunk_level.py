"""ShrunkLevel against dense least squares, its way back, gaps and errors."""

import numpy as np
import pytest
import torch

from revin_forecast import RevIN, ShrunkLevel
from revin_forecast.normalizers import level_head
from revin_forecast.normalizers.level_head import HEAD_PENALTY, choose_windows, fit_level_head
from revin_forecast.normalizers.level_shares import estimate_level_shares

LOOKBACK, HORIZON = 12, 5


def simulate_rows(rows=900, decay=0.97, seed=0):
    """Return two channels: a level that reverts with noise, and a random walk."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((rows, 2))
    steps = rng.standard_normal((rows, 2))
    for row in range(1, rows):
        steps[row] += np.array([decay, 1.0]) * steps[row - 1]
    return values + 0.5 * steps


def extract_windows(values):
    """Return windows (count, steps) of all channels, minus the channel's mean."""
    centred = values - values.mean(axis=0)
    windows = np.lib.stride_tricks.sliding_window_view(centred, LOOKBACK + HORIZON, axis=0)
    return windows.reshape(-1, LOOKBACK + HORIZON)


def test_head_completes_the_ridge_map_to_the_regression_with_the_level():
    values = simulate_rows()
    windows = extract_windows(values)
    past, future = windows[:, :LOOKBACK], windows[:, LOOKBACK:]
    level = past.mean(axis=1, keepdims=True)
    inputs, targets = past - level, future - level
    gram = inputs.T @ inputs
    penalty = HEAD_PENALTY * np.trace(gram) / LOOKBACK * np.eye(LOOKBACK)
    taken = inputs @ np.linalg.solve(gram + penalty, inputs.T @ targets)
    both = np.hstack([inputs, level])  # one more column, without a penalty
    wide_penalty = np.pad(penalty, ((0, 1), (0, 1)))
    kept = both @ np.linalg.solve(both.T @ both + wide_penalty, both.T @ targets)
    weights, slopes = fit_level_head(
        torch.from_numpy(values - values.mean(axis=0)), LOOKBACK, HORIZON
    )
    assert weights.sum() == pytest.approx(1)
    assert ((slopes > -1) & (slopes < 0)).all()
    np.testing.assert_allclose(np.outer(past @ weights.numpy(), slopes), kept - taken, atol=1e-10)


def test_location_is_the_level_and_a_share_of_the_head():
    layer = ShrunkLevel(2, LOOKBACK, HORIZON).double()
    values = torch.from_numpy(simulate_rows() + 7)
    layer.initialize_from(values, LOOKBACK)
    expected_shares = estimate_level_shares(values, LOOKBACK)
    assert 0 < layer.shares[0] < 1
    assert layer.shares[1] == 0
    np.testing.assert_allclose(layer.shares, expected_shares, rtol=1e-12)
    np.testing.assert_allclose(layer.centre, values.mean(dim=0), rtol=1e-12)
    past = values[-LOOKBACK:].unsqueeze(0).clone()
    past[0, 3, 0] = torch.nan  # counts as the level
    z, stats = layer.normalize(past)
    reference, window = RevIN(2).double().normalize(past)
    assert torch.equal(z, reference)
    filled = torch.where(past.isfinite(), past, window.location)
    reading = (filled * layer.reading_weights.mT).sum(dim=1, keepdim=True)
    location = window.location + layer.shares * layer.slopes * (reading - layer.centre)
    forecast = torch.randn(1, HORIZON, 2, dtype=torch.float64)
    expected = forecast * window.scale + location
    torch.testing.assert_close(layer.denormalize(forecast, stats), expected)


def test_a_level_that_is_fully_kept_reverts_to_the_training_mean():
    layer = ShrunkLevel(2, LOOKBACK, HORIZON)
    layer.training_mean.copy_(torch.tensor([3.0, -2.0]))
    layer.shares.fill_(1)
    layer.set_level_head(torch.full((LOOKBACK,), 1 / LOOKBACK), torch.full((HORIZON,), -1.0))
    _, stats = layer.normalize(torch.randn(4, LOOKBACK, 2) + 50)
    forecast = layer.denormalize(torch.zeros(4, HORIZON, 2), stats)
    torch.testing.assert_close(forecast, layer.training_mean.expand_as(forecast))


@pytest.mark.parametrize("case", ["fresh", "few rows", "walk"])
def test_without_evidence_it_is_revin(case):
    layer, values = ShrunkLevel(2, LOOKBACK, HORIZON), torch.from_numpy(simulate_rows(decay=1.0))
    if case != "fresh":
        layer.initialize_from(values[: 16 if case == "few rows" else None], LOOKBACK)
    past = values[-2 * LOOKBACK :].float().reshape(2, LOOKBACK, 2)
    z, stats = layer.normalize(past)
    expected_z, expected_stats = RevIN(2).normalize(past)
    assert torch.equal(z, expected_z)
    forecast = torch.randn(2, HORIZON, 2)
    torch.testing.assert_close(
        layer.denormalize(forecast, stats), RevIN(2).denormalize(forecast, expected_stats)
    )


def test_head_hardly_depends_on_gaps_and_not_on_units():
    values = torch.from_numpy(simulate_rows(4000))
    full, gappy, scaled = (ShrunkLevel(2, LOOKBACK, HORIZON).double() for _ in range(3))
    full.initialize_from(values, LOOKBACK)
    scaled.initialize_from(values * torch.tensor([1e-3, 1e3]) + 1e4, LOOKBACK)
    values[torch.rand(values.shape, generator=torch.Generator().manual_seed(0)) < 0.1] = torch.nan
    values[:300, 1] = torch.inf
    gappy.initialize_from(values, LOOKBACK)
    torch.testing.assert_close(scaled.slopes, full.slopes, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(scaled.reading_weights, full.reading_weights, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(gappy.slopes, full.slopes, rtol=0, atol=0.02)
    torch.testing.assert_close(gappy.shares, full.shares, rtol=0, atol=0.1)


def test_a_second_call_leaves_nothing_of_the_first():
    layer, values = ShrunkLevel(2, LOOKBACK, HORIZON), torch.from_numpy(simulate_rows())
    layer.initialize_from(values, LOOKBACK)
    assert layer.slopes.any()
    layer.initialize_from(values.cumsum(dim=0), LOOKBACK)
    assert not layer.shares.any()
    fresh = ShrunkLevel(2, LOOKBACK, HORIZON)
    for name in ("slopes", "reading_weights"):
        assert torch.equal(getattr(layer, name), getattr(fresh, name))


def test_long_windows_of_many_channels_are_thinned_evenly(monkeypatch):
    starts, channels = choose_windows(3, 2, LOOKBACK, HORIZON)
    assert torch.stack([starts, channels]).tolist() == [[0, 0, 1, 1, 2, 2], [0, 1] * 3]
    starts, channels = choose_windows(10_561, 862, 720, 720)
    assert 0.8 < len(starts) * 720 * 1440 / level_head.MAX_PRODUCTS < 1.01
    assert starts.max() == 10_560
    assert len(starts.unique()) > 60
    assert channels.bincount(minlength=862).min() >= 5
    values = torch.from_numpy(simulate_rows(6000))
    full = fit_level_head(values, LOOKBACK, HORIZON)
    monkeypatch.setattr(level_head, "MAX_PRODUCTS", 1_000_000)
    assert 3900 < len(choose_windows(5984, 2, LOOKBACK, HORIZON)[0]) < 4000
    thinned = fit_level_head(values, LOOKBACK, HORIZON)
    torch.testing.assert_close(thinned.slopes, full.slopes, rtol=0, atol=0.02)


def test_it_is_shown_with_its_mean_share_if_it_has_values():
    layer = ShrunkLevel(2, LOOKBACK, HORIZON)
    layer.shares.fill_(0.25)
    assert "lookback=12, horizon=5, mean share 0.25" in repr(layer)
    assert "horizon=5\n" in repr(layer.to("meta"))


def test_wrong_sizes_and_heads_are_refused():
    layer = ShrunkLevel(2, LOOKBACK, HORIZON)
    for values, lookback in ((torch.zeros(50, 3), LOOKBACK), (torch.zeros(50, 2), 7)):
        with pytest.raises(ValueError, match=r"built for 2 channels and a look-back of 12 but got"):
            layer.initialize_from(values, lookback)
    weights, slopes = torch.full((LOOKBACK,), 1 / LOOKBACK), torch.zeros(HORIZON)
    with pytest.raises(ValueError, match=r"slopes must have the shape \(5, 2\) but got \(4, 2\)"):
        layer.set_level_head(weights, slopes[1:])
    with pytest.raises(ValueError, match=r"reading_weights must have the shape \(2, 12\) but got"):
        layer.set_level_head(weights[1:], slopes)
    for wrong in ((2 * weights, slopes), (weights, slopes + 0.1), (weights, slopes - 1.1)):
        with pytest.raises(ValueError, match=r"must sum to 1 and slopes must be in \[-1, 0\]"):
            layer.set_level_head(*wrong)
    with pytest.raises(ValueError, match="ShrunkLevel needs lookback >= 1 but got None"):
        ShrunkLevel(2, horizon=HORIZON)
    with pytest.raises(ValueError, match="ShrunkLevel was built for a look-back of 12 but got 9"):
        layer.normalize(torch.zeros(1, 9, 2))
