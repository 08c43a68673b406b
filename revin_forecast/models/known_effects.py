"""`KnownEffects`: a model of the series without the effects of known inputs."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from revin_forecast.backbones import CovariateBackbone
from revin_forecast.models.spec import ModuleFactory, ModuleSpec
from revin_forecast.utils.shapes import Future, Known, Observed, Past

MAX_LOG_EFFECT = 3.0
"""Largest effect on a logarithm, a factor of 20; larger ones would be extrapolation."""


class KnownEffects(CovariateBackbone):
    """Take the effects of known inputs out of the window, forecast, and add those of the horizon.

    Of channel c with the effect e_t = sum_k w[c, k] (x[t, k] - x0[k]) of the known inputs x:

        additive:        f(y - e) + e
        multiplicative:  z0 + (f(z0 + (y - z0) exp(-e)) - z0) exp(e)

    z0 is the standardized value of zero, so that the second form multiplies the values of the
    table. Every backbone can forecast inside, also one that takes no known inputs. The effects are
    estimated in closed form, not trained; automatic selection produces this model.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        inner: backbone of the series without effects, built with the same sizes.
        covariates: number of known inputs per step; 0: none, so that the inner forecast remains.
    """

    accepts_observed = True
    weights: Tensor
    centers: Tensor
    zeros: Tensor
    is_multiplicative: Tensor

    def __init__(
        self,
        lookback: int,
        horizon: int,
        channels: int,
        inner: ModuleFactory | Mapping[str, Any],
        covariates: int = 0,
    ):
        super().__init__(lookback, horizon, channels, covariates)
        self.inner = _to_spec(inner).build(lookback, horizon, channels)
        self.register_buffer("weights", torch.zeros(channels, covariates, dtype=torch.float64))
        self.register_buffer("centers", torch.zeros(covariates, dtype=torch.float64))
        self.register_buffer("zeros", torch.zeros(channels, dtype=torch.float64))
        self.register_buffer("is_multiplicative", torch.zeros(channels, dtype=torch.bool))

    def forward(
        self, past: Past, observed: Observed | None = None, *, known: Known | None = None
    ) -> Future:
        """Forecast the next `horizon` steps of every channel.

        Args:
            past: (batch, lookback, channels).
            observed: True where the past was measured.
            known: (batch, lookback + horizon, covariates).
        """
        self.check_past(past)
        known = self.check_known(past, known)
        if known is None:
            return self._run_inner(past, observed)
        forecast = self._run_inner(self.remove_effects(past, known), observed)
        shift, factor = self._compute_parts(known[:, self.lookback :], past.dtype)
        zeros = self.zeros.to(past.dtype)
        return forecast + (forecast - zeros) * (factor - 1) + shift

    def remove_effects(self, past: Past, known: Known) -> Past:
        """Return a window without the effects of its known inputs."""
        shift, factor = self._compute_parts(known[:, : self.lookback], past.dtype)
        # Written as changes, so that steps without an effect keep all digits at a large level.
        return past + (past - self.zeros.to(past.dtype)) * (1 / factor - 1) - shift

    def divide_effects(self, forecast: Future, known: Known) -> Tensor:
        """Return the change that each known input makes to a forecast without effects.

        A factor is divided in proportion to the logarithms, so that the changes add up.

        Args:
            forecast: (batch, horizon, channels) forecast of the series without effects.
            known: (batch, lookback + horizon, covariates).

        Returns:
            (batch, horizon, channels, covariates).
        """
        ahead = known[:, self.lookback :]
        effects = ((ahead.to(self.weights.dtype) - self.centers).unsqueeze(2)) * self.weights
        total = effects.sum(-1, keepdim=True)
        _, factor = self._compute_parts(ahead, self.weights.dtype)
        # The limit of (exp(e) - 1) / e at 0 is 1.
        rate = torch.where(
            total == 0, 1, (factor.unsqueeze(-1) - 1) / torch.where(total == 0, 1, total)
        )
        amounts = (forecast.to(self.weights.dtype) - self.zeros).unsqueeze(-1)
        multiplied = effects * rate * amounts
        return torch.where(self.is_multiplicative.unsqueeze(-1), multiplied, effects)

    def compute_effects(self, known: Known) -> tuple[Tensor, Tensor]:
        """Return the (batch, steps, channels) amount to add and factor to multiply with.

        A channel has either: of the other it gets 0, or 1.
        """
        effects = (known.to(self.weights.dtype) - self.centers) @ self.weights.mT
        limited = effects.clamp(-MAX_LOG_EFFECT, MAX_LOG_EFFECT)
        factor = torch.where(self.is_multiplicative, limited.exp(), torch.ones_like(effects))
        return torch.where(self.is_multiplicative, torch.zeros_like(effects), effects), factor

    def _compute_parts(self, known: Known, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        shift, factor = self.compute_effects(known)
        return shift.to(dtype), factor.to(dtype)

    def _run_inner(self, past: Past, observed: Observed | None) -> Future:
        accepts_observed = getattr(self.inner, "accepts_observed", False)
        return self.inner(past, observed) if accepts_observed else self.inner(past)


def _to_spec(description: ModuleFactory | Mapping[str, Any]) -> ModuleSpec:
    """Return a specification; saved models hold it as a dictionary."""
    if isinstance(description, Mapping):
        return ModuleSpec.from_dict(**description)
    return ModuleSpec.from_class(description)
