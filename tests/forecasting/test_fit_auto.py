"""The automatic choice from one row up: models of single series, of the whole table, or both."""

import numpy as np
import pandas as pd
import pytest

from revin_forecast import Forecaster
from revin_forecast.cli.output import format_selection_table
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.errors import InputError
from revin_forecast.models.conformal_intervals import ConformalIntervals
from revin_forecast.models.series_intervals import SeriesIntervals
from revin_forecast.normalizers import RevIN
from revin_forecast.selection.settings import SelectionSettings


def make_series(rows, frequency="MS", channels=2, season=12):
    random = np.random.default_rng(0)
    time = np.arange(rows)[:, None]
    waves = 3 * np.sin(2 * np.pi * time / season + np.arange(channels))
    values = 20 + waves + random.normal(0, 0.5, (rows, channels))
    names = [f"s{channel}" for channel in range(channels)]
    table = pd.DataFrame(values, columns=names)
    table.insert(0, "date", pd.date_range("2000-01-01", periods=rows, freq=frequency))
    return read_series(table, frequency=frequency)


@pytest.mark.parametrize("horizon", [1, 12])
@pytest.mark.parametrize("rows", [1, 2, 3, 6, 24, 60])
def test_every_number_of_rows_gets_a_forecast_with_intervals(rows, horizon):
    forecaster = Forecaster(horizon).fit(make_series(rows))
    frame = forecaster.predict(level=[80, 95, 99.9])
    assert len(frame) == horizon
    for name in ("s0", "s1"):
        low, high = ([frame[f"{name}-{end}-{x}"] for x in (80, 95, 99.9)] for end in ("lo", "hi"))
        bounds = [*low[::-1], frame[name], *high]
        assert np.isfinite(bounds).all()
        widths = np.diff(bounds, axis=0)
        # All values are positive, so 0 is the lower limit.
        assert np.min(bounds) >= 0
        assert (widths[3:] > 0).all()
        assert ((widths[:3] > 0) | (bounds[0].to_numpy() == 0)).all()
    selection = forecaster.fitted.summary["selection"]
    assert selection["protocol"] == "expanding origins"
    assert (selection["windows"] == 0) == (rows == 1)
    assert bool(selection["candidates"]) == (rows > 1)
    if rows > 1:
        assert sum(row["share"] for row in selection["candidates"]) == pytest.approx(1, abs=1e-3)
    assert isinstance(forecaster.fitted.intervals, SeriesIntervals)
    assert 1 <= forecaster.fitted.config.lookback <= rows


def test_a_season_is_used_from_one_and_a_half_of_them():
    for rows, season in ((17, 1), (18, 12), (60, 12)):
        forecaster = Forecaster(12).fit(make_series(rows))
        assert forecaster.fitted.summary["selection"]["season"] == season
    truth = make_series(72).values[60:]
    frame = forecaster.predict()
    assert np.abs(frame[["s0", "s1"]] - truth).mean(axis=None) < 0.8


def test_the_network_is_a_member_with_a_share_unless_it_is_left_out():
    series = make_series(40)
    chosen = Forecaster(4).fit(series)
    rows = {row["model"]: row for row in chosen.fitted.summary["selection"]["candidates"]}
    assert 0.02 < rows["Pretrained"]["share"] < 1
    parts = chosen.explain(steps=1, series="s0")
    assert parts[parts.source == "member"].name.tolist() == ["Pretrained"]
    forecast = chosen.predict(level=80)
    # Its quantiles need not be symmetric.
    up, down = forecast["s0-hi-80"] - forecast["s0"], forecast["s0"] - forecast["s0-lo-80"]
    assert (up / down - 1).abs().max() > 1e-3
    without = Forecaster(4, selection=SelectionSettings(without_pretrained=True)).fit(series)
    assert "Pretrained" not in str(without.fitted.config.backbone)
    rows = without.fitted.summary["selection"]["candidates"]
    assert "Pretrained" not in {row["model"] for row in rows}
    forecast = without.predict(level=80)
    up, down = forecast["s0-hi-80"] - forecast["s0"], forecast["s0"] - forecast["s0-lo-80"]
    np.testing.assert_allclose(up, down, rtol=1e-4)


def test_a_member_without_an_origin_is_listed_without_an_error():
    selection = Forecaster(2).fit(make_series(8)).fitted.summary["selection"]
    last = selection["candidates"][-1]
    assert (last["model"], last["mase"]) == ("Pretrained", None)
    assert last["share"] > 0.5
    (line,) = [line for line in format_selection_table(selection) if "Pretrained" in line]
    assert line.split()[-2:] == ["-", f"{last['share']:.0%}"]


@pytest.mark.parametrize("settings", [{"lookback": 4}, {"normalizer": RevIN}])
def test_maps_of_the_table_that_the_user_names_need_rows_to_validate_on(settings):
    forecaster = Forecaster(6, **settings)
    with pytest.raises(
        InputError,
        match=r"6 rows are too few to validate maps with that look-back or normalizer over a "
        r"horizon of 6 \(7 are needed\)\. Leave the look-back and the normalizer out",
    ):
        forecaster.fit(make_series(6))
    fitted = forecaster.fit(make_series(80)).fitted
    assert fitted.summary["selection"]["protocol"] == "last fifth"
    models = [row["model"] for row in fitted.summary["selection"]["candidates"]]
    assert "Ridge" in models
    assert not any(model.startswith("ETS") for model in models)
    assert isinstance(fitted.intervals, ConformalIntervals)


@pytest.mark.parametrize(
    ("rows", "frequency", "protocol"),
    [(599, "D", "expanding origins"), (600, "D", "last fifth"), (100, "h", "last fifth")],
)
def test_long_tables_and_steps_below_a_day_are_validated_on_their_last_fifth(
    rows, frequency, protocol
):
    fitted = Forecaster(3).fit(make_series(rows, frequency, season=7)).fitted
    assert fitted.summary["selection"]["protocol"] == protocol
    models = {row["model"] for row in fitted.summary["selection"]["candidates"]}
    assert ("Ridge" in models) == (protocol == "last fifth")
