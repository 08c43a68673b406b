"""Several fitted forecasts as one, each from a look-back of its own, weighted for each channel."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from revin_forecast.backbones import Backbone
from revin_forecast.components import ModuleSpec
from revin_forecast.normalizers import Normalizer
from revin_forecast.reversible import Reversible
from revin_forecast.shapes import Future, Observed, Past


class WeightedCombination(Backbone):
    """A mean of models with weights for each channel; each sees the end of the window it needs.

    f_c(x) = sum_m w[m, c] f_m(x[-lookback_m:])_c. Members normalize for themselves, so no
    normalizer is needed around it (`Identity`). What the automatic choice comes to; Bates &
    Granger, J. Oper. Res. Soc. 1969.

    Args:
        lookback: of the member that looks back farthest, or more.
        horizon: steps it forecasts.
        channels: series it sees and forecasts.
        members: a description of each: "backbone" and "normalizer" (`Component`) and "lookback".

    Raises:
        ValueError: no members, or one that looks back farther than `lookback`.
    """

    accepts_observed = True
    weights: Tensor

    def __init__(
        self, lookback: int, horizon: int, channels: int, members: Sequence[Mapping[str, Any]]
    ):
        super().__init__(lookback, horizon, channels)
        self.lookbacks = tuple(int(member["lookback"]) for member in members)
        if not self.lookbacks or max(self.lookbacks) > lookback:
            raise ValueError(
                f"Combination needs members that look back at most {lookback} steps but got "
                f"{list(self.lookbacks)}."
            )
        self.members = nn.ModuleList(_build_member(member, horizon, channels) for member in members)
        even = torch.full((len(self.lookbacks), channels), 1 / len(self.lookbacks))
        self.register_buffer("weights", even)

    def forward(self, past: Past, observed: Observed | None = None) -> Future:
        """Return the weighted mean; `observed` is True where the past was really measured."""
        self.check_past(past)
        total = past.new_zeros(past.shape[0], self.horizon, past.shape[2])
        for member, back, weight in zip(self.members, self.lookbacks, self.weights, strict=True):
            seen = None if observed is None else observed[:, -back:]
            total = total + weight * member(past[:, -back:], seen)
        return total


def _build_member(described: Mapping[str, Any], horizon: int, channels: int) -> Reversible:
    lookback = int(described["lookback"])
    backbone = _to_spec(described["backbone"]).build(lookback, horizon, channels)
    sizes = {"lookback": lookback, "horizon": horizon}
    normalizer = _to_spec(described["normalizer"]).build(channels, **sizes)
    assert isinstance(normalizer, Normalizer)  # a `Candidate` has no other
    return Reversible(backbone, normalizer)


def _to_spec(described: Any) -> ModuleSpec:
    if isinstance(described, Mapping):
        return ModuleSpec.from_dict(**described)
    return ModuleSpec.from_class(described)
