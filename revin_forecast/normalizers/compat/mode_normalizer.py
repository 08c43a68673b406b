"""`ModeNormalizer`: a normalizer that is also called with a mode, as the authors' layer is."""

# The hooks of torch have no types, which the strict mode of this package requires.
# pyright: standard

from typing import Any

import torch
from torch import Tensor, nn

from revin_forecast.normalizers.affine import LocationScaleNormalizer
from revin_forecast.normalizers.base import Equivariance
from revin_forecast.normalizers.compat.windows import (
    ThreadWindows,
    is_dead,
    refuse_two_windows,
    refuse_without_window,
    traced_program,
)
from revin_forecast.normalizers.identity import Identity
from revin_forecast.normalizers.revin import RevIN
from revin_forecast.normalizers.statistics import LocationScale, last_observed_values
from revin_forecast.utils.shapes import Observed, Past


class ModeNormalizer(LocationScaleNormalizer):
    """Base class of the layers that are called with a mode.

    They are normalizers, too: `normalize`, `denormalize` and `Reversible` work as with any other
    and leave no state.

    A call with "norm" replaces the remembered statistics, and "denorm" uses them, as often as
    there are forecasts of that window. These calls raise an error, and forget the window:

    * "denorm" before any "norm" of the same thread, exported program or backward pass;
    * "denorm" after two windows were normalized without one in between, as by a network that
      normalizes encoder and decoder inputs, two inputs of a Siamese network, or a call that failed;
    * "denorm" of another number of windows, channels or axes.

    `train`, `eval`, copies and saved files start without statistics. Two wrong orders cannot be
    detected: the second forecast of a window after another window was normalized, and, after an
    error, the forecast of a window from before it. Such an error has to end every open call of its
    thread; code that catches it in one of several tasks holds statistics as values instead.
    """

    affine_weight: nn.Parameter | None
    affine_bias: nn.Parameter | None

    def __init__(
        self, num_features: int, eps: float, affine: bool, subtract_last: bool, non_norm: bool
    ):
        super().__init__(num_features)
        # True and False are numbers: RevIN(7, True) would be a layer with eps=1.
        if isinstance(eps, bool) or not eps >= 0:
            raise ValueError(
                f"eps must be a number from 0 up but got {eps}. The order of arguments is the "
                "original's, num_features, eps, affine, subtract_last: name them, such as "
                "affine=True."
            )
        self._eps = eps
        self._subtract_last = bool(subtract_last)
        self._non_norm = bool(non_norm)
        self.affine_weight = nn.Parameter(torch.ones(num_features)) if affine else None
        self.affine_bias = nn.Parameter(torch.zeros(num_features)) if affine else None
        statistic = "last" if subtract_last else "mean"
        self._formula: LocationScaleNormalizer = (
            Identity(num_features)
            if non_norm
            else RevIN(num_features, affine=False, statistic=statistic, eps=eps or None)
        )
        self._windows = ThreadWindows()

    def forward(self, x: Tensor, mode: str) -> Tensor:
        """Normalize a window or map its forecast back.

        Args:
            x: (batch, time, channels), or more axes of time, as many for the forecast as for the
                window.
            mode: "norm" for the window, then "denorm" for each of its forecasts.

        Returns:
            The mapped values in the shape of `x`; a forecast in float32 at least.

        Raises:
            NotImplementedError: another mode, as in the original.
            RuntimeError: no window, or more than one, to which the forecast can belong.
            ValueError: a forecast of other windows, channels or axes; a wrong window.
        """
        if mode not in ("norm", "denorm"):
            raise NotImplementedError(
                f'mode must be "norm" or "denorm" but got {mode!r}. Call revin(x, "norm") for the '
                'window and revin(y, "denorm") for its forecast.'
            )
        if self._non_norm:
            return x
        return self._normalize_window(x) if mode == "norm" else self._denormalize_forecast(x)

    def forget(self) -> None:
        """Forget this thread's window, for instance after a call that failed."""
        self._windows.forward.forget()
        self._windows.recomputed.forget()

    def train(self, mode: bool = True) -> "ModeNormalizer":
        """Set the mode of training and forget this thread's window."""
        self.forget()
        return super().train(mode)

    # Names of the original, which scripts read. They can't be set: the formula was built with them.

    @property
    def num_features(self) -> int:
        """Number of channels."""
        return self.channels

    @property
    def eps(self) -> float:
        """Number added to the variance."""
        return self._eps

    @property
    def affine(self) -> bool:
        """Whether the layer has `affine_weight` and `affine_bias`."""
        return self.affine_weight is not None

    @property
    def subtract_last(self) -> bool:
        """Whether the location is the last value of the window."""
        return self._subtract_last

    @property
    def non_norm(self) -> bool:
        """Whether windows and forecasts stay as they are."""
        return self._non_norm

    @property
    def equivariant_to(self) -> frozenset[Equivariance]:
        """A change of level; of scale as well with eps=0."""
        return self._formula.equivariant_to

    @property
    def nan_reaches_scale(self) -> bool:
        """Whether the variance is a sum over the whole window."""
        return not self._non_norm

    def statistics(self, past: Past, observed: Observed | None) -> LocationScale:
        """Return location and standard deviation of each window's observed values."""
        stats = self._formula.statistics(past, observed)
        if not self._subtract_last or self._non_norm:
            return stats
        # The copies of the layer that subtract the last value let its gradient flow.
        return stats._replace(anchor=last_observed_values(past, observed))

    def affine_parameters(self, dtype: torch.dtype) -> tuple[Tensor, Tensor] | None:
        """Return weight and bias as they are: unlike `RevIN`, no bound on amplification."""
        try:  # reading the attributes takes as long as an operation on a small window
            weight, bias = self._parameters["affine_weight"], self._parameters["affine_bias"]
        except KeyError:  # a parametrized weight
            weight, bias = self.affine_weight, self.affine_bias
        if weight is None or bias is None or self._non_norm:
            return None
        # A call of `to` takes as long as an operation on a small window, too.
        return (weight, bias) if weight.dtype is dtype else (weight.to(dtype), bias.to(dtype))

    def inverse_affine_parameters(self, dtype: torch.dtype) -> tuple[Tensor, Tensor] | None:
        """Return weight + eps^2 and bias, the original's way back."""
        affine = self.affine_parameters(dtype)
        return None if affine is None else (affine[0] + self._eps**2, affine[1])

    def location_weights(self, lookback: int) -> Tensor | None:
        """Return the weights of the location; see `LocationScaleNormalizer`."""
        return self._formula.location_weights(lookback)

    def extra_repr(self) -> str:
        """Show the arguments of the original."""
        shown = f"{self.num_features}, eps={self.eps}, affine={self.affine}"
        return shown + (", subtract_last=True" if self.subtract_last else "")

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Load weights of any shape with one entry for each channel, such as (1, 1, channels)."""
        for name in ("affine_weight", "affine_bias"):
            value = state_dict.get(prefix + name)
            if isinstance(value, Tensor) and value.numel() == self.num_features:
                state_dict[prefix + name] = value.reshape(-1)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        # Statistics belong to a call, never to a copy or a file.
        return {name: value for name, value in self.__dict__.items() if name != "_windows"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._windows = ThreadWindows()

    def _normalize_gap_free(
        self,
        values: Tensor,
        observed: Tensor | None,
        affine: tuple[Tensor, Tensor] | None,
        dtype: torch.dtype,
    ) -> tuple[Tensor, LocationScale] | None:
        """Normalize windows without gaps; see `LocationScaleNormalizer`."""
        if self._subtract_last:  # see `statistics`
            return super()._normalize_gap_free(values, observed, affine, dtype)
        # The formula has fewer calls for few values.
        return self._formula._normalize_gap_free(values, observed, affine, dtype)

    def _normalize_window(self, x: Tensor) -> Tensor:
        z, stats = self.normalize(_join_time_axes(x))
        if _is_channel_first(x):
            # As in the original, so that z.permute(0, 2, 1).view(...) works. The older exporter to
            # ONNX does not know `mT`.
            z = z.transpose(1, 2).contiguous().transpose(1, 2)
        window = self._windows.current()
        program = traced_program()
        # A window that was left over by another program can't get a forecast of this one.
        window.is_ambiguous = window.is_due and window.program == program
        window.is_due = True
        window.axes = x.ndim
        window.program = program
        # The anchor is a view, which would keep the whole window in memory until the next call.
        window.stats = LocationScale(stats.anchor.clone(), stats.residual, stats.scale)
        return z if x.ndim == 3 else z.reshape(x.shape)

    def _denormalize_forecast(self, y: Tensor) -> Tensor:
        window = self._windows.current()
        stats, is_ambiguous = window.stats, window.is_ambiguous
        if stats is None or window.program != traced_program() or is_dead(stats.scale):
            window.forget()
            refuse_without_window()
        # Refused calls end here, so that the next call is not mistaken for a part of this one.
        window.forget()
        if is_ambiguous:
            refuse_two_windows(stats)
        self._check_forecast(y, stats, window.axes)
        forecast = self.denormalize(_join_time_axes(y), stats)
        window.stats = stats
        return forecast if y.ndim == 3 else forecast.reshape(y.shape)

    def _check_past(self, past: Tensor) -> None:
        if past.ndim != 3 or past.shape[2] != self.channels:
            raise ValueError(
                f"{type(self).__name__} needs (batch, time, {self.channels} channels) but got "
                f"shape {tuple(past.shape)}. Pass x.unsqueeze(0) for one window, "
                "x.transpose(1, 2) for channels before time, or build the layer with "
                f"num_features={past.shape[-1] if past.ndim else 1}."
            )
        super()._check_past(past)

    def _check_forecast(self, y: Tensor, stats: LocationScale, axes: int) -> None:
        matches = y.ndim == axes and y.shape[-1] == self.channels
        if not matches or y.shape[0] != stats.scale.shape[0]:
            # Written only here: a size in a string is a constant of a compiled program, which
            # would be compiled again for each batch size.
            wanted = f"{stats.scale.shape[0]} windows, {self.num_features} channels and {axes} axes"
            raise ValueError(
                f'revin(y, "denorm") got a forecast of shape {tuple(y.shape)} after '
                f'revin(x, "norm") of {wanted}. Pass the forecast of the same windows with all '
                "channels; to forecast some of them use revin_forecast.Reversible with "
                "revin_forecast.RevIN(channels, targets=[...])."
            )


def _join_time_axes(values: Tensor) -> Tensor:
    """Return (batch, time, channels): the original takes its mean over all axes in between."""
    return values.flatten(1, -2) if values.ndim > 3 else values


def _is_channel_first(x: Tensor) -> bool:
    """Return whether a (batch, time, channels) tensor is stored as (batch, channels, time)."""
    return x.ndim == 3 and not x.is_contiguous() and x.transpose(1, 2).is_contiguous()
