"""The contract of a whole forecasting net with a normalizer somewhere inside."""

from collections.abc import Callable, Collection, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from revin_forecast.checks import model_behaviour, model_numerics
from revin_forecast.checks.model_call import Arguments, parse_arguments
from revin_forecast.checks.model_under_check import ModelUnderCheck
from revin_forecast.checks.runner import (
    Check,
    CheckResult,
    Remark,
    collect_results,
    run_checks,
)
from revin_forecast.normalizers.base import Equivariance


def check_model(
    net: nn.Module,
    windows: Arguments,
    title: str | None = None,
    equivariant_to: Collection[Equivariance] = ("shift",),
    changed: Sequence[int] = (),
) -> None:
    """Check a whole forecasting net and print every result, failures worst first.

    The net may contain any normalizer, or none. It is copied: the net itself keeps its mode, its
    parameters and its buffers. The checks take about as long as 100 forecasts of all windows, so 2
    to 8 windows are enough for a large net. State outside of the net, such as a global dictionary,
    is not copied.

    Args:
        net: any module whose first output with an entry for each window is the forecast, (batch,
            horizon, channels) or another shape of at least two axes that begins with the batch.
        windows: at least 2 windows without gaps, (batch, lookback, channels), in any units. Or all
            arguments of the net, as a tuple or as a dictionary of keyword arguments, the windows
            first. Other arguments with one entry per window are split along with the windows.
        title: name to print; None: the name of the class.
        equivariant_to: changes of the data that a forecast must follow: "shift", "scale" (of each
            channel) or "common scale". They are required of a net whose normalizer subtracts a
            level, the default, or divides by a scale. Pass () for a net without a normalizer. What
            is not required is measured and printed nevertheless.
        changed: positions of further arguments in the units of the windows, which are shifted and
            scaled along with them, such as the decoder input. They have the batch and the channels
            of the windows, and any number of steps.

    Raises:
        CheckError: a promise does not hold; the message names all that do not, and the measured
            value of the worst.
        TypeError: the net is not a module.
        ValueError: the windows, or the positions in `changed`, can't be used; or the net can't be
            copied, or called with these arguments.
    """
    subject = _prepare(net, windows, changed)
    run_checks(title or type(net).__name__, _bind_checks(subject, equivariant_to))


def audit_model(
    net: nn.Module,
    windows: Arguments,
    equivariant_to: Collection[Equivariance] = ("shift",),
    changed: Sequence[int] = (),
) -> list[CheckResult]:
    """Return the result of every promise; the arguments are those of `check_model`.

    Raises:
        TypeError: the net is not a module.
        ValueError: the windows, or the positions in `changed`, can't be used; or the net can't be
            copied, or called with these arguments.
    """
    subject = _prepare(net, windows, changed)
    return list(collect_results(_bind_checks(subject, equivariant_to)))


def _prepare(net: nn.Module, windows: Arguments, changed: Sequence[int]) -> ModelUnderCheck:
    # The annotation says the same, but a class in place of the net would give an AttributeError.
    if not isinstance(net, nn.Module):  # pyright: ignore[reportUnnecessaryIsInstance]
        kind = "a class" if isinstance(net, type) else type(net).__name__
        raise TypeError(
            f"check_model needs a module but got {kind}. Pass the net itself, such as Net(...), "
            "and put a function into a module that calls it."
        )
    subject = ModelUnderCheck(net, parse_arguments(windows, changed))
    try:
        copied = subject.copy()
    except Exception as error:
        raise ValueError(
            f"check_model copies the net, but {type(net).__name__} can't be copied: "
            f"{type(error).__name__}: {error}. Give the object that refuses a method __deepcopy__, "
            "or create it when it is used."
        ) from error
    try:
        with torch.no_grad():
            subject.call.clone().forecast(copied)
    except Exception as error:
        shapes = [
            tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            for value in subject.call.values
        ]
        raise ValueError(
            f"{type(net).__name__} gives no forecast for the arguments {shapes}: "
            f"{type(error).__name__}: {str(error).rstrip('.')}. Pass the windows and all other "
            "arguments that the net needs, as a tuple or a dictionary."
        ) from error
    return subject


def _bind_checks(
    subject: ModelUnderCheck, equivariant_to: Collection[Equivariance]
) -> dict[str, Check]:
    claims = {equivariant_to} if isinstance(equivariant_to, str) else set(equivariant_to)
    if unknown := claims - set(model_numerics.EQUIVARIANCES):
        raise ValueError(
            f"equivariant_to={sorted(map(str, unknown))} is unknown. Pass some of "
            f"{', '.join(map(repr, model_numerics.EQUIVARIANCES))}, or () for none."
        )
    checks: dict[str, Check] = {
        promise: partial(check, subject) for promise, check in MODEL_CHECKS.items()
    }
    if "shift" not in claims:
        checks[LEVEL_PROMISE] = lambda: "a change of level is not claimed"
    for claim, (promise, check) in model_numerics.EQUIVARIANCES.items():
        is_claimed = claim in claims or (claim == "common scale" and "scale" in claims)
        checks[promise] = partial(check, subject, is_claimed)
    return checks


LEVEL_PROMISE = "float32 is right at level 1e6"

MODEL_CHECKS: dict[str, Callable[[ModelUnderCheck], str | Remark | None]] = {
    "the same windows give the same forecast": model_behaviour.check_repeatable,
    "windows are independent": model_behaviour.check_windows_independent,
    "calls do not affect each other": model_behaviour.check_calls_independent,
    "threads do not interfere": model_behaviour.check_threads,
    "evaluation changes no parameter or buffer": model_behaviour.check_evaluation_state,
    "training does not change evaluation": model_behaviour.check_training_state,
    "deepcopy, pickle and state_dict after use": model_behaviour.check_copies,
    "every trainable parameter gets a gradient": model_numerics.check_gradients,
    LEVEL_PROMISE: model_numerics.check_precision,
    "NaN and infinities are contained": model_numerics.check_gaps,
}
