"""Sums of forecast errors over batches of windows."""

import math
from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from revin_forecast.metrics.targets import mask_gaps

BY_SERIES = (0, 1)
"""Axes to sum over for a mean of each series."""
BY_STEP = (0, 2)
"""Axes to sum over for a mean of each step ahead."""

Values = Float[Tensor, "windows horizon series"]


class ErrorSums:
    """Sums of errors over the observed targets of many batches, in float64.

    All errors of one object belong to the same targets, which are counted once.

    Args:
        over: axes of (windows, horizon, series) to sum over, such as `BY_SERIES`.

    >>> sums = ErrorSums(BY_SERIES)
    >>> truth = torch.tensor([[[1.0, 2.0], [-3.0, torch.nan]]])
    >>> sums.add(truth, [("mae", truth.abs()), ("mse", truth.square())])
    >>> sums.mean("mae"), sums.mean("mse")
    (tensor([2., 2.], dtype=torch.float64), tensor([5., 4.], dtype=torch.float64))
    """

    def __init__(self, over: tuple[int, ...] = (0, 1, 2)):
        self.over = over
        self.totals: dict[str, Tensor] = {}
        self.count = torch.zeros((), dtype=torch.long)

    def add(self, truth: Values, errors: Iterable[tuple[str, Values]]) -> None:
        """Add a batch of windows.

        Args:
            truth: non-finite where unobserved.
            errors: name and values of each error; those of unobserved targets do not count. If
                they are generated, one at a time is in memory.
        """
        observed = mask_gaps(truth)
        if observed is None:
            # Not summed: counting booleans takes longer than summing the errors.
            self.count = self.count + math.prod(truth.shape[axis] for axis in self.over)
        else:
            self.count = self.count + observed.sum(self.over)
        for name, values in errors:
            counted = values if observed is None else torch.where(observed, values, 0)
            total = counted.sum(self.over, dtype=torch.float64)
            self.totals[name] = self.totals[name] + total if name in self.totals else total

    def mean(self, name: str) -> Tensor:
        """Return the mean of an error over the observed targets; NaN where there are none."""
        return self.totals[name] / self.count
