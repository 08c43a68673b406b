"""Batches of windows in plain loops: gathered before, or from a Dataset in a DataLoader."""

import numpy as np
import torch
from protocol import Work
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

TEST_BATCH = 256
Pair = tuple[Tensor, Tensor]


class WindowDataset(Dataset[tuple[np.ndarray, np.ndarray]]):
    """One window an item, cut out of the values when it is requested.

    Args:
        values: (rows, channels).
        lookback: number of past steps.
        horizon: number of forecast steps.
    """

    def __init__(self, values: np.ndarray, lookback: int, horizon: int):
        self.values = values
        self.lookback = lookback
        self.horizon = horizon

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.values) - self.lookback - self.horizon + 1

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return past and future of a window."""
        now = index + self.lookback
        return self.values[index:now], self.values[now : now + self.horizon]


def make_loader(values: np.ndarray, work: Work, shuffle: bool) -> DataLoader[Pair]:
    """Return the batches that research code trains on, none dropped, in this process."""
    windows = WindowDataset(values, work.lookback, work.horizon)
    size = work.batch_size if shuffle else TEST_BATCH
    return DataLoader(windows, size, shuffle=shuffle, num_workers=0, drop_last=False)  # pyright: ignore


def gather_batches(values: np.ndarray, work: Work, shuffle: bool) -> list[Pair]:
    """Return all batches as tensors; shuffled, they have the same random order in each epoch."""
    windows = torch.from_numpy(values).unfold(0, work.lookback + work.horizon, 1).mT
    count, size = len(windows), work.batch_size if shuffle else TEST_BATCH
    order = torch.randperm(count) if shuffle else torch.arange(count)
    batches = [windows[indices] for indices in order.split(size)]
    return [(batch[:, : work.lookback], batch[:, work.lookback :]) for batch in batches]
