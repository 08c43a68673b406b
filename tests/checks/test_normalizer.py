"""check_normalizer finds planted defects of normalizers and of layers of other code."""

import dataclasses
import functools
import re

import pytest
import torch
from torch import nn

from revin_forecast import Normalizer, RevIN
from revin_forecast.backbones import Linear
from revin_forecast.checks import (
    NORMALIZER_CHECKS,
    CheckError,
    audit_backbone,
    audit_normalizer,
    check_normalizer,
)
from revin_forecast.checks.backbone import check_deterministic, check_parameter_gradients
from revin_forecast.errors import InputError

pytestmark = pytest.mark.usefixtures("plain_shapes")

UNCHANGED = "calls leave the module as it was"
MODES = "training and evaluation agree"
HALF = "half precision keeps its level"
GRADIENTS = "gradients are finite, twice"
THREADS = "threads do not interfere"
LEAK = "statistics are values, not state"


def find_failures(make):
    results = {result.promise: result for result in audit_normalizer(make)}
    assert len(results) == len(NORMALIZER_CHECKS) + 3
    return {promise: result for promise, result in results.items() if result.holds is False}


class Anchored(Normalizer):
    """Keeps every promise about state; each subclass has one defect."""

    def __init__(self, channels, targets=None):
        super().__init__(channels, targets)
        self.inner = RevIN(channels, targets=targets)

    @property
    def equivariant_to(self):
        return self.inner.equivariant_to

    def normalize(self, past, observed=None):
        return self.inner.normalize(past, observed)

    def denormalize(self, future, stats, kind="location"):
        return self.inner.denormalize(future, stats, kind)


class KeepsLast(Anchored):
    def normalize(self, past, observed=None):
        z, stats = super().normalize(past, observed)
        self.last = stats
        return z, stats


class KeepsLastAgain(Anchored):
    """The attribute is there before the first call, so the set of names does not change."""

    def __init__(self, channels, targets=None):
        super().__init__(channels, targets)
        self.last = None

    def normalize(self, past, observed=None):
        z, self.last = super().normalize(past, observed)
        return z, self.last


class KeepsInside(Anchored):
    def normalize(self, past, observed=None):
        z, stats = super().normalize(past, observed)
        self.inner.last = stats
        return z, stats


class Collects(Anchored):
    def __init__(self, channels, targets=None):
        super().__init__(channels, targets)
        self.history = {"levels": []}

    def denormalize(self, future, stats, kind="location"):
        self.history["levels"].append(1)
        return super().denormalize(future, stats, kind)


class KeepsOnClass(Anchored):
    calls = 0

    def normalize(self, past, observed=None):
        type(self).calls += 1
        return super().normalize(past, observed)


class RunningLevel(Anchored):
    """A buffer that each call changes, in training only."""

    def __init__(self, channels, targets=None):
        super().__init__(channels, targets)
        self.register_buffer("level", torch.zeros(1, 1, channels))

    def normalize(self, past, observed=None):
        if self.training:
            self.level += 0.1
        return super().normalize(past, observed)


class MovesWeight(Anchored):
    def normalize(self, past, observed=None):
        with torch.no_grad():
            self.inner.affine_bias += 0.0
            self.inner.affine_bias[0] += 1e-6
        return super().normalize(past, observed)


class InPlace(Anchored):
    def normalize(self, past, observed=None):
        z, stats = super().normalize(past.clone(), observed)
        past.mul_(1.001)
        return z, stats


class Noisy(Anchored):
    def normalize(self, past, observed=None):
        z, stats = super().normalize(past, observed)
        return (z + 0.01 if self.training else z), stats


class NarrowForecast(Anchored):
    def denormalize(self, future, stats, kind="location"):
        return super().denormalize(future, stats, kind).to(future.dtype)


@pytest.mark.parametrize(
    ("kind", "promise", "message"),
    [
        (KeepsLast, UNCHANGED, "a call in training mode leaves or changes last"),
        (KeepsLastAgain, UNCHANGED, "leaves or changes last"),
        (KeepsInside, UNCHANGED, "leaves or changes inner.last"),
        (Collects, UNCHANGED, "leaves or changes history"),
        (KeepsOnClass, UNCHANGED, "leaves or changes KeepsOnClass.calls"),
        (RunningLevel, UNCHANGED, "in training mode leaves or changes level"),
        (MovesWeight, UNCHANGED, "leaves or changes inner.affine_bias"),
        (InPlace, UNCHANGED, "the window after a call: differs by 0.0"),
        (Noisy, MODES, "z in training and in evaluation mode: differs by 0.01, allowed is"),
        (NarrowForecast, HALF, "denormalize returns torch.bfloat16 as torch.bfloat16, which can't"),
    ],
)
def test_planted_defects_are_found(kind, promise, message):
    assert NORMALIZER_CHECKS[promise](Anchored) is None
    with pytest.raises(CheckError, match=message):
        NORMALIZER_CHECKS[promise](kind)


def test_the_class_without_a_planted_defect_passes():
    # It does not define the distributions and the way there for the horizon, which is allowed.
    assert not find_failures(Anchored)


class Frozen(Anchored):
    """A frozen constant that must not be moved: its logarithm is taken."""

    def __init__(self, channels, targets=None):
        super().__init__(channels, targets)
        self.constant = nn.Parameter(torch.ones(()), requires_grad=False)
        self.inner.affine_bias.requires_grad_(False)

    def normalize(self, past, observed=None):
        z, stats = super().normalize(past, observed)
        return z + self.constant.log().to(z.dtype), stats


def test_frozen_parameters_are_exempt_and_named(capsys):
    check_normalizer(Frozen)
    line = "  holds  gradients are finite, twice (frozen and exempt: constant, inner.affine_bias)\n"
    assert line in capsys.readouterr().out


class LowRank(Linear):
    """A frozen map and a trainable change of it that begins at 0."""

    def __init__(self, lookback, horizon, channels):
        super().__init__(lookback, horizon, channels)
        self.map.requires_grad_(False)
        self.down = nn.Linear(lookback, 16, bias=False)
        self.up = nn.Linear(16, horizon, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, past):
        return super().forward(past) + self.up(self.down(past.mT)).mT


class Counting(Linear):
    def __init__(self, lookback, horizon, channels):
        super().__init__(lookback, horizon, channels)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, past):
        self.calls += 1
        return super().forward(past)


def test_backbones_with_frozen_parameters_and_changing_buffers():
    results = {result.promise: result for result in audit_backbone(LowRank)}
    assert all(result.holds is not False for result in results.values())
    remark = results["every parameter gets a gradient"].detail
    assert remark == "frozen and exempt: map.weight, map.bias"
    frozen = check_parameter_gradients(lambda *sizes: Linear(*sizes).requires_grad_(False))
    assert frozen == "all parameters are frozen"
    assert check_deterministic(Linear) is None
    with pytest.raises(CheckError, match="a call in evaluation changes calls"):
        check_deterministic(Counting)


class Mode(nn.Module):
    """The formula of the original with its usual call: the mode is the second argument."""

    def __init__(self, num_features, eps=1e-5):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))

    def forward(self, x, mode):
        if mode == "norm":
            return self.there(x)
        if mode == "denorm":
            return self.back(x)
        raise NotImplementedError

    def there(self, x):
        self.mean = x.mean(1, keepdim=True).detach()
        self.stdev = (x.var(1, keepdim=True, correction=0) + self.eps).sqrt().detach()
        return (x - self.mean) / self.stdev * self.weight + self.bias

    def back(self, y):
        return (y - self.bias) / (self.weight + self.eps**2) * self.stdev + self.mean


class Short(Mode):
    def norm(self, x):
        return self.there(x)

    def denorm(self, y):
        return self.back(y)


class Private(nn.Module):
    """Two private methods and a forward that is of no use."""

    def __init__(self, channels):
        super().__init__()
        self.layer = Mode(channels)

    def forward(self, x):
        raise NotImplementedError

    def _normalize(self, x):
        return self.layer(x, "norm")

    def _denormalize(self, y):
        return self.layer(y, "denorm")


class Passed(Private):
    """Returns its statistics, so it has none of the leaks."""

    def normalize(self, x):
        mean = x.mean(1, keepdim=True).detach()
        stdev = (x.var(1, keepdim=True, correction=0) + 1e-5).sqrt().detach()
        return (x - mean) / stdev * self.layer.weight + self.layer.bias, mean, stdev

    def denormalize(self, y, mean, stdev):
        return (y - self.layer.bias) / (self.layer.weight + 1e-10) * stdev + mean


class Duck(nn.Module):
    """This package's contract without its base class."""

    def __init__(self, channels):
        super().__init__()
        self.inner = RevIN(channels)
        self.normalize = self.inner.normalize
        self.denormalize = self.inner.denormalize


class Bool(Mode):
    def forward(self, x, mode: bool):
        if not isinstance(mode, bool):
            raise TypeError("mode is True or False")
        return self.there(x) if mode else self.back(x)


class Truthy(Mode):
    """Any text counts as true."""

    def forward(self, x, is_first=True):
        return self.there(x) if is_first else self.back(x)


class Inverse(Mode):
    def forward(self, x, inverse=False):
        return self.back(x) if inverse else self.there(x)


class Sized(Mode):
    """Needs the sizes under the names of other libraries."""

    def __init__(self, channels, seq_len, pred_len):
        super().__init__(channels)
        self.map = nn.Parameter(torch.ones(seq_len) / seq_len)
        self.steps = pred_len

    def there(self, x):
        if len(self.map) != x.shape[1]:
            raise ValueError(f"{len(self.map)} steps instead of {x.shape[1]}")
        return super().there(x)


class Configured(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.channels = config.channels


class Odd(Mode):
    def forward(self, x):
        raise NotImplementedError


ORIGINAL_DEFECTS = {
    "denormalize undoes normalize",
    LEAK,
    UNCHANGED,
    "float32 is right at level 1e6",
    HALF,
    "NaN and infinities are contained",
    "wrong shapes are refused",
    "levels and samples on a trailing axis",
    "parameters near zero are safe",
    GRADIENTS,
    THREADS,
    "forecasts follow a change of scale",
    "forecasts follow a change of scale of all channels",
}


@pytest.mark.parametrize(
    ("kind", "calls"),
    [
        (Mode, 'layer(x, "norm") and layer(y, "denorm")'),
        (Short, "layer.norm(x) and layer.denorm(y)"),
        (Private, "layer._normalize(x) and layer._denormalize(y)"),
        (Bool, "layer(x, True) and layer(y, False)"),
        (Truthy, "layer(x, True) and layer(y, False)"),
        (Inverse, "layer(x, False) and layer(y, True)"),
        (Sized, 'layer(x, "norm") and layer(y, "denorm")'),
    ],
)
def test_layers_in_the_style_of_the_original(kind, calls, capsys):
    with pytest.raises(CheckError) as error:
        check_normalizer(kind)
    printed = capsys.readouterr().out
    assert printed.startswith(f"{kind.__name__}\n  called as {calls}\n")
    assert {failure.promise for failure in error.value.failures} == ORIGINAL_DEFECTS
    worst = [failure.promise for failure in error.value.failures[:2]]
    assert worst == [THREADS, LEAK]
    assert re.search(
        r"  2\. statistics .*: a forecast after another call: differs by 1.31e\+03", printed
    )
    assert "denormalize undoes normalize: round trip at look-back 2 in torch.float64" in printed


def test_statistics_that_are_returned_are_passed_back(capsys):
    with pytest.raises(CheckError) as error:
        check_normalizer(Passed)
    calls = "called as layer.normalize(x) and layer.denormalize(y, *stats)"
    assert calls in capsys.readouterr().out
    promises = {failure.promise for failure in error.value.failures}
    assert promises == ORIGINAL_DEFECTS - {LEAK, UNCHANGED, THREADS}


def test_a_class_with_the_contract_but_without_the_base_class_passes(capsys):
    check_normalizer(Duck)
    printed = capsys.readouterr().out
    assert "  called as layer.normalize(x) and layer.denormalize(y, stats)\n" in printed
    assert "  holds  unobserved values do not matter\n" in printed
    assert "  holds  spreads and variances get no level\n" in printed


def test_claims_are_measured_for_moderate_data():
    class MeanOnly(Mode):
        def there(self, x):
            super().there(x)
            self.stdev = torch.ones_like(self.stdev)
            return x - self.mean

        def back(self, y):
            return y + self.mean

    results = {result.promise: result for result in audit_normalizer(MeanOnly)}
    assert results["forecasts follow a change of scale"].detail == "not claimed"
    assert results["forecasts follow a change of level"].holds


def test_unknown_calls_are_explained_by_an_adapter_that_works():
    with pytest.raises(InputError, match="Odd has none of the calls that the checks know") as error:
        check_normalizer(Odd)
    code = str(error.value).partition("first and second.\n")[2]
    code = code.replace("layer.first", "layer.there").replace("layer.second", "layer.back")
    names = {"Normalizer": Normalizer, "Odd": Odd}
    exec(code, names)
    assert {LEAK, THREADS} <= set(find_failures(names["Adapted"]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Configured, r"Configured\(3\) can't be built: AttributeError: .* Pass a function of the"),
        (
            functools.partial(Mode, wrong=1),
            r"^Mode\(3\) can't be built: ValueError: .*Mode\(\.\.\.\)",
        ),
        (lambda channels: [channels], r"<lambda>\(3\) is a list. Pass a class of torch.nn.Module"),
    ],
)
def test_factories_that_do_not_build_a_layer_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        check_normalizer(make)


def test_results_are_plain_values():
    failure = find_failures(Mode)[LEAK]
    assert (failure.kind, failure.excess > 1e3) == ("leak", True)
    assert dataclasses.replace(failure) == failure
