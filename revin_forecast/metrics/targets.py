"""Which targets are observed, and the error of each one: shared by the means and the sums.

An error is forecast - truth. Absolute and squared errors are `error.abs()` and `error.square()`.
"""

import torch
from torch import Tensor


def observed_targets(truth: Tensor, observed: Tensor | None = None) -> Tensor:
    """Return where the truth is finite and, if it is passed, `observed`."""
    # False for NaN, too. On a CPU, isfinite takes more than twice the time.
    is_finite = truth.abs() < torch.inf
    if observed is None:
        return is_finite
    check_shape("observed", observed, truth)
    return is_finite & observed


def mask_gaps(truth: Tensor, observed: Tensor | None = None) -> Tensor | None:
    """Return `observed_targets`, or None if all are known to be observed."""
    is_complete = observed is None and _is_known_finite(truth)
    return None if is_complete else observed_targets(truth, observed)


def pinball_losses(error: Tensor, level: Tensor | float) -> Tensor:
    """Return max(q e, (q - 1) e) with e = truth - forecast, the negative of `error`, at level q."""
    return torch.maximum(-level * error, (1 - level) * error)


def percentage_errors(error: Tensor, size: Tensor) -> Tensor:
    """Return 200 |error| / size with size = |forecast| + |truth|; 0 where both are 0."""
    return 200 * error.abs() / torch.where(size > 0, size, 1)


def is_covered(low_error: Tensor, high_error: Tensor) -> Tensor:
    """Return whether each truth is within [low, high], both ends included."""
    return (low_error <= 0) & (high_error >= 0)


def promote_to_float32(values: Tensor) -> Tensor:
    """Return values in float32 or a larger dtype."""
    # float16 ends at 65,504, and the sum over a batch is often larger.
    return values.to(torch.promote_types(values.dtype, torch.float32))


def check_shape(name: str, tensor: Tensor, truth: Tensor) -> None:
    """Raise ValueError if a tensor has another shape than the truth."""
    if tensor.shape != truth.shape:
        raise ValueError(
            f"the {name} has shape {tuple(tensor.shape)} but the truth {tuple(truth.shape)}; "
            "pass the same windows, steps and channels."
        )


def _is_known_finite(truth: Tensor) -> bool:
    """Return whether all values are finite, if reading them is cheap: in CPU memory, eagerly.

    The masks of a small model's loss took a tenth of its training step.
    """
    # Compilers can't follow data, and reading from a device would wait for it.
    if torch.compiler.is_compiling() or truth.device.type != "cpu":
        return False
    # torch has no public function for active tracing or functorch transforms.
    bindings = torch._C  # pyright: ignore[reportPrivateUsage]
    if bindings._get_tracing_state() is not None:  # pyright: ignore
        return False
    if bindings._are_functorch_transforms_active():  # pyright: ignore[reportPrivateUsage]
        return False
    return bool(truth.sum(dtype=torch.promote_types(truth.dtype, torch.float32)).isfinite())
