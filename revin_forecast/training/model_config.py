"""Settings of a model: backbone, normalizer, window sizes and training."""

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
        covariates: as `Forecaster` takes them.

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
