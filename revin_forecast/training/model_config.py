"""Configuration of a model: backbone, normalizer, window sizes and training."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from revin_forecast.backbones import CovariateBackbone, Ridge
from revin_forecast.backbones.target_channels import TargetChannels
from revin_forecast.errors import InputError
from revin_forecast.models.reversible import Reversible
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Normalizer
from revin_forecast.training.settings import TrainingSettings


@dataclass(frozen=True)
class ModelConfig:
    """A model to fit and the settings of the fit."""

    backbone: ModuleSpec
    """Class and parameters of the backbone."""
    normalizer: ModuleSpec
    """Class and parameters of the normalizer."""
    lookback: int
    """Steps in the input window."""
    horizon: int
    """Steps to forecast."""
    training: TrainingSettings = field(default_factory=TrainingSettings)
    """Settings of gradient training."""
    refit: bool = False
    """Whether to solve again on training and validation rows; for closed-form backbones only."""
    covariates: tuple[str, ...] = ()
    """Names of the covariates known in advance; the backbone must accept known inputs."""
    targets: tuple[int, ...] | None = None
    """Indices of the channels to forecast; the others are inputs only. None: all channels."""

    @property
    def quantile_levels(self) -> tuple[float, ...]:
        """Quantiles that the model forecasts; empty for point forecasts."""
        if self.training.loss == "quantile":
            return self.training.levels
        # A backbone that was trained before has quantiles whatever the loss.
        own = self.backbone.parameters.get("levels", ())
        return tuple(own) if own and self._accepts_levels else ()

    @property
    def _accepts_levels(self) -> bool:
        return getattr(self.backbone.import_class(), "accepts_levels", False)

    def build(self, channels: int) -> Reversible:
        """Build the model with initial weights from the training seed.

        Args:
            channels: number of channels of the data.

        Raises:
            InputError: the classes do not fit together or do not fit the covariates and the loss.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.training.seed)
            backbone = self._build_backbone(channels)
            normalizer = self._build_normalizer(channels)
        if not isinstance(normalizer, Normalizer):
            raise InputError(
                f"{self.normalizer.path} is not a Normalizer; subclass revin_forecast.Normalizer."
            )
        if self.training.loss == "quantile":
            _check_has_quantiles(backbone, self.backbone.name)
        if self.targets is not None:
            backbone = TargetChannels(backbone, self.targets)
        return Reversible(backbone, normalizer, self.quantile_levels)

    def _build_normalizer(self, channels: int) -> nn.Module:
        spec = self.normalizer
        if self.targets is not None:
            parameters = {**spec.parameters, "targets": list(self.targets)}
            spec = ModuleSpec(spec.path, parameters)
        return spec.build(channels, lookback=self.lookback, horizon=self.horizon)

    def _build_backbone(self, channels: int) -> nn.Module:
        # A quantile model forecasts one horizon per level, concatenated; see models/quantiles.py.
        horizon = self.horizon * max(1, len(self.quantile_levels))
        spec, sizes = self._pass_levels(), (self.lookback, horizon, channels)
        covariates = list(self.covariates)
        if not covariates:
            backbone = spec.build(*sizes)
            if isinstance(backbone, CovariateBackbone) and backbone.covariates:
                raise InputError(
                    f"{spec.name} was built for {backbone.covariates} known inputs but got none. "
                    "Name them as covariates (calendar, step, own columns)."
                )
            return backbone
        if not issubclass(spec.import_class(), CovariateBackbone):
            raise InputError(
                f"{spec.name} takes no known inputs but got {covariates}. Choose a backbone that "
                "does (TiDE, TimeXer, Informer), or leave the covariates out."
            )
        parameters = {**spec.parameters, "covariates": len(covariates)}
        return ModuleSpec(spec.path, parameters).build(*sizes)

    def _pass_levels(self) -> ModuleSpec:
        """Return the backbone's spec, with the model's levels if it has quantiles of its own."""
        spec, levels = self.backbone, self.quantile_levels
        if not levels or not self._accepts_levels:
            return spec
        given = tuple(spec.parameters.get("levels", ()))
        if given and given != levels:
            raise InputError(
                f"{spec.name} got levels={list(given)}, but loss quantile has {list(levels)}. "
                "Leave one of them out."
            )
        return ModuleSpec(spec.path, {**spec.parameters, "levels": levels})


def _check_has_quantiles(backbone: nn.Module, name: str) -> None:
    """Raise InputError for backbones that neither have quantiles nor are trained by gradient."""
    if getattr(backbone, "accepts_levels", False):
        return
    is_trained = any(weights.requires_grad for weights in backbone.parameters())
    if isinstance(backbone, Ridge) or not is_trained:
        reason = "is solved for the mean" if isinstance(backbone, Ridge) else "has nothing to train"
        raise InputError(
            f"{name} {reason}, so it can't be trained with loss quantile. Leave the loss out: "
            "intervals (--level 80 95) work with every backbone; or choose a backbone "
            "that is trained (DLinear, MLP, NHITS)."
        )


def resolve_covariates(backbone: ModuleSpec, covariates: Sequence[str]) -> tuple[str, ...]:
    """Return the given covariates, or those that the backbone requires if none are given.

    Args:
        backbone: spec of the backbone.
        covariates: names as for `Forecaster`.

    Raises:
        InputError: the backbone requires other covariates.
    """
    backbone_class = backbone.import_class()
    required = ()
    if issubclass(backbone_class, CovariateBackbone):
        required = backbone_class.required_covariates
    if required and covariates and tuple(covariates) != required:
        raise InputError(
            f"{backbone.name} requires {list(required)} and takes no other known inputs but got "
            f"{list(covariates)}. Leave the covariates out."
        )
    return tuple(covariates) or required
