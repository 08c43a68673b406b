"""Known inputs from the calendar and the table, from the file to the backbone."""

import json
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

from revin_forecast import Forecaster, Reversible, RevIN, TrainingSettings
from revin_forecast.backbones import CycleNet, DLinear, Informer, Linear, TiDE
from revin_forecast.cli.main import main
from revin_forecast.data.covariates import (
    CALENDAR_FEATURES,
    choose_calendar_features,
    known_covariates,
    number_steps,
)
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.data.windows import Windows
from revin_forecast.errors import InputError
from revin_forecast.evaluation.holdout import evaluate
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.training.model_config import ModelConfig

SUBDAILY = ["s", "min", "15min", "h", "3h"]
DAILY = ["D", "2D", "B", "W-SAT"]
YEARLY = ["MS", "ME", "2MS", "BME", "QS", "QE-MAR", "YS", "YE-JUN"]
QUICK = TrainingSettings(max_epochs=4, learning_rate=0.01)


@pytest.mark.parametrize("frequency", SUBDAILY + DAILY + YEARLY)
def test_step_numbers_increase_by_one_and_do_not_depend_on_the_start(frequency):
    stamps = pd.date_range("2021-03-07", periods=60, freq=frequency)
    number = number_steps(stamps, frequency)
    assert (np.diff(number) == 1).all()
    assert (number_steps(stamps[11:], frequency) == number[11:]).all()
    assert (number_steps(stamps.tz_localize("UTC"), frequency) == number).all()


@pytest.mark.parametrize("frequency", SUBDAILY[1:] + DAILY + YEARLY[:4])
def test_calendar_features_vary_between_minus_a_half_and_a_half(frequency):
    rows = {"min": 600_000, "15min": 40_000, "h": 10_000}.get(frequency, 3000)
    stamps = pd.date_range("2020-01-01", periods=rows, freq=frequency, unit="s")
    known = known_covariates(choose_calendar_features(frequency), stamps, frequency)
    assert np.abs(known).max() <= 0.5
    assert (known.std(0) > 0.1).all()


def test_calendar_features_match_their_names():
    stamp = pd.DatetimeIndex(["2024-12-31 23:59"])
    known = known_covariates(tuple(CALENDAR_FEATURES), stamp, "min")[0]
    expected = {"minute": 0.5, "hour": 0.5, "weekday": 1 / 6 - 0.5, "day": 0.5, "yearday": 0.5}
    assert dict(zip(CALENDAR_FEATURES, known, strict=True)) == pytest.approx(
        expected | {"month": 0.5}
    )


def test_windows_carry_known_inputs():
    values, known = torch.arange(20.0).unsqueeze(1), torch.arange(40.0).reshape(20, 2)
    windows = Windows(values, 4, 3, known)
    batch = windows[torch.tensor([0, 13])]
    assert batch.known.shape == (2, 7, 2)
    torch.testing.assert_close(batch.known[1], known[13:20])
    assert windows[:].known[5].equal(known[5:12])
    assert Windows(values, 4, 3)[:].known is None
    with pytest.raises(InputError, match="20 rows of values but 19 rows of known inputs"):
        Windows(values, 4, 3, known[1:])


def test_models_reject_known_inputs_that_they_were_not_built_for():
    model, past = Reversible(DLinear(8, 2, 1), RevIN(1)), torch.randn(3, 8, 1)
    with pytest.raises(ValueError, match=r"DLinear takes no known inputs but got \(3, 10, 2\)"):
        model(past, known=torch.zeros(3, 10, 2))
    tide = Reversible(TiDE(8, 2, 1, covariates=2), RevIN(1))
    with pytest.raises(ValueError, match="TiDE was built for 2 known inputs of each of 10 steps"):
        tide(past)
    with pytest.raises(ValueError, match=r"TiDE was built for 0 known .* got \(3, 10, 2\)"):
        TiDE(8, 2, 1)(past, known=torch.zeros(3, 10, 2))
    with pytest.raises(ValueError, match="CycleNet needs cycle >= 1 and the running number"):
        CycleNet(8, 2, 1, covariates=2)
    with pytest.raises(ValueError, match="Informer needs covariates >= 0 but got -1"):
        Informer(8, 2, 1, covariates=-1)
    nested = Reversible(tide, RevIN(1))
    assert nested(past, known=torch.zeros(3, 10, 2)).shape == (3, 2, 1)


def make_sales(rows=400):
    """Return sales that jump on planned days, which the past does not predict."""
    numbers = np.random.default_rng(0)
    planned = (numbers.random(rows) < 0.2).astype(float)
    sold = 10 + 5 * planned + np.sin(np.arange(rows) / 7 * 2 * np.pi)
    sold += 0.1 * numbers.normal(size=rows)
    dates = pd.date_range("2023-01-01", periods=rows, freq="D")
    return pd.DataFrame({"date": dates, "sold": sold, "planned": planned})


TIDE = partial(TiDE, width=16, dropout=0.0)


@pytest.mark.slow
def test_forecaster_uses_a_known_column(tmp_path):
    table = make_sales()
    past, future = table[:-7], table[-7:][["date", "planned"]]
    truth = table.sold[-7:].to_numpy()
    settings = TrainingSettings(max_epochs=30, learning_rate=0.01, patience=10)
    with_known = Forecaster(7, 14, TIDE, RevIN, settings, covariates=["planned"]).fit(past)
    forecast = with_known.predict(future=future)
    assert list(forecast.columns) == ["date", "sold"]
    without_known = Forecaster(7, 14, TIDE, RevIN, settings).fit(past[["date", "sold"]]).predict()
    errors = [
        np.square(predicted.sold.to_numpy() - truth).mean()
        for predicted in (forecast, without_known)
    ]
    assert errors[0] < 0.3 * errors[1]

    with_known.save(tmp_path)
    again = Forecaster.load(tmp_path)
    assert again.covariates == ("planned",)
    assert again.predict(future=future).equals(forecast)
    newer = again.predict(table[-30:-7], future=future)
    np.testing.assert_allclose(newer.sold, forecast.sold, rtol=1e-5)

    with pytest.raises(InputError, match="planned is not known at 2024-01-29"):
        again.predict()
    with pytest.raises(InputError, match="planned is not known at 2024-02-02"):
        again.predict(future=future[:4])


def test_forecaster_computes_calendar_features():
    table = make_sales()[["date", "sold"]]
    forecaster = Forecaster(7, 14, TIDE, RevIN, QUICK, covariates=["calendar"]).fit(table)
    assert forecaster.fitted.config.covariates == ("weekday", "day", "yearday")
    assert forecaster.predict().sold.notna().all()
    cycle = Forecaster(7, 14, partial(CycleNet, cycle=7), RevIN, QUICK)  # it needs "step"
    assert cycle.fit(table).predict().sold.between(5, 20).all()
    later = cycle.predict(table[-20:])
    assert later.equals(cycle.predict())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backbone": Linear, "covariates": ["calendar"]}, "Linear takes no known inputs but got"),
        (
            {"backbone": TIDE, "covariates": ["price"]},
            r"there is no known input 'price': it is neither",
        ),
        ({"backbone": TIDE, "covariates": ["sold", "planned"]}, "none is left to forecast"),
        (
            {"backbone": partial(TiDE, covariates=1)},
            "TiDE was built for 1 known inputs but got none. Name them as covariates",
        ),
        (
            {"backbone": partial(TiDE, covariates=5), "covariates": ["planned", "weekday"]},
            r"TiDE got covariates=5, but its known inputs are \['planned', 'weekday'\]\. Leave",
        ),
        (
            {"backbone": partial(CycleNet, covariates=2)},
            r"CycleNet got covariates=2, but its known inputs are \['step'\]\. Leave the number",
        ),
        (
            {"backbone": CycleNet, "covariates": ["hour"]},
            r"CycleNet requires \['step'\] and takes no other known inputs but got \['hour'\]",
        ),
    ],
)
def test_rejects_unsuitable_covariates(options, message):
    with pytest.raises((InputError, ValueError), match=message):
        Forecaster(7, 14, training=QUICK, **options).fit(make_sales())


def test_rejects_future_without_known_columns():
    table = make_sales()[["date", "sold"]]
    forecaster = Forecaster(7, 14).fit(table)
    with pytest.raises(InputError, match="future is for own columns that are known in advance"):
        forecaster.predict(future=table[-7:])


@pytest.mark.slow
def test_evaluation_measures_the_gain_from_covariates():
    table = make_sales(600)
    known = table[["planned"]].to_numpy()
    split = ChronologicalSplit(table[["sold"]].to_numpy(), 400, 480, 600, known=known)
    settings = TrainingSettings(max_epochs=20, learning_rate=0.01, patience=5)
    parts = ModuleSpec.from_class(TIDE), ModuleSpec.from_class(RevIN), 14, 7, settings
    with_known = evaluate(ModelConfig(*parts, covariates=("planned",)), split, 7)
    bare = ChronologicalSplit(split.values, 400, 480, 600)
    without_known = evaluate(ModelConfig(*parts), bare, 7)
    assert with_known.model.mse < 0.3 * without_known.model.mse
    assert with_known.repeat == without_known.repeat


def test_commands_accept_covariates(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = make_sales()
    table[:-7].to_csv("sales.csv", index=False)
    table[-7:][["date", "planned"]].to_csv("plan.csv", index=False)
    words = ["sales.csv", "--horizon", "7", "--lookback", "14", "--backbone", "TiDE"]
    words += ["--backbone.width", "8", "--covariates", "planned", "weekday"]
    words += ["--training.max_epochs", "2"]
    assert main(["forecast", *words, "--future", "plan.csv", "--out", "f.csv"]) == 0
    assert list(pd.read_csv("f.csv").columns) == ["date", "sold"]
    assert "7 steps of 1 series" in capsys.readouterr().out
    assert main(["fit", *words, "--out", "model"]) == 0
    assert main(["predict", "model", "--future", "plan.csv", "--out", "g.csv"]) == 0
    assert pd.read_csv("f.csv").equals(pd.read_csv("g.csv"))
    words = ["sales.csv", *words[1:], "--json"]
    capsys.readouterr()
    assert main(["evaluate", *words]) == 0
    assert json.loads(capsys.readouterr().out)["backbone"] == "TiDE"


def test_a_siamese_goes_through_commands_and_files(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_sales().to_csv("sales.csv", index=False)
    words = ["fit", "sales.csv", "--horizon", "7", "--lookback", "14", "--out", "model"]
    words += ["--backbone", "Siamese", "--backbone.backbone", "NHITS"]
    words += ["--backbone.backbone.width", "16", "--training.max_epochs", "1"]
    assert main(words) == 0, capsys.readouterr().err
    loaded = Forecaster.load("model")
    assert loaded.fitted.model.backbone.networks[0].blocks[0].layers[0].out_features == 16
    assert loaded.predict().shape == (7, 3)
