"""Forecast with the pretrained network: a season is found, and nothing is fitted."""

from dataclasses import replace

import numpy as np
import torch

from revin_forecast.backbones.pretrained import Pretrained
from revin_forecast.backbones.target_channels import unwrap
from revin_forecast.data.formatting import pluralize
from revin_forecast.data.scaling import Standardizer
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.forecasting.forecaster_config import (
    ForecasterConfig,
    check_has_values,
    find_target_indices,
    summarize_fit,
)
from revin_forecast.forecasting.update_state import UpdateState
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Identity
from revin_forecast.pretrained.network import LEVELS, MAX_SEASON
from revin_forecast.selection.refit_members import RefitSettings
from revin_forecast.selection.seasonality import choose_main_season, list_calendar_seasons
from revin_forecast.training.model_config import ModelConfig

MIN_ROWS = 8
"""Fewest rows of a table; a series with fewer values is forecast, with a note."""
MAX_LOOKBACK = 1100
"""Most rows that are read: three seasons of 365 days."""


def fit_pretrained(config: ForecasterConfig, series: Series) -> FittedModel:
    """Return the pretrained model for a table; its quantiles are the intervals.

    No row is held out, and no weight changes. The season is that of the automatic choice for single
    series, unless the settings name one.

    Args:
        config: settings whose `needs_no_fit` is True. The look-back is the most rows to read.
        series: each channel must end in the last row (`Series.align_ends`).

    Raises:
        InputError: fewer than 8 rows, a channel without a value, or known inputs.
    """
    config = complete_settings(config, series)
    assert config.backbone is not None
    assert config.normalizer is not None
    _check_table(config, series)
    standardizer = Standardizer.fit(series.values)
    rows = len(series)
    longest = config.lookback or MAX_LOOKBACK
    lookback = min(rows, longest)
    backbone = config.backbone
    if config.training.loss != "quantile" and not backbone.parameters.get("levels"):
        backbone = ModuleSpec(backbone.path, {**backbone.parameters, "levels": LEVELS})
    model_config = ModelConfig(
        backbone,
        config.normalizer,
        lookback,
        config.horizon,
        config.training,
        targets=find_target_indices(series),
    )
    model = model_config.build(len(series.names))
    network = unwrap(model.backbone)
    assert isinstance(network, Pretrained)
    if network.logs:
        network.zero.copy_(_find_zero(series, standardizer))
    season = int(backbone.parameters["season"])
    summary = summarize_fit(series, {}, zero_shot={"season": season})
    notes = [*summary.get("notes", ()), *_list_notes(config, series)]
    # One row more than is read: an update keeps all rows of the longest window but one.
    state = UpdateState(series.values, longest + 1, RefitSettings(()))
    has_interpolated = series.filled is not None and bool(series.filled.any())
    return FittedModel(
        model_config,
        model.eval(),
        standardizer,
        series.slice_rows(rows - lookback, rows),
        summary | ({"notes": notes} if notes else {}),
        update_state=None if has_interpolated else state,
    )


def complete_settings(config: ForecasterConfig, series: Series) -> ForecasterConfig:
    """Return the settings with the season, the logarithms and the normalizer that they leave open.

    Args:
        config: settings with the pretrained backbone.
        series: the table.
    """
    assert config.backbone is not None
    given = config.backbone.parameters
    normalizer = config.normalizer or ModuleSpec.from_class(Identity)
    # Another normalizer changes the value that stands for 0 from window to window.
    can_take_logs = issubclass(normalizer.import_class(), Identity)
    found = {
        "season": find_season(config, series),
        "logs": can_take_logs and series.range_settings.minimum != "none",
    }
    backbone = ModuleSpec(config.backbone.path, {**found, **given})
    return replace(config, backbone=backbone, normalizer=normalizer)


def find_season(config: ForecasterConfig, series: Series) -> int:
    """Return the season that the settings name, or that of the automatic choice; 1 without one.

    One that is longer than 366 steps is replaced by 1.
    """
    if config.selection.season:
        return config.selection.season[0]
    measured = np.where(series.observed, series.values, np.nan)
    standardized = Standardizer.fit(series.values).transform(measured)
    season = choose_main_season(standardized, series.frequency)
    return season if season <= MAX_SEASON else 1


def add_season(backbone: ModuleSpec, season: int) -> ModuleSpec:
    """Return the pretrained backbone with a season that it does not name; others as they are.

    A season that is longer than 366 steps is left out.
    """
    if season > MAX_SEASON or not issubclass(backbone.import_class(), Pretrained):
        return backbone
    return ModuleSpec(backbone.path, {"season": season, **backbone.parameters})


def _find_zero(series: Series, standardizer: Standardizer) -> torch.Tensor:
    return torch.from_numpy(standardizer.transform(np.zeros((1, len(series.names))))[0])


def _check_table(config: ForecasterConfig, series: Series) -> None:
    assert config.backbone is not None
    if config.covariates:
        raise InputError(
            f"{config.backbone.name} takes no known inputs but got {list(config.covariates)}. "
            "Leave the covariates out, or leave the model out: the automatic choice uses them."
        )
    if len(series) < MIN_ROWS:
        raise InputError(
            f"the table has {pluralize(len(series), 'row')}, and {config.backbone.name} needs at "
            f"least {MIN_ROWS}. Add rows, or leave the model out: the automatic choice forecasts "
            "shorter tables."
        )
    check_has_values(series)


def _list_notes(config: ForecasterConfig, series: Series) -> list[str]:
    """Return sentences on series that are forecast from little."""
    notes = []
    counts = series.observed.sum(axis=0)
    short = [name for name, count in zip(series.names, counts, strict=True) if count < MIN_ROWS]
    if short:
        listed = short[0] if len(short) == 1 else f"{len(short):,} series"
        verb = "has" if len(short) == 1 else "have"
        notes.append(f"{listed} {verb} fewer than {MIN_ROWS} values: the forecast is rough")
    calendar = next(iter(list_calendar_seasons(series.frequency)), 1)
    if calendar > MAX_SEASON and not config.selection.season:
        notes.append(
            f"the season of {calendar:,} steps is longer than {MAX_SEASON} and is left out; "
            "resample to longer steps to use it"
        )
    return notes
