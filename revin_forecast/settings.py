from dataclasses import dataclass
from typing import Literal

from revin_forecast.errors import InputError


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
    loss: Literal["mse", "mae"] = "mse"
    """Over observed targets, in data units."""
    seed: int = 0
    """Of the initial weights, the order of windows and the model's own randomness."""
    logger: Literal["csv", "tensorboard"] = "csv"
    """Where the losses of each epoch go; tensorboard needs that package."""
    progress: bool = False
    """Show a progress bar."""

    def __post_init__(self):
        for name in (
            "max_epochs",
            "learning_rate",
            "decay",
            "batch_size",
            "patience",
            "gradient_clip",
        ):
            if getattr(self, name) <= 0:
                raise InputError(f"training needs {name} > 0 but got {getattr(self, name)}.")
