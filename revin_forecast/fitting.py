"""One call that fits any model: solved, trained, or nothing to do."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from revin_forecast.backbones import CovariateBackbone, Ridge
from revin_forecast.backbones.narrowed import TargetChannels, unwrap
from revin_forecast.closed_form import fit_ridge
from revin_forecast.closed_form.complete import gap_free_share
from revin_forecast.components import ModuleSpec
from revin_forecast.data.scaling import Standardizer
from revin_forecast.data.split import MemoryMappedSplit
from revin_forecast.data.windows import Windows
from revin_forecast.errors import InputError
from revin_forecast.normalizers import LearnedNormalizer, Normalizer, InitializedFromData
from revin_forecast.quantiles import check_supports_quantiles
from revin_forecast.reversible import Reversible
from revin_forecast.settings import TrainingSettings


@dataclass(frozen=True)
class ModelConfig:
    """What is fitted, and how."""

    backbone: ModuleSpec
    normalizer: ModuleSpec
    lookback: int
    horizon: int
    training: TrainingSettings = field(default_factory=TrainingSettings)
    refit: bool = False
    """Solve once more on training and validation rows; only a closed-form backbone can."""
    covariates: tuple[str, ...] = ()
    """Names of what is known of each step beforehand; the backbone must be one that takes them."""
    targets: tuple[int, ...] | None = None
    """Channels that are forecast; the others are only seen. None: all."""

    @property
    def quantile_levels(self) -> tuple[float, ...]:
        """Quantiles that the model is trained on; empty for a model of points."""
        return self.training.levels if self.training.loss == "quantile" else ()

    def build(self, channels: int) -> Reversible:
        """Build the model, its initial weights drawn from the training seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.training.seed)
            backbone = self._build_backbone(channels)
            normalizer = self._build_normalizer(channels)
        if not isinstance(normalizer, Normalizer):
            raise InputError(
                f"{self.normalizer.path} is no Normalizer; subclass revin_forecast.Normalizer."
            )
        if self.quantile_levels:
            _check_can_learn_quantiles(backbone, self.backbone.name)
        if self.targets is not None:
            backbone = TargetChannels(backbone, self.targets)
        return Reversible(backbone, normalizer, self.quantile_levels)

    def _build_normalizer(self, channels: int) -> nn.Module:
        component = self.normalizer
        if self.targets is not None:
            parameters = {**component.parameters, "targets": list(self.targets)}
            component = ModuleSpec(component.path, parameters)
        return component.build(channels, lookback=self.lookback, horizon=self.horizon)

    def _build_backbone(self, channels: int) -> nn.Module:
        # One horizon a level, one after the other; see `quantiles.ascending`.
        horizon = self.horizon * max(1, len(self.quantile_levels))
        component, sizes = self.backbone, (self.lookback, horizon, channels)
        known = list(self.covariates)
        if not known:
            backbone = component.build(*sizes)
            if isinstance(backbone, CovariateBackbone) and backbone.covariates:
                raise InputError(
                    f"{component.name} was to get {backbone.covariates} known inputs but got none. "
                    "Name them as covariates (calendar, step, own columns)."
                )
            return backbone
        if not issubclass(component.import_class(), CovariateBackbone):
            raise InputError(
                f"{component.name} takes no known inputs but got {known}. Choose a backbone that "
                "does (TiDE, Informer, CycleNet), or leave the covariates out."
            )
        parameters = {**component.parameters, "covariates": len(known)}
        return ModuleSpec(component.path, parameters).build(*sizes)


def _check_can_learn_quantiles(backbone: nn.Module, name: str) -> None:
    if isinstance(backbone, Ridge) or not any(True for _ in backbone.parameters()):
        how = "is solved for the mean" if isinstance(backbone, Ridge) else "has nothing to train"
        raise InputError(
            f"{name} {how}, so it can't be trained with loss quantile. Leave the loss out: "
            "conformal intervals (--level 80 95) go with every backbone; or choose one that is "
            "trained (DLinear, MLP, NHITS)."
        )


def resolve_covariates(backbone: ModuleSpec, covariates: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the known inputs given, or those that a backbone can't do without.

    Args:
        backbone: any.
        given: as `Forecaster` takes them.

    Raises:
        InputError: others than the backbone is built on.
    """
    kind = backbone.import_class()
    needs = kind.required_covariates if issubclass(kind, CovariateBackbone) else ()
    if needs and covariates and tuple(covariates) != needs:
        raise InputError(
            f"{backbone.name} is built on {list(needs)} and takes no other known inputs but got "
            f"{list(covariates)}. Leave the covariates out."
        )
    return tuple(covariates) or needs


@dataclass(frozen=True, eq=False)
class ChronologicalSplit:
    """A table of values cut in time; validation and test reach one look-back into the past.

    Unless they stand `apart`.
    """

    values: np.ndarray
    """(time, channels) float64 in the data's units, NaN where unobserved."""
    train: int
    """Rows of training, from the first."""
    validation: int
    """The row where validation ends."""
    test: int
    """The row where test ends."""
    scaling_rows: int | None = None
    """Rows that values are z-scored by, from the first; None: those of training."""
    known: np.ndarray | None = None
    """(time, covariates) float64: what is known of each row beforehand, if anything is."""
    has_independent_parts: bool = False
    """Validation and test stand alone: their first rows are a look-back of their own."""
    filled: np.ndarray | None = None
    """(time, channels) True where a gap was interpolated; see `Windows`."""

    @cached_property
    def standardizer(self) -> Standardizer:
        """z-score of the training rows, or of those that `scaling` says."""
        return Standardizer.fit(self.values[: self.train if self.scaling_rows is None else self.scaling_rows])

    @property
    def channels(self) -> int:
        """The number of channels."""
        return self.values.shape[1]

    def standardize_part(self, name: str, lookback: int) -> Tensor:
        """Return the rows of a part, z-scored, in float64; see `part`."""
        return torch.from_numpy(self.standardizer.transform(self.select_part(name, lookback)))

    def select_part(self, name: str, lookback: int) -> np.ndarray:
        """Return the rows of "training", "validation" or "test" with their look-back."""
        return self.values[self._part_slice(name, lookback)]

    def make_windows(self, name: str, lookback: int, horizon: int) -> Windows:
        """Return every window of a part, z-scored, with what is known of its steps."""
        rows = self._part_slice(name, lookback)
        known = None if self.known is None else torch.tensor(self.known[rows])
        filled = None if self.filled is None else torch.from_numpy(self.filled[rows])
        values = self.standardizer.to_tensor(self.values[rows])
        return Windows(values, lookback, horizon, known, filled)

    def _part_slice(self, name: str, lookback: int) -> slice:
        if name == "training":
            return slice(self.train)
        start, stop = {
            "validation": (self.train, self.validation),
            "test": (self.validation, self.test),
        }[name]
        if self.has_independent_parts:
            return slice(start, stop)
        if start < lookback:
            raise InputError(
                f"the {name} part starts at row {start}, before a look-back of {lookback} is full. "
                "Choose a shorter look-back."
            )
        return slice(start - lookback, stop)


def fit_model(
    config: ModelConfig,
    split: ChronologicalSplit | MemoryMappedSplit,
    folder: Path | None = None,
    resume: bool = False,
) -> tuple[Reversible, dict[str, Any]]:
    """Build and fit a model on a split's standardized values.

    Args:
        recipe: what is fitted, and how.
        split: the values and where training and validation end.
        folder: keeps checkpoints and logs of a trained backbone; None: nothing is kept.
        resume: go on from the folder's last checkpoint.

    Returns:
        The model, in evaluation mode, and what the fit reports.
    """
    channels = split.channels
    model = config.build(channels)
    training = split.standardize_part("training", config.lookback)
    validation = split.standardize_part("validation", config.lookback)
    for name, rows in (("training", training), ("validation", validation)):
        _check_enough_rows(name, len(rows), config)
    if isinstance(model.normalizer, InitializedFromData):
        model.normalizer.initialize_from(training, config.lookback)
    if isinstance(unwrap(model.backbone), Ridge):
        if resume:
            raise InputError("a Ridge is solved in one go; there is nothing to resume.")
        # A series that only begins late has no gap that a window must be seen through.
        width = config.lookback + config.horizon
        complete = all(gap_free_share(part, width) == 1 for part in (training, validation))
        gaps = "complete" if complete else "masked"
        of_all = _with_all_targets(model, config, channels)
        result = fit_ridge(of_all, training, validation, config.refit, gaps=gaps)
        report: dict[str, Any] = vars(result)
    elif config.refit:
        raise InputError(
            f"refit is for closed-form backbones; {config.backbone.name} is trained with early "
            "stopping on validation. Leave refit out, or use Ridge."
        )
    elif _is_trainable(model):
        if model.levels:
            sizes = (config.lookback, config.horizon)
            check_supports_quantiles(model.normalizer, *sizes, len(model.levels))
        report = _train(model, split, config, folder, resume)
    elif resume:
        raise InputError(f"{config.backbone.name} has nothing to train, so nothing to resume.")
    else:
        report = {}
    return model.eval(), report


def _with_all_targets(model: Reversible, recipe: ModelConfig, channels: int) -> Reversible:
    """Return the same backbone with all channels as targets: those only seen teach the map, too."""
    if recipe.targets is None:
        return model
    normalizer = replace(recipe, targets=None).build(channels).normalizer
    normalizer.load_state_dict(model.normalizer.state_dict())
    return Reversible(unwrap(model.backbone), normalizer)


def _is_trainable(model: Reversible) -> bool:
    """Return whether there is anything to train; an affine map around a naive one is nothing."""
    learned = isinstance(model.normalizer, LearnedNormalizer | InitializedFromData)
    return learned or any(True for _ in model.backbone.parameters())


def _check_enough_rows(name: str, rows: int, recipe: ModelConfig) -> None:
    width = recipe.lookback + recipe.horizon
    if rows < width:
        raise InputError(
            f"the {name} part has {rows} rows with its look-back, but one window of look-back "
            f"{recipe.lookback} and horizon {recipe.horizon} takes {width}. "
            "Choose a shorter look-back or horizon, or pass more rows."
        )


def _train(
    model: Reversible,
    split: ChronologicalSplit | MemoryMappedSplit,
    recipe: ModelConfig,
    folder: Path | None,
    resume: bool,
) -> dict[str, Any]:
    # Imported here: a closed-form fit needs neither Lightning nor its two seconds.
    from revin_forecast.data.module import ForecastDataModule
    from revin_forecast.training import train

    settings, sizes = recipe.training, (recipe.lookback, recipe.horizon)
    data = ForecastDataModule(
        split.make_windows("training", *sizes),
        split.make_windows("validation", *sizes),
        batch_size=settings.batch_size,
        seed=settings.seed,
    )
    return vars(train(model, data, settings, folder, resume))
