"""Maps on logarithms, and maps that are solved again on other rows."""

import numpy as np
import pytest
import torch

from revin_forecast import TrainingSettings
from revin_forecast.selection.select import select_model
from revin_forecast.selection.selector import Selector
from revin_forecast.selection.settings import SelectionSettings
from revin_forecast.selection.solved_maps import DISTANT_ZERO, OFFSET_SHARE, LogValues
from revin_forecast.selection.task import SelectionTask


def make_amounts(rows=900):
    """Return bursts of growth, and a channel with negative values, with their zeros."""
    random = np.random.default_rng(0)
    season = np.sin(2 * np.pi * np.arange(rows) / 12)[:, None]
    noise = random.normal(0, 0.3, (rows, 2))
    values = np.column_stack([np.exp(1.5 * season + noise)[:, 0], (season + noise)[:, 1]])
    mean, deviation = values.mean(0), values.std(0)
    return (values - mean) / deviation, -mean / deviation


def test_logarithms_of_amounts_and_straight_lines_of_other_channels():
    values, zero = make_amounts()
    values[5] = np.nan
    logs = LogValues.from_values(torch.from_numpy(values), torch.from_numpy(zero))
    amounts = values[:, 0] - zero[0]
    expected = np.log(amounts + OFFSET_SHARE * np.nanmean(amounts))
    expected = (expected - np.nanmean(expected)) / np.nanstd(expected)
    np.testing.assert_allclose(logs.values[:, 0], expected, atol=1e-9)
    assert logs.zero[1] == DISTANT_ZERO
    other = (values[:, 1] - np.nanmean(values[:, 1])) / np.nanstd(values[:, 1])
    np.testing.assert_allclose(logs.values[:, 1], other, atol=1e-3)
    assert LogValues.from_values(torch.from_numpy(values[:, 1:]), torch.zeros(1).double()) is None


def test_amounts_that_multiply_get_a_map_on_logarithms():
    values, zero = make_amounts()
    task = SelectionTask(values, 720, 6, (12,), zero=zero)
    selector = Selector(task, SelectionSettings(budget=60.0))
    choice = select_model(selector, TrainingSettings())
    [row] = [row for row in choice.leaderboard if row["normalizer"] == "log"]
    plain = [r for r in choice.leaderboard if r["model"].endswith("one each") and r is not row]
    assert row["share"] > 0
    assert row["mase"] < min(r["mase"] for r in plain)
    [entry] = [e for e in selector.evaluated_candidates if e.candidate.centring == "log"]
    past = selector.validation.past[:, -entry.candidate.lookback :]
    # With the rows of training the maps are those of the validation windows.
    torch.testing.assert_close(entry.refit(720)(past), entry.forecast, atol=1e-4, rtol=0)
    assert entry.forecast[..., 0].min().item() > zero[0] - OFFSET_SHARE * (0 - zero[0]) - 1e-3


def test_robust_maps_are_solved_again_in_a_refit():
    values, _ = make_amounts()
    selector = Selector(SelectionTask(values, 720, 6, (12,)), SelectionSettings(budget=60.0))
    evaluated = selector.run(TrainingSettings())
    robust = [entry for entry in evaluated if entry.candidate.is_robust]
    assert len(robust) == 2
    for entry in robust:
        assert entry.candidate.model_name == "Ridge, robust"
        past = selector.validation.past[:, -entry.candidate.lookback :]
        [plain] = [
            other
            for other in evaluated
            if other.candidate.title == entry.candidate.title.replace(", robust", "")
        ]
        torch.testing.assert_close(entry.refit(720)(past), entry.forecast, atol=1e-4, rtol=0)
        assert (entry.forecast - plain.forecast).abs().max().item() > 0.01


@pytest.mark.parametrize("part", ["values", "zero"])
def test_without_logarithms_no_candidate_is_tried(part):
    values, zero = make_amounts()
    chosen = values[:, 1:] if part == "values" else values
    known = zero[1:] if part == "values" else None
    selector = Selector(
        SelectionTask(chosen, 720, 6, (12,), zero=known), SelectionSettings(budget=60.0)
    )
    assert all(e.candidate.centring != "log" for e in selector.run(TrainingSettings()))
