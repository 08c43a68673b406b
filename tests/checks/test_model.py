"""check_model passes whole nets with our normalizers and finds planted defects in others."""

import copy
import threading
from dataclasses import make_dataclass

import pytest
import torch
from torch import nn

from revin_forecast import Reversible, RevIN, backbones, normalizers
from revin_forecast.backbones import Linear, Siamese, TSLibAdapter
from revin_forecast.backbones.target_channels import TargetChannels
from revin_forecast.checks import MODEL_CHECKS, CheckError, audit_model, check_model
from revin_forecast.checks.model_call import parse_arguments
from revin_forecast.checks.model_numerics import check_shift
from revin_forecast.checks.model_under_check import ModelUnderCheck
from revin_forecast.checks.samples import perturb, sample_windows
from revin_forecast.normalizers import compat

LOOKBACK, HORIZON, CHANNELS = 48, 12, 3
LOCK = threading.RLock()
STORE = {}
PROMISES = len(MODEL_CHECKS) + 3
BOTH = ("shift", "scale")

pytestmark = pytest.mark.usefixtures("plain_shapes")


def windows(count=5):
    return sample_windows()[:count].float()


class Layer(nn.Module):
    """RevIN as it is usually written: statistics on the module, chosen by a mode."""

    def __init__(self, channels=CHANNELS):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels))
        self.offset = nn.Parameter(torch.zeros(channels))

    def forward(self, x, mode):
        if mode == "norm":
            self.mean = x.mean(1, keepdim=True).detach()
            self.stdev = (x.var(1, keepdim=True, correction=0) + 1e-5).sqrt().detach()
            return (x - self.mean) / self.stdev * self.gain + self.offset
        return (x - self.offset) / (self.gain + 1e-10) * self.stdev + self.mean


class LeakingNet(nn.Module):
    """A net whose layer keeps the statistics of the last call."""

    def __init__(self, mode_back="denorm"):
        super().__init__()
        self.layer = Layer()
        self.map = Linear(LOOKBACK, HORIZON, CHANNELS)
        self.mode_back = mode_back

    def forward(self, past):
        return self.layer(self.map(self.layer(past, "norm")), self.mode_back)


class PlainNet(nn.Module):
    """Normalizes correctly in its own forward; each subclass has one defect."""

    def __init__(self):
        super().__init__()
        self.map = Linear(LOOKBACK, HORIZON, CHANNELS)

    def statistics(self, past):
        anchor = past[:, -1:]
        return anchor, (past - anchor).mean(1, keepdim=True), (past - anchor).std(1, keepdim=True)

    def normalize(self, past, anchor, residual, scale):
        return (past - anchor - residual) / scale

    def restore(self, z, anchor, residual, scale):
        return z * scale + residual + anchor

    def forward(self, past):
        statistics = self.statistics(past)
        return self.restore(self.map(self.normalize(past, *statistics)), *statistics)


class BatchMean(PlainNet):
    def statistics(self, past):
        return tuple(value.mean(0, keepdim=True) for value in super().statistics(past))


class NoWayBack(PlainNet):
    def restore(self, z, anchor, residual, scale):
        return z


class NoLocation(PlainNet):
    def restore(self, z, anchor, residual, scale):
        return z * scale + anchor


class SharedStack(PlainNet):
    """Safe for nested calls, but all threads share the stack."""

    def __init__(self):
        super().__init__()
        self.statistics_stack = []

    def get_stack(self):
        return self.statistics_stack

    def forward(self, past):
        stack = self.get_stack()
        stack.append(self.statistics(past))
        z = self.map(self.normalize(past, *stack[-1]))
        return self.restore(z, *stack.pop())


class ThreadStack(SharedStack):
    """Safe: each thread has a stack."""

    local = threading.local()

    def get_stack(self):
        return self.local.__dict__.setdefault("stack", [])


class Locked(SharedStack):
    """Safe: one thread at a time."""

    def forward(self, past):
        with LOCK:
            return super().forward(past)


class FirstCallOnly(PlainNet):
    """Keeps the statistics of the first call for all others."""

    def statistics(self, past):
        if not hasattr(self, "kept"):
            self.kept = super().statistics(past)
        return tuple(value[: len(past)] for value in self.kept)


class RoundedMean(PlainNet):
    def statistics(self, past):
        mean = past.mean(1, keepdim=True)
        return mean, 0 * mean, past.std(1, keepdim=True)


class RunningMean(PlainNet):
    """Updates a buffer in evaluation mode, too."""

    def __init__(self):
        super().__init__()
        self.register_buffer("level", torch.zeros(1, 1, CHANNELS))

    def forward(self, past):
        self.level += 1e-9 * past.detach().mean((0, 1))
        return super().forward(past)


class StaleAfterTraining(PlainNet):
    """Evaluation uses the statistics of the last training batch."""

    def __init__(self):
        super().__init__()
        self.kept = None

    def statistics(self, past):
        if self.training:
            self.kept = super().statistics(past)
        return super().statistics(past) if self.kept is None else self.kept


class Dropping(PlainNet):
    def normalize(self, past, *statistics):
        return torch.dropout(super().normalize(past, *statistics), 0.5, True)


class InPlace(PlainNet):
    def statistics(self, past):
        return tuple(value.clone() for value in super().statistics(past))

    def normalize(self, past, anchor, residual, scale):
        past -= anchor
        return (past - residual) / scale


class Unused(PlainNet):
    def __init__(self):
        super().__init__()
        self.extra = nn.Linear(2, 2)


class MixedChannels(PlainNet):
    def __init__(self):
        super().__init__()
        self.mixing = nn.Linear(CHANNELS, CHANNELS)

    def restore(self, z, *statistics):
        return super().restore(self.mixing(z), *statistics)


class KeepsHistory(PlainNet):
    def forward(self, past):
        self.last = super().forward(past)
        return self.last


class Refusing(PlainNet):
    def forward(self, past):
        if not past.isfinite().all():
            raise ValueError("got NaN or infinite values. Fill the gaps first.")
        return super().forward(past)


class RefusesNested(PlainNet):
    """A call inside another one is refused with an explanation."""

    local = threading.local()

    def forward(self, past):
        if getattr(self.local, "is_busy", False):
            raise RuntimeError("this net is in use. Wait for the first call to return.")
        self.local.is_busy = True
        try:
            return super().forward(past)
        finally:
            self.local.is_busy = False


class LeaksInTraining(PlainNet):
    """Keeps its statistics on the module, but in training mode only."""

    def forward(self, past):
        if not self.training:
            return super().forward(past)
        self.kept = self.statistics(past)
        z = self.map(self.normalize(past, *self.kept))
        return self.restore(z, *self.kept)


class KeyedByTensor(PlainNet):
    """Keeps statistics for each tensor object, whose values may change."""

    def statistics(self, past):
        kept = self.__dict__.setdefault("kept", {})
        address = past.data_ptr(), len(past)
        if address not in kept:
            kept[address] = past, super().statistics(past)
        return kept[address][1]


class SameSize(PlainNet):
    """Keeps statistics until the number of windows changes."""

    kept = (torch.zeros(0),)

    def statistics(self, past):
        if len(self.kept[0]) != len(past):
            self.kept = super().statistics(past)
        return self.kept


class InGlobal(PlainNet):
    """Keeps statistics in the module of Python."""

    def statistics(self, past):
        STORE[InGlobal] = super().statistics(past)
        return STORE[InGlobal]

    def restore(self, z, *statistics):
        return super().restore(z, *STORE[InGlobal])


class InClosure(PlainNet):
    """Keeps statistics in a function, which copies of the net share."""

    def __init__(self):
        super().__init__()
        self.keep, self.recall = make_closure()

    def statistics(self, past):
        self.keep(super().statistics(past))
        return self.recall()

    def restore(self, z, *statistics):
        return super().restore(z, *self.recall())


def make_closure():
    kept = []

    def recall():
        return kept[-1]

    return kept.append, recall


class NoSingleWindow(PlainNet):
    def forward(self, past):
        if len(past) == 1: raise ValueError("one window is too few. Pass 2 or more.")  # fmt: skip # noqa: E701
        return super().forward(past)


class GloballyLocked(PlainNet):
    """Safe, but a call inside another one would wait for ever."""

    lock = threading.Lock()

    def forward(self, past):
        with GloballyLocked.lock:
            return super().forward(past)


class ExtraState(PlainNet):
    def get_extra_state(self):
        return {"version": 1}

    def set_extra_state(self, state):
        assert state == {"version": 1}


class Gated(PlainNet):
    """Each window and channel is given to one of many maps."""

    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(HORIZON, 4)
        self.maps = nn.ModuleList(nn.Linear(HORIZON, HORIZON) for _ in range(4))

    def restore(self, z, *statistics):
        weights, chosen = self.gate(z.mT).softmax(-1).max(-1, keepdim=True)
        mapped = torch.stack([each(z.mT) for each in self.maps], -1)
        index = chosen.unsqueeze(-1).expand(*mapped.shape[:-1], 1)
        return super().restore((mapped.gather(-1, index).squeeze(-1) * weights).mT, *statistics)


class FailsOnGaps(PlainNet):
    """Gaps end in an accident, not in a refusal."""

    def forward(self, past):
        if not past.isfinite().all():
            past = past.view(7, -1)
        return super().forward(past)


class FourArguments(nn.Module):
    """The call of the Time-Series-Library."""

    def __init__(self):
        super().__init__()
        self.net = PlainNet()

    def forward(self, x_enc, x_mark_enc, x_dec, x_mark_dec):
        return self.net(x_enc) + 0 * x_dec[:, -HORIZON:] + x_mark_dec[:, -HORIZON:, :1], None


class KeywordNet(PlainNet):
    def forward(self, past_values, future_values=None):
        return {"loss": None, "prediction_outputs": super().forward(past_values)}


def audit(net, given=None, **options):
    results = audit_model(perturb(net), windows() if given is None else given, **options)
    assert len(results) == PROMISES
    return {result.promise: result for result in results}


def failures_of(net, given=None, **options):
    results = audit(net, given, **options)
    return {promise for promise, result in results.items() if result.holds is False}


@pytest.mark.parametrize("name", ["DLinear", "PatchTST", "TSMixer", "GRU"])
def test_reversible_nets_keep_every_promise(name, capsys):
    backbone = getattr(backbones, name)(LOOKBACK, HORIZON, CHANNELS)
    check_model(perturb(Reversible(backbone, RevIN(CHANNELS))), windows(), equivariant_to=BOTH)
    printed = capsys.readouterr().out
    assert printed.startswith("Reversible\n")
    assert printed.count("\n  holds  ") == PROMISES


@pytest.mark.parametrize("name", ["LastValue", "EMA", "Robust", "Causal", "Blend"])
def test_normalizers_in_a_net_keep_every_promise(name):
    normalizer = getattr(normalizers, name)(CHANNELS)
    net = Reversible(Linear(LOOKBACK, HORIZON, CHANNELS), normalizer)
    assert not failures_of(net, equivariant_to=normalizer.equivariant_to)


SAME = "the same windows give the same forecast"
WINDOWS = "windows are independent"
CALLS = "calls do not affect each other"
THREADS = "threads do not interfere"
STATE = "evaluation changes no parameter or buffer"
TRAINING = "training does not change evaluation"
COPIES = "deepcopy, pickle and state_dict after use"
GRADIENT = "every trainable parameter gets a gradient"
PRECISION = "float32 is right at level 1e6"
GAPS = "NaN and infinities are contained"
SHIFT = "forecasts follow a change of level"
SCALE = "forecasts follow a change of scale"


@pytest.mark.parametrize(
    ("kind", "promises"),
    [
        (PlainNet, set()),
        (ThreadStack, set()),
        (Locked, set()),
        (Refusing, set()),
        (FailsOnGaps, {GAPS}),
        (RefusesNested, set()),
        (LeakingNet, {CALLS, THREADS, PRECISION}),
        (SharedStack, {THREADS}),
        (BatchMean, {WINDOWS, GAPS, SHIFT, PRECISION}),
        (NoWayBack, {SHIFT}),
        (NoLocation, set()),
        (FirstCallOnly, {WINDOWS, CALLS, TRAINING, SHIFT}),
        (RunningMean, {STATE}),
        (StaleAfterTraining, {TRAINING}),
        (Dropping, {SAME}),
        (InPlace, {SAME}),
        (Unused, {GRADIENT}),
        (MixedChannels, {GAPS}),
        (KeepsHistory, {COPIES}),
        (RoundedMean, {PRECISION}),
        (LeaksInTraining, {CALLS}),
        (KeyedByTensor, {CALLS}),
        (SameSize, {CALLS, TRAINING, SHIFT}),
        (InGlobal, {CALLS, THREADS}),
        (InClosure, {CALLS, THREADS}),
        (NoSingleWindow, set()),
        (ExtraState, set()),
        (Gated, set()),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_planted_defects_are_found(kind, promises):
    assert failures_of(kind()) == promises


def test_all_failures_are_shown_the_worst_first(capsys):
    with pytest.raises(CheckError, match=r"^LeakingNet: calls do not affect each other: ") as error:
        check_model(perturb(LeakingNet()), windows())
    assert [failure.promise for failure in error.value.failures] == [CALLS, THREADS, PRECISION]
    assert error.value.kind == "leak"
    assert f"2 more: {THREADS}; {PRECISION}" in str(error.value)
    printed = capsys.readouterr().out
    assert printed.count("  FAILS  ") == 3
    assert "(a call leaves layer.mean, layer.stdev on the net)" in printed
    assert "3 of 13 promises do not hold, worst first:\n  1. calls do not affect" in printed
    assert "  3. float32 is right at level 1e6: float32 is 0." in printed


def test_refusals_are_printed_and_accidents_are_failures():
    detail = audit(RefusesNested())[CALLS].detail
    message = "this net is in use. Wait for the first call to return."
    assert detail == f"a call inside another one is refused: {message}"
    detail = audit(Refusing())[GAPS].detail
    assert detail == "refused: got NaN or infinite values. Fill the gaps first."
    assert audit(FailsOnGaps())[GAPS].kind == "error"
    detail = audit(NoSingleWindow())[WINDOWS].detail
    assert detail == "a single window is refused: one window is too few. Pass 2 or more."


def test_calls_inside_a_locked_call_are_left_out():
    results = audit(GloballyLocked())
    assert all(result.holds is not False for result in results.values())
    assert (
        results[CALLS].detail
        == "a call waits for the end of another, so none is tried inside another"
    )


def test_leaks_in_training_mode_and_of_reused_memory_are_described():
    detail = audit(LeaksInTraining())[CALLS].detail
    assert "in training mode with another call inside it: differs by" in detail
    detail = audit(KeyedByTensor())[CALLS].detail
    assert "new windows in the tensors of an earlier call: differs by" in detail


def test_a_changed_further_argument_is_found():
    class ChangesMarks(FourArguments):
        def forward(self, x_enc, x_mark_enc, x_dec, x_mark_dec):
            forecast = super().forward(x_enc, x_mark_enc, x_dec, x_mark_dec)
            x_mark_dec.add_(1)
            return forecast

    zeros = torch.zeros(5, LOOKBACK, CHANNELS)
    result = audit(ChangesMarks(), (windows(), None, zeros, zeros))[SAME]
    assert result.detail == "argument 3 after a call: differs by 1, allowed is 0"


def test_the_compatible_layer_in_the_net_of_others_has_no_leak():
    net = LeakingNet()
    net.layer = compat.RevIN(CHANNELS)
    assert not failures_of(net)


def test_the_net_keeps_its_mode_and_its_state():
    net = perturb(LeakingNet()).train()
    net(windows())  # results of the user's own call stay on the net
    kept = {name: value.clone() for name, value in vars(net.layer).items() if name == "mean"}
    state = copy.deepcopy(net.state_dict())
    audit_model(net, windows())
    assert net.training
    assert torch.equal(net.layer.mean, kept["mean"])
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert not any(part._forward_pre_hooks for part in net.modules())


def test_a_used_net_that_deepcopy_refuses_is_checked():
    net = KeepsHistory()
    net(windows())
    with pytest.raises(RuntimeError, match="deepcopy"):
        copy.deepcopy(net)
    assert failures_of(net) == {COPIES}


def test_unclaimed_changes_are_measured_and_do_not_fail(capsys):
    net = perturb(Linear(LOOKBACK, HORIZON, CHANNELS))
    check_model(net, windows(), equivariant_to=())
    printed = capsys.readouterr().out
    assert f"  -      {SHIFT} (not claimed: f(1 x + 1e+06) is " in printed
    assert f"  -      {PRECISION} (a change of level is not claimed)" in printed
    with pytest.raises(CheckError, match=r"Linear: forecasts follow a change of level: "):
        check_model(net, windows())


def test_additive_eps_is_found_if_scale_is_claimed():
    net = Reversible(Linear(LOOKBACK, HORIZON, CHANNELS), RevIN(CHANNELS, eps=1e-5))
    assert not failures_of(net)
    promises = {SCALE, "forecasts follow a change of scale of all channels"}
    assert failures_of(net, equivariant_to=BOTH) == promises


def test_frozen_parameters_are_exempt():
    net = PlainNet()
    net.map.map.weight.requires_grad_(False)
    result = audit(net)[GRADIENT]
    assert result.holds
    assert result.detail == "frozen and exempt: map.map.weight"
    result = audit(net.requires_grad_(False))[GRADIENT]
    assert (result.holds, result.detail) == (None, "all parameters are frozen")


def test_a_layer_that_begins_with_zeros_is_not_blamed():
    class LowRank(nn.Module):
        def __init__(self):
            super().__init__()
            self.down = nn.Linear(LOOKBACK, 4, bias=False)
            self.up = nn.Linear(4, HORIZON)
            nn.init.zeros_(self.up.weight)

        def forward(self, past):
            return self.up(self.down(past.mT)).mT

    net = Reversible(LowRank(), RevIN(CHANNELS, affine=False))
    results = audit_model(net, windows())
    assert next(result for result in results if result.promise == GRADIENT).holds


def test_batch_normalization_changes_buffers_in_training_only():
    class Batch(PlainNet):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(CHANNELS, affine=False)

        def normalize(self, past, *statistics):
            return self.norm(super().normalize(past, *statistics).mT).mT

    results = audit(Batch())
    assert results[TRAINING].detail.startswith("training changes norm.running_mean")
    assert results[STATE].holds
    # A class inside a function can't be pickled, used or not.
    assert results[COPIES].detail == "pickle fail before the first call, too"


def test_four_arguments_keywords_and_tuples():
    past, horizon = windows(), HORIZON
    decoder = torch.cat([past[:, -24:], torch.zeros(5, horizon, CHANNELS)], 1)
    marks = torch.zeros(5, 24 + horizon, 2)
    net = FourArguments()
    assert not failures_of(net, (past, None, decoder, marks))
    assert not failures_of(net, (past, None, decoder, marks), changed=[2])
    assert not failures_of(KeywordNet(), {"past_values": past, "future_values": None})
    adapter = TSLibAdapter(net, LOOKBACK, horizon, CHANNELS, covariates=2)
    model = Reversible(adapter, RevIN(CHANNELS))
    known = torch.zeros(5, LOOKBACK + horizon, 2)
    assert not failures_of(model, (past, None, known))


@pytest.mark.parametrize("has_slots", [False, True])
def test_the_forecast_may_be_a_field_of_a_dataclass(has_slots):
    output_class = make_dataclass("Output", ["loss", "prediction_outputs"], slots=has_slots)

    class DataclassNet(PlainNet):
        def forward(self, past):
            return {"all": (output_class(None, super().forward(past)), None)}

    assert not failures_of(DataclassNet(), windows())


def test_one_series_per_window_and_other_channels():
    net = Reversible(Siamese(LOOKBACK, HORIZON, 1), RevIN(1))

    class Univariate(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, past):
            return self.net(past.unsqueeze(-1)).squeeze(-1)

    assert not failures_of(Univariate(), windows()[..., 0]) - {COPIES}
    target = Reversible(
        TargetChannels(Linear(LOOKBACK, HORIZON, CHANNELS), targets=[2]),
        RevIN(CHANNELS, targets=[2]),
    )
    assert not failures_of(target)


def test_float64_nets_and_nets_that_refuse_float64():
    class Float32Only(PlainNet):
        def forward(self, past):
            return super().forward(past.float())

    results = audit(Float32Only())
    assert "can't run in float64" in results[PRECISION].detail
    assert results[SHIFT].holds
    assert not failures_of(PlainNet().double(), windows().double())


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (torch.zeros(1, 48, 3), {}, r"at least 2 windows .* but got shape \(1, 48, 3\). Pass a"),
        (
            torch.zeros(2, 48, 3).long(),
            {},
            "needs windows of floating-point numbers .* torch.int64",
        ),
        ((), {}, "as the first argument but got NoneType. Pass a tensor"),
        (torch.full((2, 48, 3), torch.nan), {}, "without gaps but got NaN or infinities. Pass fin"),
        (torch.zeros(2, 48, 3), {"changed": [1]}, r"changed=\(1,\) must hold positions of tensors"),
        (
            (torch.zeros(2, 48, 3), torch.zeros(2, 36, 1)),
            {"changed": [1]},
            r"argument 1 in changed is \(2, 36, 1\) of torch.float32, .* Leave it out of changed",
        ),
        (
            (torch.zeros(2, 48, 3), torch.zeros(2, 36, 3).long()),
            {"changed": [1]},
            r"argument 1 in changed is \(2, 36, 3\) of torch.int64, but it needs the batch and the",
        ),
        (torch.zeros(2, 48, 3), {"equivariant_to": "level"}, r"\['level'\] is unknown. Pass some"),
        (
            torch.zeros(2, 48, 3),
            {"equivariant_to": ["level"]},
            r"\['level'\] is unknown. Pass some",
        ),
    ],
)
def test_unusable_arguments_are_refused(given, options, message):
    with pytest.raises(ValueError, match=message):
        check_model(PlainNet(), given, **options)


def test_a_net_that_cannot_be_copied_is_reported():
    net = PlainNet()
    net.lock = threading.Lock()
    with pytest.raises(ValueError, match=r"PlainNet can't be copied: TypeError: .*lock.* Give the"):
        check_model(net, windows())


def test_an_output_without_a_forecast_is_reported():
    class Summary(PlainNet):
        def forward(self, past):
            return super().forward(past).mean()

    with pytest.raises(ValueError, match=r"Summary returned \[\(\)\] for 5 windows. Return the"):
        check_model(Summary(), windows())


def test_arguments_that_the_net_cannot_take_are_reported_once():
    message = r"PlainNet gives no forecast for the arguments \[\(5, 40, 3\)\]: .* Pass the windows"
    with pytest.raises(ValueError, match=message):
        check_model(PlainNet(), windows()[:, :40])


def test_compiled_nets_follow_changes_of_level():
    # Compiled modules have a length only if the net has one, so they have no truth value.
    compiled = torch.compile(PlainNet(), backend="eager")
    assert check_shift(ModelUnderCheck(compiled, parse_arguments(windows(), ())), True) is None


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_traced_nets_are_checked():
    mapped = nn.Sequential(nn.Conv1d(LOOKBACK, HORIZON, 1), nn.Tanh(), nn.Conv1d(HORIZON, 4, 1))
    traced = torch.jit.trace(mapped.eval(), windows())
    assert not failures_of(nn.Sequential(traced), equivariant_to=())


@pytest.mark.parametrize(
    ("net", "found"), [(PlainNet, "a class"), (windows, "function"), (None, "NoneType")]
)
def test_only_modules_are_checked(net, found):
    with pytest.raises(TypeError, match=f"needs a module but got {found}. Pass the net itself"):
        check_model(net, windows())


def test_one_claim_may_be_a_text():
    results = audit(PlainNet(), equivariant_to="scale")
    assert results[SCALE].holds
    assert "not claimed" not in results["forecasts follow a change of scale of all channels"].detail
    assert results[PRECISION].detail == "a change of level is not claimed"
