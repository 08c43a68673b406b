"""Gaps are in the past alone, single, in runs and at its end."""

import numpy as np

from revin_forecast.pretrained.generator.gaps import MIN_OBSERVED, draw_gaps
from revin_forecast.pretrained.generator.span import Span


def test_gaps_are_in_the_past_and_leave_enough():
    lengths = np.repeat([8, 30, 150], 500)
    missing = draw_gaps(np.random.default_rng(7), Span(lengths, 20, 170))
    step = np.arange(170)[:, None]
    assert not missing[np.broadcast_to(step >= lengths, missing.shape)].any()
    assert (lengths - missing.sum(0)).min() >= MIN_OBSERVED
    assert missing[:, 1000:].any(0).mean() > 0.9
    at_end = missing[lengths - 1, np.arange(1500)]
    assert 0.1 < at_end.mean() < 0.35
    long = missing[:, 1000:]
    runs = long[:-2] & long[1:-1] & long[2:]
    assert 0.5 < runs.any(0).mean() < 1


def test_series_that_would_keep_too_little_stay_whole():
    missing = draw_gaps(np.random.default_rng(8), Span(np.full(50, MIN_OBSERVED), 5, 10))
    assert not missing.any()
