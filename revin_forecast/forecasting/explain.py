"""Explain a forecast as a table of contributions that add up to it."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from revin_forecast.backbones.target_channels import unwrap
from revin_forecast.data.formatting import format_names
from revin_forecast.data.reading.read_series import TableLike
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError
from revin_forecast.forecasting.contribution_rows import (
    ContributionRows,
    SeriesContributions,
    describe_level,
    list_rows,
)
from revin_forecast.forecasting.fitted import FittedModel, find_model_season
from revin_forecast.forecasting.predict import build_inputs
from revin_forecast.models.attribute_forecast import attribute_forecast
from revin_forecast.models.contributions import (
    Contributions,
    ExplainedScope,
    ExplainedWindow,
    NotLinearError,
)
from revin_forecast.models.known_effects import KnownEffects
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import Identity
from revin_forecast.utils.arguments import check_count

MIN_LEVEL_ROWS = 8
"""Fewest rows whose mean is the level."""
MAX_WEIGHTS = 2**24
"""Most weights of one table: steps times series times lags."""


@dataclass(frozen=True, eq=False)
class ExplainedForecast:
    """Some values of a forecast with their contributions, in standardized units."""

    fitted: FittedModel
    """The model, with the rows before the forecast as its history."""
    contributions: Contributions
    window: ExplainedWindow
    """The window that the contributions belong to: without the effects of known inputs."""
    scope: ExplainedScope
    printed: np.ndarray
    """(horizon, targets) the forecast in the table's units, as `predict` returns it."""
    level_rows: int
    """Number of last rows whose mean is the level."""
    inputs: dict[str, Tensor] = field(default_factory=lambda: dict[str, Tensor]())
    """(steps, targets) effect of each known input."""


def explain_table(
    fitted: FittedModel,
    table: TableLike | None = None,
    future: TableLike | None = None,
    steps: Sequence[int] | int | None = None,
    series: Sequence[str] | str | None = None,
    top: int | None = None,
) -> pd.DataFrame:
    """Return the contributions to a forecast; see `Forecaster.explain`."""
    explained = explain_forecast(fitted, table, future, steps, series)
    return build_contribution_frame(explained, top)


def explain_forecast(
    fitted: FittedModel,
    table: TableLike | None = None,
    future: TableLike | None = None,
    steps: Sequence[int] | int | None = None,
    series: Sequence[str] | str | None = None,
) -> ExplainedForecast:
    """Return the contributions to a forecast as tensors; see `Forecaster.explain`."""
    if fitted.model.levels:
        raise InputError(
            f"{fitted.config.backbone.name} was trained on quantiles, which are not linear in the "
            "window, so its forecast can't be divided among the lags. Leave the model out (the "
            "automatic choice can be explained), or name a linear one: --backbone Ridge."
        )
    outputs = _find_outputs(fitted, series)
    chosen = _check_steps(fitted, steps)
    history, past, known = build_inputs(fitted, table, future)
    fitted = replace(fitted, history=history)
    _check_size(fitted, len(outputs), len(chosen))
    printed = fitted.to_table_units(fitted.forecast(past, known).squeeze(0).numpy())
    exact = fitted.standardizer.to_tensor(history.values, torch.float64).unsqueeze(0)
    observed = exact.isfinite()
    window = ExplainedWindow(torch.where(observed, exact, 0), observed, _to_double(known))
    # Also outside of a caller's inference mode, which has no gradients.
    with torch.inference_mode(False), torch.enable_grad():
        model = copy.deepcopy(fitted.model).double().requires_grad_(False).eval()
        scope = ExplainedScope(
            torch.tensor([fitted.targets[index] for index in outputs]),
            torch.tensor(outputs),
            torch.tensor(chosen) - 1,
            torch.zeros(exact.shape[2], dtype=torch.float64),
        )
        return _explain_window(fitted, model, window, scope, printed)


def build_contribution_frame(explained: ExplainedForecast, top: int | None = None) -> pd.DataFrame:
    """Return the contributions in the table's units, as rows that add up to the forecast.

    Args:
        explained: the contributions.
        top: lags to keep of each series and step, those with the largest contributions; the others
            are added up in one row. None: all.
    """
    top = None if top is None else check_count("top", top, "lags")
    fitted = explained.fitted
    season = find_model_season(fitted)
    level = describe_level(explained.level_rows)
    blocks: list[ContributionRows] = []
    keys: list[tuple[str, int]] = []
    stamps: list[pd.DatetimeIndex] = []
    for position, output in enumerate(explained.scope.outputs.tolist()):
        part = _to_table_units(explained, position)
        name = fitted.history.names[fitted.targets[output]]
        ahead = fitted.history.select([name]).forecast_timestamps(fitted.config.horizon)
        for index, step in enumerate(explained.scope.steps.tolist()):
            rows = list_rows(part, index, step + 1, season, level, top)
            count = len(rows.source)
            blocks.append(rows)
            keys += [(name, step + 1)] * count
            stamps.append(ahead[np.full(count, step)])
    columns = {
        "series": [name for name, _ in keys],
        "step": [step for _, step in keys],
        "time": pd.DatetimeIndex(stamps[0].append(stamps[1:])),
    }
    frame = pd.DataFrame(columns | ContributionRows.join(blocks).to_columns())
    if fitted.history.notes:
        frame.attrs["notes"] = list(fitted.history.notes)
    return frame


def _explain_window(
    fitted: FittedModel,
    model: Reversible,
    window: ExplainedWindow,
    scope: ExplainedScope,
    printed: np.ndarray,
) -> ExplainedForecast:
    """Divide the forecast of a window; known inputs are taken out first."""
    backbone, module = unwrap(model.backbone), model
    has_effects = isinstance(backbone, KnownEffects) and isinstance(model.normalizer, Identity)
    if has_effects and window.known is not None:
        assert isinstance(backbone, KnownEffects)
        window = replace(window, past=backbone.remove_effects(window.past, window.known))
        module, scope = backbone.inner, scope.take_all_channels()
    level_rows = _count_level_rows(find_model_season(fitted), window.past.shape[1])
    scope = replace(scope, levels=_compute_levels(window, level_rows))
    try:
        contributions = attribute_forecast(module, window, scope)
    except NotLinearError as error:
        raise InputError(
            f"{error}, so its forecast can't be divided among the lags. Leave the model out (the "
            "automatic choice can be explained), or name a linear one: --backbone Ridge, "
            "with --normalizer RevIN, LastValue or EMA."
        ) from None
    inputs: dict[str, Tensor] = {}
    if has_effects and window.known is not None:
        assert isinstance(backbone, KnownEffects)
        inputs = _explain_inputs(backbone, contributions, window, scope, fitted.config.covariates)
    outputs = torch.tensor([fitted.targets.index(channel) for channel in scope.channels.tolist()])
    scope = replace(scope, outputs=outputs)
    return ExplainedForecast(fitted, contributions, window, scope, printed, level_rows, inputs)


def _explain_inputs(
    backbone: KnownEffects,
    contributions: Contributions,
    window: ExplainedWindow,
    scope: ExplainedScope,
    names: Sequence[str],
) -> dict[str, Tensor]:
    """Return (steps, targets) effect of each known input on the forecast."""
    assert window.known is not None  # checked by the caller
    forecast = torch.zeros(1, backbone.horizon, backbone.channels, dtype=torch.float64)
    without = contributions.compute_forecast(window, scope)
    forecast[0, scope.steps[:, None], scope.channels] = without
    effects = backbone.divide_effects(forecast, window.known)[0, scope.steps][:, scope.channels]
    return dict(zip(names, effects.unbind(-1), strict=True))


def _to_table_units(explained: ExplainedForecast, position: int) -> SeriesContributions:
    """Return the contributions to one series in the table's units."""
    fitted, scope, parts = explained.fitted, explained.scope, explained.contributions
    history, standardizer = fitted.history, fitted.standardizer
    target = int(scope.channels[position])
    channels = [target] if parts.is_own else list(range(len(history.names)))
    mean, scale = standardizer.mean[channels], standardizer.scale[channels]
    unit = standardizer.scale[target]
    levels = scope.levels.numpy()[channels] * scale + mean
    level_weights = parts.level_weights[:, position].numpy() * (unit / scale)
    constant = parts.constant[:, position].numpy() * unit + standardizer.mean[target]
    observed = explained.window.observed[0].numpy()[:, channels]
    values = explained.window.past[0].numpy()[:, channels] * scale + mean
    names = [history.names[channel] for channel in channels]
    return SeriesContributions(
        names=names,
        is_own=np.array(channels) == target,
        times=[_lag_times(history, name) for name in names],
        values=np.where(observed, values, np.nan),
        levels=levels,
        weights=parts.weights[:, position].numpy() * (unit / scale),
        level_weights=level_weights,
        constant=constant - level_weights @ mean,
        inputs={name: part[:, position].numpy() * unit for name, part in explained.inputs.items()},
        members={name: part[:, position].numpy() * unit for name, part in parts.members.items()},
        forecast=explained.printed[scope.steps.numpy(), int(scope.outputs[position])],
        unit=unit,
    )


def _lag_times(history: Series, name: str) -> pd.DatetimeIndex:
    """Return the times of a channel's window, which ends with its own last row."""
    own = history.select([name])
    times, _ = own.channel(name)
    if len(times) < len(own):
        # The values of a series that ends early are followed by gaps.
        times = own.timestamps
    return times


def _find_outputs(fitted: FittedModel, series: Sequence[str] | str | None) -> list[int]:
    """Return the index in the forecast of each series to explain."""
    names = [fitted.history.names[target] for target in fitted.targets]
    if series is None:
        return list(range(len(names)))
    wanted = [str(name) for name in _to_list(series)]
    absent = [name for name in wanted if name not in names]
    if absent or not wanted:
        raise InputError(
            f"the forecaster forecasts {format_names(names)} but got the series "
            f"{format_names(wanted)} to explain. Name series that it forecasts."
        )
    return [names.index(name) for name in dict.fromkeys(wanted)]


def _check_steps(fitted: FittedModel, steps: Sequence[int] | int | None) -> list[int]:
    """Return the steps to explain, from 1."""
    horizon = fitted.config.horizon
    known = range(1, horizon + 1)
    if steps is None:
        return list(known)
    wanted = _to_list(steps)
    if not wanted or any(isinstance(step, bool | float) or step not in known for step in wanted):
        raise InputError(
            f"the forecaster forecasts the steps 1 to {horizon} but got {wanted} to explain. Name "
            "steps among them."
        )
    return [int(step) for step in dict.fromkeys(wanted)]


def _to_list(given: object) -> list[Any]:
    return np.atleast_1d(np.array(given, dtype=object)).tolist()


def _check_size(fitted: FittedModel, series: int, steps: int) -> None:
    count = series * steps * fitted.config.lookback
    if count > MAX_WEIGHTS:
        raise InputError(
            f"{series:,} series of {steps:,} steps with {fitted.config.lookback:,} lags have "
            f"{count:,} contributions, more than {MAX_WEIGHTS:,}. Name some steps, such as 1, or "
            "some series."
        )


def _count_level_rows(season: int, lookback: int) -> int:
    """Return the number of last rows whose mean is the level: whole seasons, at least 8 rows.

    >>> [_count_level_rows(season, 100) for season in (1, 7, 12, 365)]
    [8, 14, 12, 100]
    """
    season = max(1, season)
    return min(lookback, season * -(-MIN_LEVEL_ROWS // season))


def _compute_levels(window: ExplainedWindow, rows: int) -> Tensor:
    """Return (channels,) the mean of the last rows; of all rows if none of these is observed."""
    levels = torch.zeros_like(window.past[0, 0])
    for part in (window, window.select_last(rows)):
        count = part.observed[0].sum(0)
        mean = torch.where(part.observed, part.past, 0)[0].sum(0) / count.clamp(min=1)
        levels = torch.where(count > 0, mean, levels)
    return levels


def _to_double(known: Tensor | None) -> Tensor | None:
    return None if known is None else known.double()
