"""Models of single series join those of the whole table, or stand alone."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from revin_forecast import TrainingSettings
from revin_forecast.backbones import Repeat
from revin_forecast.backbones.target_channels import unwrap
from revin_forecast.data.scaling import Standardizer
from revin_forecast.models.series_intervals import SeriesIntervals
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import LastValue
from revin_forecast.selection.combination import (
    TABLE_MODEL,
    SeriesTask,
    add_series_models,
    can_join,
    select_series_models,
)
from revin_forecast.selection.select import select_model
from revin_forecast.selection.select_local import select_local
from revin_forecast.selection.selector import Selector
from revin_forecast.selection.settings import SelectionSettings
from revin_forecast.selection.task import SelectionTask
from revin_forecast.training.model_config import ModelConfig
from tests.support.seasonal_values import make_values

HORIZON = 6


def make_task(values, season=12, targets=None):
    repeat, last = ModuleSpec.from_class(Repeat), ModuleSpec.from_class(LastValue)
    config = ModelConfig(repeat, last, 1, HORIZON, TrainingSettings(), targets=targets)
    return SeriesTask(values, Standardizer.fit(values), season, config)


def select_table(task):
    values = task.standardizer.transform(task.values)
    selector = Selector(SelectionTask(values, 320, HORIZON, (12,)), SelectionSettings())
    return select_model(selector, TrainingSettings())


@pytest.mark.parametrize("shift", [0.0, 30.0])
@pytest.mark.parametrize("targets", [None, (0, 2)])
def test_the_model_forecasts_the_weighted_mean_of_the_members(shift, targets):
    values = 3 * make_values(rows=90) + shift
    task = make_task(values, targets=targets)
    result = select_series_models(task)
    selection = select_local(task.amounts, 12, HORIZON)
    finals = torch.stack(
        [
            selection.gather(lambda one, i=index: one.members[i].final.nan_to_num())
            for index in range(len(selection.names))
        ]
    )
    amounts = torch.einsum("mc,mhc->hc", selection.weights, finals).numpy()
    expected = amounts * task.standardizer.scale
    past = torch.from_numpy(task.standardizer.transform(values))[None, -result.config.lookback :]
    with torch.inference_mode():
        forecast = result.model(past.to(torch.float64)).numpy()[0]
    chosen = list(targets or range(3))
    units = task.standardizer.select(chosen)
    np.testing.assert_allclose(
        units.inverse_transform(forecast), expected[:, chosen], rtol=1e-4, atol=1e-4
    )
    assert isinstance(result.calibration, SeriesIntervals)
    assert result.calibration.scores.shape[2] == len(chosen)
    assert result.validation is None
    assert [row["mase"] for row in result.leaderboard] == sorted(
        row["mase"] for row in result.leaderboard
    )


def test_without_a_local_advantage_the_result_of_the_table_is_unchanged(monkeypatch):
    task = make_task(make_values())
    table = select_table(task)
    useless = partial(torch.zeros, dtype=torch.float64)

    def give_all_weight_to_the_table(*arguments, **options):
        selection = select_local(*arguments, **options)
        weights = useless(len(selection.names), 3)
        weights[selection.names.index(TABLE_MODEL)] = 1
        selection.__dict__["weights"] = weights
        return selection

    monkeypatch.setattr(
        "revin_forecast.selection.combination.select_local", give_all_weight_to_the_table
    )
    assert add_series_models(task, table) is table


def test_a_perfect_table_model_needs_no_others():
    task = make_task(make_values())
    table = select_table(task)
    standardized = task.standardizer.transform(task.values)
    for window, origin in zip(table.validation.forecast, table.validation.origins, strict=True):
        window.copy_(torch.from_numpy(standardized[origin : origin + HORIZON]))
    assert add_series_models(task, table) is table


def test_models_join_only_in_the_series_where_they_earn_it():
    task = make_task(make_values())
    table = select_table(task)
    standardized = task.standardizer.transform(task.values)
    for window, origin in zip(table.validation.forecast, table.validation.origins, strict=True):
        window.copy_(torch.from_numpy(standardized[origin : origin + HORIZON]))
        window[:, 1] += 50
    joined = add_series_models(task, table)
    combination = unwrap(joined.model.backbone)
    torch.testing.assert_close(combination.weights.sum(0), torch.ones(3), atol=1e-5, rtol=0)
    count = len(unwrap(table.model.backbone).members)
    shared, local = combination.weights[-count:], combination.weights[:-count]
    torch.testing.assert_close(local.sum(0)[[0, 2]], torch.zeros(2))
    assert local.sum(0)[1] > 0.9
    torch.testing.assert_close(
        shared[:, [0, 2]], unwrap(table.model.backbone).weights[:, [0, 2]], atol=1e-6, rtol=0
    )
    assert isinstance(joined.calibration, SeriesIntervals)
    shares = [row["share"] for row in joined.leaderboard]
    assert TABLE_MODEL not in [row["model"] for row in joined.leaderboard]
    assert all(0 <= share <= 1 for share in shares)


@pytest.mark.parametrize(
    ("rows", "series", "validated", "expected"),
    [(1000, 1, 200, True), (1001, 1, 200, False), (5000, 33, 1000, True), (5000, 33, 1001, False)],
)
def test_models_join_where_they_see_enough(rows, series, validated, expected):
    table = select_table(make_task(make_values()))
    origins = np.array([rows - validated])
    table = replace(table, validation=replace(table.validation, origins=origins))
    assert can_join(np.zeros((rows, series)), table) is expected
