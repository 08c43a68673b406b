"""Behaviour checks of a whole net: windows, calls, threads, modes and copies."""

import copy
import pickle
from collections.abc import Callable

import torch
from torch import Tensor, nn

from revin_forecast.checks.interleaving import (
    MAX_NESTED_CALLS,
    count_operations,
    list_strides,
    run_in_turns,
    run_nested,
    waits_for_others,
)
from revin_forecast.checks.model_call import ModelCall
from revin_forecast.checks.model_under_check import ModelUnderCheck
from revin_forecast.checks.module_state import find_changes, format_names, is_registered, snapshot
from revin_forecast.checks.runner import (
    CheckError,
    Remark,
    expect,
    expect_close,
    is_explained,
    shorten,
)
from revin_forecast.checks.samples import perturb

NOT_REPEATABLE = "two equal calls differ"
MAX_SINGLE_WINDOWS = 8
"""Largest number of windows that are forecast one by one."""
MAX_TRAINING_CALLS = 6
"""Largest number of calls inside a call in training mode."""


def check_repeatable(subject: ModelUnderCheck) -> None:
    """In evaluation mode two equal calls give the same forecast and keep their arguments."""
    net, call = subject.copy(), subject.call.clone()
    first = _forecast(net, subject.call)
    with torch.no_grad():
        call.forecast(net)
    for place, (used, given) in enumerate(zip(call.values, subject.call.values, strict=True)):
        if isinstance(used, Tensor):
            name = "the windows" if place == 0 else f"argument {place}"
            expect_close(used, given, 0.0, f"{name} after a call")
    second = _forecast(net, subject.call)
    expect_close(second, first, subject.rounding, "two equal calls in evaluation mode")


def check_windows_independent(subject: ModelUnderCheck) -> str | Remark | None:
    """A window's forecast does not depend on the others in the batch.

    A net may refuse a single window, with an explanation.
    """
    if not subject.is_repeatable:
        return NOT_REPEATABLE
    net, call, tolerance = subject.copy(), subject.call, subject.reordered_rounding
    other = call.other_batch()
    refusal: str | None = None
    for number in range(min(len(call.windows), MAX_SINGLE_WINDOWS)):
        mixed = _forecast(net, call.put_window(number, other))[number]
        expected = subject.forecast[number]
        expect_close(mixed, expected, tolerance, "a window among other windows", "leak")
        single, refusal = _try_forecast(net, call.select(torch.tensor([number])))
        if single is not None:
            expect_close(single[0], expected, tolerance, "a window alone and in a batch", "leak")
    return None if refusal is None else Remark(f"a single window is refused: {refusal}")


def check_calls_independent(subject: ModelUnderCheck) -> str | Remark | None:
    """A call gives the same forecast after another call, and with other calls inside it.

    Calls inside another one are tried in evaluation and in training mode. A net may refuse them
    with an explanation. They are left out if a call waits for the end of another one.
    """
    if not subject.is_repeatable:
        return NOT_REPEATABLE
    net, other = subject.copy(), subject.call.other_batch()
    half = other.select(torch.arange(max(1, len(other.windows) // 2)))
    _forecast(net, subject.call)
    for call in (other, half):
        _try_forecast(net, call)
        after = _forecast(net, subject.call)
        expect_close(
            after, subject.forecast, subject.rounding, "a forecast after another call", "leak"
        )
    _check_reused_memory(subject, net, other)
    if waits_for_others(net, lambda: _forecast(net, subject.call), lambda: _forecast(net, other)):
        return Remark("a call waits for the end of another, so none is tried inside another")
    try:
        _check_nested(subject, net, other, subject.forecast)
        _check_nested_in_training(subject, other)
    except CheckError:
        raise
    except Exception as error:
        if not is_explained(error):
            raise
        return Remark(f"a call inside another one is refused: {shorten(str(error))}")
    return None


def check_threads(subject: ModelUnderCheck) -> str | None:
    """Two threads that take turns in one net get the forecasts of their own windows."""
    if not subject.is_repeatable:
        return NOT_REPEATABLE
    net, other = subject.copy(), subject.call.other_batch()
    expected, operations = count_operations(lambda: _forecast(net, subject.call))
    for stride in list_strides(operations):
        results = run_in_turns(
            lambda: _forecast(net, subject.call), lambda: _forecast(net, other), stride
        )
        promise = "a forecast while another thread uses the net"
        expect_close(results[0], expected, subject.reordered_rounding, promise, "leak")
    return None


def check_evaluation_state(subject: ModelUnderCheck) -> Remark | None:
    """A call in evaluation mode changes no parameter and no buffer.

    Other attributes are printed only: attention weights that a net keeps do no harm, and statistics
    that do are found by the checks of calls and threads.
    """
    net = subject.copy()
    before = snapshot(net)
    _forecast(net, subject.call)
    changes = find_changes(before, snapshot(net))
    registered = [name for name in changes if is_registered(net, name)]
    expect(not registered, f"a call changes {format_names(registered)}")
    return Remark(f"a call leaves {format_names(changes)} on the net") if changes else None


def check_training_state(subject: ModelUnderCheck) -> str | Remark | None:
    """A call in training mode changes a later evaluation through parameters and buffers only."""
    if not subject.is_repeatable:
        return NOT_REPEATABLE
    net = subject.copy()
    before = copy.deepcopy(net.state_dict())  # an extra state may be any object
    net.train()
    _forecast(net, subject.call.other_batch())
    net.eval()
    after = net.state_dict()
    changes = find_changes(before, after)
    net.load_state_dict(before)
    forecast = _forecast(net, subject.call)
    promise = "a forecast after a call in training mode"
    expect_close(forecast, subject.forecast, subject.rounding, promise, "leak")
    return Remark(f"training changes {format_names(changes)}") if changes else None


def check_copies(subject: ModelUnderCheck) -> Remark | None:
    """After a call, deepcopy, pickle and state_dict give a net with the same forecast.

    A copy that fails before the first call, too, has another reason and is only printed.
    """
    used = subject.copy()
    with torch.enable_grad():  # results that are left on the net have a history then
        subject.call.clone().forecast(used)
    copies: dict[str, Callable[[nn.Module], nn.Module]] = {
        "deepcopy": copy.deepcopy,
        "pickle": lambda net: pickle.loads(pickle.dumps(net)),
        "state_dict": lambda net: _load_state(subject, net),
    }
    impossible: list[str] = []
    for name, duplicate in copies.items():
        try:
            twin = duplicate(used)
        except Exception as error:
            if _can_copy(duplicate, subject):
                reason = f"{name} fails after a call: {type(error).__name__}: {error}"
                raise CheckError(reason) from error
            impossible.append(name)
            continue
        if subject.is_repeatable:
            forecast = _forecast(twin, subject.call)
            expect_close(forecast, subject.forecast, subject.rounding, f"a forecast after {name}")
    if impossible:
        return Remark(f"{' and '.join(impossible)} fail before the first call, too")
    return None


def _check_reused_memory(subject: ModelUnderCheck, net: nn.Module, other: ModelCall) -> None:
    """Check that new windows in the tensors of an earlier call get their own forecast."""
    expected = _forecast(subject.copy(), other)
    with torch.no_grad():
        call = subject.call.clone()
        call.forecast(net)
        call.overwrite(other)
        forecast = call.forecast(net)
    tolerance = subject.rounding * max(
        1.0, (expected.abs().max() / subject.forecast.abs().max().clamp(min=1e-30)).item()
    )
    promise = "a forecast of new windows in the tensors of an earlier call"
    expect_close(forecast, expected, tolerance, promise, "leak")


def _check_nested(
    subject: ModelUnderCheck,
    net: nn.Module,
    other: ModelCall,
    expected: Tensor,
    mode: str = "",
    most: int = MAX_NESTED_CALLS,
) -> None:
    nested = run_nested(
        net, lambda: _forecast(net, subject.call), lambda: _forecast(net, other), most
    )
    promise = f"a forecast{mode} with another call inside it"
    expect_close(nested, expected, subject.rounding, promise, "leak")


def _check_nested_in_training(subject: ModelUnderCheck, other: ModelCall) -> None:
    """Check calls inside another one in training mode, if the forecast is not random there."""
    net = subject.copy().train()
    try:
        first, second = (_forecast(net, subject.call) for _ in range(2))
    except Exception:  # reported by the check of training
        return
    if first.shape == second.shape and bool((first - second).abs().max() <= subject.rounding):
        _check_nested(subject, net, other, second, " in training mode", MAX_TRAINING_CALLS)


def _try_forecast(net: nn.Module, call: ModelCall) -> tuple[Tensor | None, str | None]:
    """Return the forecast, or the explanation with which the net refuses the call."""
    try:
        return _forecast(net, call), None
    except Exception as error:
        if not is_explained(error):
            raise
        return None, shorten(str(error))


def _forecast(net: nn.Module, call: ModelCall) -> Tensor:
    with torch.no_grad():
        return call.clone().forecast(net)


def _load_state(subject: ModelUnderCheck, net: nn.Module) -> nn.Module:
    fresh = perturb(subject.copy())
    fresh.load_state_dict(net.state_dict())
    return fresh


def _can_copy(duplicate: Callable[[nn.Module], nn.Module], subject: ModelUnderCheck) -> bool:
    try:
        duplicate(subject.copy())
    except Exception:  # user code may raise anything
        return False
    return True
