"""The plot of a forecaster: measured values, forecast and intervals as a plotly figure."""

from collections.abc import Sequence

from plotly.graph_objects import Figure

from revin_forecast.data.formatting import format_names
from revin_forecast.data.reading.read_series import TableLike
from revin_forecast.errors import InputError
from revin_forecast.forecasting.forecaster import Forecaster
from revin_forecast.reports.forecast.fan_chart import build_fan_charts
from revin_forecast.reports.forecast.image import build_image
from revin_forecast.reports.forecaster.shown_forecast import Levels, make_shown_forecast


def plot_forecaster(
    forecaster: Forecaster,
    table: TableLike | None,
    future: TableLike | None,
    level: Levels,
    series: Sequence[str] | str | None,
) -> Figure:
    """Return the fan charts of a forecaster; see `Forecaster.plot`."""
    history = forecaster.fitted.history
    names = _check_series(series, history.targets)
    shown = make_shown_forecast(forecaster, table, future, level)
    charts = build_fan_charts(shown.rows.select(names), shown.table, shown.levels, len(names))
    # The width follows the notebook or page that shows the figure.
    return build_image(charts).update_layout(width=None, autosize=True)


def _check_series(series: Sequence[str] | str | None, known: Sequence[str]) -> list[str]:
    """Return the names of the series to draw."""
    if series is None:
        return list(known)
    names = [str(name) for name in ([series] if isinstance(series, str) else series)]
    if not names or not set(names) <= set(known):
        raise InputError(
            f"the forecaster forecasts {format_names(known)} but got the series "
            f"{format_names(names)} to plot. Name series that it forecasts."
        )
    return list(dict.fromkeys(names))
