"""Batches depend on seed and number alone; logarithms are taken of positive amounts only."""

import numpy as np
import pytest
import torch

from revin_forecast.pretrained.generator import SyntheticBatch
from revin_forecast.pretrained.synthetic_batches import (
    BatchSettings,
    SyntheticBatches,
    build_group,
    draw_steps,
    iterate_batches,
    take_logs,
)
from revin_forecast.pretrained.training_state import QUICK_SETTINGS

SETTINGS = QUICK_SETTINGS.batch


def flatten(batch):
    return [np.asarray(part).tobytes() for group in batch for part in group]


def test_batches_depend_on_seed_and_number_alone():
    assert SETTINGS.pool_batches == 2
    random_state = torch.get_rng_state()
    in_order = list(map(flatten, iterate_batches(SETTINGS, 3, range(4), has_worker=False)))
    assert torch.equal(torch.get_rng_state(), random_state)
    alone = SyntheticBatches(SETTINGS, 3)
    assert [flatten(alone[index]) for index in (3, 0, 2, 1)] == [in_order[i] for i in (3, 0, 2, 1)]
    assert len(set(map(tuple, in_order))) == 4
    assert flatten(SyntheticBatches(SETTINGS, 4)[0]) != in_order[0]


def test_batches_have_the_wanted_sizes():
    for group in SyntheticBatches(SETTINGS, 0)[0]:
        assert group.values.shape == group.observed.shape
        assert len(group.values) == len(group.future) == SETTINGS.series
        assert group.future.shape[1] == len(group.steps) == SETTINGS.steps
        assert (group.values.dtype, group.future.dtype) == (np.float32, np.float32)
        assert np.isfinite(group.values).all()
        assert (group.values[~group.observed] == 0).all()


def test_pools_hold_whole_batches():
    with pytest.raises(ValueError, match=r"shapes=3 times parts=1 groups .* batch, .* is 2\."):
        BatchSettings(groups=2, shapes=3, parts=1)


def test_logarithms_need_positive_values():
    past = np.array([[1.0, np.nan, 4], [1, 0, 4], [1, 2, 4], [1, 2, 4]], dtype=np.float32)
    future = np.array([[2.0], [2], [-1], [2]], dtype=np.float32)
    new_past, new_future = take_logs(past, future, np.array([True, True, True, False]))
    np.testing.assert_array_equal(new_past[0], np.log(past[0]))
    np.testing.assert_array_equal(new_future[0], np.log(future[0]))
    np.testing.assert_array_equal(new_past[1:], past[1:])
    np.testing.assert_array_equal(new_future[1:], future[1:])


def test_groups_take_their_series_and_steps():
    past = np.arange(1, 13, dtype=np.float32).reshape(4, 3)
    future = np.arange(1, 21, dtype=np.float32).reshape(4, 5)
    made = SyntheticBatch(past, future, 12, np.array([True, True, False, True]))
    group = build_group(made, slice(1, 3), np.array([1, 4]), np.array([True, True]))
    assert group.season == 12
    np.testing.assert_array_equal(group.values, [np.log(past[1]), past[2]])
    np.testing.assert_array_equal(group.future, [np.log([6, 9], dtype=np.float32), [11, 14]])


def test_steps_are_different_and_mostly_near():
    rng = np.random.default_rng(0)
    drawn = np.array([draw_steps(rng, 20) for _ in range(200)])
    assert (np.diff(drawn, axis=1) > 0).all()
    assert (drawn.min(), drawn.max()) == (1, 64)
    assert np.median(drawn) < 28
