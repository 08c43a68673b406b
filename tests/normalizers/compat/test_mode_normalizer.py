"""The call with a mode: which orders of calls work, and which are refused."""

import asyncio
import copy
import io
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrize
from torch.utils.checkpoint import checkpoint

from revin_forecast import Reversible
from revin_forecast import RevIN as ValueRevIN
from revin_forecast.normalizers.compat import Normalize, RevIN

TWO_WINDOWS = r"can belong to two windows: .* 8 windows.*revin\.forget\(\)"
NO_WINDOW = r'has no window: .* did not call revin\(x, "norm"\) before'


def windows(level, batch=8, channels=3):
    return torch.randn(batch, 24, channels) * 5 + level


def assert_close(found, wanted):
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-4)


class Net(nn.Module):
    """A linear forecast with the calls of the field's models."""

    def __init__(self, **options):
        super().__init__()
        self.revin = RevIN(3, **options)
        self.head = nn.Linear(24, 6)

    def forward(self, x):
        x = self.revin(x, "norm")
        return self.revin(self.head(x.mT).mT, "denorm")


class ValueNet(nn.Module):
    """The same forecast with statistics as values."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        z, stats = self.net.revin.normalize(x)
        return self.net.revin.denormalize(self.net.head(z.mT).mT, stats)


def test_one_window_and_its_forecasts():
    revin = RevIN(3)
    for level in (10.0, 1000.0):
        x = windows(level)
        z = revin(x, "norm")
        assert_close(revin(z, "denorm"), x)
        assert_close(revin(z[:, :5], mode="denorm"), x[:, :5])  # several heads


def test_a_second_window_before_the_forecast_of_the_first_is_refused():
    revin = RevIN(3)
    first = revin(windows(10.0), "norm")
    revin(windows(1000.0), "norm")
    with pytest.raises(RuntimeError, match=TWO_WINDOWS):
        revin(first, "denorm")
    with pytest.raises(RuntimeError, match=NO_WINDOW):  # the refused call is over
        revin(first, "denorm")
    x = windows(3.0)
    assert_close(revin(revin(x, "norm"), "denorm"), x)


def test_the_remedies_of_the_messages_work():
    revin = RevIN(3)
    a, b = windows(10.0), windows(1000.0)
    (za, stats_a), (zb, stats_b) = revin.normalize(a), revin.normalize(b)
    assert_close(revin.denormalize(za, stats_a), a)
    assert_close(revin.denormalize(zb, stats_b), b)
    net = Net()
    head = lambda z: net.head(z.mT).mT  # noqa: E731
    model = Reversible(Wrapped(head), net.revin)
    assert_close(model(a), net(a))
    targets = Reversible(Wrapped(lambda z: z[:, :6, 2:]), ValueRevIN(3, targets=[2], eps=1e-5))
    assert targets(a).shape == (8, 6, 1)
    two = nn.ModuleList([RevIN(3), RevIN(3)])
    za, zb = two[0](a, "norm"), two[1](b, "norm")
    assert_close(two[0](za, "denorm"), a)
    assert_close(two[1](zb, "denorm"), b)


class Wrapped(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def test_windows_without_a_forecast_are_allowed():
    """TimeMixer normalizes each scale and maps back one; pretraining maps nothing back."""
    scales = nn.ModuleList([Normalize(3), Normalize(3)])
    for level in (1.0, 2.0, 3.0):
        x = windows(level)
        z = scales[0](x, "norm")
        scales[1](x[:, ::2], "norm")
        assert_close(scales[0](z, "denorm"), x)


def test_a_call_that_failed_never_gives_its_statistics_to_the_next():
    net = Net()
    broken = windows(1e4)
    head, net.head = net.head, Wrapped(lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        net(broken)
    net.head = head
    x = windows(5.0)
    with pytest.raises(RuntimeError, match=TWO_WINDOWS):
        net(x)
    wanted = ValueNet(net)(x)
    assert_close(net(x), wanted)  # as the message says


@pytest.mark.parametrize("recover", ["forget", "train", "eval"])
def test_forget_and_a_change_of_mode_end_a_failed_call(recover):
    net = Net()
    net.revin(windows(1e4), "norm")
    (net.revin if recover == "forget" else net).__getattribute__(recover)()
    x = windows(5.0)
    assert_close(net(x), ValueNet(net)(x))


def test_statistics_of_training_are_unknown_in_evaluation():
    net = Net().train()
    net(windows(500.0))
    net.eval()
    with pytest.raises(RuntimeError, match=NO_WINDOW):
        net.revin(torch.zeros(8, 6, 3), "denorm")


def test_denorm_before_norm_is_refused():
    with pytest.raises(RuntimeError, match=NO_WINDOW):
        RevIN(3)(torch.zeros(8, 6, 3), "denorm")


@pytest.mark.parametrize(
    ("shape", "got"),
    [((1, 6, 3), "1, 6, 3"), ((4, 6, 3), "4, 6, 3"), ((8, 6, 1), "8, 6, 1"), ((8, 3), "8, 3")],
    ids=["one window", "half the batch", "one channel", "one step"],
)
def test_a_forecast_of_another_shape_is_refused(shape, got):
    revin = RevIN(3)
    revin(windows(10.0), "norm")
    wanted = rf"shape \({got}\) after .* of 8 windows, 3 channels and 3 axes"
    with pytest.raises(ValueError, match=wanted):
        revin(torch.zeros(shape), "denorm")
    with pytest.raises(RuntimeError, match=NO_WINDOW):
        revin(torch.zeros(8, 6, 3), "denorm")


@pytest.mark.usefixtures("plain_shapes")
def test_a_window_of_another_shape_is_refused_with_remedies_that_work():
    layer, x = RevIN(3), windows(10.0)
    message = (
        r"needs \(batch, time, 3 channels\) but got shape {}\. Pass x\.unsqueeze\(0\) .* num_fea"
    )
    for wrong, shape, remedy in [
        (x[0], r"\(24, 3\)", layer(x[0].unsqueeze(0), "norm")),
        (x.mT, r"\(8, 3, 24\)", layer(x.mT.transpose(1, 2), "norm")),
        (x[..., :2], r"\(8, 24, 2\)", RevIN(num_features=2)(x[..., :2], "norm")),
        (x[..., 0].unsqueeze(1), r"\(8, 1, 24\)", None),
    ]:
        with pytest.raises(ValueError, match=message.format(shape)):
            layer(wrong, "norm")
        assert remedy is None or remedy.isfinite().all()


def test_samples_need_the_axes_of_their_window():
    revin = RevIN(3)
    z = revin(windows(10.0), "norm")
    with pytest.raises(ValueError, match=r"\(8, 2, 24, 3\) after .* 3 axes"):
        revin(torch.stack([z, z], 1), "denorm")


def test_more_axes_of_time():
    """The original takes its statistics over all axes between batch and channels."""
    revin, x = RevIN(3), windows(10.0)
    patches = x.unflatten(1, (4, 6))
    z = revin(patches, "norm")
    assert_close(z, revin.normalize(x)[0].unflatten(1, (4, 6)))
    assert_close(revin(z[:, :2], "denorm"), patches[:, :2])


@pytest.mark.parametrize("layer", [RevIN(3), Normalize(3, non_norm=True)])
def test_an_unknown_mode_is_refused(layer):
    with pytest.raises(NotImplementedError, match="must be .norm. or .denorm. but got 'normalize'"):
        layer(windows(1.0), "normalize")


def test_threads_keep_their_own_windows():
    net = Net()
    inputs = [windows(10.0**power) for power in range(4)] * 25
    wanted = [ValueNet(net)(x) for x in inputs]
    with ThreadPoolExecutor(4) as pool:
        for found, expected in zip(pool.map(net, inputs), wanted, strict=True):
            assert torch.equal(found, expected)


def test_a_window_of_another_thread_is_unknown():
    revin = RevIN(3)
    thread = threading.Thread(target=revin, args=(windows(7.0), "norm"))
    thread.start()
    thread.join()
    with pytest.raises(RuntimeError, match=NO_WINDOW):
        revin(torch.zeros(8, 6, 3), "denorm")


def test_interleaved_tasks_of_one_thread_are_refused():
    revin = RevIN(3)

    async def forecast(level):
        z = revin(windows(level), "norm")
        await asyncio.sleep(0)
        return revin(z, "denorm")

    async def run_both():
        return await asyncio.gather(forecast(1.0), forecast(100.0))

    with pytest.raises(RuntimeError, match=TWO_WINDOWS):
        asyncio.run(run_both())


def test_tasks_that_go_on_after_a_refusal_are_not_known():
    """The limit that the page names: an error has to end every open call of its thread."""
    revin, levels = RevIN(3), (1.0, 100.0, 1e4)
    inputs = [windows(level) for level in levels]
    mapped = [revin(x, "norm") for x in inputs[:2]]
    with pytest.raises(RuntimeError, match=TWO_WINDOWS):
        revin(mapped[0], "denorm")
    revin(inputs[2], "norm")
    assert revin(mapped[1], "denorm").mean().item() == pytest.approx(1e4, rel=0.01)  # not 100
    z, stats = revin.normalize(inputs[1])  # the remedy of the message
    revin(inputs[2], "norm")
    assert_close(revin.denormalize(z, stats), inputs[1])


def test_replicas_of_data_parallel_keep_their_own_windows():
    revin = RevIN(3)
    inputs = [windows(level) for level in (1.0, 1e4)]
    barrier = threading.Barrier(2, timeout=60)

    def run_replica(x):
        replica = revin._replicate_for_data_parallel()
        replica.affine_weight, replica.affine_bias = revin.affine_weight, revin.affine_bias
        z = replica(x, "norm")
        barrier.wait()
        return replica(z, "denorm")

    with ThreadPoolExecutor(2) as pool:
        for found, x in zip(pool.map(run_replica, inputs), inputs, strict=True):
            assert_close(found, x)
    with pytest.raises(RuntimeError, match=NO_WINDOW):
        revin(torch.zeros(8, 6, 3), "denorm")


@pytest.mark.parametrize("duplicate", ["deepcopy", "pickle", "save"])
def test_copies_start_without_a_window(duplicate):
    net = Net()
    x = windows(4.0)
    wanted = net(x)
    if duplicate == "deepcopy":
        twin = copy.deepcopy(net)
    elif duplicate == "pickle":
        twin = pickle.loads(pickle.dumps(net))
    else:
        file = io.BytesIO()
        torch.save(net, file)
        twin = torch.load(io.BytesIO(file.getvalue()), weights_only=False)
    with pytest.raises(RuntimeError, match=NO_WINDOW):
        twin.revin(torch.zeros(8, 6, 3), "denorm")
    assert torch.equal(twin(x), wanted)
    assert torch.equal(net.revin(torch.zeros(8, 6, 3), "denorm")[:, 0], _levels(net, x))


class Doubled(nn.Module):
    def forward(self, weight):
        return 2 * weight


def test_copies_of_a_parametrized_layer_start_without_a_window():
    layer, x = RevIN(3), windows(4.0)
    plain = layer.normalize(x)[0]
    parametrize.register_parametrization(layer, "affine_weight", Doubled())
    assert layer.affine
    assert_close(layer(x, "norm"), 2 * plain)
    twin = copy.deepcopy(layer)
    with pytest.raises(RuntimeError, match=NO_WINDOW):
        twin(x, "denorm")
    assert_close(twin(x, "norm"), 2 * plain)
    assert_close(layer(2 * plain, "denorm"), x)


def _levels(net, x):
    return net.revin.denormalize(torch.zeros(8, 1, 3), net.revin.normalize(x)[1])[:, 0]


@pytest.mark.parametrize("use_reentrant", [False, True])
def test_a_checkpointed_net_has_the_same_gradients(use_reentrant):
    net = Net()
    for level in (3.0, 300.0):
        x = windows(level).requires_grad_()
        losses = [
            net(x).square().sum(),
            checkpoint(net, x, use_reentrant=use_reentrant).square().sum(),
        ]
        names = [*net.parameters(), x]
        gradients = [_gradients(loss, names) for loss in losses]
        for plain, recomputed in zip(*gradients, strict=True):
            torch.testing.assert_close(plain, recomputed)


def _gradients(loss, tensors):
    for tensor in tensors:
        tensor.grad = None
    loss.backward()
    return [tensor.grad for tensor in tensors]


@pytest.mark.parametrize("use_reentrant", [False, True])
def test_a_checkpointed_norm_leaves_the_next_forward_pass_alone(use_reentrant):
    """The backward pass calls norm once more, without a denorm."""
    net = Net()

    def encode(x):
        return net.head(net.revin(x, "norm").mT).mT

    for level in (3.0, 300.0, 7.0):
        x = windows(level).requires_grad_()
        y = net.revin(checkpoint(encode, x, use_reentrant=use_reentrant), "denorm")
        assert_close(y, ValueNet(net)(x))
        y.square().sum().backward()


def test_a_denorm_recomputed_without_its_norm_is_refused():
    net = Net()
    z = net.revin(windows(3.0), "norm")
    y = checkpoint(lambda z: net.revin(net.head(z.mT).mT, "denorm"), z, use_reentrant=False)
    with pytest.raises(RuntimeError, match="backward pass did not call"):
        y.sum().backward()


def test_vmap_over_batches_and_over_parameters():
    net = Net()
    stacks = torch.stack([windows(level) for level in (1.0, 100.0)])
    found = torch.vmap(net)(stacks)
    for index in range(2):
        assert_close(found[index], ValueNet(net)(stacks[index]))
    with pytest.raises(RuntimeError, match=NO_WINDOW):  # the transform's window has ended
        net.revin(torch.zeros(8, 6, 3), "denorm")
    nets = [Net(), Net()]
    parameters, buffers = torch.func.stack_module_state(nets)
    together = torch.vmap(lambda p, b: torch.func.functional_call(net, (p, b), (stacks[0],)))(
        parameters, buffers
    )
    for index in range(2):
        assert_close(together[index], ValueNet(nets[index])(stacks[0]))


def test_gradients_of_torch_func():
    net, x = Net(), windows(2.0)
    parameters = dict(net.named_parameters())
    found = torch.func.grad(lambda p: torch.func.functional_call(net, p, (x,)).square().sum())(
        parameters
    )
    wanted = torch.autograd.grad(ValueNet(net)(x).square().sum(), list(parameters.values()))
    for name, gradient in zip(parameters, wanted, strict=True):
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-3)


# Each step of a random program: normalize window i, or map back a forecast of window i.
CALLS = st.lists(st.tuples(st.sampled_from(["norm", "denorm"]), st.integers(0, 2)), max_size=12)


@settings(max_examples=60)
@given(calls=CALLS)
def test_a_forecast_is_right_or_refused(calls):
    """Wrong only for the second forecast of a window after another window was normalized."""
    revin = RevIN(1)
    inputs = [torch.tensor([[[0.0], [1.0]]]) * 10.0**power for power in range(3)]
    mapped, latest = {}, None
    for mode, index in calls:
        x = inputs[index]
        if mode == "norm":
            revin(x, "norm")
            latest, mapped[index] = index, False
            continue
        if index not in mapped:
            continue  # never normalized: no program has a forecast of it
        try:
            found = revin(revin.normalize(x)[0], "denorm")
        except RuntimeError:
            mapped.clear()  # the error ends all calls
            continue
        if index != latest and mapped[index]:
            return  # the order that is not detected: the layer now takes the wrong window for done
        assert_close(found, x)
        mapped[index] = True
