"""The pass over time against loops of the textbook recursions, first states and names."""

import numpy as np
import pytest
import torch

from revin_forecast.backbones.smoothing_grid import (
    SmoothingGrid,
    estimate_start,
    find_begin,
    iterate_states,
    select_counted_rows,
)

HORIZON = 7
close = torch.testing.assert_close


def sample_values(rows, season=4):
    time = np.arange(rows)[:, None]
    noise = np.random.default_rng(0).normal(size=(rows, 2)).cumsum(0)
    return 30 + time * [0.5, -0.2] + 3 * np.sin(2 * np.pi * time / season) + noise


def start_of(values, season, observed=None):
    values = torch.from_numpy(values)
    return estimate_start(values, observed, find_begin(values, observed), season)


def smooth_by_the_book(values, parameters, level, slope, seasonal, observed=None):
    """Return the last states and the one-step errors of one series, as chapter 2 of the book does.

    Hyndman, Koehler, Ord & Snyder (2008). `seasonal` is ordered by row modulo the season, and the
    error of an unobserved value is 0.
    """
    alpha, beta, phi, gamma, has_season = parameters
    slope = slope if beta > 0 else 0.0
    season = len(seasonal)
    past = [value if has_season else 0.0 for value in seasonal]  # s_{t-m}, oldest first
    errors = []
    for row, value in enumerate(values):
        expected = level + phi * slope + past[row]
        error = value - expected if observed is None or observed[row] else 0.0
        level, slope = level + phi * slope + alpha * error, phi * slope + beta * error
        past.append(past[row] + gamma * error)
        errors.append(error)
    return level, slope, past[-season:], np.array(errors)


@pytest.mark.parametrize("season", [1, 4])
@pytest.mark.parametrize("has_gaps", [False, True])
def test_states_are_those_of_the_textbook(season, has_gaps):
    values, grid = sample_values(26), SmoothingGrid.for_season(season)
    observed = np.random.default_rng(1).random(values.shape) < 0.8 if has_gaps else None
    if observed is not None:
        observed[0] = True  # so that both series begin in the first row
    mask = None if observed is None else torch.from_numpy(observed)
    start = start_of(values, season, mask)
    counted = select_counted_rows(torch.from_numpy(values), mask, torch.zeros(2).long(), season)
    (last,) = iterate_states(torch.from_numpy(values), mask, grid, [26], HORIZON)
    for index, parameters in enumerate(grid.rows):
        for column in range(2):
            first = (start.level, start.slope, start.seasonal.T)
            level, slope, seasonal, errors = smooth_by_the_book(
                values[:, column],
                parameters,
                *(state[column].numpy() for state in first),
                None if observed is None else observed[:, column],
            )
            assert last.level[index, column].item() == pytest.approx(level, abs=1e-9)
            assert last.slope[index, column].item() == pytest.approx(slope, abs=1e-9)
            ahead = [state[index, column].item() for state in last.seasonal]
            assert ahead == pytest.approx(seasonal if season > 1 else [], abs=1e-9)
            squares = (errors**2 * counted[:, column].numpy()).sum()
            assert last.squares[index, column].item() == pytest.approx(squares, rel=1e-9)


def test_states_at_an_origin_are_those_of_the_rows_before():
    values, grid = torch.from_numpy(sample_values(40)), SmoothingGrid.for_season(4)
    origins = [13, 14, 27, 40]
    for origin, states in zip(
        origins, iterate_states(values, None, grid, origins, HORIZON), strict=True
    ):
        (alone,) = iterate_states(values[:origin], None, grid, [origin], HORIZON)
        assert states.origin == origin
        for name in ("level", "slope", "squares", "count"):
            close(getattr(states, name), getattr(alone, name))
        close(torch.stack(states.seasonal), torch.stack(alone.seasonal))


def test_first_states_of_a_line_with_a_season_are_exact():
    rows, season = 13, 4
    pattern = np.array([3.0, -1.0, -2.5, 0.5])
    values = (10 + 2 * np.arange(rows) + pattern[np.arange(rows) % season])[:, None]
    start = start_of(values, season)
    assert start.slope.item() == pytest.approx(2)
    assert start.seasonal.sum().item() == pytest.approx(0)
    assert start.seasonal.flatten().tolist() == pytest.approx(pattern.tolist())
    assert start.level.item() == pytest.approx(10 - 2)
    without = start_of(10 + 2 * np.arange(7.0)[:, None], 1)
    assert (without.level.item(), without.slope.item()) == pytest.approx((8, 2))


def test_the_first_slope_resists_an_outlier():
    values = 5 + 3 * np.arange(12.0)[:, None]
    values[4] += 1000
    assert start_of(values, 1).slope.item() == 3
    assert start_of(values, 2).slope.item() == 3


def test_median_over_gaps_is_that_of_known_pairs():
    values = np.array([1.0, 4.0, 5.0, 100.0, 9.0, 11.0, 12.0, 20.0])[:, None]
    for gaps in ([], [3], [3, 6], [1, 3, 5, 7]):
        observed = np.ones((8, 1), bool)
        observed[gaps] = False
        pairs = observed[1:] & observed[:-1]
        expected = np.median(np.diff(values, axis=0)[pairs]) if pairs.any() else 0.0
        start = start_of(values, 1, torch.from_numpy(observed))
        assert start.slope.item() == pytest.approx(expected), gaps


@pytest.mark.parametrize(
    ("rows", "season", "burn_in"),
    [(60, 1, 4), (60, 12, 12), (24, 12, 8), (23, 12, 4), (9, 1, 3), (2, 1, 0)],
)
def test_errors_count_after_the_burn_in(rows, season, burn_in):
    values = torch.zeros(rows + 5, 2).double()
    observed = torch.ones(rows + 5, 2, dtype=torch.bool)
    observed[:5, 0] = False  # begins in row 5
    begin = find_begin(values, observed)
    assert begin.tolist() == [5, 0]
    counted = select_counted_rows(values, observed, begin, season)[:, 0]
    assert counted.nonzero().flatten().tolist() == list(range(5 + burn_in, rows + 5))


def test_names_are_the_usual_ones():
    names = [
        SmoothingGrid.for_season(12).name_method(index)
        for index in range(len(SmoothingGrid.for_season(12).rows))
    ]
    assert len(names) == 77 + 196
    expected = {f"ETS(A,{trend},{season})" for trend in ("N", "A", "Ad") for season in "NA"}
    assert set(names) == expected
    assert set(names[:77]) == {name for name in expected if name.endswith("N)")}


@pytest.mark.parametrize("season", [1, 4, 12])
def test_parameters_are_admissible(season):
    """Each combination has the usual bounds 0 < beta < alpha < 1 and gamma < 1 - alpha."""
    for alpha, beta, phi, gamma, has_season in SmoothingGrid.for_season(season).rows:
        assert 0 < alpha < 1
        assert 0 <= beta < alpha
        assert 0 <= gamma < 1 - alpha
        assert (phi == 0) == (beta == 0)
        assert 0 <= phi <= 1
        assert has_season or gamma == 0
