"""How many of torch's threads a training run gets, by the size of one step."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch.utils.flop_counter import FlopCounterMode

FLOPS_PER_THREAD = 500_000_000
"""In one forward pass over a batch. Measured on two cores: up to 3e8 a second thread costs more
than it does, from 9e8 on it pays (docs/benchmarks/thread_count.md)."""


def choose_thread_count(flops: int, max_threads: int) -> int:
    """Return the number of threads for a step.

    A thread for each `OPERATIONS_PER_THREAD` begun, `most` at most. It depends on nothing that is
    measured, so the same job has the same number again, and with it the same sums bit for bit.

    Args:
        flops: of one forward pass over a batch.
        max_threads: threads there may be.

    >>> threads_for(10**6, most=4), threads_for(6 * 10**8, most=4), threads_for(10**12, most=4)
    (1, 2, 4)
    """
    return min(max_threads, 1 + flops // FLOPS_PER_THREAD)


@torch.no_grad()
def count_flops(run: Callable[[], object]) -> int:
    """Count the multiplications and additions of products, convolutions and attention in a call.

    Args:
        run: called once; what it draws at random is drawn aside.
    """
    with torch.random.fork_rng(devices=[]), FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


@contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """Give torch a number of threads for a while; None: leave it as it is."""
    before = torch.get_num_threads()
    try:
        if count is not None:
            torch.set_num_threads(count)
        yield
    finally:
        torch.set_num_threads(before)


Item = TypeVar("Item")
Result = TypeVar("Result")


def thread_map(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Apply a function to items side by side, each in one thread of torch's own number.

    Eigendecompositions hardly gain from a second thread; two of them beside each other do. As each
    item has one thread, results do not depend on how many there are. Nothing is differentiated:
    torch keeps that for each thread.
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
