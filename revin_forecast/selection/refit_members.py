"""Solve the members of a combination again, with the choices that were made for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from revin_forecast.backbones import Ridge
from revin_forecast.closed_form.lag_sums import LagSums
from revin_forecast.errors import InputError
from revin_forecast.models.ensemble import WeightedCombination, to_spec
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import LogMean
from revin_forecast.selection.candidates import LOG_MEAN, NORMALIZERS, Centring
from revin_forecast.selection.changed_maps import solve_changes
from revin_forecast.selection.linear_maps import LinearMap, take_logarithms
from revin_forecast.selection.select_local import solve_short_maps

CHANGED_PENALTIES = 2
"""Number of penalties of maps that many channels change: of the shared map and of the changes."""


@dataclass(frozen=True, eq=False)
class RefitSettings:
    """Choices with which the members of a combination are solved again."""

    penalties: tuple[np.ndarray, ...]
    """For each member one penalty, or one per channel; NaN for a map without a usable window. Two
    for maps of many channels: of the shared map and of its changes (see `ChangedMap`). Empty for a
    member without maps of the whole table."""
    own_share: np.ndarray | None = None
    """(channels,) share of each series' own map in the short maps; None: there are none."""
    on_logs: np.ndarray | None = None
    """(channels,) whether the short maps of a series are on logarithms."""
    short_rows: int = 0
    """Number of last rows that short maps were solved on."""

    def select_members(self, indices: Sequence[int], added: int = 0) -> "RefitSettings":
        """Return the settings of some members, followed by members without maps."""
        kept = tuple(self.penalties[index] for index in indices)
        return replace(self, penalties=(*kept, *(np.zeros(0) for _ in range(added))))


@torch.no_grad()
def refit_table_maps(
    combination: WeightedCombination,
    settings: RefitSettings,
    values: Tensor,
    earlier: LagSums | None = None,
) -> None:
    """Solve the maps of the whole table again; the other members stay as they are.

    Args:
        combination: changed in place.
        settings: its choices.
        values: (time, channels) standardized float64, NaN where unobserved.
        earlier: sums over the windows that end before; None: there are none.
    """
    for member, description, penalties in zip(
        combination.members, combination.descriptions, settings.penalties, strict=True
    ):
        if not len(penalties):
            continue
        normalizer, rows, sums = member.normalizer, values, earlier
        if isinstance(normalizer, LogMean):
            # Their rows are kept: sums of values say nothing about logarithms.
            rows, sums = take_logarithms(values, normalizer.zero), None
        centring = _find_centring(description)
        is_robust = bool(description.get("is_robust", False))
        ridge = member.backbone
        assert isinstance(ridge, Ridge)  # no other member has penalties
        weights, biases = ridge.weight, ridge.bias
        if ridge.per_channel and len(penalties) == CHANGED_PENALTIES < ridge.channels:
            shared = LinearMap(weights[0], biases[0], float(penalties[0]), centring, None)
            solved = shared.refit(rows, sums)
            if solved is not None:
                changes = solve_changes(rows, solved[0], centring, [float(penalties[1])], sums)
                weights.copy_(changes[0])
            continue
        if not ridge.per_channel:
            weights, biases = weights.unsqueeze(0), biases.unsqueeze(0)
        for index, penalty in enumerate(penalties):
            if np.isnan(penalty):
                continue
            channels = (index,) if ridge.per_channel else None
            pair = weights[index], biases[index]
            chosen = LinearMap(*pair, float(penalty), centring, channels, is_robust)
            solved = chosen.refit(rows, sums)
            if solved is not None:
                weights[index], biases[index] = (part.to(weights.dtype) for part in solved)


def _find_centring(description: Mapping[str, Any]) -> Centring:
    """Return the level that a map of the whole table subtracts from its windows.

    Raises:
        InputError: the map is inside another normalizer.
    """
    normalizer = to_spec(description["normalizer"])
    if normalizer == LOG_MEAN:
        return "mean"
    for centring, known in NORMALIZERS.items():
        if known == normalizer:
            return centring
    raise InputError(
        f"this model can't be updated: it has a map inside {normalizer.name}, but only maps inside "
        "LastValue, RevIN, Identity and LogMean are solved again. Call fit again, on all rows."
    )


@torch.no_grad()
def refit_short_maps(
    combination: WeightedCombination,
    settings: RefitSettings,
    amounts: np.ndarray,
) -> None:
    """Solve the maps of single series again; the other members stay as they are.

    Args:
        combination: changed in place.
        settings: its choices.
        amounts: (time, channels) last rows over the deviation of each channel, as in
            `SeriesTask.amounts`; NaN where unobserved.
    """
    if settings.own_share is None or settings.on_logs is None:
        return
    members = [
        (member, weights > 0)
        for member, weights, penalties in zip(
            combination.members, combination.weights, settings.penalties, strict=True
        )
        if isinstance(member, Reversible)
        and isinstance(member.backbone, Ridge)
        and not len(penalties)
    ]
    if not members:
        return
    ridge = members[0][0].backbone
    assert isinstance(ridge, Ridge)
    on_logs = torch.from_numpy(settings.on_logs)
    share = torch.from_numpy(settings.own_share)
    maps = solve_short_maps(amounts, ridge.lookback, ridge.horizon, share, on_logs)
    for member, has_weight in members:
        weight = member.backbone.weight
        assert isinstance(weight, Tensor)
        weight.copy_(torch.where(has_weight.reshape(-1, 1, 1), maps.to(weight.dtype), 0))
