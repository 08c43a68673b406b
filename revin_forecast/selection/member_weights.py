"""Weights of members of a combination by their errors at expanding origins."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

SHARPNESS = 8.0
"""Power of the relative error in the weights."""
SHRINKAGE_WINDOWS = 2.0
"""Number of separate windows at which a member's measured advantage counts half."""
ERROR_FLOOR = 0.1
"""Share of the median error below which errors are equally good."""
ROUNDING_ERROR = 1e-12
"""Errors below this are equally good."""
MIN_WEIGHT = 0.02
"""Weights below this are dropped."""

Errors = Float[Tensor, "windows horizon series"]


def weigh_members(
    errors: Float[Tensor, "members windows horizon series"],
    is_usable: Bool[Tensor, "members series"],
    window_count: float,
) -> Float[Tensor, "members series"]:
    """Return weights exp(-p g) of the mean log error relative to the first member.

    Args:
        errors: truth minus forecast; NaN where unknown.
        is_usable: whether a member may have a weight; the first one always may.
        window_count: number of windows without overlap.
    """
    measured = torch.stack([measure_log_ratio(error, errors[0]) for error in errors])
    scores = -SHARPNESS * shrink_log_ratios(measured, window_count)
    is_measured = torch.stack([error.isfinite().flatten(0, 1).any(0) for error in errors])
    is_measured[0] = True
    weights = torch.softmax(scores.masked_fill(~(is_usable & is_measured), -torch.inf), 0)
    weights = torch.where(weights < MIN_WEIGHT, 0, weights)
    return weights / weights.sum(0)


def measure_log_ratio(errors: Errors, reference: Errors) -> Float[Tensor, " series"]:
    """Return the mean over windows of ln(error / reference error); 0 without a common window.

    The errors of a window are mean absolute errors over the steps where both are known. Every
    window counts the same, whatever its size, so one strike or one break does not decide.
    """
    both = errors.isfinite() & reference.isfinite()
    size, reference_size = (
        torch.where(both, part.abs(), torch.nan).nanmean(1) for part in (errors, reference)
    )
    floor = ERROR_FLOOR * ((size + reference_size) / 2).nanmedian(0).values
    # Values are of order 1, so smaller errors are rounding.
    floor = floor.nan_to_num(0) + ROUNDING_ERROR
    log_ratio = ((size + floor) / (reference_size + floor)).log()
    return log_ratio.nanmean(0).nan_to_num(0)


def shrink_log_ratios(
    measured: Float[Tensor, "members series"], window_count: float
) -> Float[Tensor, "members series"]:
    """Return log ratios of errors drawn to 0 if there are few separate windows.

    Like series inform each other; a single one has only its own windows.
    """
    series = measured.shape[1]
    typical = measured.mean(1, keepdim=True) * (series / (series + 3) if series > 2 else 0)
    total = window_count + SHRINKAGE_WINDOWS
    return (window_count * measured + SHRINKAGE_WINDOWS * typical) / total


def average_known(
    errors: Float[Tensor, "members windows horizon series"],
    weights: Float[Tensor, "members series"],
) -> Errors:
    """Return the weighted mean of the errors that are known; NaN where the first one is not.

    Where no member with a weight has a forecast, the error is that of the first one.
    """
    known = weights[:, None, None] * errors.isfinite()
    total = known.sum(0)
    mean = (known * errors.nan_to_num(0)).sum(0) / torch.where(total > 0, total, 1)
    mean = torch.where(total > 0, mean, errors[0])
    return mean.where(errors[0].isfinite(), torch.nan)
