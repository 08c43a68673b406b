"""revin_forecast/checks/backbone.py."""

import copy
import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from revin_forecast.backbones.base import CovariateBackbone
from revin_forecast.checks.compiled import expect_compiles, expect_exports, expect_onnx
from revin_forecast.checks.runner import (
    CheckResult,
    collect_results,
    expect,
    expect_close,
    expect_refusal,
    perturb,
    run_checks,
)

BackboneFactory = Callable[[int, int, int], nn.Module]
"""A class or call of (lookback, horizon, channels) that builds a backbone."""

SIZES = ((48, 12, 3), (37, 11, 1), (24, 25, 2))
"""(lookback, horizon, channels): even, odd with one channel, horizon beyond the look-back."""


def build_backbone(make: BackboneFactory, sizes: tuple[int, int, int] = SIZES[0]) -> nn.Module:
    """Build away from initialization, in float64, in evaluation mode."""
    return perturb(make(*sizes)).double().eval()


def random_windows(sizes: tuple[int, int, int] = SIZES[0], windows: int = 5) -> Tensor:
    """Return random float64 windows."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn((windows, sizes[0], sizes[2]), generator=generator, dtype=torch.float64)


class BackboneHarness(nn.Module):
    """A backbone with what it wants to know of each step.

    A single known input is the running number, several are waves within a half of zero, as calendar
    features are.
    """

    def __init__(self, backbone: nn.Module):
        super().__init__()
        self.backbone = backbone

    def forward(self, past: Tensor, first: Tensor) -> Tensor:
        """Forecast; `first` is (batch,), the number of each window's first step."""
        backbone = self.backbone
        if not isinstance(backbone, CovariateBackbone) or backbone.covariates == 0:
            return backbone(past)
        steps = torch.arange(backbone.lookback + backbone.horizon, device=past.device)
        known = (first.unsqueeze(1) + steps).unsqueeze(-1).to(past.dtype)
        if backbone.covariates > 1:
            speeds = torch.arange(1, backbone.covariates + 1, device=past.device)
            known = torch.sin(2 * math.pi / 24 * known * speeds) / 2
        return backbone(past, known=known)


def forecast_batch(backbone: nn.Module, past: Tensor, start: int = 0) -> Tensor:
    """Forecast windows, the first of which begins at a running number."""
    return BackboneHarness(backbone)(past, 7 * (start + torch.arange(len(past))))


OVERFIT_STEPS, MAX_ERROR_SHARE = 400, 0.02


def check_backbone(make: BackboneFactory, title: str | None = None, programs: bool = False) -> None:
    """Hold a backbone to the package's contract; prints a line for each promise.

    Args:
        make: the class, or a call that builds one from lookback, horizon and channels. A
            `CovariateBackbone` gets what `Asked` makes.
        title: the name to print; None: the class's.
        programs: also compile and export it, which takes some seconds.

    Raises:
        CheckError: on the first promise that doesn't hold, with what was measured.
    """
    run_checks(title or type(make(*SIZES[0])).__name__, _bind_checks(make, programs))


def audit_backbone(make: BackboneFactory, programs: bool = False) -> list[CheckResult]:
    """Return how every promise of the contract comes out, broken ones included.

    Args:
        make: as `check_backbone` takes it.
        programs: also compile and export it, which takes some seconds.
    """
    return list(collect_results(_bind_checks(make, programs)))


def _bind_checks(make: BackboneFactory, programs: bool) -> dict[str, Callable[[], str | None]]:
    promises = BACKBONE_CHECKS | (BACKBONE_PROGRAM_CHECKS if programs else {})
    return {promise: partial(check, make) for promise, check in promises.items()}


def check_shapes(make: BackboneFactory) -> None:
    """Any look-back, horizon and number of channels gives (batch, horizon, channels)."""
    for sizes in SIZES:
        for dtype in (torch.float64, torch.float32):
            ahead = forecast_batch(
                build_backbone(make, sizes).to(dtype), random_windows(sizes).to(dtype)
            )
            wanted = (5, sizes[1], sizes[2])
            expect(ahead.shape == wanted, f"{sizes} gives {tuple(ahead.shape)}, not {wanted}")
            expect(ahead.dtype == dtype, f"{dtype} comes back as {ahead.dtype}")
            expect(ahead.isfinite().all(), f"{sizes} gives numbers that are not finite")


def check_wrong_shapes_refused(make: BackboneFactory) -> None:
    """Windows of another length or number of channels are refused with a message."""
    backbone, past = build_backbone(make), random_windows()
    expect_refusal(
        lambda: forecast_batch(backbone, past[:, 1:]), "a window of 47 steps instead of 48"
    )
    expect_refusal(lambda: forecast_batch(backbone, past[..., :1]), "1 channel instead of 3")
    expect_refusal(lambda: backbone(past[0]), "a 2-D window")
    if isinstance(backbone, CovariateBackbone):
        wrong = torch.zeros(5, 60, backbone.covariates + 1).double()
        expect_refusal(lambda: backbone(past, known=wrong), "one known input too many")
        if backbone.covariates:
            expect_refusal(lambda: backbone(past), "no known inputs")


def check_parameter_gradients(make: BackboneFactory) -> str | None:
    """Every trainable parameter gets a gradient."""
    backbone = build_backbone(make).train()
    parameters = dict(backbone.named_parameters())
    if not parameters:
        return "no parameters"
    forecast_batch(backbone, random_windows(windows=16)).square().mean().backward()
    for name, parameter in parameters.items():
        gradient = parameter.grad
        expect(gradient is not None and gradient.abs().sum() > 0, f"{name} gets no gradient")
        expect(gradient is not None and gradient.isfinite().all(), f"{name}'s is not finite")
    return None


def check_windows_independent(make: BackboneFactory) -> None:
    """A window's forecast does not depend on the others in the batch."""
    backbone, past = build_backbone(make), random_windows()
    singles = [forecast_batch(backbone, one, place) for place, one in enumerate(past.split(1))]
    together = forecast_batch(backbone, past)
    unit = max(1.0, together.abs().max().item())
    expect_close(torch.cat(singles), together, 1e-10 * unit, "one window alone and in a batch")


def check_channels_independent(make: BackboneFactory) -> str | None:
    """Where the class says so, a channel's forecast does not depend on the others."""
    backbone, past = build_backbone(make), random_windows()
    if not getattr(backbone, "channel_independent", False):
        return "not claimed"
    other = past.clone()
    other[..., 1:] = 3 - 2 * other[..., 1:]
    kept, moved = forecast_batch(backbone, past), forecast_batch(backbone, other)
    expect_close(moved[..., 0], kept[..., 0], 1e-10, "a channel beside others")
    return None


def check_deterministic(make: BackboneFactory) -> None:
    """The same seed builds the same module; evaluation is repeatable and leaves input alone."""
    pair = []
    for _ in range(2):
        torch.manual_seed(3)
        pair.append(make(*SIZES[0]).eval())
    past = random_windows().float()
    kept = past.clone()
    expect_close(
        forecast_batch(pair[0], past),
        forecast_batch(pair[1], past),
        0.0,
        "two modules from one seed",
    )
    expect_close(
        forecast_batch(pair[0], past), forecast_batch(pair[0], past), 0.0, "two calls in evaluation"
    )
    expect_close(past, kept, 0.0, "the input after a call")


def check_train_and_eval_modes(make: BackboneFactory) -> None:
    """Training draws from torch's seed only, takes one window, and leaves evaluation as it was."""
    backbone, past = build_backbone(make), random_windows()
    before = forecast_batch(backbone, past)
    drawn = []
    for _ in range(2):
        twin = copy.deepcopy(backbone).train()
        torch.manual_seed(5)
        drawn.append(forecast_batch(twin, past))
    expect_close(drawn[0], drawn[1], 0.0, "training mode with the same seed")
    single = forecast_batch(copy.deepcopy(backbone).train(), past[:1])
    expect(single.isfinite().all(), "a last batch of one window gives numbers that are not finite")
    expect_close(
        forecast_batch(backbone.train().eval(), past), before, 0.0, "evaluation after training"
    )


def check_state_dict(make: BackboneFactory) -> None:
    """state_dict and deepcopy carry everything that the forecast depends on."""
    backbone, past = build_backbone(make), random_windows()
    fresh = make(*SIZES[0]).double().eval()
    fresh.load_state_dict(backbone.state_dict())
    wanted = forecast_batch(backbone, past)
    expect_close(forecast_batch(fresh, past), wanted, 0.0, "a module with the same state_dict")
    expect_close(forecast_batch(copy.deepcopy(backbone), past), wanted, 0.0, "a deepcopy")


def check_overfits_a_batch(make: BackboneFactory) -> str | None:
    """32 windows of two seasons are learnt to 2 % of their variance in 400 steps of Adam."""
    lookback, horizon, channels = SIZES[0]
    backbone = make(lookback, horizon, channels).eval()  # nothing dropped: it is to remember
    parameters = list(backbone.parameters())
    if not parameters:
        return "no parameters"
    first = 7 * torch.arange(32)
    time = (first.unsqueeze(1) + torch.arange(lookback + horizon)).unsqueeze(-1)
    turns = 2 * math.pi * (time / 24 + torch.arange(channels) / 5)
    values = turns.sin() + 0.5 * (2 * turns).cos()
    past, future = values[:, :lookback], values[:, lookback:]
    optimizer = torch.optim.Adam(parameters, lr=3e-3)
    wanted, error = MAX_ERROR_SHARE * future.var().item(), math.inf
    for _ in range(OVERFIT_STEPS):
        loss = (BackboneHarness(backbone)(past, first) - future).square().mean()
        error = loss.item()
        if error < wanted:
            return None
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    expect(False, f"{OVERFIT_STEPS} steps leave an error of {error:.3g}, wanted is {wanted:.3g}")
    return None


def check_compile(make: BackboneFactory) -> str | None:
    """torch.compile makes one graph with the eager result."""
    return expect_compiles(*_model_and_inputs(make))


def check_export(make: BackboneFactory) -> None:
    """torch.export takes it with a batch of any size."""
    model, *inputs = _model_and_inputs(make)
    expect_exports(model, tuple(value[:3] for value in inputs), tuple(inputs))


def check_onnx(make: BackboneFactory) -> str | None:
    """ONNX Runtime gives the same forecasts to 1e-5."""
    model, *inputs = _model_and_inputs(make)
    return expect_onnx(model, tuple(value[:3] for value in inputs), tuple(inputs))


def _model_and_inputs(make: BackboneFactory) -> tuple[nn.Module, *tuple[Tensor, ...]]:
    """Return a float32 model with its inputs: first numbers only for who wants to know."""
    model, past = BackboneHarness(build_backbone(make).float()).eval(), random_windows().float()
    if getattr(model.backbone, "covariates", 0):
        return model, past, 7 * torch.arange(len(past))
    return model.backbone, past


BACKBONE_CHECKS: dict[str, Callable[[BackboneFactory], str | None]] = {
    "shapes and dtypes, even and odd": check_shapes,
    "wrong shapes are refused": check_wrong_shapes_refused,
    "every parameter gets a gradient": check_parameter_gradients,
    "windows are independent": check_windows_independent,
    "channels are independent": check_channels_independent,
    "deterministic": check_deterministic,
    "training and evaluation mode": check_train_and_eval_modes,
    "state_dict and deepcopy": check_state_dict,
    "32 windows are learnt by heart": check_overfits_a_batch,
}

BACKBONE_PROGRAM_CHECKS: dict[str, Callable[[BackboneFactory], str | None]] = {
    "torch.compile in one graph": check_compile,
    "torch.export with any batch": check_export,
    "ONNX Runtime agrees to 1e-5": check_onnx,
}
