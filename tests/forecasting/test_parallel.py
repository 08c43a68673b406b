"""One model's forecast of many series in tasks, against its forecast of all at once."""

import pickle
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

from revin_forecast import Forecaster, RevIN
from revin_forecast.backbones import Ridge, SCINet
from revin_forecast.errors import InputError
from revin_forecast.forecasting.parallel import predict_parallel
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.utils.parallel import make_engine
from revin_forecast.utils.parallel.engine import ignore_report
from revin_forecast.utils.parallel.inline import InlineEngine

CHANNELS = 8


class PicklingEngine(InlineEngine):
    """An engine that pickles tasks and results, as for other processes, and counts them."""

    tasks = 0

    def run(self, function, queue, on_report=ignore_report):
        self.tasks += len(queue)
        function, queue = pickle.loads(pickle.dumps((function, queue)))
        for outcome in super().run(function, queue, on_report):
            yield pickle.loads(pickle.dumps(outcome))


@pytest.fixture(autouse=True)
def three_series_per_task(monkeypatch):
    monkeypatch.setattr("revin_forecast.forecasting.parallel.SERIES_PER_TASK", 3)


def wide(rows=160, channels=CHANNELS):
    random = np.random.default_rng(0)
    values = random.normal(size=(rows, channels)).cumsum(axis=0)
    values += 5 * np.sin(2 * np.pi * np.arange(rows) / 7)[:, None]
    table = pd.DataFrame(values, columns=[f"series {number}" for number in range(channels)])
    table.insert(0, "date", pd.date_range("2024-01-01", periods=rows, freq="D"))
    return table


def select_window(fitted):
    return fitted.standardizer.to_tensor(fitted.history.values).unsqueeze(0)


def test_tasks_give_the_forecast_of_all_series():
    affine = partial(RevIN, affine=True)
    cases = [{"backbone": Ridge, "lookback": 21, "normalizer": affine}, {}]
    cases.append({"backbone": partial(Ridge, per_channel=True), "lookback": 21})
    for arguments in cases:
        fitted = Forecaster(5, **arguments).fit(wide()).fitted
        generator = torch.Generator().manual_seed(0)
        for parameter in fitted.model.normalizer.parameters():  # away from the initial values
            parameter.data += torch.rand(parameter.shape, generator=generator)
        past, engine = select_window(fitted), PicklingEngine()
        forecast, quantiles = predict_parallel(fitted, past, engine, levels=[0.1, 0.9])
        torch.testing.assert_close(forecast, fitted.forecast(past))
        torch.testing.assert_close(quantiles, fitted.quantiles(past, [0.1, 0.9]))
        assert engine.tasks == 3
        inline_forecast, no_quantiles = predict_parallel(fitted, past, make_engine("inline"))
        assert torch.equal(inline_forecast, forecast)
        assert no_quantiles is None


def test_models_that_mix_series_are_refused():
    table = wide(channels=4)
    fitted = Forecaster(5, 21, Ridge).fit(table).fitted
    config = replace(fitted.config, backbone=ModuleSpec.from_class(SCINet), lookback=24)
    known = replace(fitted.config, covariates=("weekday",))
    cases = [
        (replace(fitted, config=config, model=config.build(4)), "but SCINet or its normalizer"),
        (replace(fitted, config=known), r"without known inputs, but this one has \['weekday'\]"),
        (Forecaster(5, 21, Ridge).fit(table, inputs=["series 1"]).fitted, "this one uses some"),
    ]
    for model, message in cases:
        with pytest.raises(InputError, match=message):
            predict_parallel(model, select_window(fitted), PicklingEngine())
