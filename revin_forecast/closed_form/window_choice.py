"""revin_forecast/closed_form/window_choice.py."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from revin_forecast.closed_form.equations_with_gaps import (
    equations_with_gaps,
    has_all_targets,
    iter_window_blocks,
    shared_equations,
    window_stride,
)
from revin_forecast.closed_form.gap_free_windows import longest_gap_free_stretch
from revin_forecast.closed_form.normal_equations import NormalEquations
from revin_forecast.closed_form.window_sums import gap_free_equations
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
        strides = [
            window_stride(len(part), part.shape[1], width, self.max_windows) for part in parts
        ]
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


def observed_target_equations(
    values: Tensor,
    normalizer: LocationScaleNormalizer,
    lookback: int,
    horizon: int,
    max_windows: int,
) -> NormalEquations:
    """Sum over evenly spaced windows, gaps or not, every target that was observed.

    An unobserved input stands at the window's location, where the normalizer puts it when it
    forecasts. All steps share one Gram matrix, of all windows; what a step sees of its targets is
    scaled up to as many (available cases: right as far as gaps come by chance). `masked_equations`
    is exact, with a matrix for each step.

    Args:
        values: (time, channels) float64; NaN is unobserved.
        normalizer: gives each window's location; in float64, for one channel.
        lookback: steps seen.
        horizon: steps forecast.
        max_windows: at most, over all channels.
    """
    inputs = values.new_zeros(lookback, lookback)
    sums = values.new_zeros(lookback)
    cross = values.new_zeros(horizon, lookback)
    squares, targets = values.new_zeros(horizon), values.new_zeros(horizon)
    seen_at, count = values.new_zeros(horizon), 0
    stride = window_stride(len(values), values.shape[1], lookback + horizon, max_windows)
    for block in iter_window_blocks(values, normalizer, lookback, horizon, stride):
        past, future = block.past, block.targets
        inputs += past.mT @ past
        sums += past.sum(dim=0)
        cross += future.mT @ past
        squares += future.square().sum(dim=0)
        targets += future.sum(dim=0)
        seen_at += block.target_observed.sum(dim=0)
        count += len(past)
    up = torch.where(seen_at > 0, count / seen_at.clamp(min=1), 0)
    if not bool((seen_at > 0).any()):
        count = 0
    return NormalEquations(inputs, cross * up.unsqueeze(1), squares * up, sums, targets * up, count)
