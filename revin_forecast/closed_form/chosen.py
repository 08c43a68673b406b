import copy
from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from revin_forecast.closed_form.complete import longest_stretch
from revin_forecast.closed_form.equations import NormalEquations
from revin_forecast.closed_form.masked import (
    has_all_targets,
    joint_equations,
    masked_equations,
    stride_for,
)
from revin_forecast.closed_form.sums import complete_equations
from revin_forecast.errors import InputError
from revin_forecast.normalizers import LocationScaleNormalizer


@dataclass(frozen=True)
class ChosenWindows:
    """Which windows a map is solved on."""

    lookback: int
    horizon: int
    complete: bool
    """Only those without a gap."""
    at_most: int | None
    """Thin them to about so many, where they are made one by one."""

    def equations(
        self, parts: list[Tensor], normalizer: LocationScaleNormalizer
    ) -> Iterator[tuple[NormalEquations, ...]]:
        """Yield those of each part, for groups of steps that share their windows.

        Args:
            parts: training and, where there is one, validation: (time, channels) float64.
            normalizer: gives each window's location.

        Raises:
            InputError: windows without a gap are wanted but a part has none.
        """
        weights = normalizer.location_weights(self.lookback)
        sizes = self.lookback, self.horizon
        width = sum(sizes)
        if weights is not None and (self.complete or all(map(_finite, parts))):
            yield self._checked(
                parts, [complete_equations(part, *sizes).centred(weights) for part in parts]
            )
            return
        narrow = copy.deepcopy(normalizer).double()
        strides = [stride_for(len(part), part.shape[1], width, self.at_most) for part in parts]
        strided = list(zip(parts, strides, strict=True))
        if self.complete or all(has_all_targets(part, self.lookback) for part in parts):
            joint = [
                joint_equations(part, narrow, *sizes, stride, self.complete)
                for part, stride in strided
            ]
            yield self._checked(parts, joint)
            return
        masked = [masked_equations(part, narrow, *sizes, stride) for part, stride in strided]
        yield from zip(*masked, strict=True)

    def _checked(
        self, parts: list[Tensor], equations: list[NormalEquations]
    ) -> tuple[NormalEquations, ...]:
        for name, part, found in zip(("training", "validation"), parts, equations, strict=False):
            if found.count == 0:
                windows = (len(part) - self.lookback - self.horizon + 1) * part.shape[1]
                raise InputError(
                    f"0 of {windows} windows of the {name} part have no gap: a look-back of "
                    f"{self.lookback} and a horizon of {self.horizon} take "
                    f"{self.lookback + self.horizon} rows, and the longest stretch without a gap "
                    f"has {longest_stretch(part)}. Choose a shorter look-back, or gaps='masked'."
                )
        return tuple(equations)


def _finite(part: Tensor) -> bool:
    return bool(part.isfinite().all())
