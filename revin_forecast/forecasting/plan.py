from dataclasses import dataclass
from typing import Any

import numpy as np

from revin_forecast.backbones import Ridge
from revin_forecast.data.memory_mapped.series import MemoryMappedSeries
from revin_forecast.data.series import Series, format_names
from revin_forecast.errors import InputError
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import InitializedFromData
from revin_forecast.selection import SelectionSettings
from revin_forecast.training.settings import TrainingSettings

VALIDATION_SHARE = 0.2


@dataclass(frozen=True)
class ForecasterConfig:
    """What a `Forecaster` was asked for."""

    horizon: int
    lookback: int | None
    """None: chosen."""
    backbone: ModuleSpec | None
    """None: chosen."""
    normalizer: ModuleSpec | None
    """None: chosen, or RevIN where the backbone is named."""
    training: TrainingSettings
    covariates: tuple[str, ...]
    selection: SelectionSettings


def count_training_rows(series: Series | MemoryMappedSeries, horizon: int) -> int:
    """Return how many rows, from the first, are for training; the rest is validation.

    A fifth is for validation, and one horizon at least: of the rows, or of a typical channel's
    observed ones where channels begin late, so that some of those have rows before it.

    Args:
        series: of targets and inputs.
        horizon: steps to forecast.
    """
    rows = len(series)
    typical = min(rows, int(np.median(rows - series.first_observed)))
    return max(0, rows - max(horizon, int(VALIDATION_SHARE * typical)))


def find_target_indices(series: Series | MemoryMappedSeries) -> tuple[int, ...] | None:
    """Return the numbers of the channels that are forecast; None: all."""
    if not series.inputs:
        return None
    return tuple(series.names.index(name) for name in series.targets)


def check_has_values(series: Series | MemoryMappedSeries) -> None:
    """Refuse channels without any observed value.

    Raises:
        InputError: there are some.
    """
    never = np.flatnonzero(series.first_observed == len(series))
    unseen = [series.names[place] for place in never]
    if unseen:
        raise InputError(
            f"{format_names(unseen)} have no observed value; leave them out: name the columns to "
            "forecast with --target."
        )


def find_memory_map_obstacle(config: ForecasterConfig) -> str | None:
    """Say why a table can't be memory-mapped for what was asked: it takes all rows at once."""
    parts = {"backbone": config.backbone, "normalizer": config.normalizer}
    for part, component in parts.items():
        if component and issubclass(component.import_class(), Ridge | InitializedFromData):
            return f"the {part} {component.name}"
    return "the automatic choice" if config.backbone is None else None


def check_can_memory_map(config: ForecasterConfig) -> None:
    """Refuse what takes all rows at once, for a table that is memory-mapped.

    Raises:
        InputError: a closed form, the automatic choice, or a normalizer that starts from the rows.
    """
    reason = find_memory_map_obstacle(config)
    if reason is not None:
        raise InputError(
            f"{reason} takes all rows at once, and those of a memory map need not fit into memory. "
            "Name a backbone that is trained (--backbone Linear, DLinear, PatchTST) with a "
            "normalizer such as RevIN, or fit on the table itself (--memory-map never)."
        )


def summarize_fit(
    series: Series | MemoryMappedSeries, fit: dict[str, Any], **extra: Any
) -> dict[str, Any]:
    """Return what a model was fitted on and what the fit reports, as plain JSON values."""
    return {
        "rows": len(series),
        "series": len(series.names),
        "first": str(series.timestamps[0]),
        "last": str(series.timestamps[-1]),
        "unobserved": series.unobserved_count,
        "fit": fit,
        **extra,
    }
