"""Weights of modules that are linear in their window."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from revin_forecast.backbones import CovariateBackbone
from revin_forecast.backbones.target_channels import unwrap
from revin_forecast.models.contributions import (
    Contributions,
    ExplainedScope,
    ExplainedWindow,
    NotLinearError,
    make_linear,
)
from revin_forecast.models.ensemble import Ensemble
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import LocationScaleNormalizer

TOLERANCE = 1e-8
"""Largest difference between a module and its linear map that counts as rounding, relative to the
largest forecast."""
MAX_PROBED_VALUES = 2**28
"""Most values of the windows on which a module without gradients is evaluated."""
MAX_BATCH_VALUES = 2**22
"""Most values of these windows at once."""

Run = Callable[[Tensor], Tensor]
"""A module on windows (batch, lookback, channels) that returns (batch, steps, targets)."""


def attribute_linear(
    module: nn.Module, window: ExplainedWindow, scope: ExplainedScope, is_own: bool
) -> Contributions:
    """Return the contributions to the forecast of any module that is linear in its window.

    Random windows verify that the module is linear, and that the weights are complete. Gaps and
    their places are those of the window to explain.

    Args:
        module: in float64 and evaluation mode.
        window: the window to explain.
        scope: the values to explain.
        is_own: whether each series is likely to depend on its own channel only.

    Raises:
        NotLinearError: the module is not linear.
    """

    def run(past: Tensor) -> Tensor:
        return scope.select(run_module(module, past, window))

    first, second = _draw_windows(window.past)
    zero = torch.zeros_like(first)
    with torch.no_grad():
        at_zero, at_first, at_second, at_both, forecast = (
            run(part)[0] for part in (zero, first, second, first + second, window.past)
        )
    size = max(float(part.abs().amax()) for part in (at_first, at_second, at_both, forecast))
    name = find_class_name(module)

    def is_close(left: Tensor, right: Tensor) -> bool:
        return bool(((left - right).abs() <= TOLERANCE * size).all())

    if not is_close(at_both - at_zero, at_first + at_second - 2 * at_zero):
        raise NotLinearError(name)
    for only_own in (True, False) if is_own else (False,):
        for compute_weights in (_differentiate, _probe):
            weights = compute_weights(run, window.past, scope, only_own)
            if weights is None:
                continue
            if is_close(at_first - at_zero, _apply(weights, first[0], scope)):
                return make_linear(weights, forecast, window, scope)
    raise NotLinearError(name)


def run_module(module: nn.Module, past: Tensor, window: ExplainedWindow) -> Tensor:
    """Return the forecast of windows with the gaps and the known inputs of a window.

    Args:
        module: a backbone, or one in a normalizer.
        past: (batch, lookback, channels).
        window: the window.
    """
    inputs: dict[str, Tensor] = {}
    innermost = module
    while isinstance(innermost, Reversible):
        innermost = unwrap(innermost.backbone)
    takes_gaps = isinstance(module, Reversible | Ensemble)
    if takes_gaps or getattr(module, "accepts_observed", False):
        inputs["observed"] = window.observed.expand_as(past)
    if window.known is not None and isinstance(innermost, CovariateBackbone | Ensemble):
        inputs["known"] = window.known.expand(len(past), -1, -1)
    return module(past, **inputs)


def find_class_name(module: nn.Module) -> str:
    """Return the name of a backbone's class, with that of its normalizer."""
    if isinstance(module, Reversible):
        return f"{find_class_name(module.backbone)} with {type(module.normalizer).__name__}"
    return type(unwrap(module)).__name__


def find_location_weights(
    normalizer: LocationScaleNormalizer, window: ExplainedWindow
) -> Float[Tensor, "lookback channels"]:
    """Return the weights of a window's values in its location.

    The location of a median is a mean of the one or two values in the middle. The weights are those
    that reproduce the location of this window and of a random one with the same gaps.

    Raises:
        NotLinearError: the location is not such a mean, or not the same at all steps.
    """
    drawn = ExplainedWindow(_draw_windows(window.past)[0], window.observed)
    for weigh in (_weigh_by_class, _weigh_by_probes, _weigh_middle):
        weights = weigh(normalizer, window)
        if weights is None or not _has_location(normalizer, window, weights):
            continue
        others = weigh(normalizer, drawn)
        if others is not None and _has_location(normalizer, drawn, others):
            return weights
    raise NotLinearError(f"the location of {type(normalizer).__name__}")


def compute_location(
    normalizer: LocationScaleNormalizer, window: ExplainedWindow
) -> Float[Tensor, "1 steps channels"]:
    """Return the location of a window."""
    _, stats = normalizer.normalize(window.past, window.observed)
    return stats.anchor + stats.residual


def _draw_windows(past: Tensor) -> tuple[Tensor, Tensor]:
    """Return two random windows of the size of a window."""
    generator = torch.Generator().manual_seed(0)
    size = past.abs().amax().clamp(min=1)
    first, second = (
        size * torch.randn(past.shape, generator=generator, dtype=past.dtype) for _ in range(2)
    )
    return first, second


def _differentiate(run: Run, past: Tensor, scope: ExplainedScope, is_own: bool) -> Tensor | None:
    """Return weights by automatic differentiation; None for a module without gradients."""
    leaf = past.detach().clone().requires_grad_()
    forecast = run(leaf)[0]
    if not forecast.requires_grad:
        return None
    rows: list[Tensor] = []
    for step in forecast:
        outputs = [step.sum()] if is_own else list(step)
        grads = [torch.autograd.grad(output, leaf, retain_graph=True)[0][0] for output in outputs]
        rows.append(grads[0][:, scope.channels].mT.unsqueeze(-1) if is_own else torch.stack(grads))
    return torch.stack(rows)


def _probe(run: Run, past: Tensor, scope: ExplainedScope, is_own: bool) -> Tensor | None:
    """Return weights by the forecasts of unit windows; None if these are too many."""
    _, lookback, channels = past.shape
    count = lookback if is_own else lookback * channels
    if count * lookback * channels > MAX_PROBED_VALUES:
        return None
    batch = max(1, MAX_BATCH_VALUES // (lookback * channels))
    parts: list[Tensor] = []
    with torch.no_grad():
        base = run(torch.zeros_like(past))
        for start in range(0, count, batch):
            index = torch.arange(start, min(start + batch, count))
            units = past.new_zeros(len(index), lookback, channels)
            rows = torch.arange(len(index))
            if is_own:
                units[rows, index] = 1
            else:
                units[rows, index // channels, index % channels] = 1
            parts.append(run(units) - base)
    weights = torch.cat(parts).movedim(0, -1)  # (steps, targets, units)
    return weights.reshape(*weights.shape[:2], lookback, -1)


def _apply(weights: Tensor, past: Tensor, scope: ExplainedScope) -> Tensor:
    """Return (steps, targets) of a linear map of a window (lookback, channels)."""
    if weights.shape[3] == 1:
        return torch.einsum("stl,lt->st", weights[..., 0], past[:, scope.channels])
    return torch.einsum("stli,li->st", weights, past)


def _has_location(
    normalizer: LocationScaleNormalizer, window: ExplainedWindow, weights: Tensor
) -> bool:
    """Return whether weights reproduce the location of a window."""
    location = compute_location(normalizer, window)
    size = window.past.abs().amax().clamp(min=1)
    mean = (weights * window.past[0]).sum(0)
    return location.shape[1] == 1 and bool(((mean - location[0]).abs() <= TOLERANCE * size).all())


def _weigh_by_class(normalizer: LocationScaleNormalizer, window: ExplainedWindow) -> Tensor | None:
    """Return the weights of the class, shared out among the observed values."""
    weights = normalizer.location_weights(window.past.shape[1])
    if weights is None:
        return None
    known = weights.to(window.past)[:, None] * window.observed[0]
    total = known.sum(0)
    return known * (weights.sum() / torch.where(total != 0, total, 1))


def _weigh_by_probes(normalizer: LocationScaleNormalizer, window: ExplainedWindow) -> Tensor | None:
    """Return the locations of unit windows with the same gaps."""
    _, lookback, channels = window.past.shape
    if lookback * lookback * channels > MAX_PROBED_VALUES:
        return None
    rows: list[Tensor] = []
    for row in range(lookback):
        unit = torch.zeros_like(window.past)
        unit[:, row] = 1
        rows.append(compute_location(normalizer, ExplainedWindow(unit, window.observed))[0, 0])
    return torch.stack(rows) * window.observed[0]


def _weigh_middle(normalizer: LocationScaleNormalizer, window: ExplainedWindow) -> Tensor:
    """Return the weights of a median: of the one or two observed values in the middle."""
    observed = window.observed[0]
    order = torch.sort(torch.where(observed, window.past[0], torch.inf), dim=0, stable=True).indices
    count = observed.sum(0).clamp(min=1)
    weights = torch.zeros_like(window.past[0])
    for middle in ((count - 1) // 2, count // 2):
        index = order.gather(0, middle.unsqueeze(0))
        weights.scatter_add_(0, index, torch.full_like(index, 0.5, dtype=weights.dtype))
    return weights * observed
