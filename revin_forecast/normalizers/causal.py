"""Causal: running normalization, for streams and for windows."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from revin_forecast.normalizers.affine import AffineNormalizer
from revin_forecast.normalizers.base import Equivariance
from revin_forecast.normalizers.statistics import (
    LocationScale,
    find_observed,
    guard_zero_scale,
    statistics_dtype,
)
from revin_forecast.utils.shapes import Observed, Past

STEPS_PER_BLOCK = 128
"""Steps per block; their weights on each other form a square matrix of this size."""


class RunningState(NamedTuple):
    """Running statistics of each series, (batch, 1, channels) each."""

    anchor: Tensor
    """A level near the recent values."""
    weight: Tensor
    """Total weight of the observed values: their number, or less with a half-life."""
    mean: Tensor
    """Weighted mean minus the anchor."""
    squares: Tensor
    """Weighted sum of squared distances from the mean."""


class Causal(AffineNormalizer[RunningState]):
    """Running normalization: each value by the statistics of the steps up to it, never later ones.

    z_t = (x_t - mean_t) / deviation_t over the observed values of steps 1..t, with equal weights or
    2^(-age / half_life); updated by West's formula (1979), which never subtracts squares.
    The statistics of the last step are those of RevIN over the window and map a forecast back.

    `update(state, new_values)` normalizes a stream as it arrives, with the same result as
    normalizing the whole window. A first value has no spread: z = 0. Without a half-life, float32
    counts to 2^24 steps; use float64 for longer streams.

    Args:
        channels: channels of the stream.
        half_life: steps after which a value counts half; None keeps all weights equal.
        targets: channels that the backbone forecasts; None means all.

    >>> causal = Causal(channels=1)
    >>> values = torch.tensor([[[1.0], [3.0], [5.0]]])
    >>> z, state = causal.normalize(values)
    >>> first, state = causal.update(causal.initial_state(1), values[:, :2])
    >>> second, state = causal.update(state, values[:, 2:])
    >>> torch.equal(torch.cat([first, second], dim=1), z)
    True
    """

    def __init__(
        self,
        channels: int,
        half_life: float | None = None,
        targets: Sequence[int] | None = None,
    ):
        super().__init__(channels, targets)
        if half_life is not None and not half_life > 0:
            raise ValueError(f"Causal needs a half_life > 0 steps, or None, but got {half_life}.")
        self.half_life = half_life

    @property
    def equivariant_to(self) -> frozenset[Equivariance]:
        """A change of level and of scale."""
        return frozenset({"shift", "scale"})

    @property
    def is_invertible(self) -> bool:
        """No: each past step has its own statistics, the horizon those of the last step."""
        return False

    def initial_state(self, batch: int, dtype: torch.dtype = torch.float32) -> RunningState:
        """Return the state of streams without any value so far.

        Args:
            batch: number of parallel streams.
            dtype: dtype of the coming values, float32 or float64.
        """
        like = next(self.buffers(), torch.empty(0))
        zero = torch.zeros(batch, 1, self.channels, dtype=dtype, device=like.device)
        return RunningState(zero, zero, zero, zero)

    def update(
        self, state: RunningState, new_values: Past, observed: Observed | None = None
    ) -> tuple[Past, RunningState]:
        """Normalize the next values of each stream and return the updated state.

        Args:
            state: what `initial_state` or the last `update` returned; it is not modified.
            new_values: (batch, steps, channels), one step or many. NaN is unobserved.
            observed: True where measured; None means wherever `new_values` is finite.

        Returns:
            The normalized values, 0 where unobserved, and the new state.
        """
        self._check_past(new_values)
        state = self._restore_statistics(state)
        streams = new_values.shape[0]
        if streams != state.weight.shape[0]:
            raise ValueError(
                f"Causal got values of {streams} streams but the state of "
                f"{state.weight.shape[0]}. Pass as many, or initial_state({streams})."
            )
        observed = find_observed(new_values, observed)
        wide = new_values.to(torch.promote_types(new_values.dtype, state.weight.dtype))
        blocks: list[Tensor] = []
        for start in range(0, wide.shape[1], STEPS_PER_BLOCK):
            block = slice(start, start + STEPS_PER_BLOCK)
            z, state = self._normalize_block(state, wide[:, block], observed[:, block])
            blocks.append(z)
        return torch.cat(blocks, dim=1).to(new_values.dtype), state

    def normalize(self, past: Past, observed: Observed | None = None) -> tuple[Past, RunningState]:
        """Map windows step by step; see `Normalizer.normalize`."""
        self._check_past(past)
        zero = torch.zeros_like(past[:, :1], dtype=statistics_dtype(past.dtype))
        return self.update(RunningState(zero, zero, zero, zero), past, observed)

    def future_statistics(self, stats: RunningState) -> LocationScale:
        """Return the statistics of the last step."""
        variance = stats.squares / guard_zero_scale(stats.weight)
        return LocationScale(stats.anchor, stats.mean, guard_zero_scale(variance).sqrt())

    def extra_repr(self) -> str:
        """Show the half-life as well."""
        return f"{super().extra_repr()}, half_life={self.half_life}"

    def _normalize_block(
        self, state: RunningState, values: Tensor, observed: Tensor
    ) -> tuple[Tensor, RunningState]:
        """Normalize up to `STEPS_PER_BLOCK` steps."""
        state = _move_anchor(state, values.detach(), observed)
        centred = torch.where(observed, values.detach() - state.anchor, 0)
        decay, state_decay = self._decay_weights(values)
        weight = state_decay * state.weight + _sum_weighted(decay, observed.to(values.dtype))
        total = guard_zero_scale(weight)
        mean = (state_decay * state.weight * state.mean + _sum_weighted(decay, centred)) / total
        # West: a value adds w (x - mean before) (x - mean after), which is never negative.
        before = torch.cat([state.mean, mean[:, :-1]], dim=1)
        is_first = torch.cat([state.weight, weight[:, :-1]], dim=1) == 0
        before = torch.where(is_first, mean, before)
        added = torch.where(observed, (centred - before) * (centred - mean), 0)
        squares = state_decay * state.squares + _sum_weighted(decay, added)
        scale = guard_zero_scale(squares / total).sqrt()
        # The statistics are constants to the gradient, as in RevIN; the values are not.
        z = torch.where(observed, (values - state.anchor) - mean, 0) / scale
        last = (statistic[:, -1:] for statistic in (weight, mean, squares))
        return z, RunningState(state.anchor, *last)

    def _decay_weights(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return the weight of each step (column) at each later step (row), and of the state."""
        steps = torch.arange(values.shape[1], dtype=values.dtype, device=values.device)
        age = steps.unsqueeze(1) - steps
        rate = 0.0 if self.half_life is None else 1 / self.half_life
        # Negative ages are those of later steps; clamped, they can't overflow before the mask.
        weights = torch.where(age >= 0, torch.exp2(-age.clamp(min=0) * rate), 0)
        return weights, torch.exp2(-(steps + 1) * rate).reshape(1, -1, 1)


def _move_anchor(state: RunningState, values: Tensor, observed: Tensor) -> RunningState:
    """Move the anchor to the block's first observed value, and the mean to compensate.

    Without it, a level that drifts far from the first anchor would cost digits.
    """
    index = observed.to(torch.int32).argmax(dim=1, keepdim=True)
    first = torch.where(observed.any(dim=1, keepdim=True), values.gather(1, index), state.anchor)
    mean = torch.where(state.weight > 0, state.mean + (state.anchor - first), 0)
    return state._replace(anchor=first, mean=mean)


def _sum_weighted(decay: Tensor, values: Tensor) -> Tensor:
    """Return the weighted sum over the steps so far, (batch, steps, channels)."""
    # Autocast would take this product to half precision.
    with torch.autocast(values.device.type, enabled=False):
        return torch.einsum("ts,bsc->btc", decay, values)
