from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.distributions import AffineTransform, Distribution, TransformedDistribution, constraints
from torch.distributions.transforms import Transform


class DenormalizedDistribution(TransformedDistribution):
    """A forecast distribution mapped back to the data's units, value by value: Y = level + step Z.

    Sampling, `log_prob` (with the Jacobian's -log|step|), `cdf` and `icdf` come with the
    transform; mean and variance are exact, because the map is affine.

    >>> from torch.distributions import Normal
    >>> back = Restored(Normal(torch.zeros(1), 1.0), torch.tensor([50.0]), torch.tensor([2.0]))
    >>> back.mean, back.stddev
    (tensor([50.]), tensor([2.]))
    """

    arg_constraints = {}  # noqa: RUF012 - torch declares it so

    def __init__(self, base: Distribution, intercept: Tensor, slope: Tensor):
        super().__init__(base, [AffineTransform(intercept, slope)])
        self.intercept = intercept
        self.slope = slope

    @property
    def mean(self) -> Tensor:
        """Level + step * mean of Z."""
        return self.intercept + self.slope * self.base_dist.mean

    @property
    def variance(self) -> Tensor:
        """step^2 * variance of Z, value by value."""
        return self.slope.square() * self.base_dist.variance

    @property
    def stddev(self) -> Tensor:
        """|step| * deviation of Z, value by value."""
        return self.slope.abs() * self.base_dist.stddev

    def expand(
        self, batch_shape: Sequence[int], _instance: object = None
    ) -> "DenormalizedDistribution":
        """Return the distribution with a larger batch, without copies."""
        shape = torch.Size(batch_shape) + self.event_shape
        base = self.base_dist.expand(torch.Size(batch_shape))
        return DenormalizedDistribution(
            base, self.intercept.expand(shape), self.slope.expand(shape)
        )


class MonotoneTransform(Transform):
    """A rising map of values, its inverse and the logarithm of its slope, as torch wants them.

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
        """It rises."""
        return 1

    def _call(self, x: Tensor) -> Tensor:
        return self.function(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.inverse_function(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return log dy/dx at x."""
        return self.log_derivative(x)
