"""Settings that can't work are refused before a fit; those without effect are named."""

import numpy as np
import pandas as pd
import pytest

from revin_forecast import DLinear, Forecaster, Repeat, Ridge
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.errors import InputError
from revin_forecast.forecasting import fit_checks
from revin_forecast.forecasting.fit_checks import (
    check_fit_arguments,
    check_requested_levels,
    find_settings_without_effect,
    read_future,
)
from revin_forecast.selection.settings import SelectionSettings
from revin_forecast.training.settings import TrainingSettings


def daily(rows=60, start="2024-01-01"):
    stamps = pd.date_range(start, periods=rows, freq="D")
    row = np.arange(rows)
    return pd.DataFrame({"date": stamps, "sold": 10.0 + row % 7, "promo": 1.0 * (row % 5 == 0)})


@pytest.fixture
def no_fit(monkeypatch):
    """Fail if a fit begins."""

    def fail(*_):
        raise AssertionError("a fit began")

    monkeypatch.setattr("revin_forecast.forecasting.fit_table.fit_auto", fail)
    monkeypatch.setattr("revin_forecast.forecasting.fit_table.fit_specified", fail)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"horizon": 10**20}, "end after the last date that can be written. Pass a horizon of at"),
        ({"covariates": ["holiday"]}, r"needs a country, such as covariates=\['holiday:DE'\]"),
        ({"covariates": ["prom"]}, r"there is no known input 'prom': .* Did you mean promo\?"),
        (
            {"selection": SelectionSettings(season=(60,))},
            "a season of 60 steps is not shorter than the table of 60 rows, .* at most 30, or",
        ),
    ],
)
def test_settings_are_checked_before_the_fit(no_fit, options, message):
    with pytest.raises(InputError, match=message):
        Forecaster(**{"horizon": 3} | options).fit(daily())


def test_a_horizon_beyond_the_memory_is_refused(no_fit, monkeypatch):
    monkeypatch.setattr(fit_checks, "limit_horizon", lambda count: 500 // count)
    with pytest.raises(InputError, match="a horizon of 501 steps of 2 series needs more memory"):
        Forecaster(501).fit(daily())
    with pytest.raises(AssertionError, match="a fit began"):
        Forecaster(250).fit(daily())


def test_the_y_of_other_libraries_is_refused():
    table = daily()
    for folder, y in ((table.sold, None), (table[["sold"]], None), (np.ones(3), None)):
        with pytest.raises(InputError, match="fit takes one table .*, not X and y, but got a sec"):
            check_fit_arguments(folder, y)
    with pytest.raises(InputError, match="not X and y, but got a second Series"):
        Forecaster(3).fit(table, y=table.sold)
    with pytest.raises(InputError, match=r"pass read_series\(table, target=\['sold'\]\)\."):
        Forecaster(3).fit(table, y="sold")
    assert check_fit_arguments(None, None) is None


def test_one_level_and_a_number_of_steps():
    fitted = Forecaster(3, 7, Ridge).fit(daily()[["date", "sold"]])
    assert list(fitted.predict(level=90)) == ["date", "sold", "sold-lo-90", "sold-hi-90"]
    with pytest.raises(InputError, match=r"not a number of steps, but got 24\. The horizon is set"):
        fit_checks.check_new_rows(24)


class TestFuture:
    def read(self, future, covariates=("promo",)):
        config = Forecaster(3, covariates=covariates).config
        return read_future(config, read_series(daily()), future)

    def test_a_complete_table_is_read(self):
        known = self.read(daily(4, "2024-03-01"))
        assert known is not None
        assert len(known) == 4

    @pytest.mark.parametrize(
        ("future", "message"),
        [
            (
                None,
                "promo: the values for the 3 steps from 2024-03-01 to 2024-03-03 are needed.",
            ),
            (daily(2, "2024-03-01"), "has no value of promo at 2024-03-03"),
            (daily(5, "2024-03-02"), "has no value of promo at 2024-03-01"),
            (daily(4, "2024-03-01")[["date", "sold"]], "lacks the column promo; it has "),
        ],
    )
    def test_what_is_missing_is_named(self, future, message):
        with pytest.raises(InputError, match=message):
            self.read(future)

    def test_a_gap_is_named(self):
        future = daily(4, "2024-03-01")
        future.loc[1, "promo"] = np.nan
        with pytest.raises(InputError, match="has no value of promo at 2024-03-02"):
            self.read(future)

    def test_a_table_that_is_not_needed_is_refused(self):
        with pytest.raises(InputError, match="no column is among the covariates"):
            self.read(daily(4, "2024-03-01"), ("calendar",))
        assert self.read(None, ("calendar",)) is None


def test_levels_of_a_model_of_quantiles_are_checked_first():
    training = TrainingSettings(loss="quantile", levels=(0.1, 0.5, 0.9))
    config = Forecaster(3, backbone=DLinear, training=training).config
    check_requested_levels(config, [80.0])
    with pytest.raises(InputError, match=r"Its intervals are level=\[80\]"):
        check_requested_levels(config, [95.0])


@pytest.mark.parametrize(
    ("options", "report", "sentences"),
    [
        ({}, {}, []),
        ({"backbone": DLinear, "training": TrainingSettings(max_epochs=2)}, {"epochs": 2}, []),
        (
            {"training": TrainingSettings(max_epochs=2, seed=3)},
            {},
            ["--max-epochs and --seed have no effect: the automatic choice trains no backbone."],
        ),
        (
            {"backbone": Ridge, "training": TrainingSettings(devices=2)},
            {},
            ["--devices has no effect: Ridge is not trained by gradient descent."],
        ),
        (
            {"backbone": Repeat, "selection": SelectionSettings(effort="thorough", budget=9.0)},
            {},
            ["--effort and --budget have no effect: a backbone was named, so none is chosen."],
        ),
        (
            {"backbone": Repeat, "selection": SelectionSettings(without_pretrained=True)},
            {},
            ["--without-pretrained has no effect: a backbone was named, so none is chosen."],
        ),
        (
            {
                "training": TrainingSettings(max_epochs=2),
                "selection": SelectionSettings(effort="thorough"),
            },
            {},
            [],
        ),
    ],
)
def test_settings_without_effect_are_named(options, report, sentences):
    found = find_settings_without_effect(Forecaster(3, **options).config, report)
    assert len(found) == len(sentences)
    for got, wanted in zip(found, sentences, strict=True):
        assert got.startswith(wanted)


def test_the_summary_of_a_fit_names_them():
    training = TrainingSettings(max_epochs=2)
    fitted = Forecaster(3, 7, Ridge, training=training).fit(daily()).fitted
    assert fitted.summary["without_effect"][0].startswith("`max_epochs` has no effect: Ridge is")
    assert "without_effect" not in Forecaster(3, 7, Ridge).fit(daily()).fitted.summary
