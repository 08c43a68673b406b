from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.distributions import AffineTransform, Distribution, TransformedDistribution, constraints
from torch.distributions.transforms import Transform


class Restored(TransformedDistribution):
    """A forecast distribution mapped back to the data's units, value by value: Y = level + step Z.

    Sampling, `log_prob` (with the Jacobian's -log|step|), `cdf` and `icdf` come with the
    transform; mean and variance are exact, because the map is affine.

    >>> from torch.distributions import Normal
    >>> back = Restored(Normal(torch.zeros(1), 1.0), torch.tensor([50.0]), torch.tensor([2.0]))
    >>> back.mean, back.stddev
    (tensor([50.]), tensor([2.]))
    """

    arg_constraints = {}  # noqa: RUF012 - torch declares it so

    def __init__(self, base: Distribution, level: Tensor, step: Tensor):
        super().__init__(base, [AffineTransform(level, step)])
        self.level = level
        self.step = step

    @property
    def mean(self) -> Tensor:
        """Level + step * mean of Z."""
        return self.level + self.step * self.base_dist.mean

    @property
    def variance(self) -> Tensor:
        """step^2 * variance of Z, value by value."""
        return self.step.square() * self.base_dist.variance

    @property
    def stddev(self) -> Tensor:
        """|step| * deviation of Z, value by value."""
        return self.step.abs() * self.base_dist.stddev

    def expand(self, batch_shape: Sequence[int], _instance: object = None) -> "Restored":
        """Return the distribution with a larger batch, without copies."""
        shape = torch.Size(batch_shape) + self.event_shape
        base = self.base_dist.expand(torch.Size(batch_shape))
        return Restored(base, self.level.expand(shape), self.step.expand(shape))


class Bent(Transform):
    """A rising map of values, its inverse and the logarithm of its slope, as torch wants them.

    Args:
        rising: z -> y.
        falling_back: y -> z.
        log_slope: z -> log dy/dz.
    """

    domain = constraints.real
    codomain = constraints.real
    bijective = True

    def __init__(
        self,
        rising: Callable[[Tensor], Tensor],
        falling_back: Callable[[Tensor], Tensor],
        log_slope: Callable[[Tensor], Tensor],
    ):
        super().__init__(cache_size=0)
        self.rising = rising
        self.falling_back = falling_back
        self.log_slope = log_slope

    @property
    def sign(self) -> int:
        """It rises."""
        return 1

    def _call(self, x: Tensor) -> Tensor:
        return self.rising(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.falling_back(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return log dy/dx at x."""
        return self.log_slope(x)
