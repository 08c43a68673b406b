"""What the automatic choice tries."""

from dataclasses import dataclass
from functools import partial
from typing import Literal

from torch import nn

from revin_forecast.backbones import Repeat, Ridge, SeasonalNaive
from revin_forecast.errors import InputError
from revin_forecast.models.reversible import Reversible
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Identity, LastValue, RevIN

Centring = Literal["none", "last", "mean", "median"]
"""The level that is taken away from each window before the map, and given back after it."""

NORMALIZERS: dict[Centring, ModuleSpec] = {
    "last": ModuleSpec.from_class(LastValue),
    "mean": ModuleSpec.from_class(partial(RevIN, affine=False)),
    "none": ModuleSpec.from_class(Identity),
    "median": ModuleSpec.from_class(partial(RevIN, statistic="median", affine=False)),
}
LOOKBACKS = (48, 96, 192, 336, 512, 720)
MAX_LOOKBACK = 1024


@dataclass(frozen=True)
class Candidate:
    """A model that may be chosen, alone or as a member of a combination."""

    backbone: ModuleSpec
    normalizer: ModuleSpec
    lookback: int

    @property
    def model_name(self) -> str:
        """What people call it."""
        parameters = self.backbone.parameters
        if "season" in parameters:
            return f"{self.backbone.name} ({parameters['season']})"
        return f"{self.backbone.name}, one each" if parameters else self.backbone.name

    @property
    def centring(self) -> str:
        """What is taken away from each window, in a word; empty for the naive forecasts."""
        if self.backbone.name in ("Repeat", "SeasonalNaive"):
            return ""
        for centre, component in NORMALIZERS.items():
            if component == self.normalizer:
                return centre
        return self.normalizer.name

    @property
    def title(self) -> str:
        """Model, level and look-back."""
        return ", ".join(filter(None, [self.model_name, self.centring, str(self.lookback)]))

    def build(self, horizon: int, channels: int) -> Reversible:
        """Return the model, not fitted yet."""
        sizes = (self.lookback, horizon, channels)
        named = {"lookback": self.lookback, "horizon": horizon}
        backbone, normalizer = self.backbone.build(*sizes), self.normalizer.build(channels, **named)
        assert isinstance(normalizer, nn.Module)
        return Reversible(backbone, normalizer)  # pyright: ignore[reportArgumentType]


def naive_candidates(seasons: tuple[int, ...], rows: int) -> list[Candidate]:
    """Return Repeat, and SeasonalNaive for each season that fits; made to see through gaps.

    They look back a little further than they must, so that a gap at the end has something before.
    """
    last = NORMALIZERS["last"]
    found = [Candidate(ModuleSpec.from_class(Repeat), last, min(rows, 8))]
    for season in seasons:
        if season <= rows:
            backbone = ModuleSpec.from_class(partial(SeasonalNaive, season=season))
            found.append(Candidate(backbone, last, season))
    return found


def linear_candidate(centring: Centring, lookback: int, per_channel: bool) -> Candidate:
    """Return a Ridge: one map for all channels, or one for each."""
    backbone = partial(Ridge, per_channel=True) if per_channel else Ridge
    return Candidate(ModuleSpec.from_class(backbone), NORMALIZERS[centring], lookback)


def list_lookbacks(horizon: int, seasons: tuple[int, ...], max_lookback: int) -> list[int]:
    """Return look-backs to try, shortest first: the usual ones, and whole seasons.

    Args:
        horizon: steps to forecast.
        seasons: in steps.
        max_lookback: the longest that the rows allow.
    """
    wanted = {*LOOKBACKS, 2 * horizon, *(2 * season for season in seasons)}
    fitting = {lookback for lookback in wanted if lookback <= min(max_lookback, MAX_LOOKBACK)}
    return sorted(fitting | {min(max_lookback, min(wanted))})


def centring_of(normalizer: ModuleSpec) -> Centring:
    """Return the level that a normalizer takes away, where the automatic choice can use it.

    Raises:
        InputError: it can't.
    """
    names: dict[str, Centring] = {"Identity": "none", "LastValue": "last", "RevIN": "mean"}
    centre = names.get(normalizer.name)
    if normalizer.name == "RevIN":
        statistic = normalizer.parameters.get("statistic", "mean")
        centre = statistic if statistic in NORMALIZERS else None
    if centre is None:
        raise InputError(
            f"the automatic choice tries Identity, LastValue and RevIN but got the normalizer "
            f"{normalizer.name}. Name a backbone too (--backbone Ridge, DLinear, ...), or leave "
            "the normalizer out."
        )
    return centre
