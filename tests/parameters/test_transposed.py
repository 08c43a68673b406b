"""Transposed layers are the adjoint of their source, and share its weight in every form."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

from revin_forecast import (
    TransposedConv1d,
    TransposedEmbedding,
    TransposedLinear,
    load_parameters,
    parameter_summary,
    save_parameters,
    shared_parameters,
)


def build_autoencoder(source, transposed, parametrization=None):
    encoder = source()
    if parametrization is not None:
        parametrization(encoder)
    return nn.ModuleDict({"encoder": encoder, "decoder": transposed(encoder)})


SOURCES = {
    "linear": (lambda: nn.Linear(6, 3), TransposedLinear, lambda: torch.randn(4, 6)),
    "convolution": (lambda: nn.Conv1d(2, 4, 3), TransposedConv1d, lambda: torch.randn(4, 2, 9)),
    "embedding": (
        lambda: nn.Embedding(10, 4),
        TransposedEmbedding,
        lambda: torch.randint(10, (4, 5)),
    ),
}
PARAMETRIZATIONS = [parametrizations.weight_norm, parametrizations.spectral_norm]


@pytest.fixture(params=SOURCES)
def kind(request):
    return SOURCES[request.param]


@pytest.mark.parametrize("parametrization", PARAMETRIZATIONS)
def test_parametrized_sources_train_for_several_steps(kind, parametrization):
    source, transposed, draw = kind
    model, values = build_autoencoder(source, transposed, parametrization), draw()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(3):
        optimizer.zero_grad()
        model["decoder"](model["encoder"](values)).square().mean().backward()
        optimizer.step()
    model.eval()  # spectral_norm changes its estimate at each reading while it trains
    torch.testing.assert_close(model["decoder"].weight, model["encoder"].weight)
    assert model["decoder"].weight.grad_fn is not None


def test_a_parametrized_source_is_shared_by_its_own_parameters():
    model = build_autoencoder(*SOURCES["linear"][:2], parametrizations.weight_norm)
    path = "parametrizations.weight.original"
    groups = [(f"encoder.{path}{i}", f"decoder.{path}{i}") for i in (0, 1)]
    assert shared_parameters(model) == groups
    # Magnitudes, directions and two biases, without a second weight.
    assert parameter_summary(model).unique_count == 3 + 18 + 3 + 6


def test_gradients_of_a_parametrized_source_are_those_of_one_weight():
    model, values = build_autoencoder(*SOURCES["linear"][:2]), torch.randn(4, 6)
    normed = copy.deepcopy(model["encoder"])
    parametrizations.weight_norm(normed)
    other = nn.ModuleDict({"encoder": normed, "decoder": TransposedLinear(normed)})
    for part in (model, other):
        part["decoder"](part["encoder"](values)).square().sum().backward()
    weight = model["encoder"].weight
    directions = weight / weight.norm(dim=1, keepdim=True)
    torch.testing.assert_close(
        normed.parametrizations.weight.original0.grad,
        (weight.grad * directions).sum(1, keepdim=True),
    )


@pytest.mark.parametrize("parametrization", [None, *PARAMETRIZATIONS])
def test_copies_and_files_keep_the_sharing(kind, parametrization, tmp_path):
    source, transposed, draw = kind
    model, values = build_autoencoder(source, transposed, parametrization).eval(), draw()
    save_parameters(model, tmp_path / "file")
    loaded = build_autoencoder(source, transposed, parametrization).eval()
    loaded_state = build_autoencoder(source, transposed, parametrization).eval()
    load_parameters(loaded, tmp_path / "file")
    loaded_state.load_state_dict(model.state_dict())
    for other in (loaded, loaded_state, copy.deepcopy(model)):
        assert shared_parameters(other) == shared_parameters(model)
        expected = model["decoder"](model["encoder"](values))
        torch.testing.assert_close(other["decoder"](other["encoder"](values)), expected)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("parametrization", [None, parametrizations.weight_norm])
def test_the_bias_has_the_dtype_and_device_of_the_source(kind, dtype, device, parametrization):
    source, transposed, _ = kind
    encoder = source().to(device, dtype)
    if parametrization:
        parametrization(encoder)
    bias = transposed(encoder, bias=True).bias
    assert (bias.dtype, bias.device.type) == (dtype, device)


def test_linear_is_the_adjoint_of_its_source():
    source = nn.Linear(5, 2, bias=False)
    inputs, outputs = torch.randn(3, 5), torch.randn(3, 2)
    back = TransposedLinear(source, bias=False)(outputs)
    torch.testing.assert_close((source(inputs) * outputs).sum(), (inputs * back).sum())


def test_the_head_scores_each_token_by_its_vector():
    embedding = nn.Embedding(7, 3)
    head, hidden = TransposedEmbedding(embedding), torch.randn(2, 4, 3)
    tokens = torch.arange(7).expand(2, 4, 7)
    expected = (embedding(tokens) * hidden.unsqueeze(-2)).sum(-1)
    torch.testing.assert_close(head(hidden), expected)
    assert head.bias is None
    biased = TransposedEmbedding(embedding, bias=True)
    with torch.no_grad():
        biased.bias += 2
    torch.testing.assert_close(biased(hidden), expected + 2)


@given(
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from([0, 1, 2, "same", "valid"]),
    st.integers(1, 2),
    st.integers(0, 3),
)
def test_convolutions_are_the_adjoint_of_their_source(
    kernel, stride, dilation, padding, groups, surplus
):
    stride = 1 if padding == "same" else stride
    source = nn.Conv1d(
        2, 4, kernel, stride, padding, dilation, groups, bias=False, dtype=torch.float64
    )
    inputs = torch.randn(2, 2, dilation * (kernel - 1) + 4 + surplus, dtype=torch.float64)
    length = inputs.shape[-1]
    # An even kernel with "same" makes torch warn of a copy; padding by hand is the same.
    reach = dilation * (kernel - 1)
    if padding == "same":
        padded = nn.functional.pad(inputs, (reach // 2, reach - reach // 2))
        outputs = nn.functional.conv1d(
            padded, source.weight, dilation=dilation, groups=groups
        ).detach()
    else:
        outputs = source(inputs).detach()
    values = torch.randn_like(outputs)
    back = TransposedConv1d(source, bias=False)(values, length)
    assert back.shape == inputs.shape
    torch.testing.assert_close((outputs * values).sum(), (inputs * back).sum())


def test_the_shortest_length_is_the_default():
    source = nn.Conv1d(2, 3, 4, stride=4)
    back = TransposedConv1d(source)
    with torch.no_grad():
        back.bias += 1
    values = source(torch.randn(1, 2, 26))
    assert back(values).shape == (1, 2, 24)
    assert torch.equal(back(values, length=26)[..., 24:], torch.ones(1, 2, 2))  # the bias
    for length in (23, 28):
        with pytest.raises(ValueError, match=f"maps 24 to 27 steps to 6, but length is {length}"):
            back(values, length=length)


@pytest.mark.usefixtures("plain_shapes")
@pytest.mark.parametrize(
    ("transposed", "source", "message"),
    [
        (TransposedLinear, nn.Embedding(3, 2), "TransposedLinear needs an nn.Linear but got Embe"),
        (TransposedLinear, nn.Conv2d(1, 1, 1), "but got Conv2d. TransposedLinear takes an nn.Li"),
        (TransposedEmbedding, nn.Linear(3, 2), "TransposedEmbedding needs an nn.Embedding but got"),
        (TransposedConv1d, nn.ConvTranspose1d(1, 1, 1), "an nn.Conv1d but got ConvTranspose1d"),
    ],
)
def test_other_sources_are_refused_with_the_layer_for_each(transposed, source, message):
    with pytest.raises(TypeError, match=message):
        transposed(source)


def test_reflecting_convolutions_are_refused():
    with pytest.raises(ValueError, match="padding_mode 'reflect'. Build it with padding_mode='ze"):
        TransposedConv1d(nn.Conv1d(2, 2, 3, padding=1, padding_mode="reflect"))


@pytest.mark.parametrize(
    ("transposed", "lazy"),
    [(TransposedLinear, nn.LazyLinear(3)), (TransposedConv1d, nn.LazyConv1d(3, 2))],
)
def test_lazy_sources_are_refused_before_their_first_call(transposed, lazy):
    with pytest.raises(ValueError, match="has no weight before its first call"):
        transposed(lazy)
    lazy(torch.randn(2, 5, 5) if isinstance(lazy, nn.LazyConv1d) else torch.randn(2, 5))
    assert transposed(lazy).weight is lazy.weight


def weight_norm_by_hook(layer):
    with pytest.warns(FutureWarning, match="weight_norm"):
        return nn.utils.weight_norm(layer)


def remove_and_parametrize(layer):
    nn.utils.remove_weight_norm(layer)
    parametrizations.weight_norm(layer)


def remove_and_bound(layer):
    nn.utils.remove_spectral_norm(layer)
    parametrizations.spectral_norm(layer)


@pytest.mark.parametrize(
    ("change", "follow_remedy"),
    [
        (weight_norm_by_hook, remove_and_parametrize),
        (nn.utils.spectral_norm, remove_and_bound),
        (
            lambda layer: prune.l1_unstructured(layer, "weight", 0.5),
            lambda layer: prune.remove(layer, "weight"),
        ),
    ],
)
def test_weights_that_a_hook_computes_are_refused_with_a_remedy(change, follow_remedy):
    layer = change(nn.Linear(4, 2))
    with pytest.raises(ValueError, match="the weight of this Linear is computed by a hook"):
        TransposedLinear(layer)
    follow_remedy(layer)
    layer.eval()
    values = torch.randn(3, 2)
    torch.testing.assert_close(TransposedLinear(layer).eval()(values), values @ layer.weight)


def test_the_padding_row_learns_through_the_head():
    embedding = nn.Embedding(5, 3, padding_idx=0)
    TransposedEmbedding(embedding)(embedding(torch.tensor([0, 2]))).sum().backward()
    assert embedding.weight.grad[0].abs().sum() > 0


def test_a_parametrization_removed_from_both_leaves_equal_weights():
    model = build_autoencoder(*SOURCES["linear"][:2], parametrizations.weight_norm)
    for layer in model.values():
        parametrize.remove_parametrizations(layer, "weight")
    assert torch.equal(model["encoder"].weight, model["decoder"].weight)
    assert type(model["decoder"]) is TransposedLinear
