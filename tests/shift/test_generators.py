"""Properties of every shift: pure, invertible, nested in severity, and blind to other rows."""

import numpy as np
import pytest

from revin_forecast.shift import generators
from revin_forecast.shift.dataset import ShiftDataset
from revin_forecast.shift.processes import AR
from revin_forecast.shift.shift import AffineShift, Shift, ShiftOnset
from revin_forecast.shift.suite.plan import plan_cells
from tests.support.shift_datasets import (
    DATASETS,
    LOOKBACK,
    WIDTH,
    is_identical,
    make_dataset,
    make_real_dataset,
    make_synthetic_dataset,
    shifted_severities,
    steady_onset,
    window_onset,
)
from tests.support.shift_suites import make_small_suite

CASES = [
    pytest.param(dataset, shift, id="-".join(filter(None, (name, shift.name, shift.arm))))
    for name, dataset in DATASETS.items()
    for shift in generators.ALL_SHIFTS
    if shift.exclusion_reason(dataset) is None
]
for_every_case = pytest.mark.parametrize(("dataset", "shift"), CASES)


@for_every_case
def test_severity_0_is_the_clean_data(dataset, shift):
    onset = steady_onset(dataset)
    assert is_identical(shift.apply_severity(dataset, onset, 0), dataset.values[onset.rows])
    assert shift.knobs[0] in (0.0, 1.0)
    assert shift.restore(dataset, onset, 0, dataset.values[onset.rows]).tobytes() == (
        dataset.values[onset.rows].tobytes()
    )


@for_every_case
def test_shifts_are_pure(dataset, shift):
    """The data are not changed, and calls in any order and on an equal data set agree."""
    before = dataset.values.copy()
    onset = steady_onset(dataset)
    forward = [
        shift.apply_severity(dataset, onset, severity, seed=3)
        for severity in shifted_severities(shift)
    ]
    copy = ShiftDataset(
        **{
            name: getattr(dataset, name)
            for name in ShiftDataset.__dataclass_fields__
            if name != "cache"
        }
    )
    shift.apply_severity(copy, window_onset(copy, LOOKBACK), 1, seed=8)
    backward = [
        shift.apply_severity(copy, onset, severity, seed=3)
        for severity in reversed(shifted_severities(shift))
    ]
    assert all(map(is_identical, forward, reversed(backward)))
    assert is_identical(dataset.values, before)
    moved = shift.apply_severity(dataset, onset, 1, seed=3)
    moved[:] = 0  # the caller may change its result
    assert is_identical(shift.apply_severity(dataset, onset, 1, seed=3), forward[0])
    assert is_identical(dataset.values, before)


@for_every_case
def test_changes_values_and_keeps_gaps(dataset, shift):
    clean = dataset.values[dataset.start :]
    moved = shift.apply_severity(dataset, steady_onset(dataset), len(shift.knobs) - 1)
    if not (shift.name in ("channels", "concept", "regime", "frequency") or shift.arm == "ffill"):
        assert np.isnan(moved[np.isnan(clean)]).all() or shift.arm == "zero"
    assert not np.isinf(moved).any()
    if dataset.name == "level_dependent":
        return  # 36 rows are too few to expect a spike
    assert np.nanmean(moved != clean) > 0.02


@for_every_case
def test_restore_inverts_the_shift(dataset, shift):
    for severity in shifted_severities(shift):
        for onset in (steady_onset(dataset), window_onset(dataset, 5)):
            moved = shift.apply_severity(dataset, onset, severity, seed=2)
            restored = shift.restore(dataset, onset, severity, moved, seed=2)
            if restored is not None:
                np.testing.assert_allclose(restored, dataset.values[onset.rows], rtol=0, atol=1e-9)
            else:
                assert not isinstance(shift, AffineShift)


@for_every_case
def test_no_change_before_the_onset(dataset, shift):
    for age in (0, 7):
        onset = window_onset(dataset, age)
        moved = shift.apply_severity(dataset, onset, len(shift.knobs) - 1)
        before = LOOKBACK - age
        clean = dataset.values[onset.rows]
        assert is_identical(moved[:, :before], clean[:, :before])
    assert shift.has_transition == (shift.name in TRANSITION)


TRANSITION = {
    "level", "scale", "noise", "trend", "random_walk", "frequency", "phase", "amplitude",
    "regime", "concept",
}  # fmt: skip


@for_every_case
def test_windows_agree_with_the_steady_shift(dataset, shift):
    steady = np.full(dataset.values.shape, np.nan)
    steady[dataset.start :] = shift.apply_severity(dataset, steady_onset(dataset), 1)
    onset = window_onset(dataset, LOOKBACK)
    moved = shift.apply_severity(dataset, onset, 1)
    if shift.name in ("trend", "random_walk", "frequency"):
        first = onset.rows[:, 0] == dataset.start
        assert first.any()
        np.testing.assert_array_equal(moved[first], steady[onset.rows][first])
    else:
        np.testing.assert_array_equal(moved, steady[onset.rows])


@for_every_case
def test_windows_agree_with_a_single_one(dataset, shift):
    onset = window_onset(dataset, 9)
    moved = shift.apply_severity(dataset, onset, 1)
    last_window = ShiftOnset.from_windows(dataset, onset.rows[-1:, 0], 9)
    assert is_identical(shift.apply_severity(dataset, last_window, 1), moved[-1:])


@pytest.mark.parametrize(
    "shift", [shift for shift in generators.ALL_SHIFTS if isinstance(shift, AffineShift)], ids=str
)
def test_displacement_is_proportional_to_the_knob(shift):
    dataset = make_real_dataset()
    onset = steady_onset(dataset)
    moved = [
        shift.apply_severity(dataset, onset, severity) - dataset.values[onset.rows]
        for severity in shifted_severities(shift)
    ]
    for severity, displacement in zip(shifted_severities(shift), moved, strict=True):
        if shift.name == "phase" or shift.arm == "down" or len(shift.knobs) == 2:
            return
        ratio = shift.knobs[severity] / shift.knobs[1]
        np.testing.assert_allclose(displacement, ratio * moved[0], atol=1e-9)


RANDOM = (
    "level",
    "noise",
    "trend",
    "random_walk",
    "spikes",
    "missing",
    "channels",
    "sensor_offset",
)


@pytest.mark.parametrize("shift", generators.ALL_SHIFTS, ids=str)
def test_noise_depends_on_data_set_and_seed(shift):
    onset = steady_onset(make_real_dataset())
    moved = shift.apply_severity(make_real_dataset(), onset, 1, seed=0)
    assert is_identical(moved, shift.apply_severity(make_real_dataset(), onset, 1, seed=0))
    others = (
        shift.apply_severity(make_real_dataset(), onset, 1, seed=1),
        shift.apply_severity(make_real_dataset(name="other"), onset, 1, seed=0),
    )
    assert all(is_identical(moved, other) != (shift.name in RANDOM) for other in others)


@pytest.mark.parametrize("shift", generators.ALL_SHIFTS, ids=str)
def test_shift_uses_training_rows_only(shift):
    """Other rows between training and test do not change the shift of the test rows."""
    dataset = make_real_dataset()
    values = dataset.values.copy()
    values[dataset.train : dataset.start - 10] = 1e6
    other = make_dataset(values, "real", 24)
    onset = ShiftOnset(np.arange(720, 760), np.arange(20, 60))
    assert is_identical(
        shift.apply_severity(dataset, onset, 1), shift.apply_severity(other, onset, 1)
    )


def test_every_shift_has_its_own_random_numbers():
    dataset = DATASETS["one"]
    first = {
        shift.name: dataset.random_generator(shift.name, 0).random()
        for shift in generators.ALL_SHIFTS
    }
    assert len(set(first.values())) == len(first)
    assert dataset.random_generator("level", 0).random() == first["level"]


def test_names_arms_and_flags():
    names = [(shift.name, shift.arm) for shift in generators.ALL_SHIFTS]
    assert len(set(names)) == len(names) == 23
    assert list(dict.fromkeys(name for name, _ in names)) == [
        "level", "scale", "noise", "trend", "random_walk", "frequency", "phase", "amplitude",
        "regime", "spikes", "missing", "tails", "channels", "concept", "sensor_offset",
        "sensor_gain",
    ]  # fmt: skip
    observed = {shift.name for shift in generators.ALL_SHIFTS if shift.semantics == "observation"}
    assert observed == {"spikes", "missing", "sensor_offset", "sensor_gain"}
    equivariant = {shift.name for shift in generators.ALL_SHIFTS if shift.is_equivariant}
    assert equivariant == {"level", "scale"}
    assert {shift.name for shift in generators.ALL_SHIFTS if not shift.is_correctable} == {
        "spikes",
        "missing",
    }
    assert all(len(set(map(hash, (shift, shift)))) == 1 for shift in generators.ALL_SHIFTS)


def test_only_the_arm_that_leaves_gaps_is_measured_apart():
    suite = make_small_suite(shifts=("missing", "spikes"))
    placements = {
        (cell.shift.name, cell.shift.arm): cell.placement
        for cell in plan_cells(suite, suite.datasets[0])
        if cell.shift is not None
    }
    arms = dict.fromkeys([("missing", arm) for arm in ("level", "ffill", "zero")], "observation")
    assert placements == {**arms, ("missing", "nan"): "fill", ("spikes", ""): "observation"}


def test_exclusion_reasons():
    one_channel = DATASETS["one"]
    assert generators.Regime().exclusion_reason(one_channel) == (
        "needs two channels: one takes its dynamics from the next"
    )
    assert generators.Channels().exclusion_reason(one_channel) == "needs two channels"
    no_season = make_dataset(one_channel.values, "x", 1)
    expected = "needs a season of two steps or more"
    assert generators.Phase().exclusion_reason(no_season) == expected
    assert generators.Amplitude().exclusion_reason(no_season) == expected
    short = make_dataset(make_real_dataset().values, "x", 24, start=1300 - 2 * WIDTH - 1)
    assert generators.Channels().exclusion_reason(short) == (
        "needs more than two windows of test rows to turn: 74 with the look-back, but got 73"
    )
    one_channel_ar = make_synthetic_dataset(AR(rows=1300, channels=1), "one_channel_ar")
    assert generators.Regime().exclusion_reason(one_channel_ar) is None  # the process has a variant
    for kind, arms in (
        (generators.Scale, "up, down"),
        (generators.Missing, "level, ffill, zero, nan"),
    ):
        with pytest.raises(ValueError, match=f"no arm 'left'. Choose one of {arms}"):
            kind("left")


def test_shift_of_a_user():
    class CoarseValues(Shift):
        def apply(self, dataset, onset, knob, rng):
            return np.floor(dataset.values[onset.rows] / knob) * knob

    shift, dataset = CoarseValues(), make_real_dataset()
    assert shift.name == "coarse_values"
    assert shift.restore(dataset, steady_onset(dataset), 1, dataset.values[700:]) is None
    assert shift.exclusion_reason(dataset) is None
    expected = np.floor(dataset.values[700:] / 4) * 4
    np.testing.assert_array_equal(shift.apply_severity(dataset, steady_onset(dataset), 5), expected)
