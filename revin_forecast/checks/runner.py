"""Running of checks, their results, and the assertions they share."""

import math
import re
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

RAISES = re.compile(r"(?:^|: *)(?:raise|assert) ")
"""A line of code that raises an error on purpose, also after a condition in the same line."""
MIN_MESSAGE_LENGTH = 20
"""Shorter error messages do not explain the error."""
MAX_REMARK_LENGTH = 80
"""Longer messages of refusals are cut."""
MAX_DETAIL_LENGTH = 300
"""Longer details are cut where failures are listed."""

FailureKind = Literal["leak", "wrong value", "not finite", "structure", "error"]
"""Kinds of failures, worst first.

leak: a result depends on another call, thread or window, which a test of one call can't show.
wrong value: a number is wrong, without an error.
not finite: a number is NaN or infinite where it must not be, which is visible.
structure: a wrong shape or dtype, state left on the module, wrong input accepted, a missing
gradient.
error: an exception, which can't be overlooked.
"""
FAILURE_KINDS: tuple[FailureKind, ...] = get_args(FailureKind)


@dataclass(frozen=True)
class CheckResult:
    """Result of one check."""

    promise: str
    holds: bool | None
    """None: the promise does not apply."""
    detail: str = ""
    """The measured value if the promise does not hold; the reason if it does not apply; a remark
    if it holds with an exemption."""
    kind: FailureKind | None = None
    """Kind of the failure; None if the promise holds or does not apply."""
    excess: float = 0.0
    """Measured error of a failure as a multiple of its allowance; 0 if it has no such measure."""


class CheckError(AssertionError):
    """A class breaks the contract; the message names the promises and the worst measured value."""

    def __init__(
        self,
        message: str,
        kind: FailureKind = "structure",
        excess: float = 0.0,
        failures: Sequence[CheckResult] = (),
    ):
        super().__init__(message)
        self.kind: FailureKind = kind
        """Kind of the failure, the worst one if there are several."""
        self.excess = excess
        """Measured error as a multiple of its allowance; 0 if it has no such measure."""
        self.failures = tuple(failures)
        """The failed promises, worst first; empty if a single check raised the error."""


@dataclass(frozen=True)
class Remark:
    """Returned by a check whose promise holds, with an exemption or a note to print."""

    text: str
    """The exemption or note."""


Check = Callable[[], str | Remark | None]
"""A check returns None if the promise holds, a `Remark` if it holds with a note, or the reason why
it does not apply. It raises `CheckError` otherwise."""


def collect_results(checks: Mapping[str, Check]) -> Iterator[CheckResult]:
    """Run checks in order and yield their results; an exception counts as a failure.

    Args:
        checks: promise -> check.
    """
    for promise, check in checks.items():
        try:
            # A seed for each check: a result does not depend on the checks that ran before it.
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                outcome = check()
        except CheckError as error:
            yield CheckResult(promise, False, str(error), error.kind, error.excess)
        except Exception as error:
            # Any exception: the class under check is user code that may raise anything.
            yield CheckResult(promise, False, f"{type(error).__name__}: {error}", "error")
        else:
            if isinstance(outcome, Remark):
                yield CheckResult(promise, True, outcome.text)
            else:
                yield CheckResult(promise, True if outcome is None else None, outcome or "")


def run_checks(title: str, checks: Mapping[str, Check], note: str = "") -> None:
    """Run all checks, print one line per check, then list the failures, worst first.

    Args:
        title: name of the class under check.
        checks: as for `collect_results`.
        note: line to print below the title.

    Raises:
        CheckError: a promise does not hold; the message names all that do not.
    """
    print(title)
    if note:
        print(f"  {note}")
    results: list[CheckResult] = []
    for result in collect_results(checks):
        print(format_result(result))
        results.append(result)
    failures = sort_failures(results)
    if failures:
        print(f"{count_failures(len(failures), len(results))}, worst first:")
        print("\n".join(f"  {line}" for line in format_failures(failures)))
        raise combine_failures(title, failures)


def sort_failures(results: Sequence[CheckResult]) -> list[CheckResult]:
    """Return the failed results, worst first.

    They are sorted by kind, see `FailureKind`, and within a kind by the measured error as a
    multiple of its allowance.
    """
    failures = [result for result in results if result.holds is False]
    return sorted(
        failures, key=lambda result: (FAILURE_KINDS.index(result.kind or "error"), -result.excess)
    )


def format_failures(failures: Sequence[CheckResult]) -> list[str]:
    """Return one numbered line per failure with its measured value."""
    return [
        f"{number}. {result.promise}: {shorten(result.detail, MAX_DETAIL_LENGTH)}"
        for number, result in enumerate(failures, start=1)
    ]


def count_failures(failed: int, total: int) -> str:
    """Return the number of failed promises as a clause.

    >>> count_failures(1, 22)
    '1 of 22 promises does not hold'
    """
    return f"{failed} of {total} promises {'does' if failed == 1 else 'do'} not hold"


def combine_failures(title: str, failures: Sequence[CheckResult]) -> CheckError:
    """Return one error that names all failed promises, with the measured value of the worst.

    Args:
        title: name of the class under check.
        failures: at least one, worst first.
    """
    worst = failures[0]
    message = f"{title}: {worst.promise}: {worst.detail}"
    if len(failures) > 1:
        others = "; ".join(result.promise for result in failures[1:])
        message += f"\n{len(failures) - 1} more: {others}"
    return CheckError(message, worst.kind or "error", worst.excess, failures)


def shorten(text: str, length: int = MAX_REMARK_LENGTH) -> str:
    """Return a message on one line and cut to a length."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 3]}..."


def format_result(result: CheckResult) -> str:
    """Return the printed line of a result."""
    if result.holds is None:
        return f"  -      {result.promise} ({result.detail})"
    if result.holds:
        return f"  holds  {result.promise}" + (f" ({result.detail})" if result.detail else "")
    return f"  FAILS  {result.promise}"


def expect(holds: bool | Tensor, message: str, kind: FailureKind = "structure") -> None:
    """Raise CheckError with the message unless the promise holds."""
    if not bool(holds):
        raise CheckError(message, kind)


def expect_finite(values: Tensor, message: str) -> None:
    """Raise CheckError with the message unless all values are finite."""
    expect(values.isfinite().all(), message, "not finite")


def expect_close(
    actual: Tensor,
    expected: Tensor,
    atol: float,
    promise: str,
    kind: FailureKind = "wrong value",
) -> None:
    """Raise CheckError unless both tensors are finite and differ by at most `atol`."""
    expect(
        actual.shape == expected.shape,
        f"{promise}: got {tuple(actual.shape)}, not {tuple(expected.shape)}",
    )
    difference = (actual.double() - expected.double()).abs().max().item()
    # The allowance of an exact comparison is 0. Its excess is measured in roundings.
    rounding = torch.finfo(torch.float32).eps * max(1.0, expected.detach().abs().max().item())
    expect_at_most(
        difference,
        atol,
        f"{promise}: differs by {difference:.3g}, allowed is {atol:.3g}",
        kind,
        difference / (atol or rounding),
    )


def expect_at_most(
    error: float,
    bound: float,
    message: str,
    kind: FailureKind = "wrong value",
    excess: float | None = None,
) -> None:
    """Raise CheckError with the message unless the error is a number and at most `bound`.

    Args:
        error: measured error.
        bound: largest allowed error.
        message: with both numbers.
        kind: kind of the failure if the error is finite.
        excess: error as a multiple of its allowance; None: `error / bound`.
    """
    if error <= bound:  # NaN fails, too
        return
    if not math.isfinite(error):
        raise CheckError(message, "not finite", math.inf)
    raise CheckError(message, kind, error / bound if excess is None else excess)


def is_explained(error: Exception) -> bool:
    """Return whether a module refuses a call on purpose, with an explanation.

    The error comes from a `raise` statement; one from inside torch's operators is an accident.
    """
    frames = traceback.extract_tb(error.__traceback__)
    is_raised = bool(frames) and RAISES.search(frames[-1].line or "") is not None
    return is_raised and len(str(error)) > MIN_MESSAGE_LENGTH


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
            "error",
        )
    except Exception as error:
        name = type(error).__name__
        raise CheckError(f"{description} ends in {name}, not a clear error", "error") from error
    else:
        raise CheckError(f"{description} is accepted silently")
