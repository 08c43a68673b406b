"""The call with a mode in traced programs; run by test_compiled_calls.py without type checks."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounterWithBackend

from revin_forecast.normalizers.compat import RevIN

NO_WINDOW = "has no window"


class Net(nn.Module):
    """A linear forecast with the calls of the field's models."""

    def __init__(self, **options):
        super().__init__()
        self.revin = RevIN(3, **options)
        self.head = nn.Linear(24, 6)

    def forward(self, x):
        x = self.revin(x, "norm")
        return self.revin(self.head(x.mT).mT, "denorm")


class Twice(Net):
    """Normalizes two windows before it maps one back."""

    def forward(self, x):
        z = self.revin(x, "norm")
        self.revin(x + 1, "norm")
        return self.revin(z, "denorm")


class Back(Net):
    """Maps back only."""

    def forward(self, x):
        return self.revin(x, "denorm")


def windows(level, batch=8):
    return torch.randn(batch, 24, 3) * 5 + level


def gradients(loss, net, x):
    return torch.autograd.grad(loss.square().sum(), [x, *net.parameters()])


def test_a_net_compiles_once_as_one_graph():
    net = Net(subtract_last=True)  # whose statistics have a gradient
    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(net, fullgraph=True, backend=counter)
    for level in (1.0, 100.0, 5.0):
        x = windows(level).requires_grad_()
        torch.testing.assert_close(compiled(x), net(x))  # eager and compiled calls in turn
        for found, wanted in zip(
            gradients(compiled(x), net, x), gradients(net(x), net, x), strict=True
        ):
            torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-3)
    assert counter.frame_count == 1


def test_batch_sizes_share_one_program():
    """As with the original: a program for the first size, and one for all others."""
    net = Net()
    counter = CompileCounterWithBackend("eager")
    compiled = torch.compile(net, fullgraph=True, backend=counter)
    for batch in (8, 5, 3, 7, 2):
        x = windows(10.0, batch)
        torch.testing.assert_close(compiled(x), net(x))
    assert counter.frame_count == 2


def test_exported_programs_take_any_batch_size():
    net = Net().eval()
    sizes = ({0: torch.export.Dim("batch", min=2, max=100)},)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(net, (windows(1.0),), dynamic_shapes=sizes, strict=True)
    x = windows(1e3, batch=3)
    torch.testing.assert_close(program.module()(x), net(x))


def test_threads_of_a_compiled_net_keep_their_own_windows():
    net = Net()
    compiled = torch.compile(net, fullgraph=True, backend="aot_eager")
    compiled(windows(0.0))
    inputs = [windows(10.0**power) for power in range(4)] * 10
    wanted = [net(x) for x in inputs]
    with ThreadPoolExecutor(4) as pool:
        for found, expected in zip(pool.map(compiled, inputs), wanted, strict=True):
            torch.testing.assert_close(found, expected)


def test_a_graph_break_between_the_calls_changes_nothing():
    class Broken(Net):
        def forward(self, x):
            z = self.revin(x, "norm")
            torch._dynamo.graph_break()
            return self.revin(self.head(z.mT).mT, "denorm")

    net = Broken()
    compiled = torch.compile(net, backend="aot_eager")
    for level in (1.0, 100.0):
        x = windows(level)
        with torch.no_grad():  # torch itself warns of the gradient between two graphs
            torch.testing.assert_close(compiled(x), Net.forward(net, x))


def test_a_compiled_net_refuses_two_windows():
    """The compiler reports the error itself, with the message in its text."""
    compiled = torch.compile(Twice(), backend="aot_eager")
    with pytest.raises(Exception, match="can belong to two windows"):
        compiled(windows(1.0))


def test_exported_programs_keep_no_statistics():
    net = Net().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(net, (windows(1.0),)).module()
    x = windows(1e4)
    torch.testing.assert_close(program(x), net(x))
    net.revin.forget()
    with pytest.raises(RuntimeError, match=NO_WINDOW):
        net.revin(torch.zeros(8, 6, 3), "denorm")


def test_tracing_leaves_no_window_behind():
    net = Net().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.export(net, (windows(1.0),))
        with pytest.raises(RuntimeError, match=NO_WINDOW):
            net.revin(torch.zeros(8, 6, 3), "denorm")
        traced = torch.jit.trace(net, (windows(1.0),), check_trace=False)
    with pytest.raises(RuntimeError, match=NO_WINDOW):
        net.revin(torch.zeros(8, 6, 3), "denorm")
    x = windows(1e4)
    torch.testing.assert_close(traced(x), net(x))


@pytest.mark.parametrize("tracer", ["export", "jit"])
def test_a_way_back_without_its_window_is_not_written_as_constants(tracer):
    back = Back().eval()
    back.revin(windows(7.0), "norm")
    trace = {"jit": torch.jit.trace, "export": torch.export.export}[tracer]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Exception, match=NO_WINDOW):
            trace(back, (windows(7.0),))
