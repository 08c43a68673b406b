"""Each shift against its formula in plain loops, and its effect."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import lambertw

from revin_forecast.shift import generators
from revin_forecast.shift.dataset import ShiftDataset
from revin_forecast.shift.generators.channels import _draw_lags
from revin_forecast.shift.generators.tails import lambert_w
from revin_forecast.shift.measuring.cell import Cell
from revin_forecast.shift.measuring.windows import clean_windows, shifted_windows
from revin_forecast.shift.processes import AR, SineMixture
from revin_forecast.shift.shift import ShiftOnset
from tests.support.shift_datasets import (
    DATASETS,
    HORIZON,
    LOOKBACK,
    WIDTH,
    make_dataset,
    make_real_dataset,
    make_synthetic_dataset,
    shifted_severities,
    steady_onset,
    window_onset,
)


def displacement(shift, dataset, onset, severity):
    return shift.apply_severity(dataset, onset, severity) - dataset.values[onset.rows]


def test_level_and_sensor_offset():
    dataset = make_real_dataset(gaps=False)
    for shift in (generators.Level(), generators.SensorOffset()):
        moved = displacement(shift, dataset, steady_onset(dataset), 3)
        signs = moved[0] / shift.knobs[3]
        np.testing.assert_allclose(abs(signs), 1)
        np.testing.assert_allclose(moved, np.tile(moved[0], (len(moved), 1)))
        assert len(set(signs.round())) == 2, "both signs among seven channels"


def test_scale_and_sensor_gain():
    dataset = make_real_dataset(gaps=False)
    onset = steady_onset(dataset)
    for kind in (generators.Scale, generators.SensorGain):
        np.testing.assert_allclose(
            kind("up").apply_severity(dataset, onset, 4), 3 * dataset.values[onset.rows]
        )
        np.testing.assert_allclose(
            kind("down").apply_severity(dataset, onset, 4), dataset.values[onset.rows] / 3
        )


def test_trend():
    dataset = make_real_dataset(gaps=False)
    onset = window_onset(dataset, 10)
    moved = displacement(generators.TrendDrift(), dataset, onset, 5)
    signs = np.sign(moved[0, -1])
    for window in (0, 3):
        for step in range(WIDTH):
            since = max(step - (LOOKBACK - 10), 0)
            np.testing.assert_allclose(moved[window, step], signs * 4 / WIDTH * since, atol=1e-9)


def test_random_walk():
    """Steps have variance S^2 / W and belong to their rows; each window has its own path."""
    dataset = make_real_dataset(gaps=False, rows=4000)
    shift = generators.RandomWalkDrift()
    path = displacement(shift, dataset, steady_onset(dataset), 5)
    steps = np.diff(path, axis=0, prepend=0)
    assert (steps**2).mean() == pytest.approx(16 / WIDTH, rel=0.05)
    assert abs(np.corrcoef(steps[1:].ravel(), steps[:-1].ravel())[0, 1]) < 0.03
    onset = window_onset(dataset, 3)
    moved = displacement(shift, dataset, onset, 5)
    for window, row in ((0, dataset.start), (4, dataset.start + 28)):
        first_step = row - dataset.start + LOOKBACK - 3
        expected = np.cumsum(steps[first_step : first_step + HORIZON + 3], axis=0)
        np.testing.assert_allclose(moved[window, LOOKBACK - 3 :], expected, atol=1e-9)
    ends = moved[::6, -1].ravel()
    assert np.std(ends) == pytest.approx(4 * np.sqrt(15 / WIDTH), rel=0.15)


def test_noise():
    """The variance of the noise grows by (1 + S)^2, in real data and in a process."""
    random = np.random.default_rng(0)
    values = random.normal(size=(6000, 3)) + 3 * np.sin(np.arange(6000) / 12 * np.pi)[:, None]
    dataset = make_dataset(values, "white", 24)
    moved = generators.Noise().apply_severity(dataset, steady_onset(dataset), 4)
    change = (moved[24:] - moved[:-24]).var(axis=0), (values[724:] - values[700:-24]).var(axis=0)
    np.testing.assert_allclose(change[0] / change[1], 9, rtol=0.1)
    process = SineMixture(rows=1300)
    noise = DATASETS["sine"].values - process.signal(np.arange(1300))
    moved = generators.Noise().apply_severity(DATASETS["sine"], steady_onset(DATASETS["sine"]), 4)
    signal = process.signal(np.arange(700, 1300))
    np.testing.assert_allclose(moved, signal + 3 * noise[700:], atol=1e-9)


def test_frequency():
    dataset = make_real_dataset(channels=2, gaps=False)
    shift = generators.Frequency()
    smooth = (dataset.values[1:] + dataset.values[:-1]) / 2  # mean of each row and the one before
    for severity in shifted_severities(shift):
        moved = shift.apply_severity(dataset, steady_onset(dataset), severity)
        speed = shift.knobs[severity]
        for since in (0, 1, 10, 77, 599):
            row = dataset.start + round(speed * since, 9)
            low = int(row)
            if np.ceil(row) >= len(dataset.values):
                assert np.isnan(moved[since]).all()
                continue
            part = row - low
            expected = (1 - part) * smooth[low - 1]
            expected += part * smooth[min(low, len(smooth) - 1)]
            np.testing.assert_allclose(moved[since], expected)
        reach = shift.to_clean_steps(np.arange(600), severity)
        is_inside = dataset.start + reach < len(dataset.values)
        np.testing.assert_array_equal(np.isfinite(moved).all(axis=1), is_inside)
    assert shift.to_clean_steps(np.array([10]), 2) == [11]


def test_frequency_uses_no_row_without_weight():
    dataset = make_real_dataset(channels=1, gaps=False)
    dataset.values[dataset.start + 12] = np.nan
    # The speed is 1.1, so step 10 is row 11.
    moved = generators.Frequency().apply_severity(dataset, steady_onset(dataset), 2)
    assert np.flatnonzero(np.isnan(moved[:30, 0])).tolist() == [11, 12]


def test_frequency_moves_the_spectral_peak():
    process = SineMixture(rows=6000, periods=(24.0,), powers=(0.91,))
    dataset = make_synthetic_dataset(process, "sine")
    shift = generators.Frequency()
    for severity in shifted_severities(shift):
        moved = shift.apply_severity(dataset, ShiftOnset.from_test_start(dataset, 2400), severity)
        power = abs(np.fft.rfft(moved[:, 0])) ** 2
        peak = np.fft.rfftfreq(2400)[1 + np.argmax(power[1:])]
        assert peak * 24 == pytest.approx(shift.knobs[severity], abs=0.011)


def test_phase_and_amplitude():
    dataset = make_real_dataset(gaps=False)
    onset = window_onset(dataset, 5)
    weights = np.array([0.5, *[1.0] * 23, 0.5]) / 24
    detrended = np.full((500, 7), np.nan)
    for row in range(12, 488):
        detrended[row] = dataset.values[row] - weights @ dataset.values[row - 12 : row + 13]
    profile = np.stack([np.nanmean(detrended[step::24], axis=0) for step in range(24)])
    profile -= profile.mean(axis=0)
    phase, amplitude = generators.Phase(), generators.Amplitude()
    for severity in (1, 2, 5):
        ahead = {1: 0.75, 2: 1.5, 5: 12}[severity]
        earlier, stronger = (
            displacement(shift, dataset, onset, severity) for shift in (phase, amplitude)
        )
        for step in range(LOOKBACK - 5, WIDTH):
            row = onset.rows[2, step]
            low, part = int(row + ahead), (row + ahead) % 1
            interpolated = (1 - part) * profile[low % 24] + part * profile[(low + 1) % 24]
            np.testing.assert_allclose(
                earlier[2, step], interpolated - profile[row % 24], atol=1e-9
            )
            growth = amplitude.knobs[severity] * profile[row % 24]
            np.testing.assert_allclose(stronger[2, step], growth, atol=1e-9)


@pytest.mark.parametrize("season", [7, 12])
def test_profile_does_not_contain_the_trend(season):
    time = np.arange(season * 9 + 4)
    wave = np.random.default_rng(0).normal(size=season)
    values = (wave[time % season] + 0.3 * time - 5)[:, None]
    dataset = ShiftDataset("trend", values, len(time), 0, 4, 2, season)
    np.testing.assert_allclose(dataset.seasonal_profile[:, 0], wave - wave.mean(), atol=1e-9)
    values[season * 4 + 2] = np.nan
    with_gap = replace(dataset, values=values, cache={}).seasonal_profile[:, 0]
    np.testing.assert_allclose(with_gap, wave - wave.mean(), atol=0.1)
    # Of one season and a half, moving averages would leave phases without a value.
    rows = season + season // 2
    short = replace(dataset, train=rows, cache={}).seasonal_profile[:, 0]
    means = np.array([values[phase:rows:season].mean() for phase in range(season)])
    np.testing.assert_allclose(short, means - means.mean(), atol=1e-9)


def test_amplitude_multiplies_a_sine():
    process = SineMixture(rows=24 * 400, noise=0.3)
    dataset = make_synthetic_dataset(process, "sine")
    moved = generators.Amplitude().apply_severity(dataset, steady_onset(dataset), 4)
    rows = np.arange(dataset.start, len(dataset.values))
    noise = dataset.values[rows] - process.signal(rows)
    assert np.std(moved - noise - 3 * process.signal(rows)) < 0.2


def test_regime():
    dataset = make_real_dataset(channels=3, gaps=False)
    clean = dataset.values[dataset.start :]
    for severity, share in ((1, 0.2), (5, 1.0)):
        moved = generators.Regime().apply_severity(dataset, steady_onset(dataset), severity)
        for channel in range(3):
            donor = clean[:, (channel + 1) % 3]
            expected = np.sqrt(1 - share**2) * clean[:, channel] + share * donor
            np.testing.assert_allclose(moved[:, channel], expected)
    ar = DATASETS["ar"]
    moved = generators.Regime().apply_severity(ar, steady_onset(ar), 5)
    np.testing.assert_array_equal(moved, ar.process.make_variant("regime", 1.0).simulate()[700:])


def test_spikes():
    """Spikes of 8 deviations and both signs at the rate of the knob, nested in severity."""
    dataset = make_real_dataset(gaps=False, rows=9000)
    shift = generators.Spikes()
    moved = [
        displacement(shift, dataset, steady_onset(dataset), severity)
        for severity in shifted_severities(shift)
    ]
    for severity, spikes in zip(shifted_severities(shift), moved, strict=True):
        hit = spikes != 0
        np.testing.assert_allclose(abs(spikes[hit]), 8)
        assert hit.mean() == pytest.approx(shift.knobs[severity], rel=0.25)
        assert 0.35 < (spikes[hit] > 0).mean() < 0.65
    for low, high in pairwise(moved):
        np.testing.assert_allclose(high[low != 0], low[low != 0])


def run_lengths(lost):
    """Return the lengths of the runs of True in each column."""
    edges = np.diff(np.pad(lost.astype(int), ((1, 1), (0, 0))), axis=0)
    return np.concatenate(
        [np.flatnonzero(edge == -1) - np.flatnonzero(edge == 1) for edge in edges.T]
    )


def test_missing_blocks():
    dataset = make_real_dataset(gaps=False, rows=12000)
    shift = generators.Missing("nan")
    lost = [
        np.isnan(shift.apply_severity(dataset, steady_onset(dataset), severity))
        for severity in shifted_severities(shift)
    ]
    for severity, gaps in zip(shifted_severities(shift), lost, strict=True):
        share = shift.knobs[severity]
        assert gaps.mean() == pytest.approx(share, rel=0.15)
        # Blocks of LOOKBACK / 8 = 3 steps; neighbours that are both lost make one gap.
        assert run_lengths(gaps).mean() == pytest.approx(3 / (1 - share), rel=0.1)
    for low, high in pairwise(lost):
        assert high[low].all()
    for severity, gaps in zip(shifted_severities(shift), lost, strict=True):
        zero = generators.Missing("zero").apply_severity(dataset, steady_onset(dataset), severity)
        clean = dataset.values[dataset.start :]
        np.testing.assert_array_equal(zero, np.where(gaps, 0, clean))


def test_missing_filled_with_the_level_of_each_window():
    dataset = make_real_dataset()
    windows = {
        arm: shifted_windows(dataset, Cell(generators.Missing(arm), "observation", 5), 7).past
        for arm in ("level", "nan")
    }
    clean = clean_windows(dataset, 7).past.numpy()
    filled, gaps = (windows[arm].numpy() for arm in ("level", "nan"))
    lost = np.isnan(gaps) & ~np.isnan(clean)
    assert lost.mean() > 0.4
    assert lost.all(axis=1).any()  # no reading remains: the training mean
    for window, channel in zip(*np.nonzero(lost.any(axis=1)), strict=True):
        readings = gaps[window, :, channel][~np.isnan(gaps[window, :, channel])]
        values = filled[window, :, channel][lost[window, :, channel]]
        np.testing.assert_allclose(values, readings.mean() if len(readings) else 0, atol=1e-6)
    np.testing.assert_array_equal(filled[~lost], clean[~lost])


def test_missing_filled_forward():
    for dataset in (make_real_dataset(), make_real_dataset(channels=1)):
        gaps = np.isnan(generators.Missing("nan").apply_severity(dataset, steady_onset(dataset), 5))
        filled = generators.Missing("ffill").apply_severity(dataset, steady_onset(dataset), 5)
        clean = dataset.values[dataset.start :]
        gaps &= ~np.isnan(clean) | (filled == filled)
        for channel in range(dataset.channels):
            last = next(
                value for value in dataset.values[: dataset.start, channel][::-1] if value == value
            )
            for row in range(len(filled)):
                if gaps[row, channel]:
                    assert filled[row, channel] == last
                else:
                    np.testing.assert_array_equal(filled[row, channel], clean[row, channel])
                    last = last if np.isnan(clean[row, channel]) else clean[row, channel]


def kurtosis(values):
    return (values**4).mean(axis=0) / (values**2).mean(axis=0) ** 2


def test_tails():
    random = np.random.default_rng(0)
    dataset = make_dataset(random.normal(size=(4000, 2)), "normal", 1, train=3000, start=3200)
    training = ShiftOnset(np.arange(3000), np.arange(3000))
    shift = generators.Tails()
    last = kurtosis(dataset.train_values)
    for severity in shifted_severities(shift):
        moved = shift.apply_severity(dataset, training, severity)
        np.testing.assert_allclose(moved.std(axis=0), dataset.train_values.std(axis=0), rtol=1e-3)
        assert (kurtosis(moved) > last).all()
        last = kurtosis(moved)
        h = shift.knobs[severity]
        formula = dataset.train_values * np.exp(h * dataset.train_values**2 / 2)
        expected = formula * dataset.train_values.std(axis=0) / formula.std(axis=0)
        np.testing.assert_allclose(moved, expected, rtol=1e-3, atol=1e-3)


@settings(max_examples=30)
@given(values=st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=30), h=st.integers(1, 5))
def test_tails_are_monotone_and_invertible_everywhere(values, h):
    random = np.random.default_rng(1)
    rows = np.concatenate([random.normal(size=500), np.sort(values)])[:, None]
    dataset = ShiftDataset("tails", rows, 500, 500, 2, 1, 1)
    onset, shift = steady_onset(dataset), generators.Tails()
    moved = shift.apply_severity(dataset, onset, h)
    assert np.isfinite(moved).all()
    assert (np.diff(moved, axis=0) >= 0).all()
    np.testing.assert_allclose(
        shift.restore(dataset, onset, h, moved), rows[500:], rtol=1e-9, atol=1e-9
    )


def test_tails_are_smooth_and_robust_to_training_outliers():
    random = np.random.default_rng(1)
    training = random.normal(size=500)
    training[7] = -400.0  # a broken sensor
    rows = np.concatenate([training, np.linspace(4.9, 5.1, 201)])[:, None]
    dataset = ShiftDataset("tails", rows, 500, 500, 2, 1, 1)
    moved = generators.Tails().apply_severity(dataset, steady_onset(dataset), 5)[:, 0]
    slopes = np.diff(moved) / np.diff(rows[500:, 0])
    assert (slopes > 0).all()
    assert abs(np.diff(slopes)).max() < 0.01 * slopes.max()


def test_lambert_w():
    product = np.concatenate([[0.0], np.geomspace(1e-300, 1e6, 5000)])
    root = lambert_w(product)
    np.testing.assert_allclose(root * np.exp(root), product, rtol=1e-12)
    np.testing.assert_allclose(root, lambertw(product).real, rtol=1e-15)


def test_tails_of_a_process():
    dataset = make_synthetic_dataset(AR(rows=20000, phi=0.3), "ar")
    shift = generators.Tails()
    moved = [
        shift.apply_severity(dataset, steady_onset(dataset), severity)
        for severity in shifted_severities(shift)
    ]
    fourth = [kurtosis(values).mean() for values in moved]
    assert fourth == sorted(fourth)
    assert fourth[0] > 3.5
    assert shift.restore(dataset, steady_onset(dataset), 1, moved[0]) is None
    assert shift.process_parameter(5) == 2.5


def test_channels():
    """Rotated channels keep their values and neighbours but not their correlations."""
    dataset = make_real_dataset(gaps=False)
    clean = dataset.values[dataset.start :]
    shift = generators.Channels()
    before = set()
    for severity in shifted_severities(shift):
        moved = shift.apply_severity(dataset, steady_onset(dataset), severity)
        rotated = {
            channel
            for channel in range(7)
            if not np.array_equal(moved[:, channel], clean[:, channel])
        }
        assert len(rotated) == round(shift.knobs[severity] * 7)
        assert before <= rotated
        before = rotated
        for channel in rotated:
            matches = [
                lag
                for lag in range(len(clean))
                if np.array_equal(np.roll(clean[:, channel], -lag), moved[:, channel])
            ]
            assert len(matches) == 1
            assert WIDTH < matches[0] < len(clean) - WIDTH
    lags = np.array(
        [
            _draw_lags(dataset, 1.0, dataset.random_generator("channels", seed))
            for seed in range(300)
        ]
    )
    assert lags.min() == WIDTH + 1
    assert lags.max() == len(clean) - WIDTH - 1
    gap = abs(np.corrcoef(clean.T) - np.corrcoef(moved.T))
    assert gap.max() > 0.3


def test_concept_filter():
    dataset = make_real_dataset(gaps=False)
    onset = steady_onset(dataset)

    def memory(values):
        return np.mean([np.corrcoef(column[1:], column[:-1])[0, 1] for column in values.T])

    last = memory(dataset.values[onset.rows])
    for severity, share in enumerate((0.2, 0.4, 0.6, 0.8, 1.0), 1):
        moved = generators.ConceptFilter().apply_severity(dataset, onset, severity)
        training = dataset.values[1:500] - share * dataset.values[:499]
        expected = dataset.values[700:] - share * dataset.values[699:-1]
        np.testing.assert_allclose(moved, expected / training.std(axis=0))
        assert memory(moved) < last
        last = memory(moved)


def test_concept_reversal_and_reflection():
    dataset = make_real_dataset()
    onset = steady_onset(dataset)
    reversal, reflection = generators.ConceptReversal(), generators.ConceptReflection()
    np.testing.assert_array_equal(
        reversal.apply_severity(dataset, onset, 1), dataset.values[:699:-1]
    )
    np.testing.assert_array_equal(
        reflection.apply_severity(dataset, onset, 1), -dataset.values[700:]
    )
    process = DATASETS["ar"].process
    assert process.make_variant("concept", reversal.process_parameter(1)) == process
