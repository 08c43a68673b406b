"""Choice of the windows that a map is solved on, and of the way to sum over them."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from revin_forecast.closed_form.equations_with_gaps import (
    equations_with_gaps,
    has_all_targets,
    iter_window_blocks,
    no_equations,
    shared_equations,
    window_stride,
)
from revin_forecast.closed_form.gap_free_windows import longest_gap_free_stretch
from revin_forecast.closed_form.level_column import centre_equations
from revin_forecast.closed_form.normal_equations import NormalEquations
from revin_forecast.closed_form.window_sums import gap_free_equations
from revin_forecast.errors import InputError
from revin_forecast.normalizers import LocationScaleNormalizer


@dataclass(frozen=True)
class WindowChoice:
    """The windows that a map is solved on."""

    lookback: int
    """Steps in the input window."""
    horizon: int
    """Steps to forecast."""
    gap_free_only: bool
    """Whether to use only windows without a gap."""
    max_windows: int | None
    """Approximate number of evenly spaced windows if they are extracted in blocks; None: all."""
    keep_level: bool = False
    """Whether the location of a window is its first input, before the look-back."""

    def iter_equations(
        self, parts: list[Tensor], normalizer: LocationScaleNormalizer
    ) -> Iterator[tuple[NormalEquations, ...]]:
        """Yield the equations of each part, for groups of steps that share their windows.

        Args:
            parts: training and, if given, validation: (time, channels) float64.
            normalizer: gives each window's location.

        Yields:
            The equations of all parts. Steps with the same windows share one item; with missing
            targets, each step has its own.

        Raises:
            InputError: `gap_free_only` is set, but a part has no window without a gap.
        """
        weights = normalizer.location_weights(self.lookback)
        sizes = self.lookback, self.horizon
        # Three ways to sum over windows, from fast to slow. First: no window is extracted, since
        # the location is linear in the window and no window used has a gap.
        if weights is not None and (self.gap_free_only or all(map(_is_finite, parts))):
            raw = [gap_free_equations(part, *sizes) for part in parts]
            centred = [centre_equations(part, weights, self.keep_level) for part in raw]
            yield self._check_windows(parts, centred)
            return
        # Windows are extracted from here on. A copy in float64: the caller's normalizer keeps its
        # dtype.
        exact_normalizer = copy.deepcopy(normalizer).double()
        strides = [
            window_stride(len(part), part.shape[1], sum(sizes), self.max_windows) for part in parts
        ]
        strided = list(zip(parts, strides, strict=True))
        # Second: all steps share their windows, and so one Gram matrix.
        if self.gap_free_only or all(has_all_targets(part, self.lookback) for part in parts):
            shared = [
                shared_equations(
                    part, exact_normalizer, *sizes, stride, self.gap_free_only, self.keep_level
                )
                for part, stride in strided
            ]
            yield self._check_windows(parts, shared)
            return
        # Third: a Gram matrix for each step, from the windows that have its target.
        per_step = [
            equations_with_gaps(part, exact_normalizer, *sizes, stride, self.keep_level)
            for part, stride in strided
        ]
        yield from zip(*per_step, strict=True)

    def _check_windows(
        self, parts: list[Tensor], equations: list[NormalEquations]
    ) -> tuple[NormalEquations, ...]:
        """Return the equations, or raise InputError if a part has no window without a gap."""
        names = ("training", "validation")
        for name, part, part_equations in zip(names, parts, equations, strict=False):
            if part_equations.count == 0:
                windows = (len(part) - self.lookback - self.horizon + 1) * part.shape[1]
                raise InputError(
                    f"0 of {windows} windows of the {name} part have no gap: a look-back of "
                    f"{self.lookback} and a horizon of {self.horizon} take "
                    f"{self.lookback + self.horizon} rows, and the longest stretch without a gap "
                    f"has {longest_gap_free_stretch(part)}. Choose a shorter look-back, or "
                    "gaps='masked'."
                )
        return tuple(equations)


def observed_target_equations(
    values: Tensor,
    normalizer: LocationScaleNormalizer,
    lookback: int,
    horizon: int,
    max_windows: int,
) -> NormalEquations:
    """Return approximate equations of evenly spaced windows with all observed targets.

    An unobserved input takes the window's location, as it does in forecasts. All steps share one
    Gram matrix of all windows, and the sums over a step's observed targets are scaled up to that
    number of windows (available-case analysis, valid if values are missing at random).
    `equations_with_gaps` is exact, with one Gram matrix per step.

    Args:
        values: (time, channels) float64; NaN is unobserved.
        normalizer: gives each window's location; in float64, for one channel.
        lookback: steps in the input window.
        horizon: steps to forecast.
        max_windows: largest number of windows of all channels.
    """
    total = no_equations(values, lookback, horizon)
    target_counts = values.new_zeros(horizon)
    stride = window_stride(len(values), values.shape[1], lookback + horizon, max_windows)
    for block in iter_window_blocks(values, normalizer, lookback, horizon, stride):
        total += NormalEquations.from_windows(block.past, block.targets)
        target_counts += block.target_observed.sum(dim=0)
    # From the windows that have a step's target up to all windows.
    upscaling = torch.where(target_counts > 0, total.count / target_counts.clamp(min=1), 0)
    return replace(
        total,
        cross=total.cross * upscaling.unsqueeze(1),
        target_squares=total.target_squares * upscaling,
        target_sums=total.target_sums * upscaling,
        count=total.count if bool((target_counts > 0).any()) else 0,
    )


def _is_finite(part: Tensor) -> bool:
    return bool(part.isfinite().all())
