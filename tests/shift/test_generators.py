"""What every shift promises."""

import numpy as np
import pytest

from revin_forecast.shift import generators
from revin_forecast.shift.dataset import ShiftDataset
from revin_forecast.shift.processes import AR
from revin_forecast.shift.shift import AffineShift, Shift, ShiftOnset
from tests.support.shift_datasets import (
    LOOKBACK,
    WIDTH,
    WORLDS,
    real,
    same,
    severities,
    synthetic,
    whole,
    windows,
    world_of,
)

CASES = [
    pytest.param(world, shift, id="-".join(filter(None, (name, shift.name, shift.arm))))
    for name, world in WORLDS.items()
    for shift in generators.ALL_SHIFTS
    if shift.exclusion_reason(world) is None
]
every_case = pytest.mark.parametrize(("world", "shift"), CASES)


@every_case
def test_severity_0_is_the_data(world, shift):
    at = whole(world)
    assert same(shift.apply_severity(world, at, 0), world.values[at.rows])
    assert shift.knobs[0] in (0.0, 1.0)
    assert shift.restore(world, at, 0, world.values[at.rows]).tobytes() == (
        world.values[at.rows].tobytes()
    )


@every_case
def test_pure(world, shift):
    """Data untouched; calls equal in any order and in another world with the same name."""
    before = world.values.copy()
    at = whole(world)
    forward = [shift.apply_severity(world, at, severity, seed=3) for severity in severities(shift)]
    twin = ShiftDataset(
        **{
            name: getattr(world, name)
            for name in ShiftDataset.__dataclass_fields__
            if name != "cache"
        }
    )
    shift.apply_severity(twin, windows(twin, LOOKBACK), 1, seed=8)
    backward = [shift.apply_severity(twin, at, one, seed=3) for one in reversed(severities(shift))]
    assert all(map(same, forward, reversed(backward)))
    assert same(world.values, before)
    moved = shift.apply_severity(world, at, 1, seed=3)
    moved[:] = 0  # what is handed out is the caller's
    assert same(shift.apply_severity(world, at, 1, seed=3), forward[0])
    assert same(world.values, before)


@every_case
def test_moves_something_and_keeps_what_is_unobserved(world, shift):
    clean = world.values[world.start :]
    moved = shift.apply_severity(world, whole(world), len(shift.knobs) - 1)
    if not (shift.name in ("channels", "concept", "regime", "frequency") or shift.arm == "ffill"):
        assert np.isnan(moved[np.isnan(clean)]).all() or shift.arm == "zero"
    assert not np.isinf(moved).any()
    if world.name == "level_dependent":
        return  # 36 rows: a spike is not to be expected
    assert np.nanmean(moved != clean) > 0.02


@every_case
def test_restore_undoes_move(world, shift):
    for severity in severities(shift):
        for at in (whole(world), windows(world, 5)):
            moved = shift.apply_severity(world, at, severity, seed=2)
            back = shift.restore(world, at, severity, moved, seed=2)
            if back is not None:
                np.testing.assert_allclose(back, world.values[at.rows], rtol=0, atol=1e-9)
            else:
                assert not isinstance(shift, AffineShift)


@every_case
def test_nothing_before_the_onset(world, shift):
    for age in (0, 7):
        at = windows(world, age)
        moved = shift.apply_severity(world, at, len(shift.knobs) - 1)
        before = LOOKBACK - age
        clean = world.values[at.rows]
        assert same(moved[:, :before], clean[:, :before])
    assert shift.has_transition == (shift.name in TRANSITION)


TRANSITION = {
    "level", "scale", "noise", "trend", "random_walk", "frequency", "phase", "amplitude",
    "regime", "concept",
}  # fmt: skip


@every_case
def test_age_does_not_matter_where_time_since_the_onset_does_not(world, shift):
    steady = np.full(world.values.shape, np.nan)
    steady[world.start :] = shift.apply_severity(world, whole(world), 1)
    at = windows(world, LOOKBACK)
    moved = shift.apply_severity(world, at, 1)
    if shift.name in ("trend", "random_walk", "frequency"):
        first = at.rows[:, 0] == world.start
        assert first.any()
        np.testing.assert_array_equal(moved[first], steady[at.rows][first])
    else:
        np.testing.assert_array_equal(moved, steady[at.rows])


@every_case
def test_windows_agree_with_one_alone(world, shift):
    at = windows(world, 9)
    moved = shift.apply_severity(world, at, 1)
    alone = ShiftOnset.from_windows(world, at.rows[-1:, 0], 9)
    assert same(shift.apply_severity(world, alone, 1), moved[-1:])


@pytest.mark.parametrize(
    "shift", [one for one in generators.ALL_SHIFTS if isinstance(one, AffineShift)], ids=str
)
def test_higher_severity_is_more_of_the_same(shift):
    world = real()
    at = whole(world)
    moved = [
        shift.apply_severity(world, at, one) - world.values[at.rows] for one in severities(shift)
    ]
    for severity, displacement in zip(severities(shift), moved, strict=True):
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
def test_noise_is_that_of_data_set_shift_and_seed(shift):
    at = whole(real())
    moved = shift.apply_severity(real(), at, 1, seed=0)
    assert same(moved, shift.apply_severity(real(), at, 1, seed=0))
    others = (
        shift.apply_severity(real(), at, 1, seed=1),
        shift.apply_severity(real(name="other"), at, 1, seed=0),
    )
    assert all(same(moved, other) != (shift.name in RANDOM) for other in others)


@pytest.mark.parametrize("shift", generators.ALL_SHIFTS, ids=str)
def test_nothing_is_learned_from_validation_or_test(shift):
    """Other rows between training and test leave what is done to the test rows alone."""
    world = real()
    values = world.values.copy()
    values[world.train : world.start - 10] = 1e6
    other = world_of(values, "real", 24)
    at = ShiftOnset(np.arange(720, 760), np.arange(20, 60))
    assert same(shift.apply_severity(world, at, 1), shift.apply_severity(other, at, 1))


def test_every_shift_draws_its_own():
    world = WORLDS["one"]
    first = {
        one.name: world.random_generator(one.name, 0).random() for one in generators.ALL_SHIFTS
    }
    assert len(set(first.values())) == len(first)
    assert world.random_generator("level", 0).random() == first["level"]


def test_names_and_arms_are_those_of_the_tables():
    names = [(one.name, one.arm) for one in generators.ALL_SHIFTS]
    assert len(set(names)) == len(names) == 22
    assert list(dict.fromkeys(name for name, _ in names)) == [
        "level", "scale", "noise", "trend", "random_walk", "frequency", "phase", "amplitude",
        "regime", "spikes", "missing", "tails", "channels", "concept", "sensor_offset",
        "sensor_gain",
    ]  # fmt: skip
    observed = {one.name for one in generators.ALL_SHIFTS if one.semantics == "observation"}
    assert observed == {"spikes", "missing", "sensor_offset", "sensor_gain"}
    assert {one.name for one in generators.ALL_SHIFTS if one.is_equivariant} == {"level", "scale"}
    assert {one.name for one in generators.ALL_SHIFTS if not one.is_correctable} == {
        "spikes",
        "missing",
    }
    assert all(len(set(map(hash, (one, one)))) == 1 for one in generators.ALL_SHIFTS)


def test_excluded_says_what_is_missing():
    one = WORLDS["one"]
    assert generators.Regime().exclusion_reason(one) == (
        "needs two channels: one takes its dynamics from the next"
    )
    assert generators.Channels().exclusion_reason(one) == "needs two channels"
    no_season = world_of(one.values, "x", 1)
    wanted = "needs a season of two steps or more"
    assert generators.Phase().exclusion_reason(no_season) == wanted
    assert generators.Amplitude().exclusion_reason(no_season) == wanted
    short = world_of(real().values, "x", 24, start=1300 - 2 * WIDTH - 1)
    assert generators.Channels().exclusion_reason(short) == (
        "needs more than two windows of test rows to turn: 74 with the look-back, but got 73"
    )
    alone = synthetic(AR(rows=1300, channels=1), "alone")
    assert generators.Regime().exclusion_reason(alone) is None  # it has its own other regime
    for kind, arms in ((generators.Scale, "up, down"), (generators.Missing, "nan, ffill, zero")):
        with pytest.raises(ValueError, match=f"no arm 'left'. Choose one of {arms}"):
            kind("left")


def test_a_shift_of_your_own():
    class SlowClock(Shift):
        def apply(self, dataset, onset, knob, rng):
            return np.floor(dataset.values[onset.rows] / knob) * knob

    shift, world = SlowClock(), real()
    assert shift.name == "slow_clock"
    assert shift.restore(world, whole(world), 1, world.values[700:]) is None
    assert shift.exclusion_reason(world) is None
    wanted = np.floor(world.values[700:] / 4) * 4
    np.testing.assert_array_equal(shift.apply_severity(world, whole(world), 5), wanted)
