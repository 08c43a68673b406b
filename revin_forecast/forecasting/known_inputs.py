"""Known inputs of the automatic choice: their effects are taken out, and added to the forecast."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from revin_forecast.backbones.target_channels import unwrap
from revin_forecast.data.calendar_effects import expand_effects
from revin_forecast.data.covariates import KnownColumns, known_covariates, table_columns
from revin_forecast.data.scaling import Standardizer
from revin_forecast.data.series import Series
from revin_forecast.forecasting.fit_specified import separate_known_columns
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.forecasting.forecaster_config import ForecasterConfig, check_has_values
from revin_forecast.models.known_effects import KnownEffects
from revin_forecast.models.reversible import Reversible
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.selection.known_inputs import ChannelEffects, choose_effects
from revin_forecast.selection.seasonality import list_calendar_seasons
from revin_forecast.utils.progress import progress

FitSeries = Callable[[ForecasterConfig, Series], FittedModel]


@dataclass(frozen=True, eq=False)
class SeriesEffects:
    """Effects of the known inputs on each channel of a series."""

    names: tuple[str, ...]
    """Columns of known inputs that act on some channel."""
    centers: np.ndarray
    """(columns,) values without an effect."""
    channels: list[ChannelEffects]
    """Effects of these columns on each channel."""
    known: np.ndarray
    """(time, columns) values of the columns, without their centers."""

    def remove(self, values: np.ndarray) -> np.ndarray:
        """Return (time, channels) values without the effects."""
        adjusted = [
            channel.remove(values[:, index], self.known)
            for index, channel in enumerate(self.channels)
        ]
        return np.stack(adjusted, axis=1)


def fit_with_known_inputs(
    config: ForecasterConfig, series: Series, fit_series: FitSeries
) -> FittedModel:
    """Fit the automatic choice on a series without the effects of its known inputs.

    The inputs that lower the error on later rows are admitted, for each channel by itself; see
    `choose_effects`. The others are left out, and the summary says so.

    Args:
        config: settings with known inputs.
        series: the table, with the columns that are known inputs.
        fit_series: the automatic choice without known inputs.

    Raises:
        InputError: an input can't be used, or the series can't be fitted.
    """
    targets, columns, names = separate_known_columns(series, config.covariates)
    assert isinstance(targets, Series)  # the automatic choice takes no memory map
    check_has_values(targets)
    effects, evidence = estimate_series_effects(targets, columns, names, config)
    adjusted = targets
    if effects.names:
        adjusted = replace(targets, values=effects.remove(targets.values))
    fitted = fit_series(replace(config, covariates=()), adjusted)
    summary = fitted.summary | {"covariates": list(config.covariates), "known_inputs": evidence}
    # Later rows have effects of their own, which only a fit estimates.
    fitted = replace(fitted, update_state=None)
    if not effects.names:
        return replace(fitted, summary=summary)
    model_config = replace(
        fitted.config,
        backbone=ModuleSpec.from_class(partial(KnownEffects, inner=fitted.config.backbone)),
        covariates=effects.names,
    )
    model = model_config.build(len(targets.names))
    _copy_parameters(fitted.model, model, effects, fitted.standardizer)
    rows, lookback = len(targets), model_config.lookback
    column_names = table_columns(effects.names)
    known_columns = KnownColumns.fit(series, column_names, len(series)) if column_names else None
    return replace(
        fitted,
        config=model_config,
        model=model.eval(),
        history=targets.slice_rows(rows - lookback, rows),
        known_columns=known_columns and known_columns.slice_rows(rows - lookback, rows),
        summary=summary,
    )


def estimate_series_effects(
    series: Series,
    columns: KnownColumns | None,
    names: Sequence[str],
    config: ForecasterConfig,
) -> tuple[SeriesEffects, list[dict[str, Any]]]:
    """Return the effects on each channel, and the evidence for each channel and input.

    Args:
        series: the channels, without the columns that are known inputs.
        columns: these columns.
        names: names of all known inputs.
        config: settings.
    """
    groups = expand_effects(names, series.timestamps, series.frequency)
    # "weekday" and "calendar" may name the same column.
    column_names = tuple(dict.fromkeys(column for group in groups.values() for column in group))
    values = None if columns is None else columns.look_up_values(series.timestamps)
    known = known_covariates(column_names, series.timestamps, series.frequency, values)
    # The median is 0 for rare holidays, and a usual value of a price or of the step number.
    centers = np.median(known, axis=0)
    indices = {
        name: [column_names.index(column) for column in group] for name, group in groups.items()
    }
    observed = np.where(series.observed, series.values, np.nan)
    # A wrong season costs little here, so the calendar's will do.
    seasons = config.selection.season or list_calendar_seasons(series.frequency) or (1,)
    channels: list[ChannelEffects] = []
    with progress("estimating known inputs", len(series.names)) as advance:
        for channel in observed.T:
            channels.append(
                choose_effects(channel, known - centers, indices, seasons, config.horizon)
            )
            advance()
    evidence = [
        {"series": series_name, **asdict(entry)}
        for series_name, effects in zip(series.names, channels, strict=True)
        for entry in effects.evidence
    ]
    weights = np.stack([effects.weights for effects in channels])
    kept = np.flatnonzero((weights != 0).any(axis=0))
    return SeriesEffects(
        tuple(column_names[index] for index in kept),
        centers[kept],
        [replace(effects, weights=effects.weights[kept]) for effects in channels],
        (known - centers)[:, kept],
    ), evidence


def describe_known_inputs(evidence: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for each known input: where it helped on later rows, and where it did not.

    Args:
        evidence: entries of `summary["known_inputs"]`.

    >>> entry = {"series": "sold", "name": "holiday:DE", "admitted": True, "gain": 0.0213}
    >>> describe_known_inputs([entry, entry | {"series": "sent", "admitted": False}])
    ['holiday:DE is used for 1 of 2 series: error on later rows -2.1 %']
    >>> describe_known_inputs([entry | {"admitted": False}])
    ['holiday:DE did not help on later rows: left out']
    """
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for entry in evidence:
        by_name.setdefault(entry["name"], []).append(entry)
    lines: list[str] = []
    for name, entries in by_name.items():
        gains = [entry["gain"] for entry in entries if entry["admitted"]]
        if not gains:
            lines.append(f"{name} did not help on later rows: left out")
            continue
        share = f" for {len(gains)} of {len(entries)} series" if len(entries) > 1 else ""
        change = -100 * sum(gains) / len(gains)
        lines.append(f"{name} is used{share}: error on later rows {change:.1f} %")
    return lines


def _copy_parameters(
    fitted: Reversible, model: Reversible, effects: SeriesEffects, standardizer: Standardizer
) -> None:
    """Copy a fitted model into one with known effects, in units of the standardized values."""
    known_effects = unwrap(model.backbone)
    assert isinstance(known_effects, KnownEffects)
    known_effects.inner.load_state_dict(unwrap(fitted.backbone).state_dict())
    model.normalizer.load_state_dict(fitted.normalizer.state_dict())
    is_multiplicative = np.array([channel.is_multiplicative for channel in effects.channels])
    weights = np.stack([channel.weights for channel in effects.channels])
    units = np.where(is_multiplicative, 1.0, standardizer.scale)
    known_effects.weights.copy_(torch.from_numpy(weights / units[:, None]))
    known_effects.centers.copy_(torch.from_numpy(effects.centers))
    known_effects.zeros.copy_(torch.from_numpy(-standardizer.mean / standardizer.scale))
    known_effects.is_multiplicative.copy_(torch.from_numpy(is_multiplicative))
