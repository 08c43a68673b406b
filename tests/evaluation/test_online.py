"""Maps that are solved again within the test part see matured truth only."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from revin_forecast.closed_form import SweepGrid, sweep_ridge
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.errors import InputError
from revin_forecast.evaluation.online import evaluate_online
from revin_forecast.evaluation.sweep import evaluate_sweep
from tests.support.closed_form import PENALTIES, SMALL, seasonal_series, walk, waves

TRAIN, VALIDATION, TEST = 300, 380, 500


def choose(split, grid=SMALL):
    """Return the choice on the rows before the test part."""
    rows = split.standardizer.transform(split.values[: split.validation])
    return sweep_ridge(torch.from_numpy(rows), grid)


def test_one_solve_is_the_usual_protocol():
    split = ChronologicalSplit(waves(12, 7, rows=TEST).numpy(), TRAIN, VALIDATION, TEST)
    usual = evaluate_sweep(split, SMALL, season=12)
    for online, fixed in zip(
        evaluate_online(split, usual.sweep_result, 1), usual.horizons, strict=True
    ):
        assert (online.horizon, online.solves) == (fixed.horizon, 1)
        # Rounded differently: one by the module, one by a product of all windows of a channel.
        assert online.scores.mse == pytest.approx(fixed.scores.mse, rel=1e-6)
        assert online.scores.mae == pytest.approx(fixed.scores.mae, rel=1e-6)
        assert online.scores.windows == fixed.scores.windows


@pytest.mark.parametrize("grid", [SMALL, SweepGrid((8,), (3, 6), PENALTIES, 3, season=12)])
def test_every_window_is_forecast_by_maps_of_the_rows_before_its_part(grid):
    _, values = seasonal_series(TEST) if grid.season else (None, walk(TEST))
    split = ChronologicalSplit(values.numpy(), TRAIN, VALIDATION, TEST)
    choice = choose(split, grid)
    results = evaluate_online(split, choice, 4)
    rows = torch.from_numpy(split.standardizer.transform(split.values))
    for result in results:
        errors, horizon = [], result.horizon
        for start, stop in pairwise([380, 410, 440, 470, 500]):
            model = choice.solve(rows[:start], (horizon,))[horizon]
            lookback = getattr(model, "model", model).backbone.lookback
            for origin in range(start, min(stop, TEST - horizon + 1)):
                known = None
                if choice.profile_share:
                    numbers = torch.arange(origin - lookback, origin + horizon).float()
                    known = numbers.reshape(1, -1, 1)
                past = rows[origin - lookback : origin].float().unsqueeze(0)
                forecast = model(past) if known is None else model(past, known=known)
                errors.append((forecast[0] - rows[origin : origin + horizon]).detach().numpy())
        assert result.scores.windows == len(errors) == TEST - VALIDATION - horizon + 1
        assert result.scores.mse == pytest.approx(np.mean(np.square(errors)), rel=1e-5)


def test_a_wrong_number_of_solves_is_refused():
    split = ChronologicalSplit(walk(TEST).numpy(), TRAIN, VALIDATION, TEST)
    with pytest.raises(InputError, match="1 to 120 times .* but got solves=0"):
        evaluate_online(split, choose(split), 0)
