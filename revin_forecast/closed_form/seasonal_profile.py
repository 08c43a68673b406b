"""What a table repeats with its season, taken off before windows are looked at."""

import torch
from torch import Tensor, nn

from revin_forecast.backbones.cycle_net import cycle_values
from revin_forecast.models.reversible import Reversible
from revin_forecast.shapes import Future, Known, Observed, Past


def seasonal_profile(
    values: Tensor, season: int, excluded_rows: tuple[int, int] = (0, 0)
) -> Tensor:
    """Return each channel's mean at each place of the season, 0 on average.

    The seasonal part of a classical decomposition (Persons, 1919), for one length of season. As
    columns of a regression they would be the season's indicators.

    Args:
        values: (time, channels); NaN and infinities are unobserved. The first row's place is 0.
        season: rows that it takes.
        excluded_rows: the first of some rows that are not looked at, and the one after their last.

    Returns:
        (season, channels); 0 where nothing was observed at a place.
    """
    first, stop = excluded_rows
    sums, counts = _sums_and_counts(values, season, 0)
    left_out = _sums_and_counts(values[first:stop], season, first)
    means = (sums - left_out[0]) / (counts - left_out[1]).clamp(min=1)
    return means - means.mean(dim=0)


def repeat_profile(profile: Tensor, rows: int) -> Tensor:
    """Return a profile's value at each of the first rows of its table, (rows, channels)."""
    return profile.repeat(-(-rows // len(profile)), 1)[:rows]


def _sums_and_counts(values: Tensor, season: int, first: int) -> tuple[Tensor, Tensor]:
    """Return sum and number of the observed values at each place of the season."""
    observed = values.isfinite()
    places = torch.arange(first, first + len(values), device=values.device) % season
    nothing = values.new_zeros(season, values.shape[1])
    sums = nothing.index_add(0, places, torch.where(observed, values, 0))
    return sums, nothing.index_add(0, places, observed.to(values.dtype))


class DeseasonalizedModel(nn.Module):
    """A model of what is left when a profile is taken off the window; it is put back after.

    As CycleNet (Lin et al., NeurIPS 2024) does, but outside the normalizer, so in units of the
    table, and with a profile that is known.

    Args:
        model: of what is left.
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
            observed: True where really measured; None: wherever `past` is finite.
            known: (batch, lookback + horizon, 1): the number of each step's row, counted from the
                first of the profile's table.

        Raises:
            ValueError: the rows are not told.
        """
        if known is None or known.shape[2] != 1:
            raise ValueError(
                f"Deseasonalized needs each step's row, known=(batch, lookback + horizon, 1), to "
                f"find its place in a season of {len(self.profile)} but got "
                f"{'none' if known is None else tuple(known.shape)}."
            )
        cycle, lookback = cycle_values(self.profile, known), past.shape[1]
        return self.model(past - cycle[:, :lookback], observed) + cycle[:, lookback:]
