"""The number of torch threads, and a map over threads."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch.utils.flop_counter import FlopCounterMode

FLOPS_PER_THREAD = 500_000_000
"""Operations of one forward pass over a batch that justify one more thread.

Measured on two cores: a second thread costs more than it gains up to 3e8 operations and pays from
9e8 on (docs/benchmarks/thread_count.md).
"""
Item = TypeVar("Item")
Result = TypeVar("Result")


def choose_thread_count(flops: int, max_threads: int) -> int:
    """Return the number of threads for a training step.

    One thread for each started `FLOPS_PER_THREAD`, up to `max_threads`. The number depends on no
    measured time, so a repeated job uses the same number and gets the same sums bit for bit.

    Args:
        flops: operations of one forward pass over a batch.
        max_threads: upper limit.

    >>> [choose_thread_count(flops, max_threads=4) for flops in (10**6, 6 * 10**8, 10**12)]
    [1, 2, 4]
    """
    return min(max_threads, 1 + flops // FLOPS_PER_THREAD)


@torch.no_grad()
def count_flops(run: Callable[[], object]) -> int:
    """Count the multiplications and additions of matrix products, convolutions and attention.

    Args:
        run: called once, on a copy of the random state.
    """
    with torch.random.fork_rng(devices=[]), FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


@contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """Set the number of torch threads inside a block; None leaves it unchanged."""
    before = torch.get_num_threads()
    try:
        if count is not None:
            torch.set_num_threads(count)
        yield
    finally:
        torch.set_num_threads(before)


def thread_map(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Apply a function to items in parallel, with one torch thread for each item.

    Suited to eigendecompositions: one hardly gains from a second thread, but two can run in
    parallel. Because each item gets one thread, results do not depend on the number of threads.
    Gradients are disabled in every thread, since torch keeps that setting per thread.
    """
    threads = torch.get_num_threads()
    if threads == 1:
        return list(map(torch.no_grad()(function), items))
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(torch.no_grad()(function), items))
    finally:
        torch.set_num_threads(threads)
