"""Forecasts of the pretrained model in a worker process: of any table, without a fit."""

import json
from functools import partial
from pathlib import Path
from typing import Any

from revin_forecast import __version__
from revin_forecast.backbones import Pretrained
from revin_forecast.data.formatting import format_names, pluralize
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError
from revin_forecast.forecasting.fit_pretrained import MIN_ROWS
from revin_forecast.forecasting.forecaster import Forecaster
from revin_forecast.pretrained.load_weights import WEIGHTS_PATH
from revin_forecast.serving.messages import WorkerRequest, WorkerResponse
from revin_forecast.serving.parse_request import ParsedRequest, parse_request
from revin_forecast.serving.predict import DEFAULT_LEVELS, RequestForecast, respond
from revin_forecast.serving.schemas import MAX_HORIZON, MAX_SEASON

MAX_FORECAST_VALUES = 250_000
"""Most series times steps of a request: several seconds of one core, and no gigabytes."""
CARD_FIELDS = ("sha256", "generator_version", "parameters")
"""Fields of the model card in the description of the model."""


def handle_zero_shot_request(request: WorkerRequest, folder: Path) -> WorkerResponse:
    """Forecast the table of a request with the pretrained model.

    Args:
        request: the request as it arrived.
        folder: the worker's own folder and working directory, so that messages name files without
            a path.
    """
    return respond(partial(_forecast_table, request, folder), request.forms)


def describe_pretrained() -> dict[str, Any]:
    """Return a description of the pretrained model as plain values, for `GET /model`.

    The network is loaded as well, so that a service without weights does not start.
    """
    Pretrained(MIN_ROWS, 1, 1)
    card = json.loads((WEIGHTS_PATH.parent / "card.json").read_text(encoding="utf-8"))
    return {
        "name": Pretrained.__name__,
        "pretrained": True,
        **{field: card[field] for field in CARD_FIELDS},
        "min_rows": MIN_ROWS,
        "max_horizon": MAX_HORIZON,
        "max_season": MAX_SEASON,
        "max_forecast_values": MAX_FORECAST_VALUES,
        "levels": [float(level) for level in DEFAULT_LEVELS],
        "any_level": True,
        "version": __version__,
    }


def _forecast_table(request: WorkerRequest, folder: Path) -> RequestForecast:
    parsed = parse_request(request, folder, None)
    if parsed.horizon is None:
        raise InputError(
            "the request has no horizon, the number of steps to forecast. Add horizon=12 to the "
            'address, or "horizon": 12 to a JSON body.'
        )
    series = _read_table(parsed, request)
    _check_size(series, parsed.horizon)
    backbone = Pretrained if parsed.season is None else partial(Pretrained, season=parsed.season)
    forecaster = Forecaster(parsed.horizon, backbone=backbone).fit(series)
    table, summary = forecaster.predict(level=parsed.level), forecaster.fitted.summary
    history = forecaster.fitted.history
    names = [history.names[target] for target in forecaster.fitted.targets]
    notes = [*summary.get("notes", ())]
    if left_out := summary.get("left_out"):
        notes.append(f"columns of 0 and 1 are not forecast: {format_names(left_out)}")
    season = summary["zero_shot"]["season"]
    before = series.select(names)
    return RequestForecast(before, table, parsed.level, notes, season, len(series))


def _read_table(parsed: ParsedRequest, request: WorkerRequest) -> Series:
    if parsed.table is None:
        raise InputError(
            "the request has no table. Send rows below a header as CSV, or JSON with data and "
            "horizon."
        )
    source = parsed.table.name if isinstance(parsed.table, Path) else parsed.table
    decimal: Any = request.decimal  # checked by the query's schema
    return read_series(source, decimal=decimal)


def _check_size(series: Series, horizon: int) -> None:
    """Check that a table is neither too short nor too large.

    Raises:
        InputError: it is.
    """
    rows, count = len(series), len(series.names)
    if rows < MIN_ROWS:
        raise InputError(
            f"the table has {pluralize(rows, 'row')}, but the pretrained model needs at least "
            f"{MIN_ROWS}. Send more rows."
        )
    if count * horizon > MAX_FORECAST_VALUES:
        raise InputError(
            f"{count:,} series times {horizon} steps are {count * horizon:,} values; a request "
            f"may ask for {MAX_FORECAST_VALUES:,}. Send fewer series, or a shorter horizon."
        )
