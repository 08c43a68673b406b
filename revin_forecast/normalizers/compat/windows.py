"""The window whose forecast a layer called with a mode expects, for each thread."""

# The hooks of torch have no types, which the strict mode of this package requires.
# pyright: standard

import threading
from typing import NoReturn

import torch
from torch import Tensor

from revin_forecast.normalizers.statistics import LocationScale

_REMEDY = (
    "Keep the statistics as values, z, stats = revin.normalize(x) and "
    "revin.denormalize(y, stats), or wrap the network in revin_forecast.Reversible."
)


class Window:
    """Statistics of the last normalized window, and the calls since then."""

    def __init__(self):
        self.stats: LocationScale | None = None
        self.axes = 3
        """Number of axes of the window, time and channels last."""
        self.program = ""
        """Kind of program that was traced during "norm"; empty in eager and compiled code."""
        self.is_due = False
        """Whether "denorm" was not called since "norm"."""
        self.is_ambiguous = False
        """Whether an earlier window was due, too."""

    def forget(self) -> None:
        """Return to the state before the first call."""
        self.stats = None
        self.is_due = self.is_ambiguous = False


class ThreadWindows(threading.local):
    """One thread's windows: that of its forward pass, and that of a recomputed part of it."""

    def __init__(self):
        self.forward = Window()
        self.recomputed = Window()
        self.backward_pass = -1
        """Number that torch gave to the backward pass that recomputed something last."""

    def __reduce__(self) -> tuple[type["ThreadWindows"], tuple[()]]:
        # Copies and files start empty, also those of a parametrized layer, for which torch copies
        # every attribute.
        return ThreadWindows, ()

    def current(self) -> Window:
        """Return the window of the forward pass, or of the backward pass that recomputes it.

        Activation checkpointing calls "norm" again during the backward pass, maybe without its
        "denorm"; the next forward pass must not take that for a window of its own.
        """
        if torch.compiler.is_compiling():
            return self.forward
        # The number with which torch.utils.checkpoint recognizes a pass; -1 outside of one.
        backward_pass = torch._C._current_graph_task_id()  # pyright: ignore[reportPrivateUsage]
        if backward_pass == -1:
            return self.forward
        if backward_pass != self.backward_pass:
            self.recomputed.forget()
            self.backward_pass = backward_pass
        return self.recomputed


def traced_program() -> str:
    """Return the kind of program that is being traced; empty in eager and compiled code."""
    if torch.compiler.is_exporting():
        return "export"
    if torch.compiler.is_compiling():
        return ""
    # torch has no public function for this question.
    return "trace" if torch._C._get_tracing_state() is not None else ""  # pyright: ignore


def is_dead(statistic: Tensor) -> bool:
    """Return whether a tensor belonged to a transform, such as vmap, that has ended."""
    if torch.compiler.is_compiling():
        return False
    # torch has no public functions for the depth of transforms of a tensor and of this call.
    functorch = torch._C._functorch  # pyright: ignore
    active = functorch.peek_interpreter_stack()
    return functorch.maybe_get_level(statistic) > (0 if active is None else active.level())


def refuse_without_window() -> NoReturn:
    """Raise the error of "denorm" without "norm"."""
    raise RuntimeError(
        'revin(y, "denorm") has no window: this thread, exported program or backward pass did not '
        'call revin(x, "norm") before, or train(), eval() or forget() was called in between. '
        f'Call "norm" and "denorm" in the same forward pass. {_REMEDY}'
    )


def refuse_two_windows(stats: LocationScale) -> NoReturn:
    """Raise the error of "denorm" after two windows; `stats` are those of the last."""
    raise RuntimeError(
        'revin(y, "denorm") can belong to two windows: "norm" was called twice without "denorm" in '
        f"between, the last time with {stats.scale.shape[0]} windows. If a call failed before its "
        '"denorm", go on: its window is forgotten now, and revin.forget() does the same. If the '
        f"network normalizes two inputs, give each its own layer. {_REMEDY}"
    )
