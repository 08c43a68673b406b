"""The fan chart of a series."""

import numpy as np
import pandas as pd
import pytest

from revin_forecast import Forecaster, Ridge
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.reports.forecast.fan_chart import build_fan_charts, fan_figure
from revin_forecast.reports.forecast.image import build_image
from tests.support.forecast_pages import HORIZON, make_table


def test_series_end_at_their_own_last_rows():
    stamps = pd.date_range("2024-01-01", periods=80, freq="D")
    parts = [
        pd.DataFrame({"unique_id": name, "ds": stamps[:end], "y": np.arange(end) % 7 + 10.0 * end})
        for name, end in (("late", 80), ("early", 70))
    ]
    series = read_series(pd.concat(parts))
    forecast = Forecaster(3).fit(series).predict(level=[80])
    for history in (series, series.align_ends()):
        late, early = build_fan_charts(history, forecast, [80])
        assert early.name == "early"
        assert str(early.timestamps[-1]) == "2024-03-10 00:00:00"
        assert early.values[-1] == 69 % 7 + 700
        assert str(early.future_timestamps[0]) == "2024-03-11 00:00:00"
        assert str(late.future_timestamps[0]) == "2024-03-21 00:00:00"
        assert (early.bounds[80][0] <= early.forecast).all()


@pytest.mark.slow
def test_page_of_many_series_stays_small():
    names = [f"s{index}" for index in range(200)]
    series = read_series(make_table(names, rows=2000))
    forecast = Forecaster(HORIZON, 14, Ridge).fit(series).predict(level=[80, 95])
    charts = build_fan_charts(series, forecast, [80, 95])
    assert len(charts) == 50
    assert sum(len(str(fan_figure(fan).to_json())) for fan in charts) < 4e6
    image = build_image(charts, "Forecast of a.csv", 200)
    assert len(image.layout.annotations) == 50  # the names of the series
    assert image.layout.title.text == "Forecast of a.csv (the first 50 of 200 series)"


def test_isolated_values_are_drawn_as_points():
    frame = make_table(("a",))
    frame.loc[[230, 232], "a"] = np.nan
    series = read_series(frame)
    fan = build_fan_charts(series, Forecaster(3, 14, Ridge).fit(series).predict(), [])[0]
    measured = next(trace for trace in fan_figure(fan).data if trace.name == "measured")
    assert np.flatnonzero(measured.marker.size).tolist() == [231]


def test_charts_carry_no_default_template():
    series = read_series(make_table(("a",)))
    fan = build_fan_charts(series, Forecaster(3, 14, Ridge).fit(series).predict(), [])[0]
    assert len(str(fan_figure(fan).layout.template.to_plotly_json())) < 100


def test_series_that_several_columns_name():
    stamps = pd.date_range("2024-01-01", periods=30, freq="D")
    parts = [
        pd.DataFrame(
            {"store": store, "product": "N/W", "day": stamps, "sold": np.arange(30) + level}
        )
        for store, level in (("1", 0.0), ("01", 500.0))
    ]
    series = read_series(pd.concat(parts), id=["store", "product"], value="sold")
    forecast = Forecaster(3, 14, Ridge).fit(series).predict()
    low, high = build_fan_charts(series, forecast, [])
    assert (low.name, high.name) == (r"1/N\/W", r"01/N\/W")
    assert low.forecast.max() < 100 < high.forecast.min()
