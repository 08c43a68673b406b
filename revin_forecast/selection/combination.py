"""Build one model from models of single series and those of the whole table."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from revin_forecast.backbones.target_channels import unwrap
from revin_forecast.data.scaling import Standardizer
from revin_forecast.models.ensemble import WeightedCombination
from revin_forecast.models.reversible import Reversible
from revin_forecast.models.series_intervals import SeriesIntervals
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Identity
from revin_forecast.selection.local_members import (
    LocalMember,
    build_local_members,
    list_local_rows,
    sort_rows,
)
from revin_forecast.selection.local_models import LAST_SEASON, LAST_VALUE, MAX_ROWS
from revin_forecast.selection.refit_members import RefitSettings
from revin_forecast.selection.result import SelectionResult
from revin_forecast.selection.select_local import FurtherForecasts, LocalSelection, select_local
from revin_forecast.training.model_config import ModelConfig

MAX_JOINT_ORIGINS = 40
"""Most validation windows on which models of single series compete with those of the table."""
MANY_SERIES = 32
"""Number of series above which some are likely to be unlike the others."""
MIN_LOCAL_WEIGHT = 0.1
"""Weight of the models of single series below which a channel does without them."""
TABLE_MODEL = "combination of linear maps"
"""Name of the table's combination among the models of single series."""


@dataclass(frozen=True, eq=False)
class SeriesTask:
    """The table, for models of single series."""

    values: np.ndarray
    """(time, channels) in the table's units, NaN where unobserved or interpolated."""
    standardizer: Standardizer
    """Standardizes the windows of the final model."""
    season: int
    """Steps in a season; 1 without one."""
    config: ModelConfig
    """Horizon, targets and training settings of the model."""
    has_network: bool = True
    """Whether the pretrained network is a member, if no maps of the whole table are."""

    @property
    def amounts(self) -> np.ndarray:
        """(time, channels) values over their deviation: 0 stays 0, and no square overflows."""
        return self.values / self.standardizer.scale

    @property
    def zero(self) -> np.ndarray:
        """(channels,) standardized value that stands for 0."""
        return -self.standardizer.mean / self.standardizer.scale


def select_series_models(task: SeriesTask) -> SelectionResult:
    """Return a combination of models of single series, with its own weights for each."""
    horizon = task.config.horizon
    selection = select_local(task.amounts, task.season, horizon, has_network=task.has_network)
    members = build_local_members(selection, task.zero)
    return SelectionResult(
        **_build_combination(task, members),
        leaderboard=list_local_rows(selection),
        mase=selection.score_combination(),
        window_count=selection.window_count,
        season=task.season,
        skipped_candidates=[],
        calibration=_calibrate(task, selection),
        comparison=selection.compare_with_naive(),
        refit=_keep_choices(selection, len(members)),
    )


def add_series_models(task: SeriesTask, table: SelectionResult) -> SelectionResult:
    """Return a table's combination joined by models of single series where these earn a weight.

    Args:
        task: the table.
        table: the combination selected for the whole table, with its validation windows.
    """
    further = _select_joint_windows(task, table)
    # The network sees 512 rows and one season, the maps of the table more of both.
    selection = select_local(
        task.amounts, task.season, task.config.horizon, further, has_network=False
    )
    table_share = selection.weights[selection.names.index(TABLE_MODEL)]
    # A few per cent change little, and would make every forecast need a thousand rows.
    is_local = table_share < 1 - MIN_LOCAL_WEIGHT
    if not bool(is_local.any()):
        return table
    local = [
        replace(member, weights=torch.where(is_local, member.weights, 0))
        for member in build_local_members(selection, task.zero)
    ]
    shared = _scale_members(table.model, torch.where(is_local, table_share, 1))
    rows = list_local_rows(selection)
    share = float(torch.where(is_local, table_share, 1).mean())
    return replace(
        table,
        **_build_combination(task, [*local, *shared]),
        leaderboard=_join_leaderboards(rows, table.leaderboard, share),
        mase=selection.score_combination(),
        window_count=selection.window_count,
        calibration=_calibrate(task, selection),
        comparison=selection.compare_with_naive(),
        refit=_keep_choices(selection, len(local), table.refit.penalties),
    )


def _keep_choices(
    selection: LocalSelection, local: int, penalties: tuple[np.ndarray, ...] = ()
) -> RefitSettings:
    """Return the choices with which the members of single series and of the table are solved."""
    none = tuple(np.zeros(0) for _ in range(local))
    share = selection.own_share.double().numpy()
    on_logs = selection.on_logs.numpy()
    return RefitSettings((*none, *penalties), share, on_logs, len(selection.rows))


def can_join(values: np.ndarray, table: SelectionResult) -> bool:
    """Return whether models of single series may join those of the table.

    They may if they see the whole history; or if they see all validation rows of a table with many
    series, which one map may suit badly. Elsewhere the maps know more: on seven tables of 700 to
    4,600 days or weeks, the models of single series got weights on a few months that cost 1.6 % of
    accuracy on later ones.

    Args:
        values: (time, channels).
        table: the combination selected for the whole table, with its validation windows.
    """
    assert table.validation is not None  # `select_model` returns it
    rows, series = values.shape
    validated_rows = rows - table.validation.origins[0]
    return rows <= MAX_ROWS or bool(series > MANY_SERIES and validated_rows <= MAX_ROWS)


def _select_joint_windows(task: SeriesTask, table: SelectionResult) -> FurtherForecasts:
    """Return the table's forecasts of some of the last validation windows, as amounts."""
    assert table.validation is not None  # `select_model` returns it
    origins = table.validation.origins
    recent = np.flatnonzero(origins >= origins[-1] - MAX_ROWS)
    count = min(MAX_JOINT_ORIGINS, len(recent))
    chosen = np.unique(recent[np.linspace(0, len(recent) - 1, count).round().astype(int)])
    values = table.validation.forecast[torch.from_numpy(chosen)].double()
    values = values - torch.from_numpy(task.zero)
    scale = table.validation.scale.double()
    return FurtherForecasts(TABLE_MODEL, tuple(map(int, origins[chosen])), values, scale)


def _calibrate(task: SeriesTask, selection: LocalSelection) -> SeriesIntervals:
    intervals = selection.calibrate(torch.from_numpy(task.zero))
    targets = task.config.targets
    return intervals if targets is None else intervals.select(targets)


def _scale_members(model: Reversible, share: Tensor) -> list[LocalMember]:
    """Return the members of a fitted combination with their weights times a share by channel."""
    combination = unwrap(model.backbone)
    assert isinstance(combination, WeightedCombination)
    return [
        LocalMember(dict(description), share * weights, dict(member.state_dict()))
        for description, member, weights in zip(
            combination.descriptions, combination.members, combination.weights, strict=True
        )
    ]


def _build_combination(task: SeriesTask, members: Sequence[LocalMember]) -> dict[str, Any]:
    """Return the configuration of a combination and the model with the members' parameters."""
    lookback = max(int(member.description["lookback"]) for member in members)
    descriptions = [member.description for member in members]
    config = replace(
        task.config,
        backbone=ModuleSpec.from_class(partial(WeightedCombination, members=descriptions)),
        normalizer=ModuleSpec.from_class(Identity),
        lookback=lookback,
    )
    model = config.build(task.values.shape[1])
    combination = unwrap(model.backbone)
    assert isinstance(combination, WeightedCombination)
    for module, member in zip(combination.members, members, strict=True):
        module.load_state_dict(module.state_dict() | member.state)
    combination.weights.copy_(torch.stack([member.weights for member in members]))
    return {"config": config, "model": model.eval()}


def _join_leaderboards(
    local: list[dict[str, Any]], table: list[dict[str, Any]], table_share: float
) -> list[dict[str, Any]]:
    """Return the rows of both; the members of the table's combination share its weight.

    Both have naive forecasts: of models of single series only those with a weight are listed.
    """
    members = [row | {"share": round(row["share"] * table_share, 4)} for row in table]
    naive = (LAST_VALUE, LAST_SEASON)
    rows = [
        row
        for row in local
        if row["model"] != TABLE_MODEL
        and (row["share"] > 0 or not str(row["model"]).startswith(naive))
    ]
    return sort_rows([*rows, *members])
