"""Online baselines: they see no label before its time, and learn what a fresh fit would."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from revin_forecast.backbones import Ridge
from revin_forecast.closed_form import fit_ridge
from revin_forecast.errors import InputError
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import Identity, RevIN
from revin_forecast.shift.measuring.fracast import Fracast, load_network
from revin_forecast.shift.measuring.online import (
    ClosedFormUpdate,
    LevelAdaptation,
    Refit,
    Stream,
    trailing_errors,
)

LOOKBACK, HORIZON, TRAIN, STRIDE = 12, 4, 300, 3


def make_model(normalizer):
    model = Reversible(Ridge(LOOKBACK, HORIZON, 2, penalties=[1e-3]), normalizer)
    fit_ridge(model, torch.from_numpy(make_readings()[:TRAIN]))
    return model.eval()


def make_readings():
    steps = np.random.default_rng(0).normal(size=(500, 2))
    readings = np.zeros((500, 2))
    for row in range(1, 500):
        readings[row] = 0.8 * readings[row - 1] + steps[row]
    readings[TRAIN + 40 :] += 3
    return readings


def make_stream(readings):
    starts = np.arange(TRAIN, len(readings) - LOOKBACK - HORIZON + 1, STRIDE)
    past = readings[starts[:, None] + np.arange(LOOKBACK)].astype(np.float32)
    return Stream(readings, starts, torch.from_numpy(past), HORIZON)


LEARNERS = [LevelAdaptation(), ClosedFormUpdate((1e-3,)), Refit((1e-3,), TRAIN)]


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda learner: learner.name)
@pytest.mark.parametrize("normalizer", [Identity, RevIN])
def test_no_label_is_known_before_its_time(learner, normalizer):
    model = make_model(normalizer(2))
    stream = make_stream(make_readings())
    forecasts = learner.forecast(model, stream)
    middle = len(stream.starts) // 2
    changed = stream.readings.copy()
    changed[stream.origins[middle] :] += 100
    later = Stream(changed, stream.starts, stream.past, HORIZON)
    again = learner.forecast(model, later)
    np.testing.assert_array_equal(forecasts[: middle + 1], again[: middle + 1])
    assert not np.allclose(forecasts[-1], again[-1])


def test_update_is_a_fresh_fit_on_all_rows_so_far():
    stream = make_stream(make_readings())
    forecasts = ClosedFormUpdate((1e-3,)).forecast(make_model(Identity(2)), stream)
    last = np.array_split(np.arange(len(stream.starts)), 12)[-1]
    known = stream.readings[: stream.origins[last[0]]]
    fresh = Reversible(Ridge(LOOKBACK, HORIZON, 2, penalties=[1e-3]), Identity(2))
    fit_ridge(fresh, torch.from_numpy(known))
    with torch.no_grad():
        expected = fresh.eval()(stream.past[last[0] :]).numpy()
    np.testing.assert_allclose(forecasts[last[0] :], expected, atol=1e-5)


def test_trailing_errors_are_a_mean_with_a_half_life_of_one_horizon():
    readings = make_readings()
    readings[330:333, 0] = np.nan
    stream = make_stream(readings)
    forecasts = np.random.default_rng(1).normal(size=(len(stream.starts), HORIZON, 2))
    means = trailing_errors(forecasts, stream)
    assert not means[0].any(), "at the first origin, nothing has come true"
    for index in (5, 17, len(means) - 1):
        ages = (stream.starts[index] - stream.starts - HORIZON) / HORIZON
        passed = ages >= 0
        errors = np.nanmean((stream.labels() - forecasts)[passed], axis=1)
        weights = 0.5 ** ages[passed]
        expected = (weights[:, None] * errors).sum(axis=0) / weights.sum()
        np.testing.assert_allclose(means[index], expected, rtol=1e-9)


def test_learning_pays_after_a_change_of_the_level():
    stream = make_stream(make_readings())
    model = make_model(Identity(2))
    with torch.no_grad():
        frozen = np.abs(model(stream.past).numpy() - stream.labels()).mean()
    for learner in LEARNERS:
        error = np.abs(learner.forecast(model, stream) - stream.labels()).mean()
        assert error < 0.97 * frozen, learner.name


class FakeNetwork:
    """Quantiles around the last observed value, in the layout of the package `fracast`."""

    quantiles = (0.1, 0.5, 0.9)

    @classmethod
    def from_pretrained(cls, weights):
        return cls()

    def forecast_batch(self, rows, horizon):
        assert np.isfinite(rows).sum(axis=1).min() >= 8
        last = np.array([row[np.isfinite(row)][-1] for row in rows])
        return last[:, None, None] + np.array([-1.0, 0, 1]) + np.zeros((1, horizon, 1))


def test_fracast_returns_medians_and_survives_gaps(monkeypatch):
    load_network.cache_clear()
    monkeypatch.setitem(sys.modules, "fracast", SimpleNamespace(FracastModel=FakeNetwork))
    past = torch.randn(3, 20, 2)
    past[1, :, 0] = float("nan")
    past[2, 3:, 1] = float("nan")
    future = Fracast(20, 5, 2)(past, past.isfinite())
    load_network.cache_clear()
    assert future.shape == (3, 5, 2)
    assert torch.equal(future[0], past[0, -1:].expand(5, 2))
    assert torch.equal(future[1, :, 0], torch.zeros(5)), "nothing observed"
    assert torch.equal(future[2, :, 1], past[2, 2, 1].expand(5)), "3 values are too few"


def test_fracast_says_how_to_install_it(monkeypatch):
    load_network.cache_clear()
    monkeypatch.setitem(sys.modules, "fracast", None)
    with pytest.raises(InputError, match=r"needs the package fracast\. Install it with pip"):
        Fracast(20, 5, 2)
