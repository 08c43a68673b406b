import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from revin_forecast.errors import InputError

MIN_QUANTILES = 3
"""The median alone is what loss mae is for."""
DEFAULT_QUANTILES = (0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975)
"""Deciles, and the ends of intervals of 90 and 95 %."""


@dataclass(frozen=True)
class TrainingSettings:
    """How a backbone is trained by gradient; a solved one (Ridge) needs none of it."""

    max_epochs: int = 20
    """Passes over the training windows at most."""
    learning_rate: float = 1e-3
    """Of Adam."""
    decay: float = 1.0
    """The learning rate is multiplied by it after each epoch."""
    batch_size: int = 32
    """Windows in a batch."""
    patience: int = 3
    """Epochs without a better validation loss before training stops."""
    gradient_clip: float = 1.0
    """Largest gradient norm; longer ones are shortened to it."""
    loss: Literal["mse", "mae", "quantile"] = "mse"
    """Over observed targets, in data units. "quantile": the mean pinball loss of `levels`; the
    model then has intervals of its own, and its forecast is the median."""
    levels: tuple[float, ...] = DEFAULT_QUANTILES
    """Quantiles that loss "quantile" trains: ascending, symmetric about 0.5, 0.5 among them."""
    seed: int = 0
    """Of the initial weights, the order of windows and the model's own randomness."""
    logger: Literal["csv", "tensorboard"] = "csv"
    """Where the losses of each epoch go; tensorboard needs that package."""
    progress: bool = False
    """Show a progress bar."""
    devices: int = 1
    """Processes on this machine, each with a device of its own (CPUs share theirs). They take
    their shares of every batch, so the result is that of one."""
    num_nodes: int = 1
    """Machines; the command runs on each, with NODE_RANK, MASTER_ADDR and MASTER_PORT set."""
    strategy: str = "auto"
    """How processes work together: "auto", "ddp" or another of Lightning's ddp strategies."""
    threads: int | None = None
    """Of torch in each process, in training; None: chosen by how much a step computes, and left
    alone where several processes train. At most as many as torch has are chosen."""
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    """Of the computation in training: float32, or products in bfloat16 and all else in float32,
    for GPUs that have it."""
    compile: bool = False
    """Compile the backbone for training (torch.compile), on a GPU with CUDA graphs: seconds once,
    for small models in long runs."""

    def __post_init__(self):
        object.__setattr__(self, "levels", tuple(self.levels))  # JSON and YAML have lists
        for name in (
            "max_epochs",
            "learning_rate",
            "decay",
            "batch_size",
            "patience",
            "gradient_clip",
            "devices",
            "num_nodes",
        ):
            if getattr(self, name) <= 0:
                raise InputError(f"training needs {name} > 0 but got {getattr(self, name)}.")
        if self.threads is not None and self.threads < 1:
            raise InputError(f"training needs threads >= 1 but got {self.threads}.")
        _check_quantiles(self.levels)
        if self.levels != DEFAULT_QUANTILES and self.loss != "quantile":
            raise InputError(
                f"training got levels={list(self.levels)} and the loss {self.loss}, which has no "
                "use for them. Choose loss quantile, or leave the levels out."
            )
        if self.strategy != "auto" and not self.strategy.startswith("ddp"):
            raise InputError(
                f"training takes the strategy auto, ddp or another that begins with ddp but got "
                f"{self.strategy!r}. Every process holds the whole model; leave the strategy out."
            )

    @property
    def is_first_process(self) -> bool:
        """Whether this process is the one of a run's that saves and prints.

        Others go on after training only where they were not started here but by torchrun, by Slurm
        or by somebody on each machine.
        """
        ranks = ("RANK", "SLURM_PROCID", "NODE_RANK")
        alone = self.devices * self.num_nodes == 1
        return alone or all(os.environ.get(name, "0") == "0" for name in ranks)


def _check_quantiles(levels: Sequence[float]) -> None:
    ascending = all(low < high for low, high in pairwise(levels))
    pairs = zip(levels, reversed(levels), strict=True)
    symmetric = all(math.isclose(low + high, 1, abs_tol=1e-9) for low, high in pairs)
    several = len(levels) >= MIN_QUANTILES and len(levels) % 2
    if not (several and ascending and symmetric and 0 < levels[0] < 1):
        raise InputError(
            f"training needs three levels or more that ascend within 0 and 1, symmetric about 0.5 "
            f"and with it, but got {list(levels)}. Pass such as [0.1, 0.5, 0.9]."
        )
