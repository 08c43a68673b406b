"""A forecaster as HTML in a notebook: the table, the model, its score and small charts."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

import numpy as np
import pandas as pd
from markupsafe import Markup

from revin_forecast.data.formatting import pluralize
from revin_forecast.data.series import Series
from revin_forecast.data.step_words import StepWords
from revin_forecast.errors import InputError
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.forecasting.forecaster import Forecaster
from revin_forecast.forecasting.predict import predict_values
from revin_forecast.reports.forecaster.inline_chart import InlineChart, draw_inline_chart

MAX_CHARTS = 3
"""Most series drawn, the first ones."""
MAX_MEMBERS = 3
"""Most members of a combination that are named, those with the largest shares."""
MAX_FORECAST_VALUES = 20_000
"""Most values of the last rows from which a display makes a forecast: it must be quick."""
MAX_PAST_ROWS, PAST_HORIZONS = 400, 6
"""Most rows drawn, and their number in horizons."""
MIN_PAST_ROWS = 24
MAX_NAME = 60
"""Most characters of a name."""
TABLE_STYLE = "border-collapse:collapse;margin:4px 0;color:inherit;font:inherit"
CELL_STYLE = "text-align:left;vertical-align:top;padding:2px 12px 2px 0"


def summarize_as_html(forecaster: Forecaster) -> str:
    """Return a fitted forecaster with its result, another one with its parameters."""
    try:
        fitted = forecaster.fitted
    except InputError:
        return _wrap("Forecaster, not fitted yet: call fit(table)", _list_parameters(forecaster))
    step = StepWords.from_frequency(fitted.history.frequency)
    horizon = fitted.config.horizon
    steps = step.one if horizon == 1 else f"{horizon:,} {step.many}"
    names = fitted.history.targets
    subject = _shorten(names[0]) if len(names) == 1 else f"{len(names):,} series"
    title = f"Forecaster of the next {steps} of {subject}"
    rows = [*_list_facts(fitted, step)]
    return _wrap(title, rows, Markup("").join(_draw_charts(forecaster, fitted, step)))


def _wrap(title: str, rows: list[tuple[str, str]], charts: Markup = Markup("")) -> str:  # noqa: B008
    cells = [
        Markup(
            '<tr><th scope="row" style="{style}">{name}</th><td style="{style}">{text}</td></tr>'
        ).format(style=CELL_STYLE, name=name, text=text)
        for name, text in rows
    ]
    return Markup(
        '<div style="max-width:760px"><p style="margin:4px 0"><strong>{}</strong></p>'
        '<table style="{}"><tbody>{}</tbody></table>{}</div>'
    ).format(title, TABLE_STYLE, Markup("").join(cells), charts)


def _list_parameters(forecaster: Forecaster) -> list[tuple[str, str]]:
    parameters = forecaster.get_params(deep=False)
    return [
        (name, value.__qualname__ if isinstance(value, type) else repr(value))
        for name, value in parameters.items()
    ]


def _list_facts(fitted: FittedModel, step: StepWords) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each fact."""
    summary, history = fitted.summary, fitted.history
    ends = [_format_end(summary, end, step) for end in ("first", "last")]
    rows = f"{pluralize(summary['rows'], 'row')} of {len(history.names):,} series"
    yield "table", f"{rows}, {ends[0]} to {ends[1]}, a row for each {step.one}"
    gaps = summary.get("unobserved", 0)
    if gaps:
        share = gaps / max(1, summary["rows"] * len(history.names))
        yield "gaps", f"{pluralize(gaps, 'value')} not observed, {max(0.1, 100 * share):.1f} %"
    if summary.get("left_out"):
        yield "not forecast", ", ".join(map(_shorten, summary["left_out"]))
    yield "model", _describe_model(fitted, step)
    yield from _list_scores(fitted, step)


def _format_end(summary: dict[str, Any], end: str, step: StepWords) -> str:
    return step.format_stamp(cast(pd.Timestamp, pd.Timestamp(summary[end])))


def _describe_model(fitted: FittedModel, step: StepWords) -> str:
    summary, config = fitted.summary, fitted.config
    if "zero_shot" in summary:
        return f"{config.backbone.name}, trained on synthetic series alone; nothing was fitted"
    selection = summary.get("selection")
    if not selection:
        return (
            f"{config.backbone.name} with {config.normalizer.name}, look-back {config.lookback:,}"
        )
    members = sorted(
        (row for row in selection["candidates"] if row["share"]), key=lambda row: -row["share"]
    )
    shown = ", ".join(f"{row['model']} {100 * row['share']:.0f} %" for row in members[:MAX_MEMBERS])
    hidden = len(members) - MAX_MEMBERS
    more = f" and {hidden} more" if hidden > 0 else ""
    season = selection["season"]
    cycle = f"; season: {step.describe_span(season)}" if season > 1 else ""
    return f"a combination of {shown}{more}{cycle}"


def _list_scores(fitted: FittedModel, step: StepWords) -> Iterator[tuple[str, str]]:
    """Yield the error of an automatic choice and the comparison with the naive forecast."""
    selection = fitted.summary.get("selection") or {}
    naive = _find_naive_scores(selection, step)
    mase = selection.get("mase")
    if naive and mase is not None:
        listed = " and ".join(f"{score:.2f} for repeating {name}" for name, score in naive.items())
        best = min(naive.values())
        change = ""
        if best:
            side = "below" if mase < best else "above"
            change = f": {100 * abs(1 - mase / best):.0f} % {side} the better of the two"
            change = change if len(naive) > 1 else change.replace("the better of the two", "it")
        yield "error", f"MASE {mase:.2f}, against {listed}{change}"
    comparison = fitted.summary.get("naive_comparison")
    if not comparison or not sum(comparison["tests"]):
        return
    tests, as_good = comparison["tests"], comparison["as_good"]
    season = comparison["season"]
    name = "the last value" if season == 1 else step.describe_season(season)
    text = (
        f"as good as or better than repeating {name} in {sum(as_good):,} of {sum(tests):,} tests "
        "on past rows"
    )
    tested = [place for place, count in enumerate(tests) if count]
    worst = min(tested, key=lambda place: as_good[place] / tests[place])
    if len(tested) > 1:
        series = _shorten(fitted.history.names[fitted.targets[worst]])
        text += f"; least often for {series}, {as_good[worst]:,} of {tests[worst]:,}"
    yield "tests", text


def _find_naive_scores(selection: dict[str, Any], step: StepWords) -> dict[str, float]:
    """Return the MASE of the naive candidates by the values that they repeat."""
    season = selection.get("season", 1)
    words = {"Repeat": "the last value", "naive": "the last value"}
    seasonal = step.describe_season(season) if season > 1 else ""
    if seasonal:
        words |= {f"{name} ({season})": seasonal for name in ("SeasonalNaive", "seasonal naive")}
    scores = {row["model"]: row["mase"] for row in selection.get("candidates", ())}
    return {
        words[name]: score for name, score in scores.items() if name in words and score is not None
    }


def _draw_charts(forecaster: Forecaster, fitted: FittedModel, step: StepWords) -> Iterator[Markup]:
    known = forecaster.known_table
    rows = fitted.history if known is None else known.series.select(fitted.history.names)
    columns: dict[str, np.ndarray] = {}
    if fitted.history.values.size <= MAX_FORECAST_VALUES:
        columns = _predict_columns(fitted)
    names = fitted.history.targets
    for place, name in enumerate(names[:MAX_CHARTS]):
        if len(names) > 1:
            yield Markup('<p style="margin:6px 0 0">{}</p>').format(_shorten(name))
        yield draw_inline_chart(_build_chart(fitted, rows, name, place, columns, step))
    notes = []
    if len(names) > MAX_CHARTS:
        notes.append(f"and {len(names) - MAX_CHARTS:,} more series")
    notes.append(
        "blue: the forecast, with its 80 % interval"
        if "-lo-80" in columns
        else "blue: the forecast"
        if columns
        else "plot() draws the forecast"
    )
    yield Markup('<p style="margin:4px 0"><small>{}</small></p>').format("; ".join(notes))


def _predict_columns(fitted: FittedModel) -> dict[str, np.ndarray]:
    """Return the forecast, with an interval if the model has one."""
    for levels in ([80], []):
        with suppress(InputError):  # the model has no such interval, or needs known inputs
            return dict(predict_values(fitted, level=levels).columns)
    return {}


def _build_chart(
    fitted: FittedModel,
    rows: Series,
    name: str,
    place: int,
    columns: dict[str, np.ndarray],
    step: StepWords,
) -> InlineChart:
    times, values = rows.channel(name)
    count = min(MAX_PAST_ROWS, max(MIN_PAST_ROWS, PAST_HORIZONS * fitted.config.horizon))
    times, values = times[-count:], values[-count:]
    ahead = fitted.history.select([name]).forecast_timestamps(fitted.config.horizon)
    end = ahead[fitted.config.horizon - 1] if columns else times[-1]
    labels = tuple(
        step.format_stamp(cast(pd.Timestamp, stamp)) for stamp in (times[0], times[-1], end)
    )
    empty = np.array([])
    forecast, low, high = (
        columns[suffix][:, place] if suffix in columns else empty
        for suffix in ("", "-lo-80", "-hi-80")
    )
    title = f"{_shorten(name)}, measured from {labels[0]} to {labels[1]}"
    if columns:
        title += f", forecast to {labels[2]}"
    return InlineChart(title, values, forecast, low, high, (labels[0], labels[1], labels[2]))


def _shorten(name: str) -> str:
    """Return a name on one line, of a length that fits."""
    line = " ".join(str(name).split())
    return line if len(line) <= MAX_NAME else f"{line[: MAX_NAME - 3]}..."
