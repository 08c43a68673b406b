"""Contributions of the values of a window to its forecast."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


class NotLinearError(Exception):
    """The forecast of a model is not a sum of contributions of its window."""

    def __init__(self, name: str):
        super().__init__(f"{name} is not linear in its window")
        self.name = name
        """Name of the class that is not linear."""


@dataclass(frozen=True, eq=False)
class ExplainedWindow:
    """The window of a forecast."""

    past: Float[Tensor, "1 lookback channels"]
    """Values in float64, finite everywhere."""
    observed: Bool[Tensor, "1 lookback channels"]
    """True where measured."""
    known: Float[Tensor, "1 steps covariates"] | None = None
    """Known inputs of look-back and horizon, for a model that takes them."""

    def select_last(self, steps: int) -> "ExplainedWindow":
        """Return the last steps of the window."""
        return replace(self, past=self.past[:, -steps:], observed=self.observed[:, -steps:])


@dataclass(frozen=True, eq=False)
class ExplainedScope:
    """The values of a forecast to explain, and the level that contributions start from."""

    channels: Int[Tensor, " targets"]
    """Channel of each series to explain."""
    outputs: Int[Tensor, " targets"]
    """Its index in the forecast of the model."""
    steps: Int[Tensor, " steps"]
    """Steps to explain, from 0."""
    levels: Float[Tensor, " channels"]
    """Level of each channel."""

    def take_all_channels(self) -> "ExplainedScope":
        """Return the scope for a model that forecasts every channel."""
        return replace(self, outputs=self.channels)

    def start_from_zero(self) -> "ExplainedScope":
        """Return the scope with the level 0."""
        return replace(self, levels=torch.zeros_like(self.levels))

    def select(self, forecast: Tensor) -> Tensor:
        """Return (batch, steps, targets) of a forecast (batch, horizon, outputs)."""
        return forecast[:, self.steps][:, :, self.outputs]


@dataclass(frozen=True, eq=False)
class Contributions:
    """A forecast as a sum of contributions.

    forecast = sum_i level_weight_i level_i + sum_i sum_l weight_li (x_li - level_i) + constant
               + sum of the members that are not linear

    i is the own channel of a series only (inputs = 1), or every channel. Lags without a value
    count as the level. On logarithms, weight_li is the slope between the level and the value, not
    a derivative.
    """

    weights: Float[Tensor, "steps targets lookback inputs"]
    """Weight of each lag, 0 where unobserved."""
    level_weights: Float[Tensor, "steps targets inputs"]
    """Weight of the level."""
    constant: Float[Tensor, "steps targets"]
    """The part that does not depend on the window's values, given their spread."""
    members: Mapping[str, Tensor] = field(default_factory=lambda: dict[str, Tensor]())
    """(steps, targets) difference to the level of members that are not linear, by name."""

    @property
    def is_own(self) -> bool:
        """Whether a series depends on its own channel only."""
        return self.weights.shape[3] == 1

    def scale(self, share: Float[Tensor, " targets"]) -> "Contributions":
        """Return the contributions to a share of each series' forecast.

        Those of a series without a share are 0, even where the forecast itself is not finite.
        """

        def multiply(part: Tensor) -> Tensor:
            shares = share.reshape(1, -1, *[1] * (part.ndim - 2))
            return torch.where(shares > 0, part * shares, 0)

        return Contributions(
            multiply(self.weights),
            multiply(self.level_weights),
            multiply(self.constant),
            {name: multiply(part) for name, part in self.members.items()},
        )

    @property
    def is_finite(self) -> bool:
        """Whether all weights are finite."""
        return bool(self.weights.isfinite().all() and self.constant.isfinite().all())

    def pad(self, lookback: int) -> "Contributions":
        """Return the contributions of a longer window, whose earlier lags have no weight."""
        rows = lookback - self.weights.shape[2]
        return replace(
            self,
            weights=torch.nn.functional.pad(self.weights, (0, 0, rows, 0))
            if rows
            else self.weights,
        )

    def add(self, other: "Contributions", scope: ExplainedScope) -> "Contributions":
        """Return the sum of both, of the same window."""
        first, second = self, other
        if first.is_own != second.is_own:
            first, second = (part.spread_channels(scope) for part in (self, other))
        members = dict(first.members)
        for name, part in second.members.items():
            members[name] = members[name] + part if name in members else part
        return Contributions(
            first.weights + second.weights,
            first.level_weights + second.level_weights,
            first.constant + second.constant,
            members,
        )

    def spread_channels(self, scope: ExplainedScope) -> "Contributions":
        """Return the contributions with an input for every channel."""
        if self.weights.shape[3] == len(scope.levels):
            return self
        own = torch.nn.functional.one_hot(scope.channels, len(scope.levels)).double()
        return replace(
            self,
            weights=self.weights * own[:, None],
            level_weights=self.level_weights * own,
        )

    def compute_forecast(
        self, window: ExplainedWindow, scope: ExplainedScope
    ) -> Float[Tensor, "steps targets"]:
        """Return the sum of all contributions."""
        return self.compute_linear_part(window, scope) + self.constant + sum(self.members.values())

    def compute_linear_part(
        self, window: ExplainedWindow, scope: ExplainedScope
    ) -> Float[Tensor, "steps targets"]:
        """Return the sum of the contributions of level and lags."""
        levels, deviations = self.select_inputs(window, scope)
        by_lag = torch.einsum("stli,lti->st", self.weights, deviations)
        return by_lag + torch.einsum("sti,ti->st", self.level_weights, levels)

    def select_inputs(
        self, window: ExplainedWindow, scope: ExplainedScope
    ) -> tuple[Float[Tensor, "targets inputs"], Float[Tensor, "lookback targets inputs"]]:
        """Return the levels of the inputs, and the differences of the values to them."""
        deviations = torch.where(window.observed, window.past - scope.levels, 0)[0]
        if self.is_own:
            return scope.levels[scope.channels, None], deviations[:, scope.channels, None]
        count = len(scope.channels)
        return scope.levels.expand(count, -1), deviations.unsqueeze(1).expand(-1, count, -1)


def make_member(
    name: str, forecast: Float[Tensor, "steps targets"], lookback: int, scope: ExplainedScope
) -> Contributions:
    """Return the contributions of a model that is not linear: its difference to the level."""
    steps, targets = forecast.shape
    return Contributions(
        forecast.new_zeros(steps, targets, lookback, 1),
        forecast.new_ones(steps, targets, 1),
        torch.zeros_like(forecast),
        {name: forecast - scope.levels[scope.channels]},
    )


def make_linear(
    weights: Float[Tensor, "steps targets lookback inputs"],
    forecast: Float[Tensor, "steps targets"],
    window: ExplainedWindow,
    scope: ExplainedScope,
) -> Contributions:
    """Return the contributions of a map with known weights of the observed values.

    Args:
        weights: weights of all lags; those of unobserved ones are dropped.
        forecast: the forecast, which decides the constant.
        window: the window.
        scope: series and steps of weights and forecast.
    """
    observed = window.observed[0]
    own = observed[:, scope.channels].mT.unsqueeze(-1)
    kept = weights * (own if weights.shape[3] == 1 else observed).to(weights)
    zeros = torch.zeros_like(forecast)
    linear = Contributions(kept, kept.sum(2), zeros)
    return replace(linear, constant=forecast - linear.compute_linear_part(window, scope))
