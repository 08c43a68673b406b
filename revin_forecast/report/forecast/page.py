"""The page of a forecast: charts, words and tables in one file that needs nothing else."""

import json
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from pathlib import Path

import numpy as np
from plotly.graph_objects import Figure

from revin_forecast.backtest import Backtest
from revin_forecast.data.layout import counted
from revin_forecast.data.series import Series, shown_stamp
from revin_forecast.data.writing import as_csv
from revin_forecast.files import replacing
from revin_forecast.report.document import data_block, document
from revin_forecast.report.forecast import sections
from revin_forecast.report.forecast.account import Account
from revin_forecast.report.forecast.diagnosis import residual_figure, step_figure
from revin_forecast.report.forecast.fan import EarlierForecast, Fan, fan_figure, fans
from revin_forecast.report.forecast.verdict import verdict
from revin_forecast.report.markup import paragraph

HERE = Path(__file__).parent
LARGEST_DOWNLOAD = 2**21
"""Characters of the forecast as CSV that the page holds for its download."""
FAN_HELP = (
    "Drag to zoom, double-click to see everything, point at the chart to read values. The dotted "
    "line is what the model of the backtest would have said then, from the rows before."
)


def write_report(account: Account, path: Path) -> None:
    """Write the page; an older one is replaced.

    Raises:
        InputError: it can't be written.
    """
    with replacing(path) as partial:
        partial.write_text(page(account), encoding="utf-8")


def page(account: Account) -> str:
    """Return the page; every word that came from the table is escaped."""
    drawn = _with_paths(fans(account.series, account.forecast, account.levels), account)
    title = f"Forecast of {account.source}"
    parts = [
        ("forecast", "Forecast", _forecast(account, drawn)),
        ("backtest", "How good is it?", _backtest(account)),
        ("selection", "Why this model?", sections.selection_table(account)),
        ("shift", "Does the level move?", sections.shift_table(account)),
        ("residuals", "What do the errors still hold?", _residuals(account)),
        ("data", "The data", sections.problem_table(account)),
        ("again", "Do it again", sections.reproduction(account)),
    ]
    body = f"<h1>{escape(title)}</h1>{_lead(account)}" + "".join(
        f'<section id="{key}"><h2>{heading}</h2>{html}</section>' for key, heading, html in parts
    )
    links = "".join(f'<a href="#{key}">{heading}</a>' for key, heading, _ in parts)
    navigation = f'<nav aria-label="Contents">{links}</nav>'
    return document(title, body + _figures(account, drawn), navigation, HERE, ("charts.js",))


def _lead(account: Account) -> str:
    recipe, series = account.fitted.recipe, account.series
    count = len(series.targets)
    last = shown_stamp(series.timestamps[-1])
    made = account.made.get("date")
    told = (
        f"{counted(recipe.horizon, 'step')} of {count:,} series after {last}"
        f"{f', made {made}' if made else ''}."
    )
    points = "".join(
        f'<li class="{kind or "neither"}">{escape(text)}</li>' for text, kind in verdict(account)
    )
    return f'{paragraph(told, "made")}<ul class="verdict">{points}</ul>'


def _forecast(account: Account, drawn: Sequence[Fan]) -> str:
    more = len(account.series.targets) - len(drawn)
    few = f"The first {len(drawn)} series are drawn; {more:,} more are not." if more else ""
    return (
        f"{_picker(drawn)}{_box('fan', 'History and forecast', 420)}"
        f"<p class='note'>{FAN_HELP} {escape(few)}</p>"
        f"{_download(as_csv(account.forecast))}"
        f"{sections.forecast_table(account)}"
    )


def _download(forecast: str) -> str:
    """Return a button that gives the forecast out as a file, unless that would fill the page."""
    if len(forecast) > LARGEST_DOWNLOAD:
        return paragraph("The forecast is too long to be held by this page; --out writes it.")
    button = '<button type="button" id="download">Download the forecast (CSV)</button>'
    return button + data_block("csv", json.dumps(forecast))


def _picker(drawn: Sequence[Fan]) -> str:
    if len(drawn) < 2:
        return ""
    options = "".join(f"<option>{escape(fan.name)}</option>" for fan in drawn)
    return f"<label>Series: <select id='series'>{options}</select></label>"


def _backtest(account: Account) -> str:
    result = account.backtest
    if isinstance(result, str):
        return sections.backtest_table(account)
    again = "fitted once" if result.fits == 1 else f"fitted {result.fits} times"
    first = shown_stamp(result.origins[0])
    told = (
        f"{counted(len(result.origins), 'forecast')} of the last rows, the first after {first}, "
        f"each from the rows before it; {again}. MASE is the mean absolute error over that of "
        "repeating the season before, in the first rows: below 1 is better than that."
    )
    told_apart = bool(np.isfinite(result.by_step["mase"]).any())
    chart = _box("steps", "Error by step ahead", 300) if told_apart else ""
    return paragraph(told) + sections.backtest_table(account) + chart


def _residuals(account: Account) -> str:
    result = account.backtest
    if isinstance(result, str):
        return sections.residual_table(account)
    few, many = len(result.paths.rows), len(result.origins)
    counted_ones = "all steps" if few == many else f"all steps of {few} forecasts, a horizon apart"
    words = (
        "Errors of the backtest, in the table's units; above zero the truth was higher. Left one "
        f"step ahead over time, right how often which one came, over {counted_ones}. The mean is "
        "that of all forecasts and steps. Good errors lean to no side and do not follow each other."
    )
    chart = _box("left", "Errors over time", 300)
    return paragraph(words) + chart + sections.residual_table(account)


def _box(key: str, label: str, height: int) -> str:
    return (
        f'<div class="chart" id="chart-{key}" role="img" aria-label="{escape(label)}" '
        f'style="height:{height}px"></div>'
    )


def _figures(account: Account, drawn: Sequence[Fan]) -> str:
    """Return the data of all charts; page.js draws those of the series that is picked."""
    charts = {"fan": [fan_figure(fan) for fan in drawn]}
    result = account.backtest
    if not isinstance(result, str):
        charts["steps"] = [step_figure(result)]
        charts["left"] = [_left(account.series, result, fan.name) for fan in drawn]
    return "".join(
        data_block(key, f"[{','.join(str(figure.to_json()) for figure in figures)}]")
        for key, figures in charts.items()
    )


def _left(series: Series, result: Backtest, name: str) -> Figure:
    if name not in result.paths.names:  # it had no value before the test part
        return Figure(layout={"height": 300})
    place = result.paths.names.index(name)
    stamps, _ = series.aligned().track(name)
    return residual_figure(result, place, stamps[result.paths.next_rows])


def _with_paths(drawn: Sequence[Fan], account: Account) -> list[Fan]:
    """Add to each fan what the backtest would have forecast."""
    result = account.backtest
    if isinstance(result, str):
        return list(drawn)
    moved, paths, found = account.series.aligned(), result.paths, []
    for fan in drawn:
        before = []
        if fan.name in paths.names:
            place = paths.names.index(fan.name)
            stamps, _ = moved.track(fan.name)
            rows = paths.rows[:, None] + np.arange(paths.forecast.shape[1])
            drawn_from = stamps.searchsorted(fan.stamps[0]) if len(fan.stamps) else 0
            before = [
                EarlierForecast(stamps[row], path[:, place], truth[:, place])
                for row, path, truth in zip(rows, paths.forecast, paths.truth, strict=True)
                if row[-1] >= drawn_from
            ]
        found.append(replace(fan, before=before))
    return found
