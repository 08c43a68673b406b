"""Every normalizer passes the public contract, and the contract catches broken normalizers."""

import functools
import io
import re

import pytest
import torch
from torch import nn

from revin_forecast.checks import NORMALIZER_CHECKS, CheckError, check_normalizer
from revin_forecast.checks.behaviour import check_thread_safety
from revin_forecast.checks.equivariance import PARTIAL_CHECKS
from revin_forecast.checks.samples import as_forecast, build_normalizer, sample_windows
from revin_forecast.normalizers import (
    DAIN,
    DDN,
    EMA,
    FAN,
    SAN,
    Arcsinh,
    Blend,
    Causal,
    DifferenceScale,
    DishTS,
    Identity,
    LastValue,
    LearnedNormalizer,
    LocationScale,
    LogMean,
    MeanScale,
    NoRIN,
    Normalizer,
    RevIN,
    Robust,
    ShrunkLevel,
    Stationary,
)
from revin_forecast.normalizers.statistics import CentredWindows


def build_shaped_norin(channels, targets=None):
    """Return NoRIN with another shape in each channel, as after fitting."""
    normalizer = NoRIN(channels, targets)
    rows = torch.randn(2000, channels, generator=torch.Generator().manual_seed(0)).double()
    rows[:, 0], rows[:, 1:2] = rows[:, 0].exp(), torch.sinh(2 * rows[:, 1:2])
    normalizer.initialize_from(rows, 50)
    return normalizer


NORMALIZERS = {
    "Identity": Identity,
    "LastValue": LastValue,
    "RevIN": RevIN,
    "RevIN last": functools.partial(RevIN, statistic="last"),
    "RevIN median": functools.partial(RevIN, statistic="median"),
    "RevIN without affine": functools.partial(RevIN, affine=False),
    "RevIN additive eps": functools.partial(RevIN, eps=1e-5),
    "RevIN unbiased": functools.partial(RevIN, correction=1),
    "RevIN with gradient": functools.partial(RevIN, detach=False),
    "MeanScale": MeanScale,
    "DifferenceScale": DifferenceScale,
    "DifferenceScale of 12 rows": functools.partial(DifferenceScale, rows=12),
    "LogMean": LogMean,
    "Robust": Robust,
    "R2-IN": functools.partial(Robust, spread="mad", affine=True),
    "EMA": EMA,
    "EMA of 3 steps": functools.partial(EMA, half_life=3.0),
    "Arcsinh": Arcsinh,
    "NoRIN": NoRIN,
    "NoRIN with shapes": build_shaped_norin,
    "Causal": Causal,
    "Causal that forgets": functools.partial(Causal, half_life=12.0),
    "Blend": Blend,
    "ShrunkLevel": ShrunkLevel,
    "Stationary": Stationary,
    "DAIN": DAIN,
    "DishTS": DishTS,
    "DishTS without affine": functools.partial(DishTS, affine=False),
    "SAN": functools.partial(SAN, slice_length=7, hidden=32),
    "DDN": DDN,
    "DDN linear with an even window": functools.partial(DDN, window=4, layers=0),
    "FAN": FAN,
}


@pytest.mark.parametrize("name", NORMALIZERS)
@pytest.mark.usefixtures("plain_shapes")
def test_contract(name, capsys):
    check_normalizer(NORMALIZERS[name], name)
    printed = capsys.readouterr().out
    assert printed.startswith(name)
    claims = 5 if name == "ShrunkLevel" else 3
    assert printed.count("holds") + printed.count("  -  ") == claims + len(NORMALIZER_CHECKS)
    assert printed.count("holds") >= len(NORMALIZER_CHECKS) - 3
    assert "FAILS" not in printed


@pytest.mark.parametrize(
    ("eps", "broken"),
    [
        (None, ["parameters near zero are safe"]),
        # The way back divides by w + eps^2, so the round trip is off by eps^2 / w.
        (1e-5, ["denormalize undoes normalize", "parameters near zero are safe"]),
    ],
)
@pytest.mark.usefixtures("plain_shapes")
def test_unguarded_weights_break_these_promises_only(eps, broken):
    unguarded = functools.partial(RevIN, affine="unguarded", eps=eps)
    failures = []
    for promise, check in NORMALIZER_CHECKS.items():
        try:
            check(unguarded)
        except CheckError:
            failures.append(promise)
    assert failures == broken


def test_contract_with_shape_checks():
    check_values = NORMALIZER_CHECKS["levels and samples on a trailing axis"]
    assert check_values(RevIN) is None


def normalize_windows(name):
    """Return a normalizer away from initialization, a forecast on its scale and its statistics."""
    normalizer = build_normalizer(NORMALIZERS[name])
    with torch.no_grad():
        z, stats = normalizer.normalize(sample_windows().float())
    return normalizer, as_forecast(z), stats


@pytest.mark.parametrize("name", NORMALIZERS)
@pytest.mark.usefixtures("plain_shapes")
def test_unknown_kinds_and_quantiles_without_levels_are_refused(name):
    normalizer, z, stats = normalize_windows(name)
    for kind in ("std", "mean", "Scale", None):
        with pytest.raises(ValueError, match=f'"quantile" or "sample" but got {kind!r}. Pass "sc'):
            normalizer.denormalize(z, stats, kind)
    message = r"maps back quantiles .* got shape \(.*\)\. Add .*: future\.unsqueeze\(-1\) for"
    with pytest.raises(ValueError, match=message):
        normalizer.denormalize(z, stats, "quantile")
    median = normalizer.denormalize(z.unsqueeze(-1), stats, "quantile").squeeze(-1)
    torch.testing.assert_close(median, normalizer.denormalize(z, stats))


def to_plain_tuple(stats):
    """Return statistics as a traced program does: without the names of their parts."""
    parts = stats if isinstance(stats, tuple) else ()
    return tuple(to_plain_tuple(part) for part in parts) if parts else stats


@pytest.mark.parametrize("name", NORMALIZERS)
@pytest.mark.usefixtures("plain_shapes")
def test_statistics_are_loaded_as_weights_and_accepted_as_plain_tuples(name):
    normalizer, z, stats = normalize_windows(name)
    file = io.BytesIO()
    torch.save(stats, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=True)
    assert type(loaded) is type(stats)
    expected = normalizer.denormalize(z, stats)
    for other in (loaded, to_plain_tuple(stats), list(to_plain_tuple(stats))):
        assert torch.equal(normalizer.denormalize(z, other), expected)
    factors = normalizer.factors(to_plain_tuple(stats))
    assert (factors is None) == (normalizer.factors(stats) is None)
    assert type(factors) is type(normalizer.factors(stats))


@pytest.mark.parametrize("name", NORMALIZERS)
@pytest.mark.usefixtures("plain_shapes")
def test_other_statistics_are_refused(name):
    normalizer, z, stats = normalize_windows(name)
    wanted = f"needs the statistics {type(stats).__name__}\\({', '.join(stats._fields)}\\) but got"
    plain = to_plain_tuple(stats)
    for other, got in (
        (CentredWindows(*[z] * 5), r"CentredWindows\(values, anchor"),
        ((*plain, z), f"a tuple of {len(stats) + 1}\\."),
        (z, r"a Tensor\. Pass the statistics that normalize returned"),
        ({"values": z}, r"a dict\. Pass"),
        (None, "None"),
    ):
        with pytest.raises(TypeError, match=f"{wanted} {got}"):
            normalizer.denormalize(z, other)
    with pytest.raises(TypeError, match=r"needs statistics that are tensors but got 2\.0|got 2\.0"):
        normalizer.denormalize(z, (2.0,) * len(stats))


@pytest.mark.slow
@pytest.mark.usefixtures("plain_shapes")
def test_three_thousand_calls_from_two_threads():
    check_thread_safety(RevIN, calls=3000)
    assert check_thread_safety(LastValue, calls=3000) is None


class _Broken(Normalizer):
    """The reference formula, with one defect at a time."""

    def __init__(self, channels, targets=None):
        super().__init__(channels, targets)
        self.affine_weight = nn.Parameter(torch.ones(channels))
        self.affine_bias = nn.Parameter(torch.zeros(channels))

    def normalize(self, past, observed=None):
        mean = past.mean(1, keepdim=True)
        scale = (past.var(1, keepdim=True, correction=0) + 1e-5).sqrt()
        z = (past - mean) / scale * self.affine_weight + self.affine_bias
        return z, LocationScale(mean, mean * 0, scale)

    def denormalize(self, future, stats, kind="location"):
        shape = (1, 1, -1, *[1] * (future.ndim - 3))
        stats = stats.add_trailing_axes(future)
        weight, bias = self.affine_weight.reshape(shape), self.affine_bias.reshape(shape)
        return (future - bias) / (weight + 1e-10) * stats.scale + stats.anchor


class _Stateful(_Broken):
    def normalize(self, past, observed=None):
        z, self.stats = super().normalize(past)
        return z, self.stats

    def denormalize(self, future, stats, kind="location"):
        return super().denormalize(future, self.stats)


class _Leaking(LastValue, LearnedNormalizer):
    """The loss does not depend on the normalizer, and is not finite without observed truth."""

    def auxiliary_loss(self, stats, future, forecast=None):
        return future.nanmean()


class _Likelihood(RevIN):
    def denormalize_distribution(self, distribution, stats):
        back = super().denormalize_distribution(distribution, stats)
        return torch.distributions.Normal(back.mean, distribution.stddev)


class _WrongInverse(RevIN):
    def normalize_future(self, future, stats):
        return (future - stats.location) / stats.scale


class _OneWay(_Broken):
    def denormalize(self, future, stats, kind="location"):
        return (
            future * stats.add_trailing_axes(future).scale + stats.add_trailing_axes(future).anchor
        )


class _BatchStatistics(_Broken):
    def normalize(self, past, observed=None):
        z, stats = super().normalize(past)
        mean = past.mean((0, 1), keepdim=True).expand_as(stats.anchor)
        return z + (stats.anchor - mean) / stats.scale * self.affine_weight, stats._replace(
            anchor=mean
        )


class _Overclaiming(LastValue):
    @property
    def equivariant_to(self):
        return frozenset({"shift", "scale"})


class _WrongSpread(RevIN):
    def denormalize(self, future, stats, kind="location"):
        return super().denormalize(future, stats)


class _IgnoresTargets(RevIN):
    def denormalize(self, future, stats, kind="location"):
        if self.targets is None:
            return super().denormalize(future, stats, kind)
        first = torch.arange(len(self.targets))
        gain, offset = (parameter[first] for parameter in self.affine_parameters(future.dtype))
        return (future - offset) / gain * stats.scale[..., first] + stats.anchor[..., first]


class _Amplifying(RevIN):
    def affine_parameters(self, dtype):
        return self.affine_weight.to(dtype) + 1e-10, self.affine_bias.to(dtype)


class _NoGuard(_Broken):
    def normalize(self, past, observed=None):
        _, stats = super().normalize(past)
        scale = past.std(1, keepdim=True)
        return (past - stats.anchor) / scale, stats._replace(scale=scale)


@pytest.mark.usefixtures("plain_shapes")
@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        (_Stateful, "statistics are values"),
        (_OneWay, "denormalize undoes normalize"),
        (_Broken, "float32 is right at level 1e6"),
        (_Broken, "half precision keeps its level"),
        (_Broken, "NaN and infinities are contained"),
        (_Broken, "unobserved values do not matter"),
        (_NoGuard, "constant and empty windows"),
        (_Broken, "wrong shapes are refused"),
        (_BatchStatistics, "windows are independent"),
        (_WrongSpread, "spreads and variances"),
        (_IgnoresTargets, "targets are mapped"),
        (_Amplifying, "parameters near zero"),
        (_Leaking, "a loss of its own"),
        (_Likelihood, "distributions keep a right density"),
        (_WrongInverse, "renormalize undoes denormalize"),
    ],
)
def test_contract_catches(broken, promise):
    name, check = next(item for item in NORMALIZER_CHECKS.items() if promise in item[0])
    with pytest.raises(CheckError):
        check(broken)
    assert NORMALIZER_CHECKS[name](FAN if "loss" in promise else RevIN) is None


@pytest.mark.usefixtures("plain_shapes")
def test_overclaimed_equivariance_is_caught(capsys):
    with pytest.raises(CheckError, match=r"forecasts follow a change of scale: f\(1e-06 x"):
        check_normalizer(_Overclaiming)
    assert "FAILS  forecasts follow a change of scale" in capsys.readouterr().out


class _MiscountedShare(ShrunkLevel):
    @property
    def shift_shares(self):
        return 1 + 1.01 * self.shares * self.slopes


class _MisplacedCentre(ShrunkLevel):
    @property
    def centre(self):
        return self.training_mean + 0.1


@pytest.mark.usefixtures("plain_shapes")
@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        (_MiscountedShare, "forecasts follow the claimed share of a change of level"),
        (_MisplacedCentre, "forecasts follow a change of scale about the centre"),
    ],
)
def test_wrong_partial_claims_are_caught(broken, promise):
    with pytest.raises(CheckError):
        PARTIAL_CHECKS[promise](broken)


@pytest.mark.usefixtures("plain_shapes")
def test_partial_claims_are_held_away_from_initialization():
    shares = build_normalizer(ShrunkLevel).shares
    assert ((shares > 0.1) & (shares < 0.9)).all()
    assert build_normalizer(ShrunkLevel).equivariant_to == frozenset()
    assert ShrunkLevel(3, 48, 12).equivariant_to == {"shift", "scale"}


@pytest.mark.usefixtures("plain_shapes")
def test_failure_names_class_promise_and_measure(capsys):
    with pytest.raises(CheckError, match=r"^_OneWay: unobserved values do not matter: z") as error:
        check_normalizer(_OneWay)
    assert re.search(r"\n\d+ more: .*denormalize undoes normalize", str(error.value))
    printed = capsys.readouterr().out
    assert "  FAILS  denormalize undoes normalize\n" in printed
    assert re.search(r"\n\d+ of \d+ promises do not hold, worst first:\n  1. unobserved", printed)
    assert re.search(r"\n  \d+. denormalize undoes normalize: round trip at look-back", printed)
