"""Forecast distributions mapped to the data's scale, in the terms of `torch.distributions`."""

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor
from torch.distributions import AffineTransform, Distribution, TransformedDistribution, constraints
from torch.distributions.transforms import Transform


class DenormalizedDistribution(TransformedDistribution):
    """A forecast distribution in data units, mapped value by value: Y = intercept + slope Z.

    Sampling, `log_prob` (with the Jacobian's -log|slope|), `cdf` and `icdf` are those of torch's
    transformed distributions; mean and variance are exact, because the map is affine.

    >>> from torch.distributions import Normal
    >>> base, intercept = Normal(torch.zeros(1), 1.0), torch.tensor([50.0])
    >>> back = DenormalizedDistribution(base, intercept, torch.tensor([2.0]))
    >>> back.mean, back.stddev
    (tensor([50.]), tensor([2.]))
    """

    base_dist: Distribution
    arg_constraints = {}  # noqa: RUF012 - torch declares it so

    def __init__(self, base: Distribution, intercept: Tensor, slope: Tensor):
        super().__init__(base, [AffineTransform(intercept, slope)])
        self.intercept = intercept
        self.slope = slope

    @property
    def mean(self) -> Tensor:
        """Intercept + slope * mean of Z."""
        return self.intercept + self.slope * self.base_dist.mean

    @property
    def variance(self) -> Tensor:
        """slope^2 * variance of Z, value by value."""
        return self.slope.square() * self.base_dist.variance

    @property
    def stddev(self) -> Tensor:
        """|slope| * standard deviation of Z, value by value."""
        return self.slope.abs() * self.base_dist.stddev

    def expand(
        self, batch_shape: Sequence[int], _instance: object = None
    ) -> "DenormalizedDistribution":
        """Return the distribution with a larger batch shape, without copies."""
        shape = torch.Size(batch_shape) + self.event_shape
        # torch does not annotate `expand`.
        base = cast(Distribution, self.base_dist.expand(torch.Size(batch_shape)))  # pyright: ignore[reportUnknownMemberType]
        return DenormalizedDistribution(
            base, self.intercept.expand(shape), self.slope.expand(shape)
        )


class MonotoneTransform(Transform):
    """An increasing map of values, its inverse and the logarithm of its derivative.

    Args:
        function: z -> y.
        inverse_function: y -> z.
        log_derivative: z -> log dy/dz.
    """

    domain = constraints.real
    codomain = constraints.real
    bijective = True

    def __init__(
        self,
        function: Callable[[Tensor], Tensor],
        inverse_function: Callable[[Tensor], Tensor],
        log_derivative: Callable[[Tensor], Tensor],
    ):
        super().__init__(cache_size=0)
        self.function = function
        self.inverse_function = inverse_function
        self.log_derivative = log_derivative

    @property
    def sign(self) -> int:
        """1: the map increases."""
        return 1

    def _call(self, x: Tensor) -> Tensor:
        return self.function(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.inverse_function(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return log dy/dx at x."""
        return self.log_derivative(x)
