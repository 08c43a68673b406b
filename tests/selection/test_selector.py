"""Candidates that are tried: as the settings, the data and the time allow."""

import pytest

from revin_forecast import InputError, TrainingSettings
from revin_forecast.backbones import DLinear, TSMixer
from revin_forecast.selection.select import select_model
from revin_forecast.selection.selector import Selector
from revin_forecast.selection.settings import SelectionSettings
from revin_forecast.selection.task import SelectionTask
from tests.support.seasonal_values import make_values


def test_a_fixed_level_and_look_back_are_the_only_ones_tried():
    values = make_values()
    selector = Selector(
        SelectionTask(values, 320, 6, (12,)), SelectionSettings(), centring="last", lookback=24
    )
    choice = select_model(selector, TrainingSettings())
    solved = [row for row in choice.leaderboard if row["model"].startswith("Ridge")]
    assert {(row["normalizer"], row["lookback"]) for row in solved} == {("last", 24)}
    with pytest.raises(InputError, match="hold no window of look-back 400 and horizon 6"):
        Selector(SelectionTask(values, 320, 6), SelectionSettings(), lookback=400)


def test_thorough_also_trains_backbones(monkeypatch):
    monkeypatch.setattr("revin_forecast.selection.selector.TRAINED_BACKBONES", (DLinear, TSMixer))
    values = make_values(rows=160, channels=2)
    selector = Selector(SelectionTask(values, 128, 4, (12,)), SelectionSettings(effort="thorough"))
    choice = select_model(selector, TrainingSettings(max_epochs=1))
    models = {row["model"] for row in choice.leaderboard}
    assert {"DLinear", "TSMixer"} <= models
    assert choice.mase <= min(row["mase"] for row in choice.leaderboard) + 1e-4
