"""Synthetic processes against theory, and their Bayes forecasts against other forecasts."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revin_forecast.shift.processes import (
    AR,
    PROCESSES,
    LevelDependent,
    RandomWalk,
    RegimeSwitching,
    SineMixture,
)
from revin_forecast.shift.processes.base import to_student_t

ROWS = 40_000


def windows(values, lookback, horizon, stride=1):
    """Return past, truth and first row of each window."""
    view = np.lib.stride_tricks.sliding_window_view(values, lookback + horizon, axis=0)
    view = view[::stride].transpose(0, 2, 1)
    rows = np.arange(0, len(values) - lookback - horizon + 1, stride)
    return view[:, :lookback], view[:, lookback:], rows


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_values_depend_on_the_seed_only(process):
    values = process.simulate()
    assert len(values) == process.rows
    assert values.tobytes() == process.simulate().tobytes()
    assert np.isfinite(values).all()
    assert not np.allclose(values, replace(process, seed=1).simulate())
    past, truth, rows = windows(values[:300], 96, 24, stride=200)
    assert process.expectation(past, rows, 24).shape == truth.shape
    assert process.make_variant("holiday", 1.0) is None
    assert hash(process) == hash(replace(process, seed=0))


@pytest.mark.parametrize(
    "process",
    [
        SineMixture(ROWS),
        AR(ROWS, phi=0.8, correlation=0.5),
        AR(ROWS, phi=-0.5),
        AR(ROWS, phi=0.3, degrees_of_freedom=5.0),
        RegimeSwitching(ROWS, dwell=50, channels=8),
        LevelDependent(channels=2000, lookback=20, horizon=4),
    ],
    ids=lambda process: type(process).__name__,
)
def test_mean_0_and_variance_1(process):
    values = process.simulate()
    assert abs(values.mean()) < 0.05
    assert values.var() == pytest.approx(1, abs=0.05)


def test_stationary_from_the_first_row():
    first = AR(2, channels=20_000, phi=0.95).simulate()[0]
    assert first.var() == pytest.approx(1, rel=0.05)
    levels = RegimeSwitching(2, channels=20_000).levels[0]
    assert abs(levels.mean()) < 0.03


def autocovariance(values, lag):
    return (values[lag:] * values[: len(values) - lag]).mean()


@pytest.mark.parametrize("lag", [1, 2, 5, 24])
def test_autocovariance(lag):
    sine = SineMixture(ROWS)
    pairs = zip(sine.periods, sine.powers, strict=True)
    expected = sum(power * np.cos(2 * np.pi * lag / period) for period, power in pairs)
    assert autocovariance(sine.simulate(), lag) == pytest.approx(expected, abs=0.02)
    ar = AR(ROWS, phi=0.8, noise=0.5)
    assert autocovariance(ar.simulate(), lag) == pytest.approx(0.8**lag, abs=0.04)
    regime = RegimeSwitching(ROWS, dwell=50, channels=8)
    expected = 0.64 * (1 - 2 / 50) ** lag + 0.36 * 0.7**lag
    assert autocovariance(regime.simulate(), lag) == pytest.approx(expected, abs=0.04)


def test_dwell():
    levels = RegimeSwitching(ROWS, dwell=100).levels
    assert set(np.unique(levels)) == {-0.8, 0.8}
    assert (np.diff(levels, axis=0) != 0).mean() == pytest.approx(1 / 100, rel=0.15)
    assert RegimeSwitching().dwell == 384


def test_random_walk_has_a_variance_near_1():
    values = np.concatenate([RandomWalk(seed=seed).simulate() for seed in range(40)], axis=1)
    assert np.median(values.var(axis=0)) == pytest.approx(0.8, abs=0.25)
    steps = np.diff(values, axis=0)
    assert steps.std() == pytest.approx(RandomWalk().step_deviation, rel=0.01)
    assert abs(autocovariance(steps, 1)) < 0.01 * steps.var()


@pytest.mark.parametrize("correlation", [0.6, -0.6])
def test_correlation(correlation):
    correlations = np.corrcoef(AR(ROWS, phi=0.5, channels=3, correlation=correlation).simulate().T)
    expected = AR(channels=3, correlation=correlation).covariance
    np.testing.assert_allclose(correlations, expected, atol=0.03)
    assert expected[1, 2] == pytest.approx(0.36)


def errors_by_step(process, lookback=8, horizon=6):
    """Return (horizon,) mean squared errors of the Bayes forecast."""
    past, truth, rows = windows(process.simulate(), lookback, horizon)
    return ((process.expectation(past, rows, horizon) - truth) ** 2).mean(axis=(0, 2))


def test_errors_agree_with_theory():
    ahead = np.arange(1, 7)
    np.testing.assert_allclose(errors_by_step(AR(ROWS, phi=0.8)), 1 - 0.8 ** (2 * ahead), rtol=0.05)
    np.testing.assert_allclose(errors_by_step(SineMixture(ROWS)), 0.3**2, rtol=0.05)
    walk = RandomWalk(ROWS)
    np.testing.assert_allclose(errors_by_step(walk), walk.step_deviation**2 * ahead, rtol=0.05)
    regime = RegimeSwitching(ROWS, dwell=50, channels=8)
    expected = 0.64 * (1 - 0.96 ** (2 * ahead)) + 0.36 * (1 - 0.7 ** (2 * ahead))
    np.testing.assert_allclose(errors_by_step(regime), expected, rtol=0.1)


@pytest.mark.parametrize(
    "process",
    [
        AR(6000, phi=0.8, noise=0.6, channels=2, correlation=0.7),
        AR(6000, phi=-0.6, channels=2),
        RegimeSwitching(6000, dwell=60),
        SineMixture(6000),
        RandomWalk(6000),
    ],
    ids=lambda process: type(process).__name__,
)
def test_bayes_forecast_beats_linear_forecasts(process):
    """The linear forecast is fitted on the scored windows, which favours it."""
    past, truth, rows = windows(process.simulate(), 12, 4, stride=3)
    best = ((process.expectation(past, rows, 4) - truth) ** 2).mean()
    inputs = past.reshape(len(past), -1)
    linear = inputs @ np.linalg.lstsq(inputs, truth.reshape(len(truth), -1), rcond=None)[0]
    for other in (
        np.zeros_like(truth),
        np.repeat(past[:, -1:], 4, axis=1),
        np.repeat(past.mean(axis=1, keepdims=True), 4, axis=1),
        linear.reshape(truth.shape),
    ):
        # Fitting on the scored windows lowers the error by the share inputs / windows.
        slack = 1 - inputs.shape[1] / len(past)
        assert best * slack * 0.99 <= ((other - truth) ** 2).mean()


def dense_expectation(process, past, horizon):
    """Return the conditional mean from the full covariance matrix of each window."""
    _, lookback, channels = past.shape
    steps = np.arange(lookback + horizon)
    time = process.phi ** abs(steps[:, None] - steps)
    joint = np.kron(time, process.covariance)
    known = lookback * channels
    expected = []
    for window in past:
        values = window.ravel()
        observed = np.flatnonzero(np.isfinite(values))
        inner = joint[np.ix_(observed, observed)] + process.noise**2 * np.eye(len(observed))
        expected.append(joint[known:][:, observed] @ np.linalg.solve(inner, values[observed]))
    return np.reshape(expected, (len(past), horizon, channels))


@settings(max_examples=25)
@given(
    phi=st.sampled_from([-0.7, 0.0, 0.5, 0.9]),
    noise=st.sampled_from([0.0, 0.4]),
    correlation=st.sampled_from([0.0, 0.8, -0.5]),
    gaps=st.sampled_from([0.0, 0.3, 0.9, 1.0]),
)
def test_the_filter_is_the_exact_conditional_expectation(phi, noise, correlation, gaps):
    process = AR(60, phi=phi, noise=noise, correlation=correlation, channels=3)
    past, _, rows = windows(process.simulate(), 7, 3, stride=10)
    past = np.where(np.random.default_rng(0).random(past.shape) < gaps, np.nan, past)
    filtered = process.expectation(past, rows, 3)
    np.testing.assert_allclose(filtered, dense_expectation(process, past, 3), atol=1e-8)


def test_equal_channels():
    process = AR(50, channels=2, correlation=1.0)
    past, _, rows = windows(process.simulate(), 6, 2, stride=10)
    expected = past[:, -1:] * np.array([0.9, 0.81])[:, None]
    np.testing.assert_allclose(process.expectation(past, rows, 2), expected)


def test_gaps_before_the_forecast():
    past = np.full((1, 5, 1), np.nan)
    past[0, 2] = 2.0
    row = np.array([10])
    np.testing.assert_allclose(RandomWalk(channels=1).expectation(past, row, 2), 2.0)
    assert not RandomWalk(channels=1).expectation(past * np.nan, row, 2).any()
    process = RegimeSwitching(channels=1)
    level, persistence = process.levels[12:15, 0], (1 - 2 / 384) ** np.array([1, 2])
    expected = persistence * level[2] + 0.7 ** np.array([3, 4]) * (2 - level[0])
    np.testing.assert_allclose(process.expectation(past, row, 2)[0, :, 0], expected)
    unobserved = process.expectation(past * np.nan, row, 2)[0, :, 0]
    np.testing.assert_allclose(unobserved, persistence * level[2])


def innovations(process):
    values = process.simulate()
    return (values[1:] - process.phi * values[:-1]) / np.sqrt(1 - process.phi**2)


def test_variants_have_the_same_innovations():
    process = AR(3000, phi=0.9, channels=2, correlation=0.5)
    plain = innovations(process)
    for shift, knob, phi in (("regime", 0.5, 0.55), ("concept", 0.2, 0.54), ("concept", 1.0, -0.9)):
        variant = process.make_variant(shift, knob)
        assert variant.phi == pytest.approx(phi)
        np.testing.assert_allclose(innovations(variant), plain, atol=1e-9)
    noisier = process.make_variant("noise", 1.0)
    assert noisier.noise**2 == pytest.approx(3 * 0.1)
    added = noisier.simulate() - process.simulate()
    assert added.var() == pytest.approx(0.3, rel=0.1)
    twice = process.make_variant("noise", 2.0)
    ratio = twice.noise / noisier.noise
    np.testing.assert_allclose(twice.simulate() - process.simulate(), ratio * added)
    other = process.make_variant("channels", 0.8)
    assert other.correlation == pytest.approx(-0.3)
    np.testing.assert_allclose(other.simulate()[:, 0], process.simulate()[:, 0])
    heavy = innovations(process.make_variant("tails", 3.0))
    np.testing.assert_array_equal(np.argsort(heavy[:, 0]), np.argsort(plain[:, 0]))


def test_variants_of_sines():
    process = SineMixture(4000)
    rows = np.arange(4000)
    noise = process.simulate() - process.signal(rows)
    noisier = process.make_variant("noise", 0.5)
    np.testing.assert_allclose(noisier.simulate() - process.signal(rows), 1.5 * noise)
    other = process.make_variant("regime", 1.0)
    assert other.periods == (36.0, 18.0, 12.0)
    assert other.powers == process.powers[::-1]
    assert sum(process.make_variant("regime", 0.4).powers) == pytest.approx(0.91)
    np.testing.assert_allclose(other.simulate() - other.signal(rows), noise)
    heavy = process.make_variant("tails", 2.5).simulate() - process.signal(rows)
    np.testing.assert_array_equal(np.sign(heavy), np.sign(noise))
    assert abs(heavy).max() > 2 * abs(noise).max()


def test_error_under_a_wrong_concept_agrees_with_theory():
    """A forecast with phi of a process with phi' has error 1 - phi'^2 + (phi - phi')^2."""
    process = AR(ROWS, phi=0.8)
    past, truth, rows = windows(process.make_variant("concept", 0.4).simulate(), 4, 1)
    error = ((process.expectation(past, rows, 1) - truth) ** 2).mean()
    assert error == pytest.approx(1 - 0.16**2 + 0.64**2, rel=0.03)


@pytest.mark.parametrize("strength", LevelDependent.strengths)
def test_level_dependent(strength):
    process = LevelDependent(strength=strength, lookback=24, horizon=12)
    assert process == LevelDependent().with_windows(
        24, 12, LevelDependent.strengths.index(strength)
    )
    values = process.simulate()
    assert values.shape == (3 * 36, 500)
    blocks = values.reshape(3, 36, 500)
    past, truth = blocks[:, :24], blocks[:, 24:]
    rows = np.array([0, 36, 72])
    error = process.expectation(past, rows, 12) - truth
    assert (error**2).mean() == pytest.approx(0.1**2, rel=0.1)
    level = past.mean(axis=1, keepdims=True)
    assert ((truth - level) ** 2).mean() == pytest.approx(strength**2 + 0.01, rel=0.1)
    signs = np.sign(level[:, 0])
    assert abs(np.corrcoef(signs)[np.triu_indices(3, 1)]).max() < 0.15
    without_dependence = LevelDependent(lookback=24, horizon=12).simulate().reshape(3, 36, 500)
    np.testing.assert_allclose(past, without_dependence[:, :24])
    unobserved = process.expectation(past * np.nan, rows, 12)
    assert not unobserved.any()


def test_expected_sign_under_strong_noise():
    """The expectation agrees with Bayes's rule for the two densities."""
    process = LevelDependent(strength=1.0, lookback=4, horizon=2, channels=50, noise=2.0)
    past = process.simulate()[:4]
    above, below = (np.exp(-((past - m) ** 2) / 8).prod(axis=0) for m in (1, -1))
    expected = 2 * (above - below) / (above + below)
    expectation = process.expectation(past[None], np.array([0]), 2)
    np.testing.assert_allclose(expectation, np.broadcast_to(expected, (1, 2, 50)))


def test_student_t_keeps_ranks_and_variance():
    normals = np.random.default_rng(0).standard_normal(200_000)
    assert to_student_t(normals, np.inf) is normals
    order = np.argsort(normals)
    for freedom in (10.0, 5.0):
        moved = to_student_t(normals, freedom)
        assert (np.diff(moved[order]) >= 0).all()
        assert moved.var() == pytest.approx(1, rel=0.03)
    assert np.isfinite(to_student_t(np.array([-12.0, 12.0]), 2.5)).all()
