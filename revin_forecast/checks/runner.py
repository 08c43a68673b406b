"""Running of checks, and the assertions, windows and normalizers they share."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from revin_forecast.models.spec import select_accepted_sizes
from revin_forecast.normalizers.base import Normalizer

LOOKBACK, HORIZON, CHANNELS, WINDOWS = 48, 12, 3, 8
"""Sizes of the windows that normalizers are checked on."""

MIN_MESSAGE_LENGTH = 20
"""Shorter error messages do not explain the error."""

NormalizerFactory = Callable[..., Normalizer]
"""A class, or a function of (channels) that builds a normalizer. It also receives `lookback`,
`horizon` and `targets` if it takes them."""


class CheckError(AssertionError):
    """A class breaks the contract; the message names the promise and the measured value."""


@dataclass(frozen=True)
class CheckResult:
    """Result of one check."""

    promise: str
    holds: bool | None
    """None: the promise does not apply."""
    detail: str = ""
    """The measured value if the promise does not hold; the reason if it does not apply."""


def collect_results(checks: Mapping[str, Callable[[], str | None]]) -> Iterator[CheckResult]:
    """Run checks in order and yield their results; an exception counts as a failure.

    Args:
        checks: promise -> check. A check returns None if the promise holds, or the reason why it
            does not apply.
    """
    for promise, check in checks.items():
        try:
            # A seed for each check: a result does not depend on the checks that ran before it.
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                skip_reason = check()
        except Exception as error:
            # Any exception: the class under check is user code that may raise anything.
            detail = (
                str(error) if isinstance(error, CheckError) else f"{type(error).__name__}: {error}"
            )
            yield CheckResult(promise, False, detail)
        else:
            yield CheckResult(promise, True if skip_reason is None else None, skip_reason or "")


def run_checks(title: str, checks: Mapping[str, Callable[[], str | None]]) -> None:
    """Run checks in order and print one line per check.

    Args:
        title: name of the class under check.
        checks: as for `collect_results`.

    Raises:
        CheckError: a promise does not hold.
    """
    print(title)
    for result in collect_results(checks):
        print(format_result(result))
        if result.holds is False:
            raise CheckError(f"{title}: {result.promise}: {result.detail}")


def format_result(result: CheckResult) -> str:
    """Return the printed line of a result."""
    if result.holds is None:
        return f"  -      {result.promise} ({result.detail})"
    return f"  {'holds' if result.holds else 'FAILS'}  {result.promise}"


def expect(holds: bool | Tensor, message: str) -> None:
    """Raise CheckError with the message unless the promise holds."""
    if not bool(holds):
        raise CheckError(message)


def expect_close(actual: Tensor, expected: Tensor, atol: float, promise: str) -> None:
    """Raise CheckError unless both tensors are finite and differ by at most `atol`."""
    expect(
        actual.shape == expected.shape,
        f"{promise}: got {tuple(actual.shape)}, not {expected.shape}",
    )
    difference = (actual.double() - expected.double()).abs().max().item()
    # Written so that NaN fails, too.
    expect(difference <= atol, f"{promise}: differs by {difference:.3g}, allowed is {atol:.3g}")


def expect_refusal(call: Callable[[], object], description: str) -> None:
    """Raise CheckError unless the call raises a ValueError or TypeError with an explanation.

    Args:
        call: a call with wrong arguments.
        description: of the wrong arguments, as the subject of the message.
    """
    try:
        call()
    except (ValueError, TypeError) as error:
        expect(
            len(str(error)) > MIN_MESSAGE_LENGTH,
            f"{description} is refused, but the message explains nothing: {error!r}",
        )
    except Exception as error:
        name = type(error).__name__
        raise CheckError(f"{description} ends in {name}, not a clear error") from error
    else:
        raise CheckError(f"{description} is accepted silently")


def sample_windows(level: float = 10.0, deviation: float = 2.0, seed: int = 0) -> Tensor:
    """Return WINDOWS float64 windows of noise with a season and a drift."""
    generator = torch.Generator().manual_seed(seed)
    shape = (WINDOWS, LOOKBACK, CHANNELS)
    noise = torch.randn(shape, generator=generator, dtype=torch.float64)
    drift = torch.randn((WINDOWS, 1, CHANNELS), generator=generator, dtype=torch.float64)
    time = torch.linspace(0, 4, LOOKBACK, dtype=torch.float64).reshape(1, -1, 1)
    return level + deviation * (noise + torch.sin(6.28 * time) + drift * time)


def perturb(module: nn.Module, seed: int = 0) -> nn.Module:
    """Move every parameter away from its initial value, some to negative values.

    Matrices change so little that their products keep the size of their inputs.

    Returns:
        The module itself, changed in place.
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
    """Build a normalizer for CHANNELS channels, windows of `lookback` steps and HORIZON steps."""
    sizes = select_accepted_sizes(make, {"lookback": lookback, "horizon": HORIZON})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make(CHANNELS, **sizes, **options)


def build_normalizer(
    make: NormalizerFactory, seed: int = 0, lookback: int = LOOKBACK, **options: object
) -> Normalizer:
    """Build a normalizer as `construct_normalizer` does, with perturbed parameters."""
    normalizer = construct_normalizer(make, lookback, **options)
    perturb(normalizer, seed)
    return normalizer


def as_forecast(z: Tensor) -> Tensor:
    """Return the last HORIZON steps of a normalized window in place of a forecast."""
    return z[:, -HORIZON:]
