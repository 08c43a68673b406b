"""Weighted means of models: with one weight per model, or one per model and channel."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from revin_forecast.backbones import Backbone, Pretrained
from revin_forecast.data.windows import WindowBatch
from revin_forecast.errors import InputError
from revin_forecast.models.reversible import Reversible, select_targets
from revin_forecast.models.spec import ModuleFactory, ModuleSpec
from revin_forecast.normalizers import Normalizer
from revin_forecast.utils.shapes import Future, Known, Observed, Past


class Ensemble(nn.Module):
    """A weighted mean of the forecasts of any modules (Bates & Granger, J. Oper. Res. Soc. 1969).

    Members may be bare backbones, `Reversible` models with their own normalizers, or ensembles. An
    ensemble is itself a backbone, so it can be wrapped in a normalizer.

    Args:
        members: models of (batch, lookback, channels), already fitted or to be trained together.
        weights: non-negative weights of their forecasts, scaled to sum 1. None means equal weights.

    Raises:
        InputError: no members, or weights that don't match them.

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
        values = torch.ones(count) if weights is None else torch.tensor(list(weights))
        if count == 0 or len(values) != count or (values < 0).any() or not values.sum() > 0:
            raise InputError(
                f"an Ensemble needs a member, and a weight >= 0 for each, but got {count} members "
                f"and the weights {weights}."
            )
        self.register_buffer("weights", (values / values.sum()).float())

    def forward(
        self, past: Past, observed: Observed | None = None, known: Known | None = None
    ) -> Future:
        """Return the weighted mean; members without an `observed` or `known` argument ignore it."""
        forecasts = torch.stack(self.forecast_members(past, observed, known), dim=-1)
        return forecasts @ self.weights.to(forecasts.dtype)

    def forecast_members(
        self, past: Past, observed: Observed | None = None, known: Known | None = None
    ) -> list[Future]:
        """Return each member's forecast."""
        optional_inputs = {"observed": observed, "known": known}
        forecasts: list[Future] = []
        for member in self.members:
            parameters = inspect.signature(member.forward).parameters
            accepted = {
                name: value
                for name, value in optional_inputs.items()
                if value is not None and name in parameters and _accepts_input(member, name)
            }
            forecasts.append(member(past, **accepted))
        return forecasts

    @classmethod
    def from_stacking(
        cls, members: Iterable[nn.Module], windows: Iterable[WindowBatch]
    ) -> "Ensemble":
        """Return the ensemble whose weights minimize the squared error on validation windows.

        min ||y - sum_i w_i f_i||² over w_i >= 0 with sum 1 (Breiman, Machine Learning 1996), over
        all observed values. The members themselves are not changed.

        Args:
            members: fitted models.
            windows: batches that no member was fitted on, such as `Windows.iter_batches(256)`.

        Raises:
            InputError: no value of the windows is observed.
        """
        ensemble = cls(members)
        count = len(ensemble.members)
        # The Gram matrix of the errors determines the squared error of every weighting.
        gram, total = torch.zeros(count, count, dtype=torch.float64), 0
        with torch.inference_mode():
            for past, future, known in windows:
                truth = select_targets(ensemble.members[0], future)
                observed = truth.isfinite()
                forecasts = torch.stack(ensemble.forecast_members(past, None, known), dim=-1)
                errors = (forecasts - truth.unsqueeze(-1))[observed].double()
                gram += errors.mT @ errors
                total += int(observed.sum())
        if total == 0:
            raise InputError(
                "no value of the validation windows was observed, so the models can't be weighted. "
                "Pass windows with observed values, or weights."
            )
        ensemble.weights.copy_(simplex_least_squares(gram / total))
        return ensemble


def _accepts_input(member: nn.Module, name: str) -> bool:
    """Return whether a member accepts an optional input that its `forward` declares.

    `Reversible` declares known covariates but refuses them if its backbone takes none.
    """
    if name != "known":
        return True
    backbone = member
    while isinstance(backbone, Reversible):
        backbone = backbone.backbone
    return getattr(backbone, "covariates", 1 if isinstance(backbone, Ensemble) else 0) > 0


def simplex_least_squares(gram: Tensor, max_steps: int = 2000) -> Tensor:
    """Return the weights w >= 0 with sum 1 that minimize w' gram w.

    With gram the mean products of the members' errors, this is the squared error of their weighted
    mean. Solved by steps of Frank & Wolfe (Naval Res. Logist. Q. 1956) with exact step length,
    towards the best member or away from the worst member with positive weight.

    Args:
        gram: (members, members), symmetric, positive semidefinite.
        max_steps: maximum number of steps.

    >>> simplex_least_squares(torch.tensor([[1.0, 0.0], [0.0, 3.0]]).double())
    tensor([0.7500, 0.2500], dtype=torch.float64)
    """
    weights = torch.zeros(len(gram), dtype=gram.dtype)
    weights[gram.diagonal().argmin()] = 1.0
    for _ in range(max_steps):
        slope = gram @ weights
        best = slope.argmin()
        worst = torch.where(weights > 0, slope, -torch.inf).argmax()
        towards, away = -weights.clone(), weights.clone()
        towards[best] += 1
        away[worst] -= 1
        gains = slope @ weights - slope[best], slope[worst] - slope @ weights
        # Relative to the largest error, so that the units of the data do not matter.
        if max(gains) <= 1e-12 * gram.diagonal().max():
            break
        # Steps away from a member keep the convergence linear near a face of the simplex.
        if gains[0] >= gains[1]:
            direction, max_length = towards, 1.0
        else:
            direction = away
            max_length = float(weights[worst] / (1 - weights[worst]).clamp(min=1e-12))
        curvature = direction @ gram @ direction
        length = max_length
        if curvature > 0:
            length = min(max_length, float(-(slope @ direction) / curvature))
        weights = (weights + length * direction).clamp(min=0)
        weights /= weights.sum()
    return weights


class WeightedCombination(Backbone):
    """A mean of models with weights per channel, each applied to the end of the window.

    f_c(x) = sum_m w[m, c] f_m(x[-lookback_m:])_c (Bates & Granger, J. Oper. Res. Soc. 1969).
    Members have their own normalizers, so the combination needs none (`Identity`). Automatic
    selection produces this model.

    Args:
        lookback: steps of the window, at least those of the member with the longest look-back.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        members: one description per member: "backbone" and "normalizer" (`ModuleSpec`) and
            "lookback".

    Raises:
        ValueError: no members, or one with a longer look-back than `lookback`.
    """

    accepts_observed = True
    weights: Tensor

    def __init__(
        self, lookback: int, horizon: int, channels: int, members: Sequence[Mapping[str, Any]]
    ):
        super().__init__(lookback, horizon, channels)
        self.descriptions = tuple(members)
        self.lookbacks = tuple(int(member["lookback"]) for member in members)
        if not self.lookbacks or max(self.lookbacks) > lookback:
            raise ValueError(
                f"WeightedCombination needs members that look back at most {lookback} steps but "
                f"got {list(self.lookbacks)}."
            )
        self.members = nn.ModuleList(_build_member(member, horizon, channels) for member in members)
        equal = torch.full((len(self.lookbacks), channels), 1 / len(self.lookbacks))
        self.register_buffer("weights", equal)

    def forward(self, past: Past, observed: Observed | None = None) -> Future:
        """Return the weighted mean; `observed` is True where the past was measured."""
        self.check_past(past)
        total, weights = past.new_zeros(past.shape[0], self.horizon, past.shape[2]), self.weights
        if weights.dtype == torch.float64:
            # They were saved in float32, whose sum may differ from 1 by its rounding.
            weights = weights / weights.sum(0)
        for member, steps, weight in zip(self.members, self.lookbacks, weights, strict=True):
            recent_observed = None if observed is None else observed[:, -steps:]
            # Members in float32 and float64 may be combined.
            recent = past[:, -steps:].to(_find_dtype(member) or past.dtype)
            total = total + weight * member(recent, recent_observed).to(past.dtype)
        return total

    @property
    def wants_double(self) -> bool:
        """Whether a member needs windows in float64.

        One that measures amounts from zero does: standardized in float32, a small amount far from
        the mean loses its digits.
        """
        return any(_find_dtype(member) == torch.float64 for member in self.members)


def _build_member(description: Mapping[str, Any], horizon: int, channels: int) -> Reversible:
    lookback = int(description["lookback"])
    backbone = to_spec(description["backbone"]).build(lookback, horizon, channels)
    sizes = {"lookback": lookback, "horizon": horizon}
    normalizer = to_spec(description["normalizer"]).build(channels, **sizes)
    assert isinstance(normalizer, Normalizer)  # `Candidate` accepts no other
    member = Reversible(backbone, cast(Normalizer[Any], normalizer))
    if isinstance(backbone, Pretrained):
        # It takes differences in the type of the window and keeps its weights in float32.
        return member
    tensors = (*member.parameters(), *member.buffers())
    return member.double() if any(tensor.dtype == torch.float64 for tensor in tensors) else member


def _find_dtype(member: nn.Module) -> torch.dtype | None:
    """Return the finest type of a member's numbers; None without any, which takes all types."""
    tensors = (*member.parameters(), *member.buffers())
    types = [tensor.dtype for tensor in tensors if tensor.dtype.is_floating_point]
    return max(types, key=lambda dtype: torch.finfo(dtype).bits, default=None)


def to_spec(description: Any) -> ModuleSpec:
    """Return a specification; saved models hold it as a dictionary."""
    if isinstance(description, Mapping):
        return ModuleSpec.from_dict(**cast(Mapping[str, Any], description))
    return ModuleSpec.from_class(cast(ModuleFactory, description))
