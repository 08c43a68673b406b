"""The members of a combination that stand for models of single series."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from revin_forecast.backbones import ETS, Pretrained, Ridge, SeasonalNaive
from revin_forecast.models.spec import ModuleFactory, ModuleSpec
from revin_forecast.normalizers import Identity, LastValue, LogMean, RevIN
from revin_forecast.selection.local_models import (
    LAST_SEASON,
    MAX_ROWS,
    OWN_MAP,
    SHARED_MAP,
    SMOOTHING,
)
from revin_forecast.selection.pretrained_member import PRETRAINED
from revin_forecast.selection.select_local import LocalSelection

REPRESENTATIVE_SHARE = 0.5
"""Share of the series above which their most common method stands for all."""


@dataclass(frozen=True, eq=False)
class LocalMember:
    """A member of the final model, with the parameters that its fit gives."""

    description: dict[str, Any]
    """Backbone, normalizer and look-back, as `WeightedCombination` takes them."""
    weights: Tensor
    """(channels,)."""
    state: dict[str, Tensor]
    """Parameters and buffers by name; the others keep their initial values."""


def build_local_members(selection: LocalSelection, zero: np.ndarray) -> list[LocalMember]:
    """Return the members that have a weight in any channel.

    The own and the shared map of a series are linear in the same window, so their weighted mean is
    one map.

    Args:
        selection: models of single series with their weights.
        zero: (channels,) standardized value that stands for 0 in the table's units.
    """
    rows, season = selection.rows, selection.season
    weights = dict(zip(selection.names, selection.weights, strict=True))
    map_weights = weights[OWN_MAP] + weights[SHARED_MAP]
    on_logs, lookback = selection.on_logs, selection.maps.shape[2]
    zeros = torch.from_numpy(zero)
    is_positive = ((rows > 0) | ~rows.isfinite()).all(0)
    has_logs = bool(is_positive.any())
    history = min(len(rows), MAX_ROWS)
    smoothing = partial(ETS, season=season, logs=has_logs)
    network = partial(Pretrained, season=season, logs=has_logs)
    log_state = {"backbone.zero": torch.where(is_positive, zeros, torch.nan)} if has_logs else {}
    linear = partial(Ridge, per_channel=True)
    map_state = {"backbone.weight": torch.where(_per_series(map_weights > 0), selection.maps, 0)}
    members = [
        LocalMember(_describe(smoothing, Identity, history), weights[SMOOTHING], log_state),
        LocalMember(
            _describe(linear, partial(RevIN, affine=False), lookback),
            torch.where(on_logs, 0, map_weights),
            map_state,
        ),
        LocalMember(
            _describe(linear, LogMean, lookback),
            torch.where(on_logs, map_weights, 0),
            # Channels without weight need a finite forecast all the same.
            map_state | {"normalizer.zero": torch.where(on_logs, zeros, 0)},
        ),
        LocalMember(
            _describe(partial(SeasonalNaive, season=season), LastValue, season),
            weights[LAST_SEASON],
            {},
        ),
    ]
    if PRETRAINED in weights:
        description = _describe(network, Identity, history)
        members.append(LocalMember(description, weights[PRETRAINED], log_state))
    return [member for member in members if bool((member.weights > 0).any())]


def list_local_rows(selection: LocalSelection) -> list[dict[str, Any]]:
    """Return a row of the leaderboard for each model of single series: name, MASE, mean share.

    A member without a forecast at any origin has no MASE, and is listed only if it has a share. No
    row without any origin.
    """
    lookback, season = selection.maps.shape[2], selection.season
    details = {
        SMOOTHING: (_name_smoothing(selection), "", min(len(selection.rows), MAX_ROWS)),
        OWN_MAP: (OWN_MAP, "mean", lookback),
        SHARED_MAP: (SHARED_MAP, "mean", lookback),
        LAST_SEASON: (f"{LAST_SEASON} ({season})", "", season),
        PRETRAINED: (PRETRAINED, "", min(len(selection.rows), MAX_ROWS)),
    }
    rows = []
    scores = selection.score_members()
    if not any(map(math.isfinite, scores)):
        return []  # no origin
    for name, mase, weight in zip(selection.names, scores, selection.weights, strict=True):
        share = round(float(weight.mean()), 4)
        if not (math.isfinite(mase) or share):
            continue  # no origin had enough rows before it
        title, level, steps = details.get(name, (name, "", 1))
        rows.append(
            {
                "model": title,
                "normalizer": level,
                "lookback": steps,
                "mase": round(mase, 4) if math.isfinite(mase) else None,
                "share": share,
                "seconds": round(selection.seconds, 3),
            }
        )
    return sort_rows(rows)


def sort_rows(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of a leaderboard, best first; those without a MASE are last."""
    return sorted(rows, key=lambda row: math.inf if row["mase"] is None else row["mase"])


def _name_smoothing(selection: LocalSelection) -> str:
    """Return the most common smoothing method of the series, if it is common enough to name."""
    (method, count), *_ = Counter(selection.methods).most_common(1)
    is_common = count >= REPRESENTATIVE_SHARE * len(selection.methods)
    return method if is_common else "ETS, by series"


def _describe(backbone: ModuleFactory, normalizer: ModuleFactory, lookback: int) -> dict[str, Any]:
    return {
        "backbone": ModuleSpec.from_class(backbone),
        "normalizer": ModuleSpec.from_class(normalizer),
        "lookback": lookback,
    }


def _per_series(values: Tensor) -> Tensor:
    return values.reshape(-1, 1, 1)
