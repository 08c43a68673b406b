"""What Lightning trains: a model on its forecasts, or a normalizer alone."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import torch
from lightning import LightningModule
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from revin_forecast.data.lightning_module import Batch, BatchShare
from revin_forecast.data.windows import WindowBatch
from revin_forecast.errors import InputError
from revin_forecast.metrics import mae, mse, quantile_loss
from revin_forecast.models.reversible import Reversible, auxiliary_loss, select_targets
from revin_forecast.normalizers import Normalizer, PretrainedNormalizer


class _WindowModule(LightningModule, ABC):
    """Follow a loss of batches of windows; what a step draws depends on the seed and its number.

    Lightning hands over several batches at once, and each is a step of the optimizer here: its own
    path from batch to step takes half a millisecond, as long as a linear map's whole step.

    Several processes take their shares of each batch, and their losses are weighted so that the
    mean of them, and with it the mean gradient that each gets, is that of the whole batch.
    """

    def __init__(self, gradient_clip: float, seed: int):
        super().__init__()
        self.automatic_optimization = False
        self.gradient_clip = gradient_clip
        self.seed = seed
        self._losses: list[tuple[Tensor, int]] = []

    @abstractmethod
    def batch_loss(
        self, batch: WindowBatch, training: bool, share: BatchShare | None = None
    ) -> Tensor:
        """Return the loss of one batch, weighted where it is a share of one."""

    def training_step(self, batches: Sequence[Batch]) -> None:
        """Take a step of the optimizer for each batch."""
        optimizer = self.optimizers()
        assert isinstance(optimizer, LightningOptimizer)  # there is one
        for step, whole in enumerate(batches, self.global_step):
            batch, share, windows = _unpack_batch(whole)
            # Processes draw apart, the first as if it were alone.
            _seed(self.seed * 1_000_003 + step + (self.global_rank << 40), batch.past.device)
            optimizer.zero_grad()
            loss = self.batch_loss(batch, training=True, share=share)
            self.manual_backward(loss)
            clip_gradients(optimizer.param_groups, self.gradient_clip)
            optimizer.step()
            self._losses.append((loss.detach(), windows))

    def on_train_epoch_end(self) -> None:
        """Log the mean loss over all training windows: once, as logging takes time each step."""
        losses, counts = zip(*self._losses, strict=True)
        weights = torch.tensor(counts, dtype=torch.float32, device=losses[0].device)
        self._losses.clear()
        mean = (torch.stack(losses) @ weights) / weights.sum()
        self.log("training_loss", mean, sync_dist=self.trainer.world_size > 1)

    def validation_step(self, whole: Batch) -> None:
        """Log the loss over all validation windows."""
        batch, share, windows = _unpack_batch(whole)
        loss = self.batch_loss(batch, training=False, share=share)
        several = share is not None
        self.log("validation_loss", loss, prog_bar=True, batch_size=windows, sync_dist=several)

    def observed_weighted_mean(self, loss: Tensor, truth: Tensor) -> Tensor:
        """Weight the mean over a share's observed values by how many of the batch's they are."""
        strategy = self.trainer.strategy
        count = truth.isfinite().sum()
        total = strategy.reduce(count.clone(), reduce_op="sum")
        return loss * (self.trainer.world_size * count / total.clamp(min=1))


class ForecastingModule(_WindowModule):
    """Train a model on windows; the loss is in data units, after denormalizing.

    What learned normalizers ask for is added in training, not in validation, and their parameters
    get the learning rates that they name.

    Args:
        model: (batch, lookback, channels) -> (batch, horizon, channels).
        learning_rate: of Adam.
        loss: "mse", "mae", or "quantile" for a `Reversible` with levels; of observed targets only.
        decay: the learning rates are multiplied by it after each epoch.
        gradient_clip: largest norm of all gradients together; longer ones are shortened to it.
        seed: with the step, of whatever randomness the model has, so that a resumed run draws
            what an undisturbed one would.
        compiled: compile what stands inside the normalizers.

    Raises:
        InputError: the loss does not fit what the model forecasts.
    """

    def __init__(
        self,
        model: nn.Module,
        learning_rate: float = 1e-3,
        loss: Literal["mse", "mae", "quantile"] = "mse",
        decay: float = 1.0,
        gradient_clip: float = 1.0,
        seed: int = 0,
        compiled: bool = False,
    ):
        super().__init__(gradient_clip, seed)
        self.model = model
        self.compiled = compiled
        self.learning_rate = learning_rate
        self.decay = decay
        self.loss = _loss_function(loss, getattr(model, "levels", ()))

    def setup(self, stage: str) -> None:
        """Compile the backbone, in the process that trains; on a GPU with CUDA graphs."""
        if self.compiled:
            on_gpu = self.trainer.strategy.root_device.type == "cuda"
            self._innermost_module().compile(mode="reduce-overhead" if on_gpu else "default")

    def teardown(self, stage: str) -> None:
        """Leave the backbone as it was: torch has no public way back."""
        self._innermost_module()._compiled_call_impl = None

    def _innermost_module(self) -> nn.Module:
        """Return what stands inside all normalizers, which are called in parts."""
        model = self.model
        while isinstance(model, Reversible):
            model = model.backbone
        return model

    def forward(self, past: Tensor) -> Tensor:
        """Forecast in data units."""
        return self.model(past)

    def batch_loss(
        self, batch: WindowBatch, training: bool, share: BatchShare | None = None
    ) -> Tensor:
        """Return the loss of one batch, in training with what normalizers add."""
        truth = select_targets(self.model, batch.future)
        if not isinstance(self.model, Reversible):
            extra = {} if batch.known is None else {"known": batch.known}
            loss = self.loss(self.model(batch.past, **extra), truth)
            return loss if share is None else self.observed_weighted_mean(loss, truth)
        steps = self.model.trace(batch.past, known=batch.known)
        loss = self.loss(steps.forecast, truth)
        if share is not None:
            loss = self.observed_weighted_mean(loss, truth)
        added = auxiliary_loss(self.model, steps, truth) if training else None
        if added is None:
            return loss
        # What normalizers count as observed is their own: their losses go by windows.
        return loss + (added if share is None else added * share.weight)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam over what is not frozen, shared parameters once."""
        groups = _parameter_groups(self.model, self.learning_rate)
        return torch.optim.Adam(groups, lr=self.learning_rate, fused=True)

    def on_train_epoch_start(self) -> None:
        """Set the rates from the epoch alone, so that a resumed run has those of a whole one."""
        for optimizer in self.trainer.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["first_lr"] * self.decay**self.current_epoch


class PretrainingModule(_WindowModule):
    """Train one normalizer alone, on what it predicts about the horizon.

    Args:
        model: has the normalizer, or a `Reversible` inside it has.
        normalizer: the one that is trained.
        gradient_clip: as that of `ForecastingModule`.
        seed: as that of `ForecastingModule`.
    """

    model: Reversible
    normalizer: PretrainedNormalizer

    def __init__(
        self,
        model: Reversible,
        normalizer: PretrainedNormalizer,
        gradient_clip: float = 1.0,
        seed: int = 0,
    ):
        super().__init__(gradient_clip, seed)
        self.model = model
        self.normalizer = normalizer

    def batch_loss(
        self, batch: WindowBatch, training: bool, share: BatchShare | None = None
    ) -> Tensor:
        """Return the normalizer's own loss on the windows as they reach it."""
        model, past, truth = self.model, batch.past, batch.future
        observed = past.isfinite()
        while model.normalizer is not self.normalizer:
            past, stats = model.normalizer.normalize(past, observed)
            truth = model.normalizer.normalize_future(select_targets(model, truth), stats)
            assert isinstance(model.backbone, Reversible)  # the normalizer is in one of them
            model = model.backbone
        _, stats = self.normalizer.normalize(past, observed)
        loss = self.normalizer.auxiliary_loss(stats, select_targets(model, truth))
        return loss if share is None else loss * share.weight

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam over the normalizer's parameters."""
        return torch.optim.Adam(
            self.normalizer.parameters(), lr=self.normalizer.pretraining_learning_rate
        )


def _unpack_batch(whole: Batch) -> tuple[WindowBatch, BatchShare | None, int]:
    """Return a batch or this process's part of it, its share if it is one, and all its windows."""
    if isinstance(whole, BatchShare):
        return whole.part, whole, whole.batch_windows
    return whole, None, len(whole.past)


def _loss_function(name: str, levels: Sequence[float]) -> Callable[..., Tensor]:
    """Return the loss of (forecast, truth)."""
    if (name == "quantile") != bool(levels):
        raise InputError(
            f"loss {name} was asked for, but the model forecasts "
            f"{f'the quantiles {list(levels)}' if levels else 'points'}. Loss quantile is for a "
            "Reversible built with levels, the others for one without."
        )
    if name == "quantile":
        return partial(quantile_loss, levels=levels)
    return {"mse": mse, "mae": mae}[name]


def _parameter_groups(model: nn.Module, learning_rate: float) -> list[dict[str, Any]]:
    """Return the parameters that are trained, by the learning rates that normalizers name."""
    rates: dict[nn.Parameter, float] = {}
    normalizers = [part for part in model.modules() if isinstance(part, Normalizer)]
    for normalizer in reversed(normalizers):
        for name, parameter in normalizer.named_parameters():
            rates[parameter] = normalizer.learning_rate(name, learning_rate)
    groups: dict[float, list[nn.Parameter]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            groups.setdefault(rates.get(parameter, learning_rate), []).append(parameter)
    return [{"params": members, "lr": rate, "first_lr": rate} for rate, members in groups.items()]


def clip_gradients(groups: Sequence[dict[str, Any]], max_norm: float) -> None:
    """Shorten the gradients of an optimizer's groups to a norm of all together.

    As nn.utils.clip_grad_norm_ does, which multiplies short ones by 1.
    """
    parameters = [parameter for group in groups for parameter in group["params"]]
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = nn.utils.get_total_norm(gradients)
    if norm.device.type == "cpu" and norm + 1e-6 <= max_norm:  # a GPU would have to be waited for
        return
    nn.utils.clip_grads_with_norm_(parameters, max_norm, norm)


def _seed(seed: int, device: torch.device) -> None:
    """Seed what draws on a device."""
    if device.type == "cpu":
        # torch.manual_seed formats a stack trace for each kind of device that is not there: a
        # fifth of the time of a small model's step.
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)
