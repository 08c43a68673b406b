"""Seasonal profile of a table, and models that subtract it from their windows."""

import torch
from torch import Tensor, nn

from revin_forecast.backbones.cycle_net import cycle_values
from revin_forecast.models.reversible import Reversible
from revin_forecast.utils.shapes import Future, Known, Observed, Past


def seasonal_profile(
    values: Tensor, season: int, excluded_rows: tuple[int, int] = (0, 0)
) -> Tensor:
    """Return each channel's mean at each phase of the season, centred to mean 0.

    This is the seasonal component of a classical decomposition (Persons, 1919) for one season. In a
    regression it would be a set of seasonal indicators.

    Args:
        values: (time, channels); NaN and infinities are unobserved. The first row has phase 0.
        season: rows in a season.
        excluded_rows: range of rows to leave out, as first row and row after the last.

    Returns:
        (season, channels); 0 for a phase without an observed value, before centring.
    """
    first, stop = excluded_rows
    sums, counts = _sums_and_counts(values, season, 0)
    # Subtracted, so that the phases of the other rows stay as they are.
    excluded_sums, excluded_counts = _sums_and_counts(values[first:stop], season, first)
    means = (sums - excluded_sums) / (counts - excluded_counts).clamp(min=1)
    return means - means.mean(dim=0)


def repeat_profile(profile: Tensor, rows: int) -> Tensor:
    """Return a profile's value at each of the first rows of its table, (rows, channels)."""
    return profile.repeat(-(-rows // len(profile)), 1)[:rows]


def _sums_and_counts(values: Tensor, season: int, first: int) -> tuple[Tensor, Tensor]:
    """Return sum and number of the observed values at each phase, (season, channels) each."""
    observed = values.isfinite()
    phases = torch.arange(first, first + len(values), device=values.device) % season
    zeros = values.new_zeros(season, values.shape[1])
    sums = zeros.index_add(0, phases, torch.where(observed, values, 0))
    return sums, zeros.index_add(0, phases, observed.to(values.dtype))


class DeseasonalizedModel(nn.Module):
    """A model of the window minus a seasonal profile, which is added back to the forecast.

    CycleNet (Lin et al., NeurIPS 2024) works alike, but inside the normalizer and with a learned
    cycle. Here the profile is fixed and in units of the table.

    Args:
        model: model of the deseasonalized window.
        profile: (season, channels).
    """

    model: Reversible
    profile: Tensor

    def __init__(self, model: Reversible, profile: Tensor):
        super().__init__()
        self.model = model
        self.register_buffer("profile", profile)

    def forward(
        self, past: Past, observed: Observed | None = None, known: Known | None = None
    ) -> Future:
        """Return the forecast in the table's units.

        Args:
            past: (batch, lookback, channels). NaN and infinities count as unobserved.
            observed: True where a value was measured; None: wherever `past` is finite.
            known: (batch, lookback + horizon, 1): the row number of each step, counted from the
                first row of the profile's table.

        Raises:
            ValueError: the row numbers are missing or have another shape.
        """
        if known is None or known.shape[2] != 1:
            raise ValueError(
                f"DeseasonalizedModel needs each step's row, known=(batch, lookback + horizon, 1), "
                f"to find its phase in a season of {len(self.profile)} but got "
                f"{'none' if known is None else tuple(known.shape)}."
            )
        cycle, lookback = cycle_values(self.profile, known), past.shape[1]
        return self.model(past - cycle[:, :lookback], observed) + cycle[:, lookback:]
