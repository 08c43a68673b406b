"""The contract of a backbone: shapes, gradients, independence, determinism and learning."""

import copy
import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from revin_forecast.backbones.base import CovariateBackbone
from revin_forecast.checks.backbone_harness import (
    SIZES,
    BackboneFactory,
    BackboneHarness,
    build_backbone,
    forecast_batch,
    random_windows,
)
from revin_forecast.checks.compiled import (
    expect_compiles,
    expect_exports,
    expect_onnx,
    share_exports,
    share_latest,
)
from revin_forecast.checks.module_state import (
    find_changes,
    format_names,
    is_registered,
    snapshot,
)
from revin_forecast.checks.runner import (
    Check,
    CheckError,
    CheckResult,
    Remark,
    collect_results,
    expect,
    expect_close,
    expect_finite,
    expect_refusal,
    run_checks,
)

OVERFIT_STEPS, MAX_ERROR_SHARE = 400, 0.02
"""Optimizer steps to learn a batch, and the largest remaining share of its variance."""


def check_backbone(make: BackboneFactory, title: str | None = None, programs: bool = False) -> None:
    """Check a backbone against the contract and print every result, failures worst first.

    Args:
        make: the class, or a function that builds a backbone from lookback, horizon and channels.
            A `CovariateBackbone` receives the known inputs of `BackboneHarness`.
        title: name to print; None: the name of the class.
        programs: whether to compile and export the backbone, too, which takes some seconds.

    Raises:
        CheckError: a promise does not hold; the message names all that do not, and the measured
            value of the worst.
    """
    with share_exports():
        run_checks(title or type(make(*SIZES[0])).__name__, _bind_checks(make, programs))


def audit_backbone(make: BackboneFactory, programs: bool = False) -> list[CheckResult]:
    """Return the result of every promise of the contract without printing it.

    Args:
        make: as for `check_backbone`.
        programs: whether to compile and export the backbone, too, which takes some seconds.
    """
    with share_exports():
        return list(collect_results(_bind_checks(make, programs)))


def _bind_checks(make: BackboneFactory, programs: bool) -> dict[str, Check]:
    promises = BACKBONE_CHECKS | (BACKBONE_PROGRAM_CHECKS if programs else {})
    return {promise: partial(check, make) for promise, check in promises.items()}


def check_shapes(make: BackboneFactory) -> None:
    """Any look-back, horizon and number of channels gives (batch, horizon, channels)."""
    for sizes in SIZES:
        for dtype in (torch.float64, torch.float32):
            forecast = forecast_batch(
                build_backbone(make, sizes).to(dtype), random_windows(sizes).to(dtype)
            )
            shape = (5, sizes[1], sizes[2])
            expect(forecast.shape == shape, f"{sizes} gives {tuple(forecast.shape)}, not {shape}")
            expect(forecast.dtype == dtype, f"{dtype} comes back as {forecast.dtype}")
            expect(forecast.isfinite().all(), f"{sizes} gives numbers that are not finite")


def check_wrong_shapes_refused(make: BackboneFactory) -> None:
    """Windows of another length or number of channels raise an error with a message."""
    backbone, past = build_backbone(make), random_windows()
    expect_refusal(
        lambda: forecast_batch(backbone, past[:, 1:]), "a window of 47 steps instead of 48"
    )
    expect_refusal(lambda: forecast_batch(backbone, past[..., :1]), "1 channel instead of 3")
    expect_refusal(lambda: backbone(past[0]), "a 2-D window")
    if isinstance(backbone, CovariateBackbone):
        extra_known = torch.zeros(5, 60, backbone.covariates + 1).double()
        expect_refusal(lambda: backbone(past, known=extra_known), "one known input too many")
        if backbone.covariates:
            expect_refusal(lambda: backbone(past), "no known inputs")


def check_parameter_gradients(make: BackboneFactory) -> str | Remark | None:
    """Every trainable parameter gets a gradient; frozen ones are exempt."""
    backbone = build_backbone(make).train()
    named = dict(backbone.named_parameters())
    frozen = [name for name, parameter in named.items() if not parameter.requires_grad]
    parameters = {name: value for name, value in named.items() if name not in frozen}
    if not parameters:
        return "all parameters are frozen" if frozen else "no parameters"
    forecast_batch(backbone, random_windows(windows=16)).square().mean().backward()
    for name, parameter in parameters.items():
        gradient = parameter.grad
        if gradient is None or not bool(gradient.any()):
            raise CheckError(f"{name} gets no gradient")
        expect_finite(gradient, f"the gradient of {name} is not finite")
    return Remark(f"frozen and exempt: {format_names(frozen)}") if frozen else None


def check_windows_independent(make: BackboneFactory) -> None:
    """A window's forecast does not depend on the others in the batch."""
    backbone, past = build_backbone(make), random_windows()
    singles = [
        forecast_batch(backbone, window, number) for number, window in enumerate(past.split(1))
    ]
    batched = forecast_batch(backbone, past)
    unit = max(1.0, batched.abs().max().item())
    promise = "one window alone and in a batch"
    expect_close(torch.cat(singles), batched, 1e-10 * unit, promise, "leak")


def check_channels_independent(make: BackboneFactory) -> str | None:
    """If the class claims so, a channel's forecast does not depend on the others."""
    backbone, past = build_backbone(make), random_windows()
    if not getattr(backbone, "channel_independent", False):
        return "not claimed"
    changed = past.clone()
    changed[..., 1:] = 3 - 2 * changed[..., 1:]
    before, after = forecast_batch(backbone, past), forecast_batch(backbone, changed)
    expect_close(after[..., 0], before[..., 0], 1e-10, "a channel after a change of the others")
    return None


def check_deterministic(make: BackboneFactory) -> None:
    """The same seed builds the same module; evaluation is repeatable and changes nothing.

    Neither the input nor a parameter or buffer changes. Other attributes may: a backbone that keeps
    its attention weights does no harm.
    """
    pair = []
    for _ in range(2):
        torch.manual_seed(3)
        pair.append(make(*SIZES[0]).eval())
    past = random_windows().float()
    original = past.clone()
    expect_close(
        forecast_batch(pair[0], past),
        forecast_batch(pair[1], past),
        0.0,
        "two modules from one seed",
    )
    expect_close(
        forecast_batch(pair[0], past), forecast_batch(pair[0], past), 0.0, "two calls in evaluation"
    )
    expect_close(past, original, 0.0, "the input after a call")
    fresh = make(*SIZES[0]).eval()
    before = snapshot(fresh)
    forecast_batch(fresh, past)
    changes = find_changes(before, snapshot(fresh))
    registered = [name for name in changes if is_registered(fresh, name)]
    expect(not registered, f"a call in evaluation changes {format_names(registered)}")


def check_train_and_eval_modes(make: BackboneFactory) -> None:
    """Training uses only torch's seed, accepts one window and does not change evaluation."""
    backbone, past = build_backbone(make), random_windows()
    before = forecast_batch(backbone, past)
    forecasts = []
    for _ in range(2):
        twin = copy.deepcopy(backbone).train()
        torch.manual_seed(5)
        forecasts.append(forecast_batch(twin, past))
    expect_close(forecasts[0], forecasts[1], 0.0, "training mode with the same seed")
    single = forecast_batch(copy.deepcopy(backbone).train(), past[:1])
    expect(single.isfinite().all(), "a last batch of one window gives numbers that are not finite")
    expect_close(
        forecast_batch(backbone.train().eval(), past), before, 0.0, "evaluation after training"
    )


def check_state_dict(make: BackboneFactory) -> None:
    """state_dict and deepcopy contain everything that the forecast depends on."""
    backbone, past = build_backbone(make), random_windows()
    fresh = make(*SIZES[0]).double().eval()
    fresh.load_state_dict(backbone.state_dict())
    expected = forecast_batch(backbone, past)
    expect_close(forecast_batch(fresh, past), expected, 0.0, "a module with the same state_dict")
    expect_close(forecast_batch(copy.deepcopy(backbone), past), expected, 0.0, "a deepcopy")


def check_overfits_a_batch(make: BackboneFactory) -> str | None:
    """400 steps of Adam fit 32 windows with two seasons to 2 % of their variance."""
    lookback, horizon, channels = SIZES[0]
    backbone = make(
        lookback, horizon, channels
    ).eval()  # without dropout, which hinders overfitting
    parameters = [parameter for parameter in backbone.parameters() if parameter.requires_grad]
    if not parameters:
        return "no trainable parameters"
    first = 7 * torch.arange(32)
    time = (first.unsqueeze(1) + torch.arange(lookback + horizon)).unsqueeze(-1)
    angles = 2 * math.pi * (time / 24 + torch.arange(channels) / 5)
    values = angles.sin() + 0.5 * (2 * angles).cos()
    past, future = values[:, :lookback], values[:, lookback:]
    optimizer = torch.optim.Adam(parameters, lr=3e-3)
    max_error, error = MAX_ERROR_SHARE * future.var().item(), math.inf
    for _ in range(OVERFIT_STEPS):
        loss = (BackboneHarness(backbone)(past, first) - future).square().mean()
        error = loss.item()
        if error < max_error:
            return None
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    expect(
        False, f"{OVERFIT_STEPS} steps leave an error of {error:.3g}, allowed is {max_error:.3g}"
    )
    return None


def check_compile(make: BackboneFactory) -> str | None:
    """torch.compile produces one graph with the eager result."""
    return expect_compiles(*_model_and_inputs(make))


def check_export(make: BackboneFactory) -> None:
    """torch.export produces a program for batches of any size."""
    model, *inputs = share_latest("model", make, lambda: _model_and_inputs(make))
    expect_exports(model, tuple(value[:3] for value in inputs), tuple(inputs))


def check_onnx(make: BackboneFactory) -> str | None:
    """ONNX Runtime gives the same forecasts to 1e-5."""
    model, *inputs = share_latest("model", make, lambda: _model_and_inputs(make))
    return expect_onnx(model, tuple(value[:3] for value in inputs), tuple(inputs))


def _model_and_inputs(make: BackboneFactory) -> tuple[nn.Module, *tuple[Tensor, ...]]:
    """Return a float32 model and its inputs, with step numbers only if it takes known inputs."""
    model, past = BackboneHarness(build_backbone(make).float()).eval(), random_windows().float()
    if getattr(model.backbone, "covariates", 0):
        return model, past, 7 * torch.arange(len(past))
    return model.backbone, past


BACKBONE_CHECKS: dict[str, Callable[[BackboneFactory], str | Remark | None]] = {
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
