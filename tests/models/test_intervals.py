import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri, stdtrit

from revin_forecast import Forecaster
from revin_forecast.backbones import Ridge
from revin_forecast.errors import InputError
from revin_forecast.models.intervals import (
    MIN_SCALE,
    QUANTILE_GRID,
    ConformalIntervals,
    interval_quantiles,
    window_scale,
)

UNIT = torch.tensor([-1.0, 1.0]).repeat(8).reshape(1, 16, 1)
"""A window whose scale is 1."""


def calibrated(windows=200, horizon=3, channels=2, seed=0, stride=100.0, draw="normal"):
    random = np.random.default_rng(seed)
    size = (windows, horizon, channels)
    residuals = random.standard_t(4, size) if draw == "heavy" else random.normal(size=size)
    return ConformalIntervals.calibrate(residuals, np.ones((windows, channels)), stride)


def at(intervals, levels, past=None):
    """Quantiles around a forecast of 0 from one window, (horizon, channels, levels)."""
    _, horizon, channels = intervals.scores.shape
    past = UNIT.expand(-1, -1, channels) if past is None else past
    return intervals.quantiles(torch.zeros(len(past), horizon, channels), past, levels)[0]


@given(seed=st.integers(0, 500), power=st.integers(-3, 6), shift=st.floats(-8, 8))
def test_the_scale_goes_with_the_data(seed, power, shift):
    generator = torch.Generator().manual_seed(seed)
    past = torch.randn(3, 40, 2, generator=generator)
    past[torch.rand(past.shape, generator=generator) < 0.2] = torch.nan
    scale = window_scale(past)
    assert torch.equal(window_scale(past * 2.0**power), scale * 2.0**power)
    torch.testing.assert_close(window_scale(past + shift), scale, rtol=1e-4, atol=0)


def test_the_scale_is_that_of_observed_values_late_ones_twice():
    past = torch.randn(1, 64, 1)
    late = past[:, -16:]
    wanted = (past.std(correction=0) + late.std(correction=0)) / 2
    torch.testing.assert_close(window_scale(past).squeeze(), wanted)
    gaps = torch.full((1, 128, 1), torch.nan)
    gaps[:, ::2] = past
    torch.testing.assert_close(window_scale(gaps).squeeze(), wanted)
    past[:, -16:] *= 5
    assert window_scale(past) > 2 * wanted
    assert window_scale(past.bfloat16()).dtype == torch.float32


@pytest.mark.parametrize("rows", [1, 5, 40])
def test_a_constant_window_has_the_smallest_scale_an_empty_one_that_of_training(rows):
    past = torch.stack([torch.full((rows, 1), 3.0), torch.full((rows, 1), torch.nan)])
    assert window_scale(past).flatten().tolist() == pytest.approx([MIN_SCALE, 1])
    past[:, 0] = torch.inf
    assert window_scale(past).isfinite().all()


def test_a_window_of_few_values_is_not_certain_of_the_future():
    past = torch.full((3, 40, 1), torch.nan)
    past[0, :7], past[1, :7], past[2, :8] = 3 * torch.randn(7, 1), 0.1 * torch.randn(7, 1), 0.1
    scale = window_scale(past).flatten().tolist()
    assert scale[0] > 1
    assert scale[1:] == pytest.approx([1, MIN_SCALE])


@pytest.mark.parametrize("gap", [7, 40, 150])
def test_intervals_hold_after_a_gap_at_the_end(gap):
    """What is left to know fades: at last only the level is known, then it is as wide as all."""
    steps = np.arange(614)
    wave = 10 + 5 * np.sin(2 * np.pi * steps / 7)
    values = wave + np.random.default_rng(0).normal(size=614)
    table = pd.DataFrame({"day": pd.date_range("2022-01-01", periods=600), "a": values[:600]})
    table["b"] = table["a"]
    table.loc[600 - gap :, "a"] = np.nan
    found, truth = Forecaster(14).fit(table).predict(level=[80]), wave[600:]
    held = ndtr(found["a-hi-80"] - truth) - ndtr(found["a-lo-80"] - truth)  # of the noise
    assert 0.7 < held.mean() < 0.97


def test_a_series_that_was_not_seen_of_late_has_wide_intervals():
    walk = np.cumsum(np.random.default_rng(0).normal(size=150))
    table = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=150), "a": walk, "b": walk})
    table.loc[110:, "b"] = np.nan
    found = Forecaster(5).fit(table).predict(level=[95])
    width = {name: (found[f"{name}-hi-95"] - found[f"{name}-lo-95"]).min() for name in "ab"}
    assert width["b"] > 2 * width["a"]


def test_a_gap_at_the_end_leaves_the_scale_of_the_rest():
    past = torch.randn(1, 64, 1)
    past[:, -16:] = torch.nan
    torch.testing.assert_close(window_scale(past).squeeze(), past[:, :48].std(correction=0))


@settings(max_examples=40)
@given(
    seed=st.integers(0, 500),
    windows=st.integers(8, 600),
    levels=st.lists(st.floats(0.1, 0.9), min_size=2, max_size=6, unique=True).map(sorted),
)
def test_quantiles_ascend_around_the_forecast(seed, windows, levels):
    intervals = calibrated(windows, seed=seed, draw="heavy", stride=1.0)
    quantiles = at(intervals, levels)
    assert (quantiles.diff(dim=-1) >= 0).all()
    low, middle, high = at(intervals, [0.1, 0.5, 0.9]).unbind(-1)
    assert (low < 0).all()
    assert (middle == 0).all()
    assert (high > 0).all()


@given(power=st.integers(-3, 6))
def test_intervals_widen_with_the_data(power):
    intervals, past = calibrated(), torch.randn(1, 40, 2)
    levels = [0.025, 0.3, 0.9]
    wider = at(intervals, levels, past * 2.0**power)
    assert torch.equal(wider, at(intervals, levels, past) * 2.0**power)


def test_forecasts_of_a_table_in_other_units_have_the_same_intervals():
    random = np.random.default_rng(0)
    dates = pd.date_range("2024-01-01", periods=150, freq="D")
    values = random.normal(size=150) + 5 * np.sin(np.arange(150) * 2 * np.pi / 7)
    plain, other = (
        Forecaster(7, 21, Ridge).fit(pd.DataFrame({"date": dates, "a": a * values + b}))
        for a, b in ((1, 0), (1e6, 3e7))
    )
    columns = ["a", "a-lo-80", "a-hi-80"]
    wanted = plain.predict(level=[80.0])[columns] * 1e6 + 3e7
    pd.testing.assert_frame_equal(other.predict(level=[80.0])[columns], wanted, rtol=1e-4)


@pytest.mark.parametrize("windows", [30, 500, 20_000])
def test_one_series_and_step_has_the_conformal_quantile(windows):
    """Its own on each side where windows are many, that of absolute errors where they are few."""
    residuals = np.random.default_rng(0).exponential(size=(windows, 1, 1)) - 0.5
    intervals = ConformalIntervals.calibrate(residuals, np.ones((windows, 1)))
    ordered, sizes = np.sort(residuals.ravel()), np.sort(np.abs(residuals.ravel()))
    rank = int(np.ceil((windows + 1) * 0.9))
    even = sizes[int(np.ceil((windows + 1) * 0.8)) - 1]
    own = windows / (windows + 400)
    believed = own + (1 - own) * windows / (windows + 40)
    stretch = stdtrit(windows, 0.9) / ndtri(0.9)
    low, high = at(intervals, [0.1, 0.9])[0, 0].tolist()
    assert high == pytest.approx(
        (believed * ordered[rank - 1] + (1 - believed) * even) * stretch, rel=1e-5
    )
    assert low == pytest.approx(
        (believed * ordered[-rank] - (1 - believed) * even) * stretch, rel=1e-5
    )
    if windows == 20_000:
        assert high > -3 * low  # skewed as the residuals are


@pytest.mark.parametrize("seed", range(4))
def test_intervals_of_a_short_trend_are_neither_lopsided_nor_far_too_wide(seed):
    """Its maps, solved on half as many rows, extrapolate the level and miss on one side by far."""
    steps = np.arange(116)
    values = 100 + 0.7 * steps + np.random.default_rng(seed).normal(size=116)
    quarters = pd.date_range("1990-01-01", periods=116, freq="QS")
    table = pd.DataFrame({"quarter": quarters, "y": values})
    found = Forecaster(6).fit(table).predict(level=[80.0])
    below, above = found["y"] - found["y-lo-80"], found["y-hi-80"] - found["y"]
    assert (above / below).between(0.6, 1.7).all()
    assert (below + above).between(1.8, 7).all()  # 2.56 for one who knows the trend


@pytest.mark.parametrize("windows", [10, 50, 400])
@pytest.mark.parametrize("draw", ["normal", "heavy"])
def test_exchangeable_residuals_are_covered(windows, draw):
    """Mean coverage over draws of the calibration windows is nominal, or a little more."""
    random = np.random.default_rng(1)
    size = (500, 3, 10)
    fresh = random.standard_t(4, size) if draw == "heavy" else random.normal(size=size)
    covered = {80: [], 95: []}
    for seed in range(32):
        intervals = calibrated(windows, channels=10, seed=seed, draw=draw)
        for level, found in covered.items():
            low, high = at(intervals, interval_quantiles(level)).numpy().transpose(2, 0, 1)
            found.append(100 * ((low <= fresh) & (fresh <= high)).mean())
    for level, found in covered.items():
        assert level - 1 < np.mean(found) < level + 3, (level, np.mean(found))


def test_overlapping_windows_count_for_fewer():
    """Sums of h steps of noise from every origin, where neighbours share most of them."""
    random, horizon, windows = np.random.default_rng(0), 12, 40
    walks = random.normal(size=(windows + 3 * horizon, 200)).cumsum(0)
    ahead = np.lib.stride_tricks.sliding_window_view(walks, horizon + 1, axis=0)
    errors = (ahead[..., 1:] - ahead[..., :1]).transpose(0, 2, 1)
    held, truth = errors[:windows], errors[windows + horizon :]
    covered = []
    for stride in (1.0, 100.0):
        intervals = ConformalIntervals.calibrate(held, np.ones((windows, 200)), stride)
        low, high = at(intervals, [0.1, 0.9]).numpy().transpose(2, 0, 1)
        covered.append(100 * ((low <= truth) & (truth <= high)).mean((0, 2)))
    assert covered[0][0] - covered[1][0] < 1  # one step ahead nothing overlaps
    assert covered[0][-1] > covered[1][-1] + 4
    assert 75 < covered[0].mean() < 86


def test_a_series_never_seen_in_calibration_has_the_spread_of_the_others():
    residuals = np.random.default_rng(0).normal(size=(100, 4, 3))
    residuals[..., 2] = np.nan
    residuals[:, 1] = np.nan
    low, high = at(ConformalIntervals.calibrate(residuals, np.ones((100, 3))), [0.1, 0.9]).unbind(
        -1
    )
    width = high - low
    torch.testing.assert_close(width[3, 2], width[3, :2].mean(), rtol=0.1, atol=0)
    assert width.min() > 1
    residuals[..., 0] = 0
    assert at(ConformalIntervals.calibrate(residuals, np.ones((100, 3))), [0.1, 0.9])[
        3, 0
    ].tolist() == [
        0,
        0,
    ]


def test_few_windows_of_many_series_reach_far():
    intervals = calibrated(windows=4, horizon=6, channels=100)
    width = np.ptp(at(intervals, [0.025, 0.975]).numpy(), axis=-1)
    assert np.isfinite(width).all()
    assert width.mean() > 2 * 1.96 * 1.2  # four windows are few to know a spread from


def test_what_the_windows_cannot_tell_is_said():
    few = calibrated(windows=3, horizon=3, channels=1)
    with pytest.raises(
        InputError, match=r"interval of 95 % is beyond .*--level goes up to 80 with"
    ):
        at(few, [0.025, 0.975])
    at(few, [0.1, 0.9])
    with pytest.raises(
        InputError, match=r"interval of 99.98 % is beyond .*goes up to 99.9 with them"
    ):
        at(calibrated(windows=4000), [0.9999])
    with pytest.raises(InputError, match="no value of the calibration windows was observed"):
        ConformalIntervals.calibrate(np.full((3, 2, 1), np.nan), np.ones((3, 1)))


def test_levels_between_those_kept_are_interpolated():
    intervals = calibrated(windows=4000, channels=1)
    levels = np.array([0.07, 0.33, 0.85, 0.985])
    found = at(intervals, levels.tolist()).numpy()
    np.testing.assert_allclose(found, np.broadcast_to(ndtri(levels), found.shape), atol=0.12)
    kept = at(intervals, QUANTILE_GRID.tolist()).numpy()
    np.testing.assert_allclose(kept, np.moveaxis(intervals.scores, 0, -1), rtol=1e-6, atol=1e-6)


def test_percent_and_shares_are_told_apart():
    assert interval_quantiles(95) == (0.025, 0.975)
    assert interval_quantiles(99.5) == (0.0025, 0.9975)
    with pytest.raises(InputError, match=r"a level is in percent but got 0.8; pass 80"):
        interval_quantiles(0.8)
    for wrong in (0, 100, -5, 101.0, float("nan")):
        with pytest.raises(InputError, match="from 1 to below 100, but got"):
            interval_quantiles(wrong)
