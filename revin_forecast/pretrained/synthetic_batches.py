"""The batches of the pretraining: batch i depends on the seed and on i alone."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch.utils.data import DataLoader, Dataset

from revin_forecast.pretrained.generator import draw_batch_shape, generate_series
from revin_forecast.pretrained.network import MAX_STEPS

MAX_WAITING_BATCHES = 8
"""Most finished batches that wait for the training."""


@dataclass(frozen=True)
class BatchSettings:
    """What a batch consists of."""

    groups: int = 4
    """Groups of series of one season and length; the network takes one season a call."""
    series: int = 128
    """Series in a group."""
    steps: int = 20
    """Steps of the future that count in a batch, a random choice from all of them."""
    log_share: float = 0.4
    """Share of the positive amounts that are given as logarithms."""


class SeriesGroup(NamedTuple):
    """Series of one season and length, with their future."""

    values: Float[np.ndarray, "series rows"]
    """The past; 0 where it is not observed."""
    observed: Bool[np.ndarray, "series rows"]
    """Whether a value is observed."""
    future: Float[np.ndarray, "series steps"]
    """True values at `steps`."""
    season: int
    """Steps in a season; 1: none."""
    steps: Int[np.ndarray, " steps"]
    """Steps of the future, counted from 1, ascending."""


def build_batch(settings: BatchSettings, seed: int, index: int) -> list[SeriesGroup]:
    """Return batch `index` of a seed, whatever batches were built before."""
    sequence = np.random.SeedSequence((seed, index))
    return [_build_random_group(settings, child) for child in sequence.spawn(settings.groups)]


def build_group(
    seed: int,
    series: int,
    rows: int,
    season: int,
    steps: Int[np.ndarray, " steps"],
    log_share: float = 0.0,
) -> SeriesGroup:
    """Return random series, as a group.

    Args:
        seed: seed of the generator.
        series: number of series.
        rows: rows of the past.
        season: steps in a season; 1: none.
        steps: steps of the future that are wanted, counted from 1, ascending.
        log_share: share of the positive amounts that are given as logarithms.
    """
    made = generate_series(seed, series, rows, int(steps[-1]), season)
    is_log = np.random.default_rng((seed, 1)).random(series) < log_share
    past, future = take_logs(made.past, made.future[:, steps - 1], is_log & made.is_amount)
    observed = ~np.isnan(past)
    return SeriesGroup(np.where(observed, past, np.float32(0)), observed, future, season, steps)


def take_logs(
    past: Float[np.ndarray, "series rows"],
    future: Float[np.ndarray, "series steps"],
    is_log: Bool[np.ndarray, " series"],
) -> tuple[Float[np.ndarray, "series rows"], Float[np.ndarray, "series steps"]]:
    """Return past and future with the logarithms of the chosen series, where all is positive.

    A forecast averages a pass on values and a pass on logarithms, so the network must know both.

    Args:
        past: values; NaN: not observed.
        future: the true values that follow.
        is_log: the series to take the logarithms of; those with a value <= 0 stay as they are.
    """
    is_positive = ~((past <= 0).any(axis=1) | (future <= 0).any(axis=1))  # NaN <= 0 is False
    chosen = is_log & is_positive
    past, future = past.copy(), future.copy()
    past[chosen], future[chosen] = np.log(past[chosen]), np.log(future[chosen])
    return past, future


def draw_steps(rng: np.random.Generator, count: int) -> Int[np.ndarray, " steps"]:
    """Return different steps from 1 to `MAX_STEPS`, ascending, the near ones more often.

    A step h has the weight 1 / sqrt(h): most forecasts that are asked for have few steps.
    """
    steps = np.arange(1, MAX_STEPS + 1)
    weight = 1 / np.sqrt(steps)
    return np.sort(rng.choice(steps, size=count, replace=False, p=weight / weight.sum()))


def iterate_batches(
    settings: BatchSettings, seed: int, indices: range, has_worker: bool
) -> Iterator[list[SeriesGroup]]:
    """Yield the batches of some indices, in order.

    Args:
        settings: what a batch consists of.
        seed: seed of the run.
        indices: the batches to build.
        has_worker: whether a process of its own builds the batches ahead; they are the same.
    """
    loader = DataLoader(
        _Batches(settings, seed),
        batch_size=None,
        sampler=indices,
        collate_fn=_keep_arrays,
        num_workers=int(has_worker),
        multiprocessing_context="spawn" if has_worker else None,
        prefetch_factor=MAX_WAITING_BATCHES if has_worker else None,
        generator=torch.Generator(),  # otherwise it would draw from torch's own state
    )
    yield from loader


class _Batches(Dataset[list[SeriesGroup]]):
    """Batches by index, as a data loader reads them."""

    def __init__(self, settings: BatchSettings, seed: int):
        self.settings, self.seed = settings, seed

    def __getitem__(self, index: int) -> list[SeriesGroup]:
        return build_batch(self.settings, self.seed, index)


def _keep_arrays(batch: Iterable[SeriesGroup]) -> Iterable[SeriesGroup]:
    """Return a batch as it is: arrays pass through a pipe, tensors need shared memory."""
    return batch


def _build_random_group(settings: BatchSettings, sequence: np.random.SeedSequence) -> SeriesGroup:
    rng = np.random.default_rng(sequence)
    season, rows = draw_batch_shape(rng)
    steps = draw_steps(rng, min(settings.steps, MAX_STEPS))
    seed = int(rng.integers(2**63))
    return build_group(seed, settings.series, rows, season, steps, settings.log_share)
