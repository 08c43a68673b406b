"""Averaged exponential smoothing: equivariance, gaps, origins, logarithms and its messages."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from revin_forecast import Reversible, RevIN
from revin_forecast.backbones import ETS, ets
from revin_forecast.backbones.ets import forecast_by_smoothing
from revin_forecast.backbones.smoothing_grid import SmoothingGrid

close = torch.testing.assert_close
HORIZON = 6


def sample_series(rows, count=3, season=4, seed=0):
    """Return positive series (rows, count) with a trend, a season and noise."""
    time = torch.arange(rows, dtype=torch.float64).unsqueeze(1)
    seasons = torch.sin(2 * torch.pi * (time / season + torch.arange(count) / count))
    noise = torch.randn(rows, count, generator=torch.Generator().manual_seed(seed)).double()
    return 40 + torch.arange(count) * time / 5 + 4 * seasons + noise.cumsum(0) / 2


def smooth(values, season=4, observed=None, zero=None, origins=None):
    """Return the forecasts from several origins, or the forecast from the end."""
    zero = None if zero is None else torch.as_tensor(zero).to(values).expand(values.shape[1])
    at_end = origins is None
    forecasts = forecast_by_smoothing(
        values, observed, season, HORIZON, [len(values)] if at_end else origins, zero
    )
    return forecasts[0] if at_end else forecasts


@given(scale=st.floats(1e-6, 1e6), offset=st.floats(-1e3, 1e3), season=st.sampled_from([1, 4, 12]))
@settings(max_examples=15, deadline=None)
def test_forecasts_move_with_the_data(scale, offset, season):
    values = sample_series(30)
    expected = smooth(values, season).values
    moved = smooth(scale * (values + offset), season).values
    close(moved / scale - offset, expected, rtol=0, atol=1e-8 * max(1, abs(offset)))


@given(scale=st.floats(1e-6, 1e6), offset=st.floats(-1e3, 1e3))
@settings(max_examples=15, deadline=None)
def test_logarithms_move_with_the_scale_and_their_zero(scale, offset):
    values = sample_series(30)
    expected = smooth(values, zero=0.0)
    assert (expected.log_share > 0.01).any()
    moved = smooth(scale * (values + offset), zero=scale * offset)
    close(moved.log_share, expected.log_share, rtol=0, atol=1e-6)
    close(moved.values / scale - offset, expected.values, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("season", [1, 4, 12])
@pytest.mark.parametrize("zero", [None, 0.0])
def test_rows_before_a_series_begins_change_nothing(season, zero):
    values = sample_series(30)
    expected = smooth(values, season, zero=zero)
    for rows in (1, 2, 3, 7, 40):
        padded = torch.cat([torch.full((rows, 3), 1e6).double(), values])
        observed = (torch.arange(rows + 30) >= rows).unsqueeze(1).expand(-1, 3)
        shifted = smooth(padded, season, observed, zero)
        close(shifted.values, expected.values, rtol=1e-12, atol=1e-12)
        close(shifted.log_share, expected.log_share, rtol=1e-9, atol=1e-12)
        assert shifted.best.equal(expected.best)


def test_series_that_begin_at_different_rows_share_a_pass():
    values, first = sample_series(40), (0, 5, 17)
    observed = torch.arange(40).unsqueeze(1) >= torch.tensor(first)
    together = smooth(values, observed=observed, zero=0.0).values
    for column, row in enumerate(first):
        alone = smooth(values[row:, column : column + 1], zero=0.0).values
        close(together[:, column : column + 1], alone, rtol=1e-12, atol=1e-12)


def test_unobserved_values_do_not_matter():
    values = sample_series(40)
    observed = torch.rand(40, 3, generator=torch.Generator().manual_seed(1)) < 0.8
    expected = smooth(values, observed=observed, zero=0.0).values
    for filler in (0.0, -1e9, torch.nan, torch.inf):
        changed = torch.where(observed, values, filler)
        close(smooth(changed, observed=observed, zero=0.0).values, expected, rtol=0, atol=0)
    assert (expected - smooth(values, zero=0.0).values).abs().max() < 3


def test_a_line_with_gaps_is_continued():
    values = torch.arange(30.0).double().unsqueeze(1) * 2 + 5
    observed = torch.ones(30, 1, dtype=torch.bool)
    observed[[0, 1, 9, 10, 20, 28, 29]] = False
    expected = 5 + 2 * torch.arange(30.0, 30 + HORIZON).double()
    close(smooth(values, 1, observed).values.flatten(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("zero", [None, 0.0])
@pytest.mark.parametrize("season", [1, 4])
def test_series_without_values_or_changes_are_finite(season, zero):
    values = torch.tensor([7.0, 0.0, 3.0, 5.0]).double().expand(20, 4)
    observed = torch.ones(20, 4, dtype=torch.bool)
    observed[:, 2] = False
    observed[:-1, 3] = False
    forecast = smooth(values, season, observed, zero)
    close(forecast.values, torch.tensor([7.0, 0.0, 0.0, 5.0]).double().expand(HORIZON, 4))
    assert forecast.log_share.isfinite().all()


@given(rows=st.integers(1, 14), season=st.integers(1, 8), horizon=st.integers(1, 9))
@settings(max_examples=30, deadline=None)
def test_windows_of_any_length_have_a_finite_forecast(rows, season, horizon):
    values = sample_series(rows)
    origins = list(range(1, rows + 1))
    for forecast in forecast_by_smoothing(values, None, season, horizon, origins, torch.zeros(3)):
        assert forecast.values.shape == (horizon, 3)
        assert forecast.values.isfinite().all()


@pytest.mark.parametrize("season", [1, 4])
@pytest.mark.parametrize("zero", [None, 0.0])
def test_forecasts_from_many_origins_are_those_of_single_passes(season, zero):
    values = sample_series(45)
    values[30, 0] = -3  # from here on, this series has no logarithms
    values[40, 1] = 500
    origins = [max(12, 3 * season), 20, 29, 31, 45]
    for origin, forecast in zip(
        origins, smooth(values, season, zero=zero, origins=origins), strict=True
    ):
        alone = smooth(values[:origin], season, zero=zero)
        close(forecast.values, alone.values, rtol=1e-9, atol=1e-9)
        close(forecast.log_share, alone.log_share, rtol=1e-9, atol=1e-12)


def test_chunks_of_series_give_the_same(monkeypatch):
    values = sample_series(30, count=7)
    observed = torch.rand(30, 7, generator=torch.Generator().manual_seed(1)) < 0.9
    zero = torch.linspace(0, 6, 7).double()
    whole = forecast_by_smoothing(values, observed, 4, HORIZON, [20, 30], zero)
    monkeypatch.setattr(ets, "MAX_CHUNK_STATES", 2 * 2 * len(SmoothingGrid.for_season(4).rows))
    for one, parts in zip(
        whole, forecast_by_smoothing(values, observed, 4, HORIZON, [20, 30], zero), strict=True
    ):
        close(parts.values, one.values, rtol=1e-12, atol=1e-12)
        close(parts.log_share, one.log_share, rtol=1e-12, atol=1e-12)
        assert parts.best.equal(one.best)


def test_exponential_growth_is_on_logarithms_and_a_line_is_not():
    time = torch.arange(30.0).double()
    noise = torch.randn(30, generator=torch.Generator().manual_seed(0)).double()
    growth = torch.exp(0.1 * time + 0.03 * noise)
    line = 50 + 2 * time + noise
    forecast = smooth(torch.stack([growth, line], dim=1), 1, zero=0.0)
    assert forecast.log_share[0] > 0.99
    assert forecast.log_share[1] < 0.5
    count = len(SmoothingGrid.for_season(1).rows)
    assert forecast.best[0] >= count > forecast.best[1]
    ahead = torch.exp(0.1 * (30 + torch.arange(HORIZON)))
    assert (forecast.values[:, 0] / ahead).log().abs().max() < 0.15


def test_growth_on_logarithms_is_capped():
    values = 10.0 ** torch.arange(-5.9, 0.1, 0.5).double().unsqueeze(1)  # up to 0.4
    forecast = smooth(values, 1, zero=0.0)
    assert forecast.log_share > 0.999
    growth = (forecast.values / values.amax()).flatten()
    close(growth[0], torch.tensor(10.0**0.5).double(), rtol=0.02, atol=0)
    close(growth[-1], torch.tensor(10.0**3).double(), rtol=0.02, atol=0)
    far = forecast_by_smoothing(values, None, 1, 40, [12], torch.zeros(1).double())[0].values
    assert (far / values.amax()).amax() <= 1000 * (1 + 1e-9)


@pytest.mark.parametrize("zero", [torch.nan, 38.0, 1e4])
def test_a_series_with_a_value_below_zero_has_no_logarithms(zero):
    values = sample_series(30)
    without = smooth(values)
    forecast = smooth(values, zero=zero)
    assert (values.amin(0) < (zero if zero == zero else torch.inf)).all()
    assert forecast.log_share.tolist() == [0, 0, 0]
    close(forecast.values, without.values)


def test_a_rounded_zero_has_no_logarithm():
    values = torch.exp(0.2 * torch.arange(30.0).double()).unsqueeze(1)
    values[3] = 0
    mean, deviation = values.mean(), values.std()
    standardized = ((values - mean) / deviation).float().double()
    zero = (-mean / deviation).float().double() - 1e-8
    assert (standardized > zero).all()
    assert smooth(standardized, 1, zero=zero).log_share == 0


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_the_backbone_computes_in_float64(dtype):
    values = sample_series(24)
    model = ETS(24, HORIZON, 3, season=4, logs=True)
    past = values.T.reshape(3, 24, 1).expand(-1, -1, 3).to(dtype)
    forecast = model(past)
    assert forecast.dtype == dtype
    rounded = past.double()[:, :, 0].T
    expected = smooth(rounded, zero=0.0).values.T.unsqueeze(2).expand(-1, -1, 3)
    close(forecast, expected.to(dtype))


@pytest.mark.parametrize("zero", [None, 0.0])
def test_single_precision_is_enough_where_there_is_no_other(zero):
    values = sample_series(40)
    forecast = smooth(values.float(), zero=None if zero is None else torch.zeros(3)).values
    assert forecast.dtype == torch.float32
    close(forecast.double(), smooth(values, zero=zero).values, rtol=1e-3, atol=0)


@pytest.mark.slow
@pytest.mark.usefixtures("plain_shapes")
@pytest.mark.parametrize("logs", [False, True])
def test_constants_are_on_the_device_of_the_windows(logs):
    """The meta device has no values, but it refuses tensors of another device."""
    model = Reversible(ETS(20, HORIZON, 2, season=4, logs=logs), RevIN(2)).to("meta")
    past = torch.zeros(3, 20, 2, device="meta")
    forecast = torch.export.export(model, (past,)).module()(past)
    assert (forecast.device, forecast.shape) == (past.device, (3, HORIZON, 2))


def test_zero_belongs_to_a_model_with_logarithms():
    assert ETS(24, 3, 2, season=4).state_dict() == {}
    model = ETS(24, 3, 2, season=4, logs=True)
    assert list(model.state_dict()) == ["zero"]
    model.zero.copy_(torch.tensor([-50.0, torch.nan]))
    past = sample_series(24, count=2).reshape(1, 24, 2) - 40
    loaded = ETS(24, 3, 2, season=4, logs=True)
    loaded.load_state_dict(model.state_dict())
    for twin in (loaded, copy.deepcopy(model), copy.deepcopy(model).double()):
        close(twin(past), model(past), rtol=0, atol=0)
    expected = forecast_by_smoothing(past[0], None, 4, 3, [24], model.zero.double())[0]
    assert expected.log_share[0] > 0.01
    assert expected.log_share[1] == 0
    close(model(past)[0], expected.values, rtol=0, atol=0)


def test_gaps_at_the_beginning_of_a_window_in_a_normalizer():
    values = sample_series(40, count=1)
    model = Reversible(ETS(40, HORIZON, 1, season=4), RevIN(1)).double()
    shorter = Reversible(ETS(31, HORIZON, 1, season=4), RevIN(1)).double()
    past = values.reshape(1, 40, 1).clone()
    past[:, :9] = torch.nan
    close(model(past), shorter(past[:, 9:]), rtol=1e-9, atol=1e-9)


@pytest.mark.usefixtures("plain_shapes")
def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match=r"ETS needs season >= 1 but got 0\."):
        ETS(10, 2, 1, season=0)
    with pytest.raises(ValueError, match=r"ETS was built for \(batch, 10, 1\) but got \(2, 9, 1\)"):
        ETS(10, 2, 1)(torch.zeros(2, 9, 1))
    observed = torch.ones(2, 9, 1, dtype=torch.bool)
    with pytest.raises(ValueError, match=r"windows of \(2, 10, 1\) but observed of \(2, 9, 1\)"):
        ETS(10, 2, 1)(torch.zeros(2, 10, 1), observed)
    for origins in ([], [0], [3, 2], [2, 2], [11]):
        with pytest.raises(ValueError, match="ascending origins from 1 to 10.* but got"):
            smooth(torch.zeros(10, 1).double(), origins=origins)


def test_a_few_doublings_are_no_exponential_growth():
    def forecast(rows):
        past = 2.0 ** torch.arange(rows, dtype=torch.float64).reshape(1, rows, 1)
        return float(ETS(rows, 6, 1, logs=True)(past)[0, -1, 0] / past[0, -1, 0])

    assert forecast(3) < 6
    assert forecast(20) == pytest.approx(64, rel=0.3)
