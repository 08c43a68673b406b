from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from revin_forecast.models.spec import select_accepted_sizes
from revin_forecast.normalizers.base import Normalizer

LOOKBACK, HORIZON, CHANNELS, WINDOWS = 48, 12, 3, 8

NormalizerFactory = Callable[..., Normalizer]
"""A class, or any call of (channels) that builds a normalizer; it is also passed `lookback`,
`horizon` and `targets` where it takes them."""


class CheckError(AssertionError):
    """A class breaks the contract; the message says which promise and by how much."""


def expect(holds: bool | Tensor, message: str) -> None:
    """Raise CheckError with the message unless the promise holds."""
    if not bool(holds):
        raise CheckError(message)


def expect_close(got: Tensor, wanted: Tensor, atol: float, promise: str) -> None:
    """Raise CheckError unless both are finite and differ by at most `atol` anywhere."""
    expect(got.shape == wanted.shape, f"{promise}: got {tuple(got.shape)}, not {wanted.shape}")
    gap = (got.double() - wanted.double()).abs().max().item()
    expect(gap <= atol, f"{promise}: differs by {gap:.3g}, allowed is {atol:.3g}")


def expect_refusal(call: Callable[[], object], got: str) -> None:
    """Raise CheckError unless the call is refused with a ValueError or TypeError that explains."""
    try:
        call()
    except (ValueError, TypeError) as error:
        expect(len(str(error)) > 20, f"{got} is refused, but the message says nothing: {error!r}")
    except Exception as error:
        raise CheckError(f"{got} ends in {type(error).__name__}, not a clear error") from error
    else:
        raise CheckError(f"{got} is accepted silently")


def sample_windows(level: float = 10.0, deviation: float = 2.0, seed: int = 0) -> Tensor:
    """Return WINDOWS float64 windows of noise with some season and drift."""
    generator = torch.Generator().manual_seed(seed)
    shape = (WINDOWS, LOOKBACK, CHANNELS)
    noise = torch.randn(shape, generator=generator, dtype=torch.float64)
    drift = torch.randn((WINDOWS, 1, CHANNELS), generator=generator, dtype=torch.float64)
    time = torch.linspace(0, 4, LOOKBACK, dtype=torch.float64).reshape(1, -1, 1)
    return level + deviation * (noise + torch.sin(6.28 * time) + drift * time)


def perturb(module: nn.Module, seed: int = 0) -> nn.Module:
    """Move every parameter away from where it starts, some to negative values; returns it.

    Matrices move by as much as keeps their products of the size of their inputs.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.rand(parameter.shape, generator=generator, dtype=torch.float64)
            if parameter.ndim > 1:
                parameter.add_((noise - 0.5) * 3 * parameter.shape[-1] ** -0.5)
                continue
            sign = torch.where(noise.frac().mul(7).frac() < 0.3, -1.0, 1.0)
            parameter.copy_((parameter + 0.3 + noise) * sign)
    return module


def construct_normalizer(
    make: NormalizerFactory, lookback: int = LOOKBACK, **options: object
) -> Normalizer:
    """Build for CHANNELS channels, windows of `lookback` steps and HORIZON steps to forecast."""
    sizes = select_accepted_sizes(make, {"lookback": lookback, "horizon": HORIZON})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make(CHANNELS, **sizes, **options)


def build_normalizer(
    make: NormalizerFactory, seed: int = 0, lookback: int = LOOKBACK, **options: object
) -> Normalizer:
    """Build as `construct` does, away from initialization."""
    normalizer = construct_normalizer(make, lookback, **options)
    perturb(normalizer, seed)
    return normalizer


def as_forecast(z: Tensor) -> Tensor:
    """Take the last HORIZON steps of a normalized window for a forecast."""
    return z[:, -HORIZON:]


@dataclass(frozen=True)
class CheckResult:
    """How one promise came out."""

    promise: str
    holds: bool | None
    """None: it does not apply."""
    detail: str = ""
    """What was measured where it does not hold; why, where it does not apply."""


def collect_results(checks: Mapping[str, Callable[[], str | None]]) -> Iterator[CheckResult]:
    """Run checks in order, whatever comes of each.

    Args:
        checks: promise -> check; it returns None when the promise holds, or why it does not apply.
    """
    for promise, check in checks.items():
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                skipped = check()
        except Exception as error:
            detail = (
                str(error) if isinstance(error, CheckError) else f"{type(error).__name__}: {error}"
            )
            yield CheckResult(promise, False, detail)
        else:
            yield CheckResult(promise, True if skipped is None else None, skipped or "")


def run_checks(title: str, checks: Mapping[str, Callable[[], str | None]]) -> None:
    """Run checks in order, printing a line for each.

    Args:
        title: what is checked.
        checks: promise -> check; it returns None when the promise holds, or why it does not apply.

    Raises:
        CheckError: on the first promise that does not hold.
    """
    print(title)
    for result in collect_results(checks):
        print(format_result(result))
        if result.holds is False:
            raise CheckError(f"{title}: {result.promise}: {result.detail}")


def format_result(result: CheckResult) -> str:
    """Return a line about a result."""
    if result.holds is None:
        return f"  -      {result.promise} ({result.detail})"
    return f"  {'holds' if result.holds else 'FAILS'}  {result.promise}"
