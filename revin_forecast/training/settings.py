"""Settings of gradient training."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from revin_forecast.errors import InputError
from revin_forecast.utils.arguments import check_count, check_positive
from revin_forecast.utils.progress import is_first_rank

MIN_QUANTILES = 3
"""Minimum number of quantile levels; for the median alone there is loss mae."""
MAX_SEED = 2**32 - 1
"""Largest seed of numpy's generator, which training seeds as well as torch's."""
DEFAULT_QUANTILES = (0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975)
"""Deciles and the bounds of 90 % and 95 % intervals."""


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of gradient training; closed-form backbones (Ridge) do not use them."""

    max_epochs: int = 20
    """Maximum number of passes over the training windows."""
    learning_rate: float = 1e-3
    """Learning rate of Adam."""
    decay: float = 1.0
    """Factor of the learning rate after each epoch."""
    batch_size: int = 32
    """Number of windows in a batch."""
    patience: int = 3
    """Number of epochs without a better validation loss before training stops."""
    gradient_clip: float = 1.0
    """Maximum gradient norm; larger gradients are scaled down to it."""
    loss: Literal["mse", "mae", "quantile"] = "mse"
    """Loss over observed targets, in data units. "quantile" is the mean pinball loss of `levels`:
    the model then forecasts intervals itself, and its point forecast is the median."""
    levels: tuple[float, ...] = DEFAULT_QUANTILES
    """Quantile levels for loss "quantile": ascending, symmetric about 0.5 and including it."""
    seed: int = 0
    """Random seed for initial weights, window order and dropout."""
    logger: Literal["csv", "tensorboard"] = "csv"
    """Format of the log of each epoch's losses; tensorboard needs that package."""
    progress: bool = False
    """Whether to show a progress bar."""
    devices: int = 1
    """Number of processes on this machine, each with its own device (CPUs are shared). Each
    process takes a share of every batch, so the result is that of a single process."""
    num_nodes: int = 1
    """Number of machines. The command runs on each of them, with NODE_RANK, MASTER_ADDR and
    MASTER_PORT set."""
    strategy: str = "auto"
    """Strategy for several processes: "auto", "ddp" or another of Lightning's ddp strategies."""
    threads: int | None = None
    """Number of torch threads per process in training; None: chosen by the amount of computation
    in a step, up to torch's current number. With several processes, None leaves it unchanged."""
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    """Precision in training: float32, or matrix products in bfloat16 and the rest in float32, for
    GPUs with bfloat16."""
    compile: bool = False
    """Whether to compile the backbone for training (torch.compile, with CUDA graphs on a GPU).
    Compilation takes seconds, which pays off for small models in long runs."""

    def __post_init__(self):
        object.__setattr__(self, "levels", tuple(self.levels))  # JSON and YAML give lists
        for name in ("learning_rate", "decay", "gradient_clip"):
            check_positive(name, getattr(self, name))
        for name in ("max_epochs", "batch_size", "patience", "devices", "num_nodes"):
            check_positive(name, getattr(self, name))
            check_count(name, getattr(self, name), name.replace("max_", ""))
        if self.threads is not None and self.threads < 1:
            raise InputError(f"training needs threads >= 1 but got {self.threads}.")
        if not 0 <= self.seed <= MAX_SEED:
            raise InputError(
                f"training needs a seed from 0 to {MAX_SEED} but got {self.seed}. Pass 0, or leave "
                "it out."
            )
        _check_quantiles(self.levels)
        if self.levels != DEFAULT_QUANTILES and self.loss != "quantile":
            raise InputError(
                f"training got levels={list(self.levels)} and the loss {self.loss}, which does "
                "not use them. Choose loss quantile, or leave the levels out."
            )
        if self.strategy != "auto" and not self.strategy.startswith("ddp"):
            raise InputError(
                f"training takes the strategy auto, ddp or another that begins with ddp but got "
                f"{self.strategy!r}. Every process holds the whole model; leave the strategy out."
            )

    @property
    def is_first_process(self) -> bool:
        """Whether this process saves and prints, as the first of the run.

        Other processes continue after training only if an external launcher (torchrun, Slurm) or
        the user started the command on each machine.
        """
        return self.devices * self.num_nodes == 1 or is_first_rank()


def _check_quantiles(levels: Sequence[float]) -> None:
    is_ascending = all(low < high for low, high in pairwise(levels))
    pairs = zip(levels, reversed(levels), strict=True)
    is_symmetric = all(math.isclose(low + high, 1, abs_tol=1e-9) for low, high in pairs)
    # An odd number of symmetric levels includes 0.5, the point forecast.
    has_median = len(levels) >= MIN_QUANTILES and len(levels) % 2
    if not (has_median and is_ascending and is_symmetric and 0 < levels[0] < 1):
        raise InputError(
            "training needs three or more ascending levels between 0 and 1, symmetric about 0.5 "
            f"and including it, but got {list(levels)}. Pass, for instance, [0.1, 0.5, 0.9]."
        )
