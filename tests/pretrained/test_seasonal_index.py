"""The seasonal index is that of a loop over phases, and is shrunk by its noise."""

import numpy as np
import pytest
import torch

from revin_forecast.pretrained.gaps import fill_gaps, find_extent
from revin_forecast.pretrained.seasonal_index import estimate_seasonal_index


def estimate_by_loop(values, observed, season):
    """Return index and share of a series without leading gaps, phase by phase."""
    rows, half = len(values), season // 2
    weights = np.ones(season)
    if season % 2 == 0:
        weights = np.array([0.5, *np.ones(season - 1), 0.5])
    weights /= weights.sum()
    found = [[] for _ in range(season)]  # (deviation, age in seasons) at each phase
    for row in range(half, rows - half):
        if observed[row]:
            trend = weights @ values[row - half : row - half + len(weights)]
            age = rows - 1 - row
            found[season - 1 - age % season].append((values[row] - trend, age // season))
    known = np.array([bool(part) for part in found])
    raw, spread = np.zeros(season), np.zeros(season)
    for phase, part in enumerate(found):
        if part:
            deviation, age = np.array(part).T
            weight = 0.85**age
            raw[phase] = weight @ deviation / weight.sum()
            spread[phase] = (weight**2).sum() / weight.sum() ** 2
    raw = np.where(known, raw - raw[known].mean(), 0)
    squares = sum((d - raw[p]) ** 2 for p, part in enumerate(found) for d, _ in part)
    freedom = sum(map(len, found)) - known.sum()
    pairs = observed[season:] & observed[:-season]
    changes = (values[season:] - values[:-season])[pairs]
    variance = (squares + season / 4 * changes.var()) / (freedom + season / 2)
    between = (raw**2).sum() / known.sum()
    share = np.clip(1 - variance * spread[known].mean() / between, 0, 1)
    return raw * share, share, variance**0.5


@pytest.mark.parametrize(("season", "rows"), [(4, 8), (4, 31), (7, 40), (12, 60), (5, 300)])
def test_index_is_that_of_a_loop(season, rows):
    generator = np.random.default_rng(season)
    pattern = np.tile(generator.normal(size=season), rows)[:rows]
    values = pattern + generator.normal(size=rows) / 2 + np.arange(rows) / 30
    observed = generator.random(rows) > (0 if rows < 30 else 0.1)
    observed[0] = True
    marks = torch.from_numpy(observed)[None]
    filled = fill_gaps(torch.from_numpy(values)[None], marks)
    found = estimate_seasonal_index(filled, marks, find_extent(marks), season)
    course, share, noise = estimate_by_loop(filled[0].numpy(), observed, season)
    assert 0 < share < 1
    np.testing.assert_allclose(found.course[0].numpy(), course, atol=1e-9)
    np.testing.assert_allclose([found.share[0], found.noise[0]], [share, noise], atol=1e-9)
    assert found.repeat_to(rows)[0, -season:].tolist() == found.course[0].tolist()


def test_noise_and_short_series_have_little_or_no_season():
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(200, 48, generator=generator, dtype=torch.float64)
    observed = torch.ones(200, 48, dtype=torch.bool)
    found = estimate_seasonal_index(values, observed, find_extent(observed), 12)
    assert found.share.median() < 0.2
    observed[:, :25] = False  # one row short of two seasons
    found = estimate_seasonal_index(values, observed, find_extent(observed), 12)
    assert not found.course.any()
    assert not found.noise.any()
    pattern = torch.arange(48.0).remainder(12).expand(1, -1)
    whole = torch.ones(1, 48, dtype=torch.bool)
    found = estimate_seasonal_index(pattern, whole, find_extent(whole), 12)
    torch.testing.assert_close(found.course[0], torch.arange(12) - 5.5, rtol=0, atol=1e-4)
