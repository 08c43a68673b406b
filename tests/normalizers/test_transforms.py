"""RevIN under transforms and under modes that record or replace operations."""

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import forward_ad
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from revin_forecast.normalizers import RevIN
from revin_forecast.normalizers.kernels.dispatch import MAX_PLAIN_VALUES, can_branch_on_data

pytestmark = pytest.mark.usefixtures("plain_shapes")
# One shape for the plain operations, one for the blocks.
SHAPES = [(4, 24, 3), (MAX_PLAIN_VALUES // 256, 96, 3)]


def both_ways(layer, past):
    z, stats = layer.normalize(past)
    return layer.denormalize(z.tanh(), stats)


@pytest.fixture(params=SHAPES, ids=["few values", "many values"])
def past(request):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(request.param, generator=generator, dtype=torch.float64) * 2 + 50


@pytest.fixture
def layer():
    revin = RevIN(3).double()
    weight, bias = torch.tensor([0.7, -1.5, 2.0]), torch.tensor([0.3, -2.0, 5.0])
    revin.load_state_dict({"affine_weight": weight, "affine_bias": bias})
    return revin


# torch's own module of forward-mode differentiation raises it when it is first used.
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_forward_mode_differentiation(layer, past):
    tangent = torch.sin(torch.arange(past.numel(), dtype=torch.float64)).reshape(past.shape)
    with forward_ad.dual_level():
        dual = both_ways(layer, forward_ad.make_dual(past, tangent))
        value, slope = forward_ad.unpack_dual(dual)
    expected, expected_slope, *_ = torch.func.jvp(
        lambda x: both_ways(layer, x), (past,), (tangent,)
    )
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(slope, expected_slope)
    torch.testing.assert_close(value, both_ways(layer, past))


class BothWays(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, past):
        return both_ways(self.layer, past)


@pytest.mark.parametrize("tracing_mode", ["real", "fake", "symbolic"])
def test_make_fx(layer, past, tracing_mode):
    model = BothWays(layer)

    def call(state, x):
        return torch.func.functional_call(model, state, (x,))

    state = dict(model.state_dict())
    program = make_fx(call, tracing_mode=tracing_mode)(state, past)
    other = past.flip(0) * 3 - 7
    torch.testing.assert_close(program(state, other), both_ways(layer, other))


def test_fake_tensors(past):
    single = past.float()
    with FakeTensorMode() as mode:
        forecast = both_ways(RevIN(3), mode.from_tensor(single))
    assert forecast.shape == past.shape
    assert forecast.dtype == torch.float32


def test_a_dispatch_mode_sees_every_operation(layer, past):
    class Count(TorchDispatchMode):
        operations = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            self.operations += 1
            return function(*args, **(kwargs or {}))

    with Count() as count:
        assert not can_branch_on_data(past)
        forecast = both_ways(layer, past)
    assert count.operations > 10
    torch.testing.assert_close(forecast, both_ways(layer, past))
    with FlopCounterMode(display=False):
        both_ways(layer, past)


def test_the_plain_formula_needs_no_value_of_the_device(layer, past):
    # The path of a GPU: nothing that copies a value to the host, which would wait for the device.
    names: list[str] = []
    passes: list[str] = []

    class Record(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            names.append(function.overloadpacket.__name__)
            if isinstance(result, torch.Tensor) and result.numel() >= past.numel():
                passes.append(names[-1])
            return result

    gapped = past.clone()
    gapped[0, 3, 1] = torch.nan
    with Record(), torch.no_grad():
        recorded = both_ways(layer, gapped)
    assert not {"_local_scalar_dense", "item", "nonzero", "is_nonzero"} & set(names)
    assert len(passes) <= 21, passes  # each is a kernel over the whole batch on a GPU
    torch.testing.assert_close(recorded, both_ways(layer, gapped))
