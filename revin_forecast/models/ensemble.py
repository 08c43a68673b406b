"""Several models as one: their mean, or a mean weighted by how they do on validation windows."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from revin_forecast.backbones import Backbone
from revin_forecast.data.windows import WindowBatch
from revin_forecast.errors import InputError
from revin_forecast.models.reversible import Reversible, select_targets
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Normalizer
from revin_forecast.shapes import Future, Known, Observed, Past


class Ensemble(nn.Module):
    """A weighted mean of forecasts, by any modules of (batch, lookback, channels).

    Members may be bare backbones, `Reversible` with normalizers of their own, or ensembles: it
    nests. It is a backbone itself, so a normalizer can be put around it. Bates & Granger, J.
    Oper. Res. Soc. 1969.

    Args:
        members: the models, fitted already or to be trained together.
        weights: of their forecasts, not negative; scaled to a sum of 1. None: all the same.

    Raises:
        InputError: no members, or weights that don't fit them.

    >>> from revin_forecast.backbones import Repeat, SeasonalNaive
    >>> both = Ensemble([Repeat(4, 2, 1), SeasonalNaive(4, 2, 1, season=2)], weights=[1.0, 3.0])
    >>> both(torch.tensor([[[0.0], [1.0], [2.0], [3.0]]])).flatten()
    tensor([2.2500, 3.0000])
    """

    weights: Tensor

    def __init__(self, members: Iterable[nn.Module], weights: Sequence[float] | None = None):
        super().__init__()
        self.members = nn.ModuleList(members)
        count = len(self.members)
        given = torch.ones(count) if weights is None else torch.tensor(list(weights))
        if count == 0 or len(given) != count or (given < 0).any() or not given.sum() > 0:
            raise InputError(
                f"an Ensemble needs a member, and a weight >= 0 for each, but got {count} members "
                f"and the weights {weights}."
            )
        self.register_buffer("weights", (given / given.sum()).float())

    def forward(
        self, past: Past, observed: Observed | None = None, known: Known | None = None
    ) -> Future:
        """Return the weighted mean; members that don't take observed or known go without."""
        forecasts = torch.stack(self.forecast_members(past, observed, known), dim=-1)
        return forecasts @ self.weights.to(forecasts.dtype)

    def forecast_members(
        self, past: Tensor, observed: Tensor | None = None, known: Tensor | None = None
    ) -> list[Tensor]:
        """Return each member's forecast."""
        offered = {"observed": observed, "known": known}
        found = []
        for member in self.members:
            takes = inspect.signature(member.forward).parameters
            extra = {
                name: value
                for name, value in offered.items()
                if value is not None and name in takes and _accepts_input(member, name)
            }
            found.append(member(past, **extra))
        return found

    @classmethod
    def from_stacking(
        cls, members: Iterable[nn.Module], windows: Iterable[WindowBatch]
    ) -> "Ensemble":
        """Return the ensemble whose weights have the least squared error on validation windows.

        min ||y - sum_i w_i f_i||² over w_i >= 0 with sum 1 (Breiman, Machine Learning 1996), over
        all observed values; each member counts as it is, nothing is trained.

        Args:
            members: fitted models.
            windows: batches that none of them was fitted on, such as `Windows.batches(256)`.

        Raises:
            InputError: nothing was observed in them.
        """
        ensemble = cls(members)
        count = len(ensemble.members)
        gram, total = torch.zeros(count, count, dtype=torch.float64), 0
        with torch.inference_mode():
            for past, future, known in windows:
                truth = select_targets(ensemble.members[0], future)
                observed = truth.isfinite()
                found = torch.stack(ensemble.forecast_members(past, None, known), dim=-1)
                errors = (found - truth.unsqueeze(-1))[observed].double()
                gram += errors.mT @ errors
                total += int(observed.sum())
        if total == 0:
            raise InputError("no value of the validation windows was observed to weigh models by.")
        ensemble.weights.copy_(simplex_least_squares(gram / total))
        return ensemble


def _accepts_input(member: nn.Module, name: str) -> bool:
    """Return whether a member can use what is known; one that takes none would refuse it."""
    if name != "known":
        return True
    inner = member
    while isinstance(inner, Reversible):
        inner = inner.backbone
    return getattr(inner, "covariates", 1 if isinstance(inner, Ensemble) else 0) > 0


def simplex_least_squares(gram: Tensor, max_steps: int = 2000) -> Tensor:
    """Return the weights w >= 0 with sum 1 that make w' gram w least.

    With gram the mean products of the members' errors, that is the error of their weighted mean.
    Frank & Wolfe's (Naval Res. Logist. Q. 1956) steps with the exact length towards the best member
    or away from the worst one that has weight.

    Args:
        gram: (members, members), symmetric, no negative eigenvalues.
        max_steps: at most.

    >>> least_weights(torch.tensor([[1.0, 0.0], [0.0, 3.0]]).double())
    tensor([0.7500, 0.2500], dtype=torch.float64)
    """
    weights = torch.zeros(len(gram), dtype=gram.dtype)
    weights[gram.diagonal().argmin()] = 1.0
    for _ in range(max_steps):
        slope = gram @ weights
        best = slope.argmin()
        held = torch.where(weights > 0, slope, -torch.inf)
        worst = held.argmax()
        towards, away = -weights.clone(), weights.clone()
        towards[best] += 1
        away[worst] -= 1
        gains = slope @ weights - slope[best], slope[worst] - slope @ weights
        if max(gains) <= 1e-12 * gram.diagonal().max():
            break
        if gains[0] >= gains[1]:
            direction, longest = towards, 1.0
        else:
            direction, longest = away, float(weights[worst] / (1 - weights[worst]).clamp(min=1e-12))
        curve = direction @ gram @ direction
        length = longest if curve <= 0 else min(longest, float(-(slope @ direction) / curve))
        weights = (weights + length * direction).clamp(min=0)
        weights /= weights.sum()
    return weights


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
