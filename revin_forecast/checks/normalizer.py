"""The contract of a normalizer: its checks and the functions that run them."""

from collections.abc import Callable
from functools import partial

import torch
from torch.distributions import Laplace, Normal

from revin_forecast.checks import behaviour, numerics
from revin_forecast.checks.adapted_layer import AdaptedLayer, LayerFactory, adapt_factory
from revin_forecast.checks.compiled import PROGRAM_CHECKS, share_exports
from revin_forecast.checks.equivariance import EQUIVARIANCE_CHECKS, PARTIAL_CHECKS
from revin_forecast.checks.runner import (
    Check,
    CheckResult,
    Remark,
    collect_results,
    expect,
    expect_close,
    expect_finite,
    run_checks,
)
from revin_forecast.checks.samples import (
    HORIZON,
    NormalizerFactory,
    as_forecast,
    build_normalizer,
    construct_normalizer,
    sample_windows,
)
from revin_forecast.normalizers.base import Normalizer, ValueKind
from revin_forecast.normalizers.learned import LearnedNormalizer
from revin_forecast.normalizers.partial_shift import PartialShift


def check_normalizer(make: LayerFactory, title: str | None = None, programs: bool = False) -> None:
    """Check a normalizer against the contract and print every result, failures worst first.

    Args:
        make: the class, or a function that builds a normalizer from the number of channels, for
            instance `functools.partial(RevIN, statistic="last")`. Layers of other code are called
            as they are written, for instance `layer(x, "norm")` and `layer(y, "denorm")`; the
            second line names the calls. Equivariances that they
            have for moderate data are required at every level and scale.
        title: name to print; None: the name of the class.
        programs: whether to compile and export a model with the normalizer, too, which takes some
            seconds.

    Raises:
        CheckError: a promise does not hold; the message names all that do not, and the measured
            value of the worst.
        InputError: the layer can't be built, or its calls are not known; the message has the code
            of an adapter.
    """
    factory, style = adapt_factory(make)
    normalizer = construct_normalizer(factory)
    layer = normalizer.layer if isinstance(normalizer, AdaptedLayer) else normalizer
    note = "" if style is None else f"called as {style.description}"
    with share_exports():
        run_checks(title or type(layer).__name__, _bind_checks(factory, programs), note)


def audit_normalizer(make: LayerFactory, programs: bool = False) -> list[CheckResult]:
    """Return the result of every promise of the contract without printing it.

    Args:
        make: as for `check_normalizer`.
        programs: whether to compile and export a model with the normalizer, too, which takes some
            seconds.

    Raises:
        InputError: the layer can't be built, or its calls are not known.
    """
    with share_exports():
        return list(collect_results(_bind_checks(adapt_factory(make)[0], programs)))


def _bind_checks(make: NormalizerFactory, programs: bool) -> dict[str, Check]:
    promises = NORMALIZER_CHECKS | (PROGRAM_CHECKS if programs else {})
    checks: dict[str, Check] = {
        promise: partial(check, make) for promise, check in promises.items()
    }
    normalizer = construct_normalizer(make)
    if isinstance(normalizer, AdaptedLayer):
        if not normalizer.style.takes_observed:
            checks["unobserved values do not matter"] = lambda: "takes no observed"
        if not normalizer.style.takes_kind:
            checks["spreads and variances get no level"] = lambda: "takes no kind of value"
    claims = normalizer.equivariant_to
    for claim, (promise, check) in EQUIVARIANCE_CHECKS.items():
        # Scaling all channels alike is a special case of scaling each.
        is_claimed = claim in claims or (claim == "common scale" and "scale" in claims)
        checks[promise] = partial(check, make) if is_claimed else lambda: "not claimed"
    if isinstance(normalizer, PartialShift):
        checks |= {promise: partial(check, make) for promise, check in PARTIAL_CHECKS.items()}
    return checks


def check_auxiliary_loss(make: NormalizerFactory) -> str | None:
    """The auxiliary loss is finite, even with gaps, and 20 steps of Adam reduce it."""
    normalizer = build_normalizer(make)
    if not isinstance(normalizer, LearnedNormalizer):
        return "no auxiliary loss"
    past, future = sample_windows(seed=3).float(), sample_windows(seed=4).float()[:, :HORIZON]

    def loss(truth: torch.Tensor) -> torch.Tensor:
        z, stats = normalizer.normalize(past)
        return normalizer.auxiliary_loss(stats, truth, as_forecast(z))

    for share in (1.0, 0.5, 0.0):
        gaps = torch.rand(future.shape, generator=torch.Generator().manual_seed(0)) > share
        value = loss(torch.where(gaps, torch.nan, future))
        expect(value.ndim == 0, f"the loss has shape {tuple(value.shape)}, not that of a scalar")
        expect_finite(value, f"the loss is {value.item()} with {share:.0%} observed targets")
    before = loss(future)
    parameters = [value for value in normalizer.parameters() if value.requires_grad]
    if not parameters:
        return "all parameters are frozen"
    gradients = torch.autograd.grad(before, parameters, allow_unused=True)
    size = sum(gradient.abs().sum().item() for gradient in gradients if gradient is not None)
    expect(size > 0, "the gradient of the loss reaches no parameter")
    optimizer = torch.optim.Adam(parameters, lr=1e-3)
    for _ in range(20):
        optimizer.zero_grad()
        loss(future).backward()
        optimizer.step()
    after = loss(future)
    expect(
        after < before, f"20 steps change the loss from {before.item():.4g} to {after.item():.4g}"
    )
    return None


def check_trailing_axis(make: NormalizerFactory) -> None:
    """A trailing axis of quantile levels or samples is denormalized element by element."""
    normalizer = build_normalizer(make)
    z, stats = normalizer.normalize(sample_windows().float())
    z = as_forecast(z)
    levels = torch.stack([z - 1, z, z + 1], dim=-1)
    kinds: tuple[ValueKind, ...] = ("location", "sample")
    for kind in kinds:
        joint = normalizer.denormalize(levels, stats, kind=kind)
        single = [normalizer.denormalize(level, stats, kind=kind) for level in levels.unbind(-1)]
        bound = 1e-6 * max(1.0, joint.abs().max().item())
        expect_close(joint, torch.stack(single, dim=-1), bound, f"levels mapped as {kind}")
    differences = normalizer.denormalize(levels, stats, "quantile").diff(dim=-1)
    expect((differences >= 0).all(), "quantile levels come back in descending order")


def check_value_kinds(make: NormalizerFactory) -> str | None:
    """A spread is multiplied by the scale without adding a level, a variance by its square."""
    normalizer = build_normalizer(make)
    z, stats = normalizer.normalize(sample_windows(level=50.0).float())
    z = as_forecast(z)
    if not normalizer.maps_scales:
        return "denormalize is not linear"
    ones = torch.ones_like(z)
    spread = normalizer.denormalize(ones, stats, "scale")
    step = (normalizer.denormalize(z + 1, stats) - normalizer.denormalize(z, stats)).abs()
    bound = 1e-4 * max(10.0, normalizer.denormalize(z, stats).abs().max().item())
    expect_close(spread, step, bound, "a spread of 1 against a step of 1")
    expect((spread > 0).all(), "a spread of 1 comes back as 0 or less")
    variance = normalizer.denormalize(ones, stats, "variance")
    expect_close(variance / spread.square(), ones, 1e-4, "a variance of 1")
    return None


def check_distributions(make: NormalizerFactory) -> str | None:
    """A distribution is denormalized with consistent quantiles and density."""
    if (
        type(construct_normalizer(make)).denormalize_distribution
        is Normalizer.denormalize_distribution
    ):
        return "not defined"
    normalizer = build_normalizer(make).double()
    z, stats = normalizer.normalize(sample_windows(level=50.0))
    location = as_forecast(z)
    for family in (Normal, Laplace):
        distribution = family(location, 0.3 + 0 * location)
        back = normalizer.denormalize_distribution(distribution, stats)
        sample = distribution.sample()
        value = normalizer.denormalize(sample, stats)
        # Change of variables: the density is divided by the numerical slope of denormalize.
        upper, lower = (normalizer.denormalize(sample + step, stats) for step in (1e-6, -1e-6))
        slope = upper - lower
        density = distribution.log_prob(sample) - (slope.abs() / 2e-6).log()
        expect_close(back.log_prob(value), density, 1e-4, f"log_prob of a {family.__name__}")
        probability = distribution.cdf(sample)
        # A negative affine weight reverses the order of the values.
        probability = torch.where(slope > 0, probability, 1 - probability)
        expect_close(back.cdf(value), probability, 1e-8, f"cdf of a {family.__name__}")
    return None


NORMALIZER_CHECKS: dict[str, Callable[[NormalizerFactory], str | Remark | None]] = {
    "denormalize undoes normalize": behaviour.check_round_trip,
    "renormalize undoes denormalize": behaviour.check_normalize_future,
    "statistics are values, not state": behaviour.check_stateless,
    "calls leave the module as it was": behaviour.check_module_unchanged,
    "training and evaluation agree": behaviour.check_modes,
    "deepcopy, pickle and state_dict after use": behaviour.check_copy_and_pickle,
    "float32 is right at level 1e6": numerics.check_precision,
    "half precision keeps its level": numerics.check_half_precision,
    "NaN and infinities are contained": numerics.check_non_finite_values,
    "unobserved values do not matter": numerics.check_ignores_unobserved,
    "constant and empty windows stay finite": numerics.check_empty_and_constant,
    "wrong shapes are refused": behaviour.check_wrong_shapes_refused,
    "targets are mapped by their own channel": behaviour.check_targets,
    "windows are independent": behaviour.check_windows_independent,
    "levels and samples on a trailing axis": check_trailing_axis,
    "spreads and variances get no level": check_value_kinds,
    "distributions keep a right density": check_distributions,
    "parameters near zero are safe": numerics.check_small_parameters,
    "gradients are finite, twice": numerics.check_gradients,
    "a loss of its own is finite and teaches": check_auxiliary_loss,
    "threads do not interfere": behaviour.check_thread_safety,
}
