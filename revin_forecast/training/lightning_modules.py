"""Lightning modules that train a model on its forecasts, or one normalizer alone."""

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
from revin_forecast.utils.shapes import Future, Past


class _WindowModule(LightningModule, ABC):
    """Base class: optimize a loss of batches of windows.

    The random numbers of a step depend only on the seed and the number of the step. Lightning
    passes several batches at once, and this class takes an optimizer step for each, because
    Lightning's own loop takes half a millisecond per step, as long as the whole step of a linear
    map.

    With several processes, each takes its share of every batch. The losses are weighted so that
    their mean, and therefore the mean gradient, is that of the whole batch.
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
        """Return the loss of one batch, weighted if the batch is this process's share of one."""

    def training_step(self, batches: Sequence[Batch]) -> None:
        """Take a step of the optimizer for each batch."""
        optimizer = self.optimizers()
        assert isinstance(optimizer, LightningOptimizer)  # there is exactly one
        for step, whole_batch in enumerate(batches, self.global_step):
            batch, share, windows = _unpack_batch(whole_batch)
            # Processes use different random numbers, the first those of a single process. The
            # factor keeps the steps of neighbouring seeds apart.
            _seed(self.seed * 1_000_003 + step + (self.global_rank << 40), batch.past.device)
            optimizer.zero_grad()
            loss = self.batch_loss(batch, training=True, share=share)
            self.manual_backward(loss)
            clip_gradients(optimizer.param_groups, self.gradient_clip)
            optimizer.step()
            self._losses.append((loss.detach(), windows))

    def on_train_epoch_end(self) -> None:
        """Log the mean loss over all training windows."""
        # Once per epoch, as logging every step takes time.
        losses, counts = zip(*self._losses, strict=True)
        weights = torch.tensor(counts, dtype=torch.float32, device=losses[0].device)
        self._losses.clear()
        mean = (torch.stack(losses) @ weights) / weights.sum()
        self.log("training_loss", mean, sync_dist=self.trainer.world_size > 1)

    def validation_step(self, whole_batch: Batch) -> None:
        """Log the loss over all validation windows."""
        batch, share, windows = _unpack_batch(whole_batch)
        loss = self.batch_loss(batch, training=False, share=share)
        is_shared = share is not None
        self.log("validation_loss", loss, prog_bar=True, batch_size=windows, sync_dist=is_shared)

    def observed_weighted_mean(self, loss: Tensor, truth: Tensor) -> Tensor:
        """Return a share's mean loss weighted by its part of the batch's observed values."""
        strategy = self.trainer.strategy
        count = truth.isfinite().sum()
        total = strategy.reduce(count.clone(), reduce_op="sum")
        return loss * (self.trainer.world_size * count / total.clamp(min=1))


class ForecastingModule(_WindowModule):
    """Train a model on windows, with a loss in data units after denormalizing.

    The auxiliary losses of learned normalizers are added in training, not in validation. Their
    parameters use the learning rates that the normalizers define.

    Args:
        model: (batch, lookback, channels) -> (batch, horizon, channels).
        learning_rate: learning rate of Adam.
        loss: "mse", "mae", or "quantile" for a `Reversible` with levels; unobserved targets do not
            count.
        decay: factor of the learning rates after each epoch.
        gradient_clip: maximum norm of all gradients together; larger gradients are scaled down.
        seed: random seed for the model's own randomness. Together with the step it determines the
            random numbers, so that a resumed run uses those of an uninterrupted one.
        compiled: whether to compile the backbone inside the normalizers.

    Raises:
        InputError: the loss does not match the model's forecasts (points or quantiles).
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
        """Compile the backbone; on a GPU with CUDA graphs."""
        # Not in the constructor: only the process that trains compiles.
        if self.compiled:
            on_gpu = self.trainer.strategy.root_device.type == "cuda"
            self._innermost_module().compile(mode="reduce-overhead" if on_gpu else "default")

    def teardown(self, stage: str) -> None:
        """Undo the compilation of the backbone."""
        # A private attribute, as torch has no public function for it.
        self._innermost_module()._compiled_call_impl = None

    def _innermost_module(self) -> nn.Module:
        """Return the backbone inside all nested `Reversible` modules."""
        model = self.model
        while isinstance(model, Reversible):
            model = model.backbone
        return model

    def forward(self, past: Past) -> Future:
        """Forecast in data units."""
        return self.model(past)

    def batch_loss(
        self, batch: WindowBatch, training: bool, share: BatchShare | None = None
    ) -> Tensor:
        """Return the loss of one batch, in training with the normalizers' auxiliary losses."""
        truth = select_targets(self.model, batch.future)
        if not isinstance(self.model, Reversible):
            extra = {} if batch.known is None else {"known": batch.known}
            loss = self.loss(self.model(batch.past, **extra), truth)
            return loss if share is None else self.observed_weighted_mean(loss, truth)
        steps = self.model.trace(batch.past, known=batch.known)
        loss = self.loss(steps.forecast, truth)
        if share is not None:
            loss = self.observed_weighted_mean(loss, truth)
        extra_loss = auxiliary_loss(self.model, steps, truth) if training else None
        if extra_loss is None:
            return loss
        # Auxiliary losses count observed values differently, so they are weighted by windows.
        return loss + (extra_loss if share is None else extra_loss * share.weight)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam over all parameters that are not frozen, shared parameters once."""
        groups = _parameter_groups(self.model, self.learning_rate)
        return torch.optim.Adam(groups, lr=self.learning_rate, fused=True)

    def on_train_epoch_start(self) -> None:
        """Set the learning rates of the epoch."""
        # From the epoch alone, so that a resumed run has the rates of an uninterrupted one.
        for optimizer in self.trainer.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["first_lr"] * self.decay**self.current_epoch


class PretrainingModule(_WindowModule):
    """Train one normalizer alone, on its auxiliary loss.

    Args:
        model: `Reversible` that contains the normalizer, directly or in a nested `Reversible`.
        normalizer: the normalizer to train.
        gradient_clip: as for `ForecastingModule`.
        seed: as for `ForecastingModule`.
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
        """Return the normalizer's auxiliary loss on its input, the output of outer normalizers."""
        model, past, truth = self.model, batch.past, batch.future
        observed = past.isfinite()
        while model.normalizer is not self.normalizer:
            past, stats = model.normalizer.normalize(past, observed)
            truth = model.normalizer.normalize_future(select_targets(model, truth), stats)
            assert isinstance(model.backbone, Reversible)  # one of them contains the normalizer
            model = model.backbone
        _, stats = self.normalizer.normalize(past, observed)
        loss = self.normalizer.auxiliary_loss(stats, select_targets(model, truth))
        return loss if share is None else loss * share.weight

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam over the normalizer's parameters."""
        return torch.optim.Adam(
            self.normalizer.parameters(), lr=self.normalizer.pretraining_learning_rate
        )


def _unpack_batch(batch: Batch) -> tuple[WindowBatch, BatchShare | None, int]:
    """Return the windows of this process, its share if there are several, and the batch size."""
    if isinstance(batch, BatchShare):
        return batch.part, batch, batch.batch_windows
    return batch, None, len(batch.past)


def _loss_function(name: str, levels: Sequence[float]) -> Callable[..., Tensor]:
    """Return the loss function of (forecast, truth)."""
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
    """Return Adam's parameter groups, one per learning rate."""
    rates: dict[nn.Parameter, float] = {}
    normalizers = [part for part in model.modules() if isinstance(part, Normalizer)]
    # A normalizer comes before those it contains; reversed, so that its own rates override theirs.
    for normalizer in reversed(normalizers):
        for name, parameter in normalizer.named_parameters():
            rates[parameter] = normalizer.learning_rate(name, learning_rate)
    groups: dict[float, list[nn.Parameter]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            groups.setdefault(rates.get(parameter, learning_rate), []).append(parameter)
    return [{"params": members, "lr": rate, "first_lr": rate} for rate, members in groups.items()]


def clip_gradients(groups: Sequence[dict[str, Any]], max_norm: float) -> None:
    """Clip the gradients of an optimizer's groups to a maximum total norm, in place.

    Equivalent to nn.utils.clip_grad_norm_, which also multiplies small gradients, by 1.
    """
    parameters = [parameter for group in groups for parameter in group["params"]]
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = nn.utils.get_total_norm(gradients)
    # On a GPU, reading the norm would wait for all queued operations.
    if norm.device.type == "cpu" and norm + 1e-6 <= max_norm:
        return
    nn.utils.clip_grads_with_norm_(parameters, max_norm, norm)


def _seed(seed: int, device: torch.device) -> None:
    """Seed the random number generator of a device."""
    if device.type == "cpu":
        # torch.manual_seed formats a stack trace for each missing kind of device, which takes a
        # fifth of a small model's step.
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)
