"""Candidates of a sweep, and the maps that it selected."""

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from revin_forecast.backbones.ridge import DEFAULT_PENALTIES
from revin_forecast.closed_form.admission import Admission
from revin_forecast.closed_form.seasonal_profile import repeat_profile, seasonal_profile
from revin_forecast.closed_form.sweep_maps import SweepChoice
from revin_forecast.closed_form.value_transform import ValueTransform
from revin_forecast.closed_form.window_sums import WindowSums
from revin_forecast.errors import InputError

LONG_LOOKBACK = 1440
"""A candidate for tables of many rows: 15 days of quarter hours."""
MIN_ROWS_PER_STEP = 24
"""Fewest rows for each step of the long look-back."""
MAX_CHANNELS_LONG = 16
"""Most channels for the long look-back. Own maps of more channels take too long with it."""


def list_candidate_lookbacks(rows: int, channels: int) -> tuple[int, ...]:
    """Return the look-backs that a sweep tries by default, ascending.

    Args:
        rows: training and validation rows.
        channels: number of series.
    """
    lookbacks = SweepGrid().lookbacks
    if rows >= MIN_ROWS_PER_STEP * LONG_LOOKBACK and channels <= MAX_CHANNELS_LONG:
        lookbacks += (LONG_LOOKBACK,)
    return lookbacks


@dataclass(frozen=True)
class SweepGrid:
    """Candidates of a sweep and the number of blocks to compare them on."""

    lookbacks: tuple[int, ...] = (96, 336, 512, 720)
    """Candidate look-backs, ascending."""
    horizons: tuple[int, ...] = (96, 192, 336, 720)
    """Horizons to forecast, ascending."""
    penalties: tuple[float, ...] = DEFAULT_PENALTIES
    """Candidate penalties, ascending."""
    blocks: int = 4
    """Number of blocks of time, each held out once."""
    per_channel: bool = False
    """Whether to try a change of the shared map for each channel, used if significantly better."""
    season: int | None = None
    """Rows in a season, to try subtracting a share of each channel's seasonal profile; None: no
    profile."""
    robust: bool = False
    """Whether to try a second solve with robust weights, used in a share if significantly
    better."""
    keep_levels: bool = False
    """Whether a channel keeps a share of its level; see `ShrunkLevel`."""

    def __post_init__(self):
        for name in ("lookbacks", "horizons", "penalties"):
            values = getattr(self, name)
            if not values or min(values) <= 0 or sorted(set(values)) != list(values):
                raise InputError(
                    f"{name} of a sweep must be positive, ascending and distinct but got {values}."
                )
        if self.season is not None and self.season < 2:
            raise InputError(
                f"season of a sweep must be 2 rows or more, or None, but got {self.season}."
            )

    @property
    def groups(self) -> list[tuple[int, int]]:
        """Range of steps of each group; a group ends at each horizon."""
        return list(pairwise((0, *self.horizons)))

    def window_sums(self, values: Tensor) -> WindowSums:
        """Return the sums over a table's windows of the longest look-back and horizon."""
        return WindowSums(values, self.lookbacks[-1], self.horizons[-1])


@dataclass(frozen=True, eq=False)
class SweepSelection:
    """Maps that a sweep selected, before they are solved."""

    grid: SweepGrid
    """Candidates of the sweep."""
    shared_choices: tuple[SweepChoice, ...]
    """Selected map of each group of steps, shared by all channels."""
    channel_penalties: tuple[tuple[float | None, ...], ...]
    """For each channel, the penalty of its change of each group's shared map; None: the channel
    uses the shared map. Empty: no changes were tried."""
    profile_share: float = 0.0
    """Share of the seasonal profile to subtract."""
    robust_shares: tuple[tuple[float, ...], ...] = ()
    """For each channel, the share of the robust solve in the map of each group of steps. Empty: it
    was not tried."""
    level_shares: tuple[float, ...] = ()
    """Share of each channel's level that is kept; see `ShrunkLevel`. Empty: levels are taken
    away."""
    transform: ValueTransform | None = None
    """Transformation of the values before everything else; None: there is none."""
    admissions: tuple[Admission, ...] = ()
    """Additions that were tried on the blocks, and their gains there."""

    @property
    def lookback(self) -> int:
        """Longest selected look-back."""
        return max(max(choice.lookbacks) for choice in self.shared_choices)

    def penalties_of(self, channel: int) -> tuple[float | None, ...]:
        """Return the penalty of a channel's change of each group's shared map."""
        if not self.channel_penalties:
            return (None,) * len(self.grid.groups)
        return self.channel_penalties[channel]

    def sharing_channels(self, group: int, channels: int) -> list[int]:
        """Return the numbers of the channels that use the shared map of a group of steps."""
        return [c for c in range(channels) if self.penalties_of(c)[group] is None]

    def robust_share(self, channel: int, group: int) -> float:
        """Return the share of the robust solve in a channel's map of a group of steps."""
        return self.robust_shares[channel][group] if self.robust_shares else 0.0

    def scaled_profile(self, values: Tensor) -> Tensor | None:
        """Return the share of the seasonal profile of a table, (season, channels), or None."""
        if not self.profile_share:
            return None
        assert self.grid.season is not None  # a share is selected only with a season
        return self.profile_share * seasonal_profile(values, self.grid.season)

    @staticmethod
    def subtract_profile(values: Tensor, profile: Tensor | None, channel: int) -> Tensor:
        """Return one channel of a table minus its profile, (time,)."""
        series = values[:, channel].contiguous()
        if profile is None:
            return series
        return series - repeat_profile(profile[:, channel : channel + 1], len(series))[:, 0]
