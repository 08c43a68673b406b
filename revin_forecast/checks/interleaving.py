"""Two calls of one module that run into each other, in one thread or in two, without chance."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

MAX_NESTED_CALLS = 24
"""Largest number of calls inside another one."""
MAX_SWITCHES = 60
"""Largest number of times that each of two threads hands over to the other."""
WAIT_SECONDS = 1.0
"""Longest time that a thread waits for its turn; then both run freely, as a lock in the module may
keep the other one from handing over."""

Call = Callable[[], Tensor]
"""A call of the module under check, without arguments."""


def count_operations(call: Call) -> tuple[Tensor, int]:
    """Return the result of a call and the number of torch functions that it used."""
    with _EachOperation() as counter:
        result = call()
    return result, counter.count


def run_nested(net: nn.Module, outer: Call, inner: Call, most: int = MAX_NESTED_CALLS) -> Tensor:
    """Return the result of `outer`, while `inner` runs before submodules of the net.

    Hooks, callbacks and recomputed activations call a net in this way.

    Args:
        net: the module that both call.
        outer: the call whose result is returned.
        inner: the call to run in between.
        most: largest number of inner calls.
    """
    is_inside = False

    def run_inner() -> None:
        nonlocal is_inside
        if is_inside:
            return
        is_inside = True
        try:
            inner()
        finally:
            is_inside = False

    with _before_parts(net, run_inner, most):
        return outer()


def waits_for_others(net: nn.Module, outer: Call, inner: Call) -> bool:
    """Return whether a call in one thread waits until that of another thread has ended.

    A net with a lock does so. If its lock is not reentrant, a call inside another one in the same
    thread would never end.

    Args:
        net: the module that both call.
        outer: the call to wait for.
        inner: the call that may wait.
    """
    start = time.perf_counter()
    outer()
    patience = WAIT_SECONDS + 20 * (time.perf_counter() - start)
    thread = threading.Thread(target=_ignore_errors(inner), daemon=True)
    is_waiting = False

    def start_inner() -> None:
        nonlocal is_waiting
        if thread.ident is None:
            thread.start()
            thread.join(patience)
            is_waiting = thread.is_alive()

    with _before_parts(net, start_inner):
        outer()
    if thread.ident is not None:
        thread.join()
    return is_waiting


def list_strides(operations: int) -> list[int]:
    """Return the numbers of torch functions after which two threads are to change turns.

    With frequent turns both use the statistics of one window in both directions, which may cancel.
    With long turns one thread finishes a direction before the other begins it.
    """
    return [-(-operations // MAX_SWITCHES), *(max(1, operations // parts) for parts in (2, 3))]


def run_in_turns(first: Call, second: Call, stride: int) -> tuple[Tensor, Tensor]:
    """Return the results of two calls in two threads that take turns.

    Two threads of a service do the same at random.

    Args:
        first: the first call.
        second: the second call, which does about as much.
        stride: number of torch functions after which a thread hands over to the other one.

    Raises:
        Exception: that of a call which fails.
    """
    baton = _Baton()
    results: dict[int, Tensor] = {}
    errors: list[Exception] = []

    def run(number: int, call: Call) -> None:
        try:
            baton.wait(number)
            with torch.no_grad(), _EachOperation(lambda: baton.hand_over(number), stride):
                results[number] = call()
        except Exception as error:
            errors.append(error)
        finally:
            baton.leave()

    threads = [
        threading.Thread(target=run, args=(number, call), daemon=True)
        for number, call in enumerate((first, second))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results[0], results[1]


@contextmanager
def _before_parts(
    net: nn.Module, action: Callable[[], None], most: int = MAX_NESTED_CALLS
) -> Iterator[None]:
    """Within this context, run an action before each of up to `most` submodules."""
    own_thread = threading.get_ident()
    parts = [
        part
        for part in net.modules()
        # Modules of TorchScript take no hooks.
        if part is not net and not isinstance(part, torch.jit.ScriptModule)
    ]
    stride = max(1, -(-len(parts) // most))

    def run_action(*_: object) -> None:
        if threading.get_ident() == own_thread:  # calls of other threads are not interrupted
            action()

    handles = [part.register_forward_pre_hook(run_action) for part in parts[::stride]]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _ignore_errors(call: Call) -> Callable[[], None]:
    def run() -> None:
        with suppress(Exception):  # a refusal is not a wait
            call()

    return run


class _EachOperation(TorchFunctionMode):
    """Runs an action before each n-th torch function; the action's own functions do not count."""

    def __init__(self, action: Callable[[], object] = lambda: None, stride: int = 1):
        super().__init__()
        self.action = action
        self.stride = stride
        self.count = 0

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any | None = None
    ) -> Any:
        self.count += 1
        if self.count % self.stride == 0:
            self.action()
        return func(*args, **(kwargs or {}))


class _Baton:
    """Lets one of two threads run at a time."""

    def __init__(self):
        self.condition = threading.Condition()
        self.turn = 0
        self.runs_freely = False

    def wait(self, number: int) -> None:
        """Wait for the turn of a thread, or until the other one has left."""
        with self.condition:
            has_turn = self.condition.wait_for(
                lambda: self.turn == number or self.runs_freely, WAIT_SECONDS
            )
            self.runs_freely = self.runs_freely or not has_turn

    def hand_over(self, number: int) -> None:
        """Give the turn to the other thread and wait to get it back."""
        with self.condition:
            self.turn = 1 - number
            self.condition.notify_all()
        self.wait(number)

    def leave(self) -> None:
        """Let the other thread run to its end."""
        with self.condition:
            self.runs_freely = True
            self.condition.notify_all()
