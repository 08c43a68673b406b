from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

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
