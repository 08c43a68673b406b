"""Recognition of the calls of normalizers that were written for other code."""

import copy
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from revin_forecast.checks.samples import as_forecast, sample_windows
from revin_forecast.normalizers.statistics import check_observed

METHODS = (
    ("normalize", "denormalize"),
    ("normalize", "de_normalize"),
    ("norm", "denorm"),
    ("transform", "inverse_transform"),
)
"""Pairs of public methods, tried first."""
MODES = (
    ("norm", "denorm"),
    ("normalize", "denormalize"),
    ("n", "d"),
    ("forward", "inverse"),
    (True, False),
    (False, True),
)
"""Pairs of second arguments of `forward`, tried next."""
OTHER_METHODS = (("forward", "inverse"), ("_normalize", "_denormalize"))
"""Pairs of methods that are tried last, as `forward` may serve both directions."""
KNOWN_CALLS = (
    'normalize and denormalize, norm and denorm, forward(x, "norm") and forward(y, "denorm"), '
    "forward and inverse"
)
"""The usual ones, for messages."""


@dataclass(frozen=True)
class CallStyle:
    """How a layer is called in each direction."""

    methods: tuple[str, str]
    """Names of the methods."""
    modes: tuple[Any, Any] | None = None
    """Second argument in each direction; None: there is none."""
    statistics: Literal["stored", "passed", "unpacked"] = "stored"
    """How the layer hands over statistics: on itself, as one value, or as further outputs that
    become further arguments."""
    takes_observed: bool = False
    """Whether the first direction takes `observed`."""
    takes_kind: bool = False
    """Whether the second direction takes `kind`."""

    @property
    def description(self) -> str:
        """The two calls as code."""
        calls = ["layer" if method == "forward" else f"layer.{method}" for method in self.methods]
        arguments = ["x", "y"]
        if self.modes is not None:
            arguments = [f"{name}, {mode!r}" for name, mode in zip("xy", self.modes, strict=True)]
        elif self.statistics != "stored":
            arguments[1] = "y, stats" if self.statistics == "passed" else "y, *stats"
        first, second = (f"{call}({text})" for call, text in zip(calls, arguments, strict=True))
        return f"{first} and {second}".replace("'", '"')

    def normalize(
        self, layer: nn.Module, past: Tensor, observed: Tensor | None = None
    ) -> tuple[Tensor, tuple[Any, ...]]:
        """Call the first direction and return the mapped windows and the statistics, if any.

        A layer without a parameter `observed` gets NaN in unobserved places.
        """
        extra: dict[str, Any] = {}
        if self.takes_observed:
            extra["observed"] = observed
        elif observed is not None:
            check_observed(past, observed)
            past = torch.where(observed, past, torch.nan)
        output = self._call(layer, 0, (past,), extra)
        if isinstance(output, Tensor):
            return output, ()
        z, *statistics = output
        return z, tuple(statistics)

    def denormalize(
        self, layer: nn.Module, future: Tensor, stats: tuple[Any, ...], kind: str = "location"
    ) -> Tensor:
        """Call the second direction."""
        extra = {"kind": kind} if self.takes_kind else {}
        further = () if self.statistics == "stored" else stats
        return self._call(layer, 1, (future, *further), extra)

    def _call(
        self, layer: nn.Module, direction: int, arguments: tuple[Any, ...], extra: dict[str, Any]
    ) -> Any:
        method = self.methods[direction]
        call = layer if method == "forward" else getattr(layer, method)
        if self.modes is not None:
            arguments = (arguments[0], self.modes[direction], *arguments[1:])
        return call(*arguments, **extra)


def find_call_style(layer: nn.Module) -> CallStyle | None:
    """Return the calls that map windows and back, tried on a copy; None if none is known.

    A second argument that only counts as true may mean the same as another one, so the first calls
    whose two directions differ are taken, if there are any.
    """
    found: list[CallStyle] = []
    for style in _list_styles(layer):
        try:
            tried, is_distinct = _try_style(copy.deepcopy(layer), style)
        except Exception:  # user code may raise anything for a call that it does not know
            continue
        if tried is not None and is_distinct:
            return tried
        if tried is not None:
            found.append(tried)
    return next(iter(found), None)


@torch.no_grad()
def _try_style(layer: nn.Module, style: CallStyle) -> tuple[CallStyle | None, bool]:
    """Return the style with its statistics, or None, and whether its two directions differ."""
    past = sample_windows().float()
    z, stats = style.normalize(layer, past)
    if stats:
        style = _with_statistics(style, len(stats))
    forecast = as_forecast(z)
    back = style.denormalize(layer, forecast.clone(), stats)
    if z.shape != past.shape or back.shape != forecast.shape:
        return None, False
    if style.modes is None:
        return style, True
    try:
        again = style.normalize(layer, forecast.clone())[0]
    except Exception:  # it takes windows of its own length only, and the other direction did not
        return style, True
    return style, not torch.equal(back, again)


def _with_statistics(style: CallStyle, count: int) -> CallStyle:
    return replace(style, statistics="passed" if count == 1 else "unpacked")


def _list_styles(layer: nn.Module) -> Iterator[CallStyle]:
    for methods in METHODS:
        if all(hasattr(layer, method) for method in methods):
            yield _read_keywords(layer, CallStyle(methods))
    if len(inspect.signature(layer.forward).parameters) > 1:
        for modes in MODES:
            yield CallStyle(("forward", "forward"), modes)
    for methods in OTHER_METHODS:
        if all(hasattr(layer, method) for method in methods):
            yield _read_keywords(layer, CallStyle(methods))


def _read_keywords(layer: nn.Module, style: CallStyle) -> CallStyle:
    """Return the style with the keywords of this package's contract that the methods take."""
    first, second = (
        inspect.signature(getattr(layer, method)).parameters for method in style.methods
    )
    return replace(style, takes_observed="observed" in first, takes_kind="kind" in second)
