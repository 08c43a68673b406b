"""The simple forecasts are those of the naive backbones and of their formulas."""

import pytest
import torch

from revin_forecast.backbones import Drift, SeasonalNaive
from revin_forecast.pretrained.discounted_regressions import DiscountedRegressions
from revin_forecast.pretrained.gaps import find_extent
from revin_forecast.pretrained.in_sample_errors import ERROR_STEPS, measure_errors
from revin_forecast.pretrained.network import select_context
from revin_forecast.pretrained.simple_forecasts import (
    FORECASTS,
    make_simple_forecasts,
    measure_memory,
)

LAST, SLOPE, DRIFT, NAIVE, MOVED, WEEK = 20, 21, 23, 26, 28, 29


def sample_rows(rows, season):
    """Return padded rows that end at 0, their extent and their regressions."""
    generator = torch.Generator().manual_seed(rows)
    values = torch.randn(4, rows, generator=generator).cumsum(1)
    values = values - values[:, -1:]
    observed = torch.ones(4, rows, dtype=torch.bool)
    padded, marks = select_context(values, observed, season)
    extent = find_extent(marks)
    return values, padded, extent, DiscountedRegressions()(padded, extent.length)


@pytest.mark.parametrize(("rows", "season"), [(30, 7), (60, 12), (200, 24)])
def test_they_equal_the_naive_backbones(rows, season):
    values, padded, extent, solved = sample_rows(rows, season)
    steps, memory = torch.arange(1, 31), measure_memory(padded, extent)
    found = make_simple_forecasts(padded, extent, season, steps, solved, memory)
    assert found.shape == (4, 30, FORECASTS)
    past = values.unsqueeze(2)
    expected = {
        LAST: past[:, -1:].expand(-1, 30, -1),
        SLOPE: past[:, -1:] + (past[:, -1:] - past[:, -2:-1]) * steps[:, None],
        DRIFT: Drift(rows, 30, 1)(past),
        NAIVE: SeasonalNaive(rows, 30, 1, season=season)(past),
    }
    if season == 24:
        expected[WEEK] = SeasonalNaive(rows, 30, 1, season=168)(past)
    for column, forecast in expected.items():
        torch.testing.assert_close(found[:, :, [column]], forecast, rtol=1e-4, atol=1e-4)
    change = values[:, -season:].mean(1) - values[:, -2 * season : -season].mean(1)
    moved = expected[NAIVE][:, :season, 0] + change.unsqueeze(1)
    torch.testing.assert_close(found[:, :season, MOVED], moved, rtol=1e-4, atol=1e-4)


def test_errors_are_those_of_forecasts_from_earlier_origins():
    values, padded, extent, solved = sample_rows(90, 7)
    errors = measure_errors(padded, extent, 7, solved, measure_memory(padded, extent))
    model = DiscountedRegressions()
    totals = torch.zeros(4, len(ERROR_STEPS), 6)
    columns = [0, 6, 7, 14, LAST, SLOPE]
    for place, step in enumerate(ERROR_STEPS):
        for age in range(step, 64):
            cut, marks = select_context(
                values[:, : 90 - age], torch.ones(4, 90 - age, dtype=torch.bool), 7
            )
            part = find_extent(marks)
            made = make_simple_forecasts(
                cut,
                part,
                7,
                torch.tensor([step]),
                model(cut, part.length),
                measure_memory(cut, part),
            )
            truth = values[:, 90 - age - 1 + step].unsqueeze(1)
            totals[:, place] += (made[:, 0, columns] - truth).abs() / (64 - step)
    torch.testing.assert_close(errors[:, :, columns], totals, rtol=1e-3, atol=1e-3)
