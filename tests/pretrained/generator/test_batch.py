"""Batches: reproducible, aligned, complete, sane."""

import numpy as np
import pytest

from revin_forecast.pretrained.generator import batch as batches
from revin_forecast.pretrained.generator import draw_batch_shape, generate_series
from revin_forecast.pretrained.generator.gaps import MIN_OBSERVED
from revin_forecast.pretrained.generator.span import Span

SHAPES = [(1, 100), (12, 200), (7, 128), (24, 300), (168, 504)]


@pytest.fixture(scope="module")
def made():
    """Return one batch of each of several seasons."""
    return [generate_series((7, season), 300, rows, 40, season) for season, rows in SHAPES]


def test_the_same_seed_gives_the_same_bytes():
    first, again = (generate_series([5, 3], 20, 60, 6, 4) for _ in range(2))
    other = generate_series([5, 4], 20, 60, 6, 4)
    for name in ("past", "future", "is_amount"):
        assert getattr(first, name).tobytes() == getattr(again, name).tobytes()
    assert first.future.tobytes() != other.future.tobytes()


def test_pasts_begin_with_nan_and_futures_are_complete(made):
    for (season, rows), batch in zip(SHAPES, made, strict=True):
        assert batch.past.shape == (300, rows)
        assert batch.future.shape == (300, 40)
        assert batch.past.dtype == batch.future.dtype == np.float32
        assert batch.season == season
        assert np.isfinite(batch.future).all()
        observed = np.isfinite(batch.past)
        assert observed.sum(1).min() >= MIN_OBSERVED
        first = observed.argmax(1)
        lengths = rows - first
        full = min(rows, 100) if season == 1 else rows
        assert 0.15 < (lengths >= full - 3).mean() < 0.7
        assert lengths.min() < 30
        has_gaps = observed.sum(1) < lengths
        assert 0.05 < has_gaps.mean() < 0.2
        assert (~observed[:, -1]).any()


def test_values_are_sane_and_most_vary(made):
    for batch in made:
        everything = np.concatenate([batch.past, batch.future], 1)
        assert np.nanmax(np.abs(everything)) <= batches.MAX_SIZE
        varies = np.nanmax(batch.past, 1) > np.nanmin(batch.past, 1)
        assert varies.mean() > 0.97
        # A past without changes says nothing about a future with some.
        constant = np.isclose(batch.future, batch.future[:, :1]).all(1)
        assert constant[~varies].all()


def test_amounts_are_never_negative_and_some_series_are_no_amounts(made):
    for batch in made:
        lowest = np.minimum(np.nanmin(batch.past, 1), batch.future.min(1))
        assert lowest[batch.is_amount].min() >= 0
        assert lowest[~batch.is_amount].min() < 0
        assert 0.6 < batch.is_amount.mean() < 0.97


def test_most_series_have_the_given_season(made):
    """The seasonal naive beats the mean for most series with a season, not for those without."""
    shares = []
    for (season, rows), batch in zip(SHAPES[1:3], made[1:3], strict=True):
        long = np.isfinite(batch.past).sum(1) > 0.9 * rows
        past = batch.past[long].astype(float)
        difference = np.nanmean(np.abs(past[:, season:] - past[:, :-season]), 1)
        shifted = np.nanmean(np.abs(past[:, season + 2 :] - past[:, : -season - 2]), 1)
        shares.append((difference < 0.8 * shifted).mean())
    assert min(shares) > 0.4


def make_values(past, future):
    return np.array([*past, *future], dtype=float)[:, None], Span(
        np.array([len(past)]), len(future), len(past) + len(future)
    )


@pytest.mark.parametrize(
    ("past", "future", "explodes"),
    [
        ([1, 2, 1, 2], [3, 4], False),
        ([1, 2, 1, 2], [3, 400], True),
        ([1, 1, 1, 1], [1, 1], False),
        ([1, 1, 1, 1], [1, 2], True),
        ([1, 2, 1, 2], [3, np.nan], True),
        ([1e12, 3e12, 1e12], [1e12, 1e12], True),
    ],
)
def test_explosions_are_found(past, future, explodes):
    assert batches.find_explosions(*make_values(past, future)) == [explodes]


def test_unused_steps_do_not_count_as_explosions():
    values = np.array([[1, 2, 1, 2, 3, 1e9, 1e15]]).T
    assert not batches.find_explosions(values, Span(np.array([4]), 1, 7)).any()


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((10, 7, 1, 1), r"needs rows >= 8 .* got rows=7"),
        ((0, 8, 1, 1), "series=0"),
        ((10, 8, 0, 1), "horizon=0"),
        ((10, 8, 1, 0), "season=0"),
    ],
)
def test_impossible_numbers_are_refused(numbers, message):
    with pytest.raises(ValueError, match=message):
        generate_series(0, *numbers)


def test_the_curriculum_mixes_seasons_and_lengths():
    rng = np.random.default_rng(0)
    shapes = [draw_batch_shape(rng) for _ in range(2000)]
    seasons = [season for season, _ in shapes]
    assert 0.15 < np.mean(np.isin(seasons, 1)) < 0.3
    assert {1, 4, 5, 7, 12, 24, 48, 52, 96, 168, 365} <= set(seasons)
    for season, rows in shapes:
        assert min(3 * season, 1100) <= rows <= 1100
    assert {rows for season, rows in shapes if season == 12} == {64, 128, 200, 320}
