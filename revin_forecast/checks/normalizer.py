from collections.abc import Callable
from functools import partial

from revin_forecast.checks import behaviour, kinds, learning, numbers
from revin_forecast.checks.equivariance import EQUIVARIANCE_CHECKS
from revin_forecast.checks.programs import PROGRAM_CHECKS
from revin_forecast.checks.run import CheckResult, NormalizerFactory, construct_normalizer, collect_results, run_checks

NORMALIZER_CHECKS: dict[str, Callable[[NormalizerFactory], str | None]] = {
    "denormalize undoes normalize": behaviour.check_round_trip,
    "renormalize undoes denormalize": behaviour.check_normalize_future,
    "statistics are values, not state": behaviour.check_stateless,
    "deepcopy, pickle and state_dict after use": behaviour.check_copy_and_pickle,
    "float32 is right at level 1e6": numbers.check_precision,
    "half precision keeps its level": numbers.check_half_precision,
    "NaN and infinities are contained": numbers.check_non_finite_values,
    "unobserved values do not matter": numbers.check_ignores_unobserved,
    "constant and empty windows stay finite": numbers.check_empty_and_constant,
    "wrong shapes are refused": behaviour.check_wrong_shapes_refused,
    "targets are mapped by their own channel": behaviour.check_targets,
    "windows are independent": behaviour.check_windows_independent,
    "levels and samples on a trailing axis": kinds.check_trailing_axis,
    "spreads and variances get no level": kinds.check_value_kinds,
    "distributions keep a right density": kinds.check_distributions,
    "parameters near zero are safe": numbers.check_small_parameters,
    "gradients are finite, twice": numbers.check_gradients,
    "a loss of its own is finite and teaches": learning.check_auxiliary_loss,
    "threads do not interfere": behaviour.check_thread_safety,
}


def check_normalizer(make: NormalizerFactory, title: str | None = None, programs: bool = False) -> None:
    """Hold a normalizer to the package's contract; prints a line for each promise.

    Args:
        make: the class, or a call that builds one for a number of channels, for instance
            `functools.partial(RevIN, statistic="last")`.
        title: the name to print; None: the class's.
        programs: also compile and export it inside a model, which takes some seconds.

    Raises:
        CheckError: on the first promise that doesn't hold, with what was measured.
    """
    title = title or type(construct_normalizer(make)).__name__
    run_checks(title, _bind_checks(make, programs))


def audit_normalizer(make: NormalizerFactory, programs: bool = False) -> list[CheckResult]:
    """Return how every promise of the contract comes out, broken ones included.

    Args:
        make: as `check_normalizer` takes it.
        programs: also compile and export it inside a model, which takes some seconds.
    """
    return list(collect_results(_bind_checks(make, programs)))


def _bind_checks(make: NormalizerFactory, programs: bool) -> dict[str, Callable[[], str | None]]:
    promises = NORMALIZER_CHECKS | (PROGRAM_CHECKS if programs else {})
    checks: dict[str, Callable[[], str | None]] = {
        promise: partial(check, make) for promise, check in promises.items()
    }
    claims = construct_normalizer(make).equivariant_to
    for claim, (promise, check) in EQUIVARIANCE_CHECKS.items():
        claimed = claim in claims or (claim == "common scale" and "scale" in claims)
        checks[promise] = partial(check, make) if claimed else lambda: "not claimed"
    return checks
