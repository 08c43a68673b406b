"""The evidence about a forecast that its report shows: backtest, shift card, contributions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from typing import Any

import pandas as pd

from revin_forecast.data.catalog.catalog import split_7_1_2
from revin_forecast.data.quality_checks import find_issues
from revin_forecast.data.reading.read_series import TableLike
from revin_forecast.data.scaling import Standardizer
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError
from revin_forecast.evaluation import BacktestResult, backtest
from revin_forecast.forecasting.describe_forecast import ForecastText, describe_forecast
from revin_forecast.forecasting.fitted import find_model_season
from revin_forecast.forecasting.forecast_summary import ForecastSummary
from revin_forecast.forecasting.forecaster import Forecaster
from revin_forecast.reports.forecast.answer import MAX_ANSWER_SERIES
from revin_forecast.reports.forecast.content import ReportContent, ShiftCard
from revin_forecast.shift.card.card import card_window_sizes, measure_card, tabulate_verdicts
from revin_forecast.shift.card.verdict import judge_channels
from revin_forecast.utils.progress import progress

MAX_CARD_SERIES = 30
"""Number of series in the shift card; the first ones are used."""
MAX_EXPLAINED_SERIES = 12
"""Number of series whose forecast is divided into contributions; the first ones are used."""
MAX_SCORED_VALUES = 2**24
"""Most values that the report's backtest scores; a larger test part is forecast every few rows."""
TEST_SHARE = 0.2
"""Share of the rows on which the report's backtest scores forecasts."""


@dataclass(frozen=True, eq=False)
class ReportedForecast:
    """A forecast and its origin, from which a report is made."""

    forecaster: Forecaster
    """The fitted forecaster."""
    rows: Series
    """Rows before the forecast, as many as are known."""
    table: pd.DataFrame
    """The forecast, with the intervals of `levels`."""
    levels: Sequence[float]
    """Interval levels in percent."""
    hidden_levels: Sequence[float]
    """Default levels that are not shown; see `ReportContent`."""
    source: Mapping[str, str]
    """Name of the table as "file", and its SHA-256 if it is a file."""
    command: str
    """Call or command line that reproduces the forecast."""
    summary: ForecastSummary | None = None
    """Summary of the forecast; None: the report begins without it."""
    new_rows: TableLike | None = None
    """Rows that were passed to `predict`; None: those that the model was fitted on."""
    future: TableLike | None = None
    """Values of known inputs that were passed to `predict`."""
    season: int | None = None
    """Season that the user named, for the naive forecast; None: that of the model."""
    untested_reason: str = ""
    """Reason for the absence of a backtest; empty: the rows are all rows, and are tested."""


def build_content(reported: ReportedForecast) -> ReportContent:
    """Return the content of a report, with a backtest and a shift card where these are possible."""
    forecaster, fitted = reported.forecaster, reported.forecaster.fitted
    # Without the columns of known covariates, and without columns that the model does not use.
    modelled = reported.rows.select(fitted.history.names)
    levels = [*reported.levels, *reported.hidden_levels]
    with progress("report") as advance:
        result: BacktestResult | str = reported.untested_reason
        if not result:
            advance(0, "backtest")
            result = _backtest_or_reason(forecaster, reported.rows, levels, reported.season)
        advance(0, "shift card")
        card = _shift_card_or_reason(modelled, reported.season or find_model_season(fitted))
        advance(0, "contributions")
        parts = _contributions_or_reason(forecaster, reported.new_rows, reported.future)
        return ReportContent(
            reported.source["file"],
            modelled,
            reported.table,
            reported.levels,
            fitted,
            result,
            card,
            find_issues(modelled),
            reported.command,
            _list_provenance(reported.source),
            reported.hidden_levels,
            None
            if reported.summary is None
            else describe_forecast(reported.summary, MAX_ANSWER_SERIES),
            parts,
        )


def _describe_or_none(summary: ForecastSummary | None) -> ForecastText | None:
    return None if summary is None else describe_forecast(summary, MAX_ANSWER_SERIES)


def _backtest_or_reason(
    forecaster: Forecaster, series: Series, levels: Sequence[float], season: int | None
) -> BacktestResult | str:
    """Return a backtest, or the reason why there is none."""
    values = len(series) * TEST_SHARE * forecaster.horizon * len(series.targets)
    step = max(1, round(values / MAX_SCORED_VALUES))
    try:
        return backtest(forecaster, series, TEST_SHARE, step, levels or None, season)
    except InputError as error:
        return str(error)


def _contributions_or_reason(
    forecaster: Forecaster, new_rows: TableLike | None, future: TableLike | None
) -> Any:
    """Return a frame of contributions to the first and the last step, or the reason why not."""
    fitted = forecaster.fitted
    names = [fitted.history.names[index] for index in fitted.targets][:MAX_EXPLAINED_SERIES]
    steps = sorted({1, forecaster.horizon})
    try:
        return forecaster.explain(new_rows, future, steps, names)
    except InputError as error:
        # Keep the reason only: the remedy in the second sentence is another fit.
        return str(error).partition(". ")[0] + "."


def _shift_card_or_reason(series: Series, season: int) -> ShiftCard | str:
    names = series.targets[:MAX_CARD_SERIES]
    borders = split_7_1_2(len(series))
    try:
        sizes = card_window_sizes(borders.train, borders.test - borders.validation)
    except InputError as error:
        # Keep the reason only: the fix in the second sentence names options of `shift-card`.
        return str(error).partition(". ")[0] + "."
    values = series.select(names).values
    rows = measure_card(values, borders.train, borders.validation, season, *sizes[:2], names)
    # The forecast is for what follows the last row, so its advice may see all rows.
    scaled = Standardizer.fit(values[: borders.train]).transform(values)
    verdicts = tabulate_verdicts(judge_channels(scaled, borders.train, *sizes[:2]))
    rows = rows.assign(**{name: verdicts[name] for name in verdicts})
    return ShiftCard(rows, *sizes[:2], borders.train, borders.validation)


def _list_provenance(source: Mapping[str, str]) -> dict[str, object]:
    libraries = {name: version(name) for name in ("revin-forecast", "torch", "numpy", "pandas")}
    return {"date": date.today().isoformat(), **source, **libraries}
