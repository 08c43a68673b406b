"""Parity with the original layer, alone and in nets with the calls of public repositories."""

import pytest
import torch
from torch import nn

from revin_forecast.checks import check_normalizer
from revin_forecast.normalizers.compat import Normalize, RevIN

WEIGHT, BIAS = [1.2, -0.5, 0.015, 1e-3], [0.3, -2.0, 5.0, 0.0]


class OriginalRevIN(nn.Module):
    """The formula of the copies: statistics on the module, eps added to variance and weight."""

    def __init__(self, num_features, eps=1e-5, affine=True, subtract_last=False):
        super().__init__()
        self.eps, self.subtract_last = eps, subtract_last
        self.affine_weight = nn.Parameter(torch.ones(num_features)) if affine else None
        self.affine_bias = nn.Parameter(torch.zeros(num_features)) if affine else None

    def forward(self, x, mode):
        if mode == "norm":
            time = tuple(range(1, x.ndim - 1))
            mean = x.mean(time, keepdim=True).detach()
            self.location = x[:, -1:] if self.subtract_last else mean
            variance = x.var(time, keepdim=True, unbiased=False)
            self.scale = (variance + self.eps).sqrt().detach()
            z = (x - self.location) / self.scale
            return z if self.affine_weight is None else z * self.affine_weight + self.affine_bias
        if self.affine_weight is not None:
            x = (x - self.affine_bias) / (self.affine_weight + self.eps * self.eps)
        return x * self.scale + self.location


class PatchNet(nn.Module):
    """Calls of PatchTST: channels first, permuted for each call."""

    def __init__(self, layer):
        super().__init__()
        self.revin_layer = layer
        self.embed, self.head = nn.Linear(8, 16), nn.Linear(16 * 5, 6)

    def forward(self, x):
        z = x.permute(0, 2, 1)
        z = self.revin_layer(z.permute(0, 2, 1), "norm").permute(0, 2, 1)
        z = self.embed(z.unfold(-1, 8, 4)).relu().flatten(2)
        return self.revin_layer(self.head(z).permute(0, 2, 1), "denorm")


class InvertedNet(nn.Module):
    """Calls of iTransformer-like nets: channels are tokens; two heads map back one window."""

    def __init__(self, layer):
        super().__init__()
        self.rev = layer
        self.embed = nn.Linear(24, 16)
        self.mix = nn.TransformerEncoderLayer(16, 2, 16, dropout=0.0, batch_first=True)
        self.heads = nn.ModuleList([nn.Linear(16, 6), nn.Linear(16, 6)])

    def forward(self, x):
        tokens = self.mix(self.embed(self.rev(x, "norm").mT))
        near, far = (self.rev(head(tokens).mT, "denorm") for head in self.heads)
        return near + far


class MultiScaleNet(nn.Module):
    """Calls of TimeMixer: a list of layers, one a scale; only the first maps back."""

    def __init__(self, layer, coarse):
        super().__init__()
        self.normalize_layers = nn.ModuleList([layer, coarse])
        self.heads = nn.ModuleList([nn.Linear(24, 6), nn.Linear(12, 6)])

    def forward(self, x):
        scales = [x, x.unflatten(1, (12, 2)).mean(2)]
        parts = zip(self.normalize_layers, self.heads, scales, strict=True)
        future = sum(head(layer(part, "norm").mT).mT for layer, head, part in parts)
        return self.normalize_layers[0](future, "denorm")


NETS = {
    "PatchTST": lambda kind, **options: PatchNet(kind(4, **options)),
    "iTransformer": lambda kind, **options: InvertedNet(kind(4, **options)),
    "TimeMixer": lambda kind, **options: MultiScaleNet(kind(4, **options), kind(4, **options)),
}


def windows(dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((8, 24, 4), generator=generator, dtype=dtype) * 3 + 20


def build_pair(name, **options):
    """Return a net with the original layer, and the same net with ours and its state."""
    torch.manual_seed(0)
    original = NETS[name](OriginalRevIN, **options)
    ours = NETS[name](RevIN, **options)
    ours.load_state_dict(original.state_dict(), strict=True)
    return original.double(), ours.double()


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize(
    "options",
    [{}, {"affine": False}, {"subtract_last": True}, {"eps": 1e-3}],
    ids=["default", "no affine", "subtract last", "eps"],
)
def test_a_net_trains_as_with_the_original(name, options):
    losses = []
    nets = build_pair(name, **options)
    for net in nets:
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
        losses.append([])
        for step in range(10):
            loss = (net(windows(seed=step)) - 20).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses[-1].append(loss.item())
    assert losses[0][-1] < losses[0][0]
    assert losses[1] == pytest.approx(losses[0], rel=1e-9)
    assert torch.equal(*[torch.tensor(len(net.state_dict())) for net in nets])


@pytest.mark.parametrize("subtract_last", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_outputs_and_gradients_are_those_of_the_original(subtract_last, dtype):
    """Also of the window, whose last value the copies do not detach; weights near zero included."""
    tolerance = {torch.float32: 3e-4, torch.float64: 1e-12}[dtype]
    results = []
    for kind in (OriginalRevIN, RevIN):
        layer = kind(4, subtract_last=subtract_last)
        layer.load_state_dict(
            {"affine_weight": torch.tensor(WEIGHT), "affine_bias": torch.tensor(BIAS)}
        )
        layer = layer.to(dtype)
        x = windows(dtype).requires_grad_()
        z = layer(x, "norm")
        y = layer(z[:, -6:].tanh(), "denorm")
        gradients = torch.autograd.grad(y.square().sum(), [x, *layer.parameters()])
        results.append([z, y, *gradients])
    for original, ours in zip(*results, strict=True):
        error = (ours - original).abs().max() / original.abs().max()
        assert error < tolerance


def test_a_weight_of_zero_acts_as_in_the_original():
    layers = [OriginalRevIN(4).double(), RevIN(4).double()]
    found = []
    for layer in layers:
        nn.init.zeros_(layer.affine_weight)
        found.append(layer(layer(windows(), "norm") + 1e-12, "denorm"))
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("shape", [(4,), (1, 1, 4), (1, 4, 1)])
def test_checkpoints_load_strictly(shape):
    values = {"affine_weight": torch.tensor(WEIGHT), "affine_bias": torch.tensor(BIAS)}
    layer, net = RevIN(4), nn.ModuleDict({"revin": RevIN(4)})
    layer.load_state_dict({name: value.reshape(shape) for name, value in values.items()})
    net.load_state_dict({f"revin.{name}": value.reshape(shape) for name, value in values.items()})
    for loaded in (layer, net["revin"]):
        assert torch.equal(loaded.affine_weight, values["affine_weight"])
        assert torch.equal(loaded.affine_bias, values["affine_bias"])
    assert list(net.state_dict()) == ["revin.affine_weight", "revin.affine_bias"]
    original = OriginalRevIN(4)
    original.load_state_dict(layer.state_dict(), strict=True)
    with pytest.raises(RuntimeError, match="size mismatch for affine_weight"):
        layer.load_state_dict({name: value[:3] for name, value in values.items()})
    with pytest.raises(RuntimeError, match="Unexpected key"):
        RevIN(4, affine=False).load_state_dict(values)


def test_the_arguments_of_the_original_are_attributes():
    layer = RevIN(4, 1e-3, False, True)
    assert (layer.num_features, layer.eps, layer.affine, layer.subtract_last) == (
        4, 1e-3, False, True,
    )  # fmt: skip
    assert "4, eps=0.001, affine=False, subtract_last=True" in repr(layer)
    assert not list(layer.parameters())


@pytest.mark.parametrize("name", ["num_features", "eps", "affine", "subtract_last", "non_norm"])
def test_the_arguments_cannot_be_changed_after_construction(name):
    """The original would follow; an ignored change would be worse than none."""
    layer = Normalize(4)
    with pytest.raises(AttributeError, match=f"'{name}' of 'Normalize' object has no setter"):
        setattr(layer, name, True)


@pytest.mark.usefixtures("plain_shapes")
@pytest.mark.parametrize("flag", [True, False])
def test_a_flag_in_the_place_of_eps_is_refused(flag):
    with pytest.raises(ValueError, match=rf"eps must be .* but got {flag}\..* affine=True"):
        RevIN(4, flag)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_windows_keep_their_memory_layout(dtype):
    """A view of z.permute(0, 2, 1) works wherever it works with the original."""
    x = windows(dtype).mT.contiguous().mT.requires_grad_()
    for kind in (OriginalRevIN, RevIN):
        assert kind(4)(x, "norm").mT.is_contiguous()
        assert kind(4)(x.contiguous(), "norm").is_contiguous()
    twin = x.detach().contiguous().requires_grad_()
    layer = RevIN(4, subtract_last=True)
    for past in (x, twin):
        layer(past, "norm")[:, :5].square().sum().backward()
    torch.testing.assert_close(x.grad, twin.grad)


def test_normalize_of_the_time_series_library():
    x = windows(torch.float32)
    assert not list(Normalize(4).parameters())
    layer = Normalize(4, affine=True, non_norm=True)
    assert layer(x, "norm") is x
    assert layer(x, "denorm") is x
    z, stats = layer.normalize(x)
    assert torch.equal(z, x)
    assert torch.equal(layer.denormalize(z, stats), x)
    torch.testing.assert_close(Normalize(4)(x, "norm"), RevIN(4)(x, "norm"))


def test_eps_zero_is_the_exact_guard():
    layer = RevIN(2, eps=0.0)
    x = torch.ones(3, 8, 2)
    assert torch.equal(layer(layer(x, "norm"), "denorm"), x)
    with pytest.raises(
        ValueError, match=r"eps must be a number from 0 up but got -1\.0\. The order"
    ):
        RevIN(2, eps=-1.0)


def test_the_verbs_keep_the_contract_of_normalizers():
    check_normalizer(Normalize)
