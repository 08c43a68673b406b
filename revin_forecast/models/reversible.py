"""`Reversible`: a backbone inside a normalizer, which maps its forecasts back."""

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
from revin_forecast.utils.shapes import Future, Known, Observed, Past


class ForecastTrace(NamedTuple):
    """The stages of one forecast, for losses that compare each of them."""

    z: Future
    """Forecast on the normalizer's common scale, with levels on a last axis if any."""
    stats: Any
    """The normalizer's statistics of the window."""
    forecast: Future
    """Forecast in data units, with the same levels."""
    inner: Any
    """`ForecastTrace` of the backbone if that is a `Reversible`, else None."""


class Reversible(nn.Module):
    """A backbone that forecasts on a normalizer's common scale, with the forecast in data units.

    Any module that maps (batch, lookback, channels) to (batch, horizon, targets) is a backbone,
    this class included, so wrappers nest. A `DestationaryBackbone` also gets the normalizer's
    factors, a `CovariateBackbone` the known covariates.

    Args:
        backbone: forecasts in normalized units.
        normalizer: maps the window there and the forecast back, with the same parameters.
        levels: quantiles to forecast, ascending and symmetric about 0.5; empty for a point
            forecast. With levels, the backbone must be built for a horizon of
            `len(levels) * horizon` steps, see `quantiles.monotone_quantiles`.

    Raises:
        ValueError: levels with a `Reversible` as the backbone; pass them to the innermost one.

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

    def __init__(
        self, backbone: nn.Module, normalizer: Normalizer[Any], levels: Sequence[float] = ()
    ):
        super().__init__()
        self.backbone = backbone
        self.normalizer = normalizer
        self.levels = tuple(levels)
        """Levels that `quantiles` returns; empty for a point forecast."""
        if isinstance(backbone, Reversible):
            if levels:
                raise ValueError(
                    f"Reversible got levels={tuple(levels)} and a Reversible inside, which has the "
                    "backbone. Pass the levels to the inner one; the outer one maps them back."
                )
            self.levels = backbone.levels
        elif levels:
            # Gaps between the levels' normal quantiles; not persistent: derived from `levels`.
            self.register_buffer("level_gaps", normal_quantile_gaps(levels), persistent=False)

    def forward(
        self, past: Past, observed: Observed | None = None, known: Known | None = None
    ) -> Future:
        """Return the forecast in data units, the median of a model of quantiles.

        Args:
            past: (batch, lookback, channels). NaN and infinities count as unobserved.
            observed: True where measured; None means wherever `past` is finite.
            known: (batch, lookback + horizon, covariates) for a `CovariateBackbone`, passed on
                unchanged.

        Raises:
            ValueError: known covariates for a backbone without them.
        """
        forecast = self.trace(past, observed, known).forecast
        return select_median(forecast) if self.levels else forecast

    def quantiles(
        self, past: Past, observed: Observed | None = None, known: Known | None = None
    ) -> Future:
        """Return all `levels` in data units, (batch, horizon, targets, levels), ascending.

        The arguments are those of `forward`.

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
        self, past: Past, observed: Observed | None = None, known: Known | None = None
    ) -> ForecastTrace:
        """Return the forecast with its stages; the arguments are those of `forward`."""
        z_past, stats = self.normalizer.normalize(past, observed)
        inner = None
        if isinstance(self.backbone, Reversible):
            # z_past has no gaps any more, so the inner model needs the original ones.
            inner = self.backbone.trace(z_past, find_observed(past, observed), known)
            z = inner.forecast
        else:
            z = self._run_backbone(z_past, stats, past, observed, known)
        kind = "quantile" if self.levels else "location"
        return ForecastTrace(z, stats, self.normalizer.denormalize(z, stats, kind), inner)

    def _run_backbone(
        self, z_past: Past, stats: Any, past: Past, observed: Observed | None, known: Known | None
    ) -> Future:
        """Return the backbone's forecast, passing on the optional inputs that it accepts.

        Args:
            z_past: the normalized windows, the backbone's main input.
            stats: statistics of the windows, for a `DestationaryBackbone`.
            past: the windows in data units, which still show the gaps.
            observed: as in `forward`.
            known: as in `forward`.
        """
        inputs: dict[str, Any] = {}
        if isinstance(unwrap(self.backbone), DestationaryBackbone):
            inputs["factors"] = self.normalizer.factors(stats)
        if getattr(self.backbone, "accepts_observed", False):
            # Not derived from z_past, which is finite everywhere.
            inputs["observed"] = find_observed(past, observed)
        if known is not None:
            _check_takes_known(self.backbone, known)
            # The backbone of a model of quantiles forecasts one horizon per level.
            count = len(self.levels)
            inputs["known"] = tile_known(known, past.shape[1], count) if count else known
        z = self.backbone(z_past, **inputs)
        return monotone_quantiles(z, self.level_gaps) if self.levels else z


def auxiliary_loss(model: nn.Module, trace: ForecastTrace, truth: Future) -> Tensor | None:
    """Return the sum of the losses that learned normalizers add to the forecast loss, or None.

    Normalizers that are trained first and then frozen add nothing.

    Args:
        model: a `Reversible`, possibly around others; any other module adds nothing.
        trace: the result of the model's `trace`.
        truth: (batch, horizon, targets) in data units, NaN where unobserved.
    """
    if not isinstance(model, Reversible):
        return None
    normalizer: Normalizer[Any] = model.normalizer
    losses: list[Tensor] = []
    if isinstance(normalizer, LearnedNormalizer) and not isinstance(
        normalizer, PretrainedNormalizer
    ):
        forecast = select_median(trace.z) if model.levels else trace.z
        losses.append(normalizer.auxiliary_loss(trace.stats, truth, forecast))
    # The truth is normalized only if needed: a normalizer need not define `normalize_future`.
    if trace.inner is not None and find_learned_normalizers(model.backbone):
        inner_truth = normalizer.normalize_future(truth, trace.stats)
        inner = auxiliary_loss(model.backbone, trace.inner, inner_truth)
        if inner is not None:
            losses.append(inner)
    return sum(losses[1:], losses[0]) if losses else None


def find_learned_normalizers(model: nn.Module) -> list[LearnedNormalizer[Any]]:
    """Return the learned normalizers of a `Reversible` and of those inside it, outermost first."""
    learned: list[LearnedNormalizer[Any]] = []
    while isinstance(model, Reversible):
        normalizer: Normalizer[Any] = model.normalizer
        if isinstance(normalizer, LearnedNormalizer):
            learned.append(normalizer)
        model = model.backbone
    return learned


def select_targets(model: nn.Module, values: Tensor) -> Tensor:
    """Return the channels of (..., channels) that a model forecasts: its targets, or all."""
    if isinstance(model, Reversible) and model.normalizer.target_index is not None:
        return values.index_select(-1, model.normalizer.target_index)
    return values


def _check_takes_known(backbone: nn.Module, known: Known) -> None:
    if not isinstance(unwrap(backbone), CovariateBackbone):
        raise ValueError(
            f"{type(backbone).__name__} takes no known inputs but got {tuple(known.shape)}. Use a "
            "CovariateBackbone (TiDE, TimeXer, Informer), or leave known out."
        )
