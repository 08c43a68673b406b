"""The checked settings of a `Forecaster`, and the rules that both ways of fitting share."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from revin_forecast.backbones import Ridge
from revin_forecast.backbones.pretrained import Pretrained
from revin_forecast.data.formatting import format_names
from revin_forecast.data.memory_mapped.series import MemoryMappedSeries
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Identity, InitializedFromData
from revin_forecast.selection.settings import SelectionSettings
from revin_forecast.training.settings import TrainingSettings

VALIDATION_SHARE = 0.2


@dataclass(frozen=True)
class ForecasterConfig:
    """The checked arguments of a `Forecaster`."""

    horizon: int
    """Steps to forecast."""
    lookback: int | None
    """Steps each forecast is made from; None: selected."""
    backbone: ModuleSpec | None
    """None: selected automatically."""
    normalizer: ModuleSpec | None
    """None: selected, or RevIN if the backbone is named."""
    training: TrainingSettings
    covariates: tuple[str, ...]
    """Names of the known inputs, as the user wrote them."""
    selection: SelectionSettings

    @property
    def is_pretrained(self) -> bool:
        """Whether the backbone is the pretrained one."""
        return self.backbone is not None and issubclass(self.backbone.import_class(), Pretrained)

    @property
    def needs_no_fit(self) -> bool:
        """Whether the pretrained backbone is used as it is, without a part that is trained."""
        if self.backbone is None or not self.is_pretrained:
            return False
        is_plain = self.normalizer is None or issubclass(self.normalizer.import_class(), Identity)
        return is_plain and not self.backbone.parameters.get("trainable", False)

    @property
    def skips_binary(self) -> bool:
        """Whether columns of 0 and 1 are not forecast unless they are named."""
        return self.backbone is None or self.needs_no_fit


def count_training_rows(series: Series | MemoryMappedSeries, horizon: int) -> int:
    """Return the number of training rows, counted from the first row; the rest is validation.

    Validation takes a fifth of the rows and at least one horizon. If channels begin late, it takes
    a fifth of a typical channel's observed rows instead, so that some of them are left to train on.

    Args:
        series: targets and inputs.
        horizon: steps to forecast.
    """
    rows = len(series)
    # The median: one channel that begins late must not shrink the validation part of all others.
    typical = min(rows, int(np.median(rows - series.first_observed)))
    return max(0, rows - max(horizon, int(VALIDATION_SHARE * typical)))


def find_target_indices(series: Series | MemoryMappedSeries) -> tuple[int, ...] | None:
    """Return the indices of the channels to forecast; None: all of them."""
    if not series.inputs:
        return None
    return tuple(series.names.index(name) for name in series.targets)


def check_has_values(series: Series | MemoryMappedSeries) -> None:
    """Check that every channel has an observed value.

    Raises:
        InputError: a channel has none.
    """
    empty = np.flatnonzero(series.first_observed == len(series))
    empty_names = [series.names[channel] for channel in empty]
    if empty_names:
        if len(empty_names) == len(series.names):
            raise InputError(
                f"{format_names(empty_names)} have no observed value, so there is nothing to "
                "learn. Fill in the cells, or read another column."
            )
        raise InputError(
            f"{format_names(empty_names)} have no observed value; leave them out: name the columns "
            "to forecast with --target."
        )


def find_memory_map_obstacle(config: ForecasterConfig) -> str | None:
    """Return the component that needs all rows in memory; None if a memory map can be fitted."""
    if config.needs_no_fit:
        return "the pretrained model"
    components = {"backbone": config.backbone, "normalizer": config.normalizer}
    for role, component in components.items():
        if component and issubclass(component.import_class(), Ridge | InitializedFromData):
            return f"the {role} {component.name}"
    return "the automatic choice" if config.backbone is None else None


def check_can_memory_map(config: ForecasterConfig) -> None:
    """Check that a configuration can be fitted on a memory-mapped table.

    Raises:
        InputError: a closed form, the automatic choice or a normalizer initialized from the data
            needs all rows at once.
    """
    obstacle = find_memory_map_obstacle(config)
    if obstacle is not None:
        raise InputError(
            f"{obstacle} takes all rows at once, and those of a memory map need not fit into "
            "memory. Name a backbone that is trained (--backbone Linear, DLinear, PatchTST) with a "
            "normalizer such as RevIN, or fit on the table itself (--memory-map never)."
        )


def summarize_fit(
    series: Series | MemoryMappedSeries, fit: dict[str, Any], **extra: Any
) -> dict[str, Any]:
    """Return a summary of the data and of the fit's report, as plain JSON values."""
    notes = list(series.notes)
    return {
        "rows": len(series),
        "series": len(series.names),
        "first": str(series.timestamps[0]),
        "last": str(series.timestamps[-1]),
        "unobserved": series.unobserved_count,
        "fit": fit,
        **({"notes": notes} if notes else {}),
        **extra,
    }
