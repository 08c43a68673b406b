"""Windows as plain loops have them: gathered beforehand, or a Dataset behind a DataLoader."""

import numpy as np
import torch
from protocol import Work
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

SCORED_AT_ONCE = 256
Pair = tuple[Tensor, Tensor]


class Sliding(Dataset[tuple[np.ndarray, np.ndarray]]):
    """One window an item, cut out of the table when it is asked for.

    Args:
        values: (rows, channels).
        lookback: steps seen.
        horizon: steps forecast.
    """

    def __init__(self, values: np.ndarray, lookback: int, horizon: int):
        self.values = values
        self.lookback = lookback
        self.horizon = horizon

    def __len__(self) -> int:
        """Count the windows."""
        return len(self.values) - self.lookback - self.horizon + 1

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return look-back and horizon of a window."""
        now = index + self.lookback
        return self.values[index:now], self.values[now : now + self.horizon]


def loader(values: np.ndarray, work: Work, shuffle: bool) -> DataLoader[Pair]:
    """Return the batches that research code trains on, none dropped, in this process."""
    windows = Sliding(values, work.lookback, work.horizon)
    size = work.batch_size if shuffle else SCORED_AT_ONCE
    return DataLoader(windows, size, shuffle=shuffle, num_workers=0, drop_last=False)  # pyright: ignore


def gathered(values: np.ndarray, work: Work, shuffle: bool) -> list[Pair]:
    """Return all batches as tensors, gathered once; they come in one order, drawn if shuffled."""
    windows = torch.from_numpy(values).unfold(0, work.lookback + work.horizon, 1).mT
    count, size = len(windows), work.batch_size if shuffle else SCORED_AT_ONCE
    order = torch.randperm(count) if shuffle else torch.arange(count)
    chosen = [windows[part] for part in order.split(size)]
    return [(part[:, : work.lookback], part[:, work.lookback :]) for part in chosen]
