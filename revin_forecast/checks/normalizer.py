from collections.abc import Callable

from revin_forecast.checks import behaviour, numbers
from revin_forecast.checks.equivariance import EQUIVARIANCE_CHECKS
from revin_forecast.checks.run import CHANNELS, Make, run_checks

NORMALIZER_CHECKS: dict[str, Callable[[Make], str | None]] = {
    "denormalize undoes normalize": behaviour.check_round_trip,
    "statistics are values, not state": behaviour.check_values_not_state,
    "deepcopy, pickle and state_dict after use": behaviour.check_copies,
    "float32 is right at level 1e6": numbers.check_precision,
    "half precision keeps its level": numbers.check_half_precision,
    "NaN and infinities are contained": numbers.check_missing,
    "unobserved values do not matter": numbers.check_observed_subset,
    "constant and empty windows stay finite": numbers.check_empty_and_constant,
    "wrong shapes are refused": behaviour.check_channels,
    "targets are mapped by their own channel": behaviour.check_targets,
    "windows are independent": behaviour.check_independent_windows,
    "levels and samples on a trailing axis": behaviour.check_levels,
    "spreads and variances get no level": behaviour.check_kinds,
    "parameters near zero are safe": numbers.check_small_parameters,
    "gradients are finite, twice": numbers.check_gradients,
    "threads do not interfere": behaviour.check_threads,
}


def check_normalizer(make: Make, title: str | None = None) -> None:
    """Hold a normalizer to the package's contract; prints a line for each promise.

    Args:
        make: the class, or a call that builds one for a number of channels, for instance
            `functools.partial(RevIN, statistic="last")`.
        title: the name to print; None: the class's.

    Raises:
        CheckError: on the first promise that doesn't hold, with what was measured.
    """
    normalizer = make(CHANNELS)
    claims = normalizer.equivariant_to
    checks: dict[str, Callable[[], str | None]] = {
        promise: lambda check=check: check(make) for promise, check in NORMALIZER_CHECKS.items()
    }
    for claim, (promise, check) in EQUIVARIANCE_CHECKS.items():
        checks[promise] = (
            (lambda check=check: check(make)) if claim in claims else lambda: "not claimed"
        )
    run_checks(title or type(normalizer).__name__, checks)
