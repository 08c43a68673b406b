"""The batches of the pretraining: batch i depends on the seed and on i alone."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch.utils.data import DataLoader, Dataset

from revin_forecast.pretrained.generator import (
    SyntheticBatch,
    draw_batch_shape,
    generate_series,
)
from revin_forecast.pretrained.network import MAX_STEPS


@dataclass(frozen=True)
class BatchSettings:
    """Sizes of a batch.

    The generator is several times faster if it makes many series of one season and length at
    once. So it fills a pool of `shapes` seasons and lengths; each batch takes a few small groups
    from all over the pool: batches in a row stay as different as if each were made by itself.
    """

    groups: int = 4
    """Groups of series in a batch; the network takes one season a call."""
    series: int = 128
    """Series in a group."""
    steps: int = 20
    """Steps of the future that count in a group, a random choice from all of them."""
    log_share: float = 0.4
    """Share of the positive amounts that are given as logarithms."""
    shapes: int = 32
    """Seasons and lengths in a pool."""
    parts: int = 8
    """Groups of one season and length in a pool."""

    def __post_init__(self) -> None:
        if self.shapes * self.parts % self.groups:
            raise ValueError(
                f"A pool of shapes={self.shapes} times parts={self.parts} groups must be a "
                f"multiple of the groups of a batch, but that is {self.groups}."
            )

    @property
    def pool_batches(self) -> int:
        """Batches in a pool."""
        return self.shapes * self.parts // self.groups


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


class SyntheticBatches(Dataset[list[SeriesGroup]]):
    """The batches of one seed, by index.

    Args:
        settings: sizes of a batch.
        seed: seed of the run.
    """

    def __init__(self, settings: BatchSettings, seed: int):
        self.settings, self.seed = settings, seed
        self._pool: tuple[int, list[SeriesGroup]] | None = None  # the latest one and its number

    def __getitem__(self, index: int) -> list[SeriesGroup]:
        """Return a batch; the same one, whichever were read before."""
        number, position = divmod(index, self.settings.pool_batches)
        if self._pool is None or self._pool[0] != number:
            self._pool = number, build_pool(self.settings, self.seed, number)
        first = position * self.settings.groups
        return self._pool[1][first : first + self.settings.groups]


def build_pool(settings: BatchSettings, seed: int, number: int) -> list[SeriesGroup]:
    """Return the groups of a pool in a random order."""
    rng = np.random.default_rng((seed, number))
    groups: list[SeriesGroup] = []
    for _ in range(settings.shapes):
        season, rows = draw_batch_shape(rng)
        series = settings.parts * settings.series
        made = generate_series(int(rng.integers(2**63)), series, rows, MAX_STEPS, season)
        for part in range(settings.parts):
            chosen = slice(part * settings.series, (part + 1) * settings.series)
            steps = draw_steps(rng, settings.steps)
            is_log = rng.random(settings.series) < settings.log_share
            groups.append(build_group(made, chosen, steps, is_log))
    return [groups[index] for index in rng.permutation(len(groups))]


def build_group(
    made: SyntheticBatch,
    chosen: slice,
    steps: Int[np.ndarray, " steps"],
    is_log: Bool[np.ndarray, " chosen"],
) -> SeriesGroup:
    """Return some generated series as a group.

    Args:
        made: series of the generator.
        chosen: which of them.
        steps: steps of the future that are wanted, counted from 1, ascending.
        is_log: those of the chosen ones that are given as logarithms, if they are positive amounts.
    """
    is_log = is_log & made.is_amount[chosen]
    past, future = take_logs(made.past[chosen], made.future[chosen][:, steps - 1], is_log)
    observed = ~np.isnan(past)
    values = np.where(observed, past, np.float32(0))
    return SeriesGroup(values, observed, future, made.season, steps)


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
        settings: sizes of a batch.
        seed: seed of the run.
        indices: the batches to build.
        has_worker: whether a process of its own builds the batches ahead; they are the same.
    """
    loader = DataLoader(
        SyntheticBatches(settings, seed),
        batch_size=None,
        sampler=indices,
        collate_fn=_keep_arrays,
        num_workers=int(has_worker),
        multiprocessing_context="spawn" if has_worker else None,
        # The next pool is made while the batches of the last one are used.
        prefetch_factor=2 * settings.pool_batches if has_worker else None,
        generator=torch.Generator(),  # otherwise it would draw from torch's own state
    )
    yield from loader


def _keep_arrays(batch: Iterable[SeriesGroup]) -> Iterable[SeriesGroup]:
    """Return a batch as it is: arrays pass through a pipe, tensors need shared memory."""
    return batch
