"""A call of a forecasting net with any arguments, and copies of it with other windows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor, nn

MIN_WINDOWS = 2
"""One window can't show whether windows are independent."""

Arguments = Tensor | Sequence[Any] | Mapping[str, Any]
"""Windows; or all arguments of a net, the windows first."""


@dataclass(frozen=True)
class ModelCall:
    """The arguments of one call of a net."""

    values: tuple[Any, ...]
    """The arguments; the first is (batch, lookback, channels) or (batch, lookback)."""
    names: tuple[str, ...] = ()
    """Names of the arguments if they are passed by keyword."""
    changed: tuple[int, ...] = (0,)
    """Positions of the arguments in the data's units, which the checks change together."""

    @property
    def windows(self) -> Tensor:
        """The windows."""
        return self.values[0]

    @property
    def deviation(self) -> Tensor:
        """Deviation of each window and channel over time, never 0."""
        values = self.windows.detach().double()
        deviation = values.std(1, keepdim=True, correction=0)
        typical = deviation.mean() if bool((deviation > 0).any()) else deviation.new_ones(())
        return torch.where(deviation > 0, deviation, typical)

    def forecast(self, net: nn.Module) -> Tensor:
        """Call the net and return its forecast: its first tensor with one entry per window."""
        if self.names:
            output = net(**dict(zip(self.names, self.values, strict=True)))
        else:
            output = net(*self.values)
        return self._find_forecast(output, type(net).__name__)

    def clone(self) -> "ModelCall":
        """Return the call with copies of its tensors."""
        values = [value.clone() if isinstance(value, Tensor) else value for value in self.values]
        return replace(self, values=tuple(values))

    def overwrite(self, other: "ModelCall") -> None:
        """Copy the tensors of another call into those of this one, as loaders reuse memory."""
        for own, new in zip(self.values, other.values, strict=True):
            if isinstance(own, Tensor):
                own.copy_(new)

    def _has_windows(self, value: Any) -> bool:
        """Return whether an argument has one entry per window."""
        return isinstance(value, Tensor) and value.ndim > 0 and len(value) == len(self.windows)

    def _find_forecast(self, output: Any, name: str) -> Tensor:
        leaves = _list_leaves(output)
        for leaf in leaves:
            if isinstance(leaf, Tensor) and leaf.ndim > 1 and len(leaf) == len(self.windows):
                return leaf
        shapes = [tuple(leaf.shape) for leaf in leaves if isinstance(leaf, Tensor)]
        raise ValueError(
            f"{name} returned {shapes} for {len(self.windows)} windows. Return the "
            "forecast, (batch, horizon, ...), or a tuple that begins with it."
        )

    def change(self, change: Callable[[Tensor], Tensor]) -> "ModelCall":
        """Return the call with the arguments in the data's units changed."""
        values = [
            change(value) if place in self.changed else value
            for place, value in enumerate(self.values)
        ]
        return replace(self, values=tuple(values))

    def with_windows(self, windows: Tensor) -> "ModelCall":
        """Return the call with other windows."""
        return replace(self, values=(windows, *self.values[1:]))

    def select(self, index: Tensor) -> "ModelCall":
        """Return the call with the windows in `index`, and with their other arguments."""
        values = tuple(
            value[index.to(value.device)] if self._has_windows(value) else value
            for value in self.values
        )
        return replace(self, values=values)

    def put_window(self, number: int, other: "ModelCall") -> "ModelCall":
        """Return the other call, of as many windows, with one window of this call."""
        values = [
            torch.cat([there[:number], here[number : number + 1], there[number + 1 :]])
            if self._has_windows(here)
            else there
            for here, there in zip(self.values, other.values, strict=True)
        ]
        return replace(self, values=tuple(values))

    def to(self, dtype: torch.dtype) -> "ModelCall":
        """Return the call with floating-point arguments in another dtype."""
        values = tuple(
            value.to(dtype) if isinstance(value, Tensor) and value.is_floating_point() else value
            for value in self.values
        )
        return replace(self, values=values)

    def other_batch(self) -> "ModelCall":
        """Return the call with windows in another order and at another level and scale."""
        order = torch.arange(1, len(self.windows) + 1) % len(self.windows)
        rolled = self.select(order)
        deviation = self.deviation
        return rolled.change(lambda values: (3 * values + 100 * deviation).to(values.dtype))

    def matches_channels(self, forecast: Tensor) -> bool:
        """Return whether the forecast has the channels of the windows, on the same axis."""
        windows = self.windows
        return windows.ndim == 3 and forecast.ndim >= 3 and forecast.shape[2] == windows.shape[2]

    def broadcast(self, statistic: Tensor, forecast: Tensor) -> Tensor:
        """Return a statistic (batch, 1, channels) in a shape that broadcasts to the forecast.

        It is averaged over the channels if the forecast does not have them.
        """
        if not self.matches_channels(forecast):
            statistic = statistic.flatten(1).mean(1).reshape(-1, 1, 1)
        axes = [1] * (forecast.ndim - 3)
        statistic = statistic.reshape(*statistic.shape, *axes)
        return statistic.squeeze(2) if forecast.ndim == 2 else statistic


def _list_leaves(output: Any) -> list[Any]:
    """Return the values in an output, in order: of a mapping, a dataclass or nested containers."""
    if isinstance(output, Mapping):
        parts = list(cast(Mapping[str, Any], output).values())
    elif is_dataclass(output):
        parts = [getattr(output, field.name) for field in fields(output)]
    elif isinstance(output, list | tuple):
        parts = list(cast("Sequence[Any]", output))
    else:
        return [output]
    return [leaf for part in parts for leaf in _list_leaves(part)]


def parse_arguments(windows: Arguments, changed: Sequence[int]) -> ModelCall:
    """Return the call with these arguments.

    Raises:
        ValueError: the first argument is not a batch of gap-free windows.
    """
    names: tuple[str, ...] = ()
    if isinstance(windows, Tensor):
        values: tuple[Any, ...] = (windows,)
    elif isinstance(windows, Mapping):
        items = cast(Mapping[str, Any], windows)
        names, values = tuple(items), tuple(items.values())
    else:
        values = tuple(windows)
    _validate_windows(values[0] if values else None)
    for place in changed:
        if not 0 <= place < len(values) or not isinstance(values[place], Tensor):
            raise ValueError(
                f"changed={tuple(changed)} must hold positions of tensors among {len(values)} "
                "arguments. Pass changed=() if only the windows are data."
            )
        _validate_changed(place, values[place], values[0])
    values = tuple(value.detach() if isinstance(value, Tensor) else value for value in values)
    return ModelCall(values, names, tuple(sorted({0, *changed})))


def _validate_changed(place: int, value: Tensor, windows: Tensor) -> None:
    """Check that an argument can be changed along with the windows."""
    axes = [0, *range(2, windows.ndim)]
    is_alike = value.ndim == windows.ndim and all(
        value.shape[axis] == windows.shape[axis] for axis in axes
    )
    if not is_alike or not value.is_floating_point():
        raise ValueError(
            f"argument {place} in changed is {tuple(value.shape)} of {value.dtype}, but it needs "
            f"the batch and the channels of the windows, {tuple(windows.shape)}, and "
            "floating-point numbers. Leave it out of changed, or pass it in that shape."
        )


def _validate_windows(windows: object) -> None:
    if not isinstance(windows, Tensor) or not windows.is_floating_point():
        kind = windows.dtype if isinstance(windows, Tensor) else type(windows).__name__
        raise ValueError(
            f"check_model needs windows of floating-point numbers as the first argument but got "
            f"{kind}. Pass a tensor (batch, lookback, channels)."
        )
    if windows.ndim not in (2, 3) or len(windows) < MIN_WINDOWS:
        raise ValueError(
            f"check_model needs at least {MIN_WINDOWS} windows (batch, lookback, channels) but got "
            f"shape {tuple(windows.shape)}. Pass a batch; wrap a net with other axes in a module "
            "that swaps them."
        )
    if not bool(windows.isfinite().all()):
        raise ValueError(
            "check_model needs windows without gaps but got NaN or infinities. Pass finite "
            "windows; the checks insert their own gaps."
        )
