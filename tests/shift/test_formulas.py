"""Each shift against its formula in plain loops, and its measured effect."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revin_forecast.shift import generators
from revin_forecast.shift.dataset import ShiftDataset
from revin_forecast.shift.generators.channels import _draw_lags
from revin_forecast.shift.generators.tails import lambert_w
from revin_forecast.shift.processes import AR, SineMixture
from revin_forecast.shift.shift import ShiftOnset
from tests.support.shift_datasets import (
    HORIZON,
    LOOKBACK,
    WIDTH,
    WORLDS,
    real,
    severities,
    synthetic,
    whole,
    windows,
    world_of,
)


def displacement(shift, world, at, severity):
    return shift.apply_severity(world, at, severity) - world.values[at.rows]


def test_level_and_sensor_offset():
    world = real(gaps=False)
    for shift in (generators.Level(), generators.SensorOffset()):
        moved = displacement(shift, world, whole(world), 3)
        signs = moved[0] / shift.knobs[3]
        np.testing.assert_allclose(abs(signs), 1)
        np.testing.assert_allclose(moved, np.tile(moved[0], (len(moved), 1)))
        assert len(set(signs.round())) == 2, "both signs among seven channels"


def test_scale_and_sensor_gain():
    world = real(gaps=False)
    at = whole(world)
    for kind in (generators.Scale, generators.SensorGain):
        np.testing.assert_allclose(
            kind("up").apply_severity(world, at, 4), 3 * world.values[at.rows]
        )
        np.testing.assert_allclose(
            kind("down").apply_severity(world, at, 4), world.values[at.rows] / 3
        )


def test_trend():
    world = real(gaps=False)
    at = windows(world, 10)
    moved = displacement(generators.TrendDrift(), world, at, 5)
    signs = np.sign(moved[0, -1])
    for window in (0, 3):
        for step in range(WIDTH):
            since = max(step - (LOOKBACK - 10), 0)
            np.testing.assert_allclose(moved[window, step], signs * 4 / WIDTH * since, atol=1e-9)


def test_random_walk():
    """Known path; steps of variance S^2 / W that belong to their rows; windows have their own."""
    world = real(gaps=False, rows=4000)
    shift = generators.RandomWalkDrift()
    path = displacement(shift, world, whole(world), 5)
    steps = np.diff(path, axis=0, prepend=0)
    assert (steps**2).mean() == pytest.approx(16 / WIDTH, rel=0.05)
    assert abs(np.corrcoef(steps[1:].ravel(), steps[:-1].ravel())[0, 1]) < 0.03
    at = windows(world, 3)
    moved = displacement(shift, world, at, 5)
    for window, row in ((0, world.start), (4, world.start + 28)):
        onset = row - world.start + LOOKBACK - 3
        wanted = np.cumsum(steps[onset : onset + HORIZON + 3], axis=0)
        np.testing.assert_allclose(moved[window, LOOKBACK - 3 :], wanted, atol=1e-9)
    ends = moved[::6, -1].ravel()
    assert np.std(ends) == pytest.approx(4 * np.sqrt(15 / WIDTH), rel=0.15)


def test_noise():
    """The variance of the seasonal-naive residual grows by (1 + S)^2; a process has its own."""
    random = np.random.default_rng(0)
    values = random.normal(size=(6000, 3)) + 3 * np.sin(np.arange(6000) / 12 * np.pi)[:, None]
    world = world_of(values, "white", 24)
    moved = generators.Noise().apply_severity(world, whole(world), 4)
    change = (moved[24:] - moved[:-24]).var(axis=0), (values[724:] - values[700:-24]).var(axis=0)
    np.testing.assert_allclose(change[0] / change[1], 9, rtol=0.1)
    source = SineMixture(rows=1300)
    noise = WORLDS["sine"].values - source.signal(np.arange(1300))
    moved = generators.Noise().apply_severity(WORLDS["sine"], whole(WORLDS["sine"]), 4)
    signal = source.signal(np.arange(700, 1300))
    np.testing.assert_allclose(moved, signal + 3 * noise[700:], atol=1e-9)


def test_frequency():
    world = real(channels=2, gaps=False)
    shift = generators.Frequency()
    smooth = (world.values[1:] + world.values[:-1]) / 2  # of each row and the one before
    for severity in severities(shift):
        moved = shift.apply_severity(world, whole(world), severity)
        speed = shift.knobs[severity]
        for since in (0, 1, 10, 77, 599):
            row = world.start + round(speed * since, 9)
            low = int(row)
            if np.ceil(row) >= len(world.values):
                assert np.isnan(moved[since]).all()
                continue
            part = row - low
            wanted = (1 - part) * smooth[low - 1]
            wanted += part * smooth[min(low, len(smooth) - 1)]
            np.testing.assert_allclose(moved[since], wanted)
        reach = shift.to_clean_steps(np.arange(600), severity)
        held = world.start + reach < len(world.values)
        np.testing.assert_array_equal(np.isfinite(moved).all(axis=1), held)
    assert shift.to_clean_steps(np.array([10]), 2) == [11]


def test_frequency_asks_for_no_row_that_it_does_not_need():
    world = real(channels=1, gaps=False)
    world.values[world.start + 12] = np.nan
    moved = generators.Frequency().apply_severity(world, whole(world), 2)  # 1.1: step 10 is row 11
    assert np.flatnonzero(np.isnan(moved[:30, 0])).tolist() == [11, 12]


def test_frequency_moves_the_spectral_peak():
    source = SineMixture(rows=6000, periods=(24.0,), powers=(0.91,))
    world = synthetic(source, "sine")
    shift = generators.Frequency()
    for severity in severities(shift):
        moved = shift.apply_severity(world, ShiftOnset.from_test_start(world, 2400), severity)
        power = abs(np.fft.rfft(moved[:, 0])) ** 2
        peak = np.fft.rfftfreq(2400)[1 + np.argmax(power[1:])]
        assert peak * 24 == pytest.approx(shift.knobs[severity], abs=0.011)


def test_phase_and_amplitude():
    world = real(gaps=False)
    at = windows(world, 5)
    profile = np.zeros((24, 7))
    for place in range(24):
        profile[place] = world.values[place:500:24].mean(axis=0)
    profile -= profile.mean(axis=0)
    phase, amplitude = generators.Phase(), generators.Amplitude()
    for severity in (1, 2, 5):
        ahead = {1: 0.75, 2: 1.5, 5: 12}[severity]
        later, stronger = (displacement(one, world, at, severity) for one in (phase, amplitude))
        for step in range(LOOKBACK - 5, WIDTH):
            now = at.rows[2, step]
            low, part = int(now + ahead), (now + ahead) % 1
            there = (1 - part) * profile[low % 24] + part * profile[(low + 1) % 24]
            np.testing.assert_allclose(later[2, step], there - profile[now % 24], atol=1e-9)
            growth = amplitude.knobs[severity] * profile[now % 24]
            np.testing.assert_allclose(stronger[2, step], growth, atol=1e-9)


def test_amplitude_multiplies_a_sine():
    source = SineMixture(rows=24 * 400, noise=0.3)
    world = synthetic(source, "sine")
    moved = generators.Amplitude().apply_severity(world, whole(world), 4)
    rows = np.arange(world.start, len(world.values))
    noise = world.values[rows] - source.signal(rows)
    assert np.std(moved - noise - 3 * source.signal(rows)) < 0.2


def test_regime():
    world = real(channels=3, gaps=False)
    own = world.values[world.start :]
    for severity, share in ((1, 0.2), (5, 1.0)):
        moved = generators.Regime().apply_severity(world, whole(world), severity)
        for channel in range(3):
            donor = own[:, (channel + 1) % 3]
            wanted = np.sqrt(1 - share**2) * own[:, channel] + share * donor
            np.testing.assert_allclose(moved[:, channel], wanted)
    ar = WORLDS["ar"]
    moved = generators.Regime().apply_severity(ar, whole(ar), 5)
    np.testing.assert_array_equal(moved, ar.process.make_variant("regime", 1.0).simulate()[700:])


def test_spikes():
    """8 deviations, both signs, as many as said, and those of a lower severity among them."""
    world = real(gaps=False, rows=9000)
    shift = generators.Spikes()
    moved = [displacement(shift, world, whole(world), one) for one in severities(shift)]
    for severity, spikes in zip(severities(shift), moved, strict=True):
        hit = spikes != 0
        np.testing.assert_allclose(abs(spikes[hit]), 8)
        assert hit.mean() == pytest.approx(shift.knobs[severity], rel=0.25)
        assert 0.35 < (spikes[hit] > 0).mean() < 0.65
    for low, high in pairwise(moved):
        np.testing.assert_allclose(high[low != 0], low[low != 0])


def runs(lost):
    """Lengths of runs of True in each column."""
    edges = np.diff(np.pad(lost.astype(int), ((1, 1), (0, 0))), axis=0)
    return np.concatenate([np.flatnonzero(one == -1) - np.flatnonzero(one == 1) for one in edges.T])


def test_missing_blocks():
    world = real(gaps=False, rows=12000)
    shift = generators.Missing("nan")
    lost = [np.isnan(shift.apply_severity(world, whole(world), one)) for one in severities(shift)]
    for severity, gaps in zip(severities(shift), lost, strict=True):
        share = shift.knobs[severity]
        assert gaps.mean() == pytest.approx(share, rel=0.15)
        # Blocks of LOOKBACK / 8 = 3 steps; neighbours that are both lost make one gap.
        assert runs(gaps).mean() == pytest.approx(3 / (1 - share), rel=0.1)
    for low, high in pairwise(lost):
        assert high[low].all()
    for severity, gaps in zip(severities(shift), lost, strict=True):
        zero = generators.Missing("zero").apply_severity(world, whole(world), severity)
        clean = world.values[world.start :]
        np.testing.assert_array_equal(zero, np.where(gaps, 0, clean))


def test_missing_filled_forward():
    for world in (real(), real(channels=1)):
        gaps = np.isnan(generators.Missing("nan").apply_severity(world, whole(world), 5))
        filled = generators.Missing("ffill").apply_severity(world, whole(world), 5)
        clean = world.values[world.start :]
        gaps &= ~np.isnan(clean) | (filled == filled)
        for channel in range(world.channels):
            last = next(one for one in world.values[: world.start, channel][::-1] if one == one)
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
    world = world_of(random.normal(size=(4000, 2)), "normal", 1, train=3000, start=3200)
    training = ShiftOnset(np.arange(3000), np.arange(3000))
    shift = generators.Tails()
    last = kurtosis(world.train_values)
    for severity in severities(shift):
        moved = shift.apply_severity(world, training, severity)
        np.testing.assert_allclose(moved.std(axis=0), world.train_values.std(axis=0), rtol=1e-3)
        assert (kurtosis(moved) > last).all()
        last = kurtosis(moved)
        h = shift.knobs[severity]
        formula = world.train_values * np.exp(h * world.train_values**2 / 2)
        wanted = formula * world.train_values.std(axis=0) / formula.std(axis=0)
        np.testing.assert_allclose(moved, wanted, rtol=1e-3, atol=1e-3)


@settings(max_examples=30)
@given(values=st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=30), h=st.integers(1, 5))
def test_tails_are_monotone_and_invertible_everywhere(values, h):
    random = np.random.default_rng(1)
    rows = np.concatenate([random.normal(size=500), np.sort(values)])[:, None]
    world = ShiftDataset("tails", rows, 500, 500, 2, 1, 1)
    at, shift = whole(world), generators.Tails()
    moved = shift.apply_severity(world, at, h)
    assert np.isfinite(moved).all()
    assert (np.diff(moved, axis=0) >= 0).all()
    np.testing.assert_allclose(shift.restore(world, at, h, moved), rows[500:], rtol=1e-9, atol=1e-9)


def test_tails_have_no_bend_and_survive_wild_training_rows():
    random = np.random.default_rng(1)
    training = random.normal(size=500)
    training[7] = -400.0  # a broken sensor
    rows = np.concatenate([training, np.linspace(4.9, 5.1, 201)])[:, None]
    world = ShiftDataset("tails", rows, 500, 500, 2, 1, 1)
    moved = generators.Tails().apply_severity(world, whole(world), 5)[:, 0]
    slopes = np.diff(moved) / np.diff(rows[500:, 0])
    assert (slopes > 0).all()
    assert abs(np.diff(slopes)).max() < 0.01 * slopes.max()


def test_lambert():
    product = np.concatenate([[0.0], np.geomspace(1e-300, 1e6, 5000)])
    root = lambert_w(product)
    np.testing.assert_allclose(root * np.exp(root), product, rtol=1e-12)


def test_tails_of_a_process():
    world = synthetic(AR(rows=20000, phi=0.3), "ar")
    shift = generators.Tails()
    moved = [shift.apply_severity(world, whole(world), one) for one in severities(shift)]
    fourth = [kurtosis(one).mean() for one in moved]
    assert fourth == sorted(fourth)
    assert fourth[0] > 3.5
    assert shift.restore(world, whole(world), 1, moved[0]) is None
    assert shift.process_parameter(5) == 2.5


def test_channels():
    """Values and neighbours are kept, relations are not; as many channels turn as said."""
    world = real(gaps=False)
    own = world.values[world.start :]
    shift = generators.Channels()
    before = set()
    for severity in severities(shift):
        moved = shift.apply_severity(world, whole(world), severity)
        turned = {one for one in range(7) if not np.array_equal(moved[:, one], own[:, one])}
        assert len(turned) == round(shift.knobs[severity] * 7)
        assert before <= turned
        before = turned
        for channel in turned:
            matches = [
                lag
                for lag in range(len(own))
                if np.array_equal(np.roll(own[:, channel], -lag), moved[:, channel])
            ]
            assert len(matches) == 1
            assert WIDTH < matches[0] < len(own) - WIDTH
    lags = np.array(
        [_draw_lags(world, 1.0, world.random_generator("channels", seed)) for seed in range(300)]
    )
    assert lags.min() == WIDTH + 1
    assert lags.max() == len(own) - WIDTH - 1
    gap = abs(np.corrcoef(own.T) - np.corrcoef(moved.T))
    assert gap.max() > 0.3


def test_concept_filter():
    world = real(gaps=False)
    at = whole(world)

    def memory(values):
        return np.mean([np.corrcoef(one[1:], one[:-1])[0, 1] for one in values.T])

    last = memory(world.values[at.rows])
    for severity, share in enumerate((0.2, 0.4, 0.6, 0.8, 1.0), 1):
        moved = generators.ConceptFilter().apply_severity(world, at, severity)
        training = world.values[1:500] - share * world.values[:499]
        wanted = world.values[700:] - share * world.values[699:-1]
        np.testing.assert_allclose(moved, wanted / training.std(axis=0))
        assert memory(moved) < last
        last = memory(moved)


def test_concept_reversal_and_reflection():
    world = real()
    at = whole(world)
    reversal, reflection = generators.ConceptReversal(), generators.ConceptReflection()
    np.testing.assert_array_equal(reversal.apply_severity(world, at, 1), world.values[:699:-1])
    np.testing.assert_array_equal(reflection.apply_severity(world, at, 1), -world.values[700:])
    source = WORLDS["ar"].process
    assert source.make_variant("concept", reversal.process_parameter(1)) == source
