"""`UpdateState`: the part of a fitted model to which later rows can be added."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from revin_forecast.backbones import Ridge
from revin_forecast.backbones.target_channels import unwrap
from revin_forecast.closed_form.lag_sums import LagSums
from revin_forecast.data.scaling import Standardizer
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import LocationScaleNormalizer
from revin_forecast.selection.local_models import MAX_ROWS
from revin_forecast.selection.refit_members import RefitSettings

MIN_CONDENSED_WINDOWS = 12
"""Number of windows that a table must be long for its rows to be replaced by sums.

The sums take three windows of rows. Maps of the automatic choice use only windows without gaps if
there are ten for each step of the look-back, which then holds for every map.
"""
PREFIX = "update_"
"""Prefix of the names of saved arrays."""


def needs_training(model: nn.Module) -> bool:
    """Return whether a model has parameters that are trained by gradient descent."""
    backbone = unwrap(model.backbone) if isinstance(model, Reversible) else model
    if isinstance(backbone, Ridge):
        return False
    return any(parameter.requires_grad for parameter in backbone.parameters())


def has_sums(model: nn.Module) -> bool:
    """Return whether sums over windows determine a model; it need not be solved at all."""
    ridge = unwrap(model.backbone) if isinstance(model, Reversible) else None
    if not isinstance(model, Reversible) or not isinstance(ridge, Ridge):
        return True
    normalizer = model.normalizer
    if not isinstance(normalizer, LocationScaleNormalizer):
        return False
    return normalizer.location_weights(ridge.lookback) is not None


@dataclass(frozen=True, eq=False)
class UpdateState:
    """The rows that a model was fitted on, or sums over their windows, and its choices.

    Long tables without gaps are condensed to sums when the model is saved or updated. The windows
    that end after those of the sums are in `rows`, which then begins one row less than a window
    before the end of the sums.
    """

    rows: np.ndarray
    """(time, channels) last rows, in the table's units; NaN where unobserved."""
    width: int
    """Steps in the longest window of any map."""
    settings: RefitSettings
    """Choices of the model's members; of a single model, the one member is the model itself."""
    can_condense: bool = True
    """Whether sums of windows suffice to solve all maps again."""
    keeps_all: bool = False
    """Whether the user wants all rows kept, so that old ones can be let out."""
    sums: LagSums | None = None
    """Sums over the windows of earlier rows, standardized; None: `rows` holds all rows."""

    @property
    def row_count(self) -> int:
        """Number of rows that the model was fitted on."""
        if self.sums is None:
            return len(self.rows)
        return self.sums.rows + len(self.rows) - (self.width - 1)

    @property
    def byte_count(self) -> int:
        """Size of the arrays in bytes."""
        return sum(array.nbytes for array in self.to_arrays().values())

    def append(self, rows: np.ndarray) -> "UpdateState":
        """Return the state with further rows of the table."""
        return replace(self, rows=np.concatenate([self.rows, rows]))

    def condense(self, standardizer: Standardizer) -> "UpdateState":
        """Return the state with sums in place of rows, as far as these have no gap.

        Args:
            standardizer: mean and scale of the windows.
        """
        overlap = self.width - 1
        if self.keeps_all:
            return self
        if not any(map(len, self.settings.penalties)):
            # Models of single series see the last rows only; naive ones need their look-back.
            seen = 0 if self.settings.own_share is None else MAX_ROWS
            return replace(self, rows=self.rows[-max(seen, overlap) :])
        if not self.can_condense:
            return self
        if self.sums is None and len(self.rows) < MIN_CONDENSED_WINDOWS * self.width:
            return self
        is_complete = np.isfinite(self.rows).all(axis=1)
        stop = len(self.rows) if is_complete.all() else int(np.argmin(is_complete))
        if self.sums is None:
            if stop < MIN_CONDENSED_WINDOWS * self.width:
                return self
            values = torch.from_numpy(standardizer.transform(self.rows[:stop]))
            sums = LagSums.from_values(values, self.width)
        elif stop > overlap:
            sums = self.sums.append(
                torch.from_numpy(standardizer.transform(self.rows[overlap:stop]))
            )
        else:
            return self
        return replace(self, sums=sums, rows=self.rows[stop - overlap :].copy())

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays to save."""
        arrays = {"rows": self.rows}
        flags = (self.width, self.can_condense, self.keeps_all, self.settings.short_rows)
        count = 0 if self.sums is None else self.sums.rows
        arrays["facts"] = np.array([*flags, count], dtype=np.int64)
        if self.sums is not None:
            # The last rows of the sums are the first ones of `rows`.
            parts = ("first", "products", "heads")
            arrays |= {name: getattr(self.sums, name).numpy() for name in parts}
        if self.settings.own_share is not None:
            arrays["own_share"] = self.settings.own_share
        if self.settings.on_logs is not None:
            arrays["on_logs"] = self.settings.on_logs
        for index, penalties in enumerate(self.settings.penalties):
            arrays[f"penalties_{index}"] = penalties
        return {f"{PREFIX}{name}": array for name, array in arrays.items()}

    @classmethod
    def from_arrays(
        cls, arrays: dict[str, np.ndarray], standardizer: Standardizer
    ) -> "UpdateState | None":
        """Return the state from saved arrays; None if there is none.

        Args:
            arrays: all arrays of a saved model.
            standardizer: mean and scale of the windows.
        """
        own: dict[str, Any] = {
            name.removeprefix(PREFIX): array
            for name, array in arrays.items()
            if name.startswith(PREFIX)
        }
        if "rows" not in own:
            return None
        rows = own["rows"]
        width, can_condense, keeps_all, short_rows, count = map(int, own["facts"])
        members = sum(name.startswith("penalties_") for name in own)
        penalties = tuple(own[f"penalties_{index}"] for index in range(members))
        sums = None
        if count:
            last = torch.from_numpy(standardizer.transform(rows[: width - 1]))
            first, products, heads = (
                torch.from_numpy(own[name]) for name in ("first", "products", "heads")
            )
            sums = LagSums(first, last, products, heads, count)
        shares = own.get("own_share"), own.get("on_logs")
        settings = RefitSettings(penalties, *shares, short_rows)
        return cls(rows, width, settings, bool(can_condense), bool(keeps_all), sums)
