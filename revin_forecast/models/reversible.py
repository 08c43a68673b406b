from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn

from revin_forecast.backbones.base import CovariateBackbone, DestationaryBackbone
from revin_forecast.backbones.target_channels import unwrap
from revin_forecast.models.quantiles import (
    monotone_quantiles,
    normal_quantile_gaps,
    select_median,
    tile_known,
)
from revin_forecast.normalizers.base import Normalizer
from revin_forecast.normalizers.learned import LearnedNormalizer, PretrainedNormalizer
from revin_forecast.normalizers.statistics import find_observed
from revin_forecast.shapes import Future, Known, Observed, Past


class ForecastTrace(NamedTuple):
    """What one forecast went through; a loss may look at each."""

    z: Tensor
    """The forecast on the normalizer's common scale, with levels on a last axis if any."""
    stats: Any
    """The normalizer's statistics of the window."""
    forecast: Tensor
    """In data units, with the same levels."""
    inner: Any
    """The backbone's own `Steps` where it is a `Reversible`, else None."""


class Reversible(nn.Module):
    """Forecast on the normalizer's common scale, and hand the forecast back on the data's.

    Any module that maps (batch, lookback, channels) to (batch, horizon, targets) is a backbone,
    this class included, so wrappers nest. A `FactorBackbone` gets the normalizer's factors as well,
    a `CovariateBackbone` what is known beforehand.

    Args:
        backbone: forecasts in normalized units.
        normalizer: maps the window there and the forecast back, with the same parameters.
        levels: quantiles to forecast, ascending and symmetric about 0.5; the backbone is then built
            for as many horizons one after the other, see `quantiles.ascending`. None: points.

    Raises:
        ValueError: levels for one that wraps another; they belong to the innermost.

    >>> import torch
    >>> from revin_forecast import RevIN
    >>> class Net(nn.Linear):
    ...     def forward(self, past):
    ...         return super().forward(past.mT).mT
    >>> model = Reversible(Net(96, 24), RevIN(channels=3))
    >>> model(torch.randn(8, 96, 3)).shape
    torch.Size([8, 24, 3])
    """

    level_gaps: Tensor

    def __init__(self, backbone: nn.Module, normalizer: Normalizer, levels: Sequence[float] = ()):
        super().__init__()
        self.backbone = backbone
        self.normalizer = normalizer
        self.levels = tuple(levels)
        """Quantiles that `quantiles` returns; empty for a model of points."""
        if isinstance(backbone, Reversible):
            if levels:
                raise ValueError(
                    f"Reversible got levels={tuple(levels)} and a Reversible inside, which has the "
                    "backbone. Give the levels to that one; this one maps them back."
                )
            self.levels = backbone.levels
        elif levels:
            self.register_buffer("level_gaps", normal_quantile_gaps(levels), persistent=False)

    def forward(
        self, past: Past, observed: Observed | None = None, known: Known | None = None
    ) -> Future:
        """Return the forecast in data units, the median of a model of quantiles.

        Args:
            past: (batch, lookback, channels). NaN and infinities count as unobserved.
            observed: True where really measured; None: wherever `past` is finite.
            known: (batch, lookback + horizon, covariates) for a `CovariateBackbone`, passed on as
                it is.

        Raises:
            ValueError: known inputs for a backbone that takes none.
        """
        forecast = self.trace(past, observed, known).forecast
        return select_median(forecast) if self.levels else forecast

    def quantiles(
        self, past: Past, observed: Observed | None = None, known: Known | None = None
    ) -> Future:
        """Return all `levels` in data units, (batch, horizon, targets, levels), ascending.

        Arguments are as `forward` takes them.

        Raises:
            ValueError: a model of points.
        """
        if not self.levels:
            raise ValueError(
                "this Reversible forecasts points and has no quantiles. Build it with levels=..., "
                "or train with loss quantile."
            )
        return self.trace(past, observed, known).forecast

    def trace(
        self, past: Tensor, observed: Tensor | None = None, known: Tensor | None = None
    ) -> ForecastTrace:
        """Return the forecast with what it went through; arguments as `forward` takes them."""
        z, stats = self.normalizer.normalize(past, observed)
        inner = None
        if isinstance(self.backbone, Reversible):  # it wants to know, too: z has no gaps left
            inner = self.backbone.trace(z, find_observed(past, observed), known)
            future = inner.forecast
        else:
            extra: dict[str, Any] = {}
            if isinstance(unwrap(self.backbone), DestationaryBackbone):
                extra["factors"] = self.normalizer.factors(stats)
            if getattr(
                self.backbone, "accepts_observed", False
            ):  # z is filled where nothing was seen
                extra["observed"] = find_observed(past, observed)
            if known is not None:
                known = _check_known(self.backbone, known)
                times = len(self.levels)
                extra["known"] = tile_known(known, past.shape[1], times) if times else known
            future = self.backbone(z, **extra)
            if self.levels:
                future = monotone_quantiles(future, self.level_gaps)
        kind = "quantile" if self.levels else "location"
        return ForecastTrace(future, stats, self.normalizer.denormalize(future, stats, kind), inner)


def _check_known(backbone: nn.Module, known: Tensor) -> Tensor:
    """Return the known inputs, or refuse them for a backbone that does not take any."""
    if not isinstance(unwrap(backbone), CovariateBackbone):
        raise ValueError(
            f"{type(backbone).__name__} takes no known inputs but got {tuple(known.shape)}. Use a "
            "CovariateBackbone (TiDE, Informer, CycleNet), or leave known out."
        )
    return known


def auxiliary_loss(model: nn.Module, trace: ForecastTrace, truth: Tensor) -> Tensor | None:
    """Return the sum of the losses that learned normalizers add to the forecast's.

    Those that are trained first and frozen add nothing here; None if none adds anything.

    Args:
        model: a `Reversible`, perhaps around others; any other module adds nothing.
        trace: what its `steps` returned.
        truth: (batch, horizon, targets) in data units, NaN where unobserved.
    """
    if not isinstance(model, Reversible):
        return None
    normalizer, losses = model.normalizer, []
    if isinstance(normalizer, LearnedNormalizer) and not isinstance(
        normalizer, PretrainedNormalizer
    ):
        forecast = select_median(trace.z) if model.levels else trace.z
        losses.append(normalizer.auxiliary_loss(trace.stats, truth, forecast))
    if trace.inner is not None and any(True for _ in find_learned_normalizers(model.backbone)):
        within = normalizer.normalize_future(truth, trace.stats)
        inner = auxiliary_loss(model.backbone, trace.inner, within)
        losses += [] if inner is None else [inner]
    return sum(losses[1:], losses[0]) if losses else None


def find_learned_normalizers(model: nn.Module) -> list[LearnedNormalizer]:
    """Return the learned normalizers of a `Reversible` and of those inside it, outermost first."""
    found = []
    while isinstance(model, Reversible):
        if isinstance(model.normalizer, LearnedNormalizer):
            found.append(model.normalizer)
        model = model.backbone
    return found


def select_targets(model: nn.Module, values: Tensor) -> Tensor:
    """Return those of (..., channels) that a model forecasts: its declared targets, or all."""
    if isinstance(model, Reversible) and model.normalizer.target_index is not None:
        return values.index_select(-1, model.normalizer.target_index)
    return values
