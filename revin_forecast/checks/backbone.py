import copy
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from revin_forecast.checks.run import (
    CheckResult,
    expect,
    expect_close,
    expect_refusal,
    perturb,
    results_of,
    run_checks,
)

Make = Callable[[int, int, int], nn.Module]
"""A class or call of (lookback, horizon, channels) that builds a backbone."""

SIZES = ((48, 12, 3), (37, 11, 1), (24, 25, 2))
"""(lookback, horizon, channels): even, odd with one channel, horizon beyond the look-back."""


def check_backbone(make: Make, title: str | None = None) -> None:
    """Hold a backbone to the package's contract; prints a line for each promise.

    Args:
        make: the class, or a call that builds one from lookback, horizon and channels.
        title: the name to print; None: the class's.

    Raises:
        CheckError: on the first promise that doesn't hold, with what was measured.
    """
    run_checks(title or type(make(*SIZES[0])).__name__, _checks(make))


def audit_backbone(make: Make) -> list[CheckResult]:
    """Return how every promise of the contract comes out, broken ones included."""
    return list(results_of(_checks(make)))


def _checks(make: Make) -> dict[str, Callable[[], str | None]]:
    return {promise: partial(check, make) for promise, check in BACKBONE_CHECKS.items()}


def build(make: Make, sizes: tuple[int, int, int] = SIZES[0]) -> nn.Module:
    """Build away from initialization, in float64, in evaluation mode."""
    return perturb(make(*sizes)).double().eval()


def batch(sizes: tuple[int, int, int] = SIZES[0], windows: int = 5) -> Tensor:
    """Return random float64 windows."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn((windows, sizes[0], sizes[2]), generator=generator, dtype=torch.float64)


def check_shapes(make: Make) -> None:
    """Any look-back, horizon and number of channels gives (batch, horizon, channels)."""
    for sizes in SIZES:
        for dtype in (torch.float64, torch.float32):
            forecast = build(make, sizes).to(dtype)(batch(sizes).to(dtype))
            wanted = (5, sizes[1], sizes[2])
            expect(forecast.shape == wanted, f"{sizes} gives {tuple(forecast.shape)}, not {wanted}")
            expect(forecast.dtype == dtype, f"{dtype} comes back as {forecast.dtype}")
            expect(forecast.isfinite().all(), f"{sizes} gives numbers that are not finite")


def check_refusals(make: Make) -> None:
    """Windows of another length or number of channels are refused with a message."""
    backbone, past = build(make), batch()
    expect_refusal(lambda: backbone(past[:, 1:]), "a window of 47 steps instead of 48")
    expect_refusal(lambda: backbone(past[..., :1]), "1 channel instead of 3")
    expect_refusal(lambda: backbone(past[0]), "a 2-D window")


def check_parameter_gradients(make: Make) -> str | None:
    """Every trainable parameter gets a gradient."""
    backbone = build(make).train()
    parameters = dict(backbone.named_parameters())
    if not parameters:
        return "no parameters"
    backbone(batch()).square().mean().backward()
    for name, parameter in parameters.items():
        gradient = parameter.grad
        expect(gradient is not None and gradient.abs().sum() > 0, f"{name} gets no gradient")
    return None


def check_windows_independent(make: Make) -> None:
    """A window's forecast does not depend on the others in the batch."""
    backbone, past = build(make), batch()
    alone = torch.cat([backbone(one) for one in past.split(1)])
    expect_close(alone, backbone(past), 1e-10, "one window alone and in a batch")


def check_deterministic(make: Make) -> None:
    """The same seed builds the same module; evaluation is repeatable and leaves input alone."""
    pair = []
    for _ in range(2):
        torch.manual_seed(3)
        pair.append(make(*SIZES[0]).eval())
    past = batch().float()
    kept = past.clone()
    expect_close(pair[0](past), pair[1](past), 0.0, "two modules from one seed")
    expect_close(pair[0](past), pair[0](past), 0.0, "two calls in evaluation mode")
    expect_close(past, kept, 0.0, "the input after a call")


def check_state(make: Make) -> None:
    """state_dict and deepcopy carry everything that the forecast depends on."""
    backbone, past = build(make), batch()
    fresh = make(*SIZES[0]).double().eval()
    fresh.load_state_dict(backbone.state_dict())
    expect_close(fresh(past), backbone(past), 0.0, "a module with the same state_dict")
    expect_close(copy.deepcopy(backbone)(past), backbone(past), 0.0, "a deepcopy")


BACKBONE_CHECKS: dict[str, Callable[[Make], str | None]] = {
    "shapes and dtypes, even and odd": check_shapes,
    "wrong shapes are refused": check_refusals,
    "every parameter gets a gradient": check_parameter_gradients,
    "windows are independent": check_windows_independent,
    "deterministic": check_deterministic,
    "state_dict and deepcopy": check_state,
}
