import copy
from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from revin_forecast.closed_form.complete import longest_gap_free_stretch
from revin_forecast.closed_form.equations import NormalEquations
from revin_forecast.closed_form.masked import (
    has_all_targets,
    shared_equations,
    equations_with_gaps,
    window_stride,
)
from revin_forecast.closed_form.sums import gap_free_equations
from revin_forecast.errors import InputError
from revin_forecast.normalizers import LocationScaleNormalizer


@dataclass(frozen=True)
class WindowChoice:
    """Which windows a map is solved on."""

    lookback: int
    horizon: int
    gap_free_only: bool
    """Only those without a gap."""
    max_windows: int | None
    """Thin them to about so many, where they are made one by one."""

    def iter_equations(
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
        if weights is not None and (self.gap_free_only or all(map(_is_finite, parts))):
            yield self._check_windows(
                parts, [gap_free_equations(part, *sizes).centre(weights) for part in parts]
            )
            return
        narrow = copy.deepcopy(normalizer).double()
        strides = [window_stride(len(part), part.shape[1], width, self.max_windows) for part in parts]
        strided = list(zip(parts, strides, strict=True))
        if self.gap_free_only or all(has_all_targets(part, self.lookback) for part in parts):
            joint = [
                shared_equations(part, narrow, *sizes, stride, self.gap_free_only)
                for part, stride in strided
            ]
            yield self._check_windows(parts, joint)
            return
        masked = [equations_with_gaps(part, narrow, *sizes, stride) for part, stride in strided]
        yield from zip(*masked, strict=True)

    def _check_windows(
        self, parts: list[Tensor], equations: list[NormalEquations]
    ) -> tuple[NormalEquations, ...]:
        for name, part, found in zip(("training", "validation"), parts, equations, strict=False):
            if found.count == 0:
                windows = (len(part) - self.lookback - self.horizon + 1) * part.shape[1]
                raise InputError(
                    f"0 of {windows} windows of the {name} part have no gap: a look-back of "
                    f"{self.lookback} and a horizon of {self.horizon} take "
                    f"{self.lookback + self.horizon} rows, and the longest stretch without a gap "
                    f"has {longest_gap_free_stretch(part)}. Choose a shorter look-back, or gaps='masked'."
                )
        return tuple(equations)


def _is_finite(part: Tensor) -> bool:
    return bool(part.isfinite().all())
