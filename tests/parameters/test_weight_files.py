"""Files of other programs, wrapped modules, the meta device, and states that no file holds."""

import copy
import re

import pytest
import safetensors.torch
import torch
from safetensors.torch import save_file, save_model
from torch import nn
from torch.nn.utils import parametrizations

from revin_forecast import (
    TransposedLinear,
    load_parameters,
    save_parameters,
    share_parameters,
    shared_parameters,
)


def build_pair(*, tied=True):
    pair = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.BatchNorm1d(4))
    if tied:
        share_parameters(pair[0], pair[1])
    return pair


def assert_equal_states(first, second):
    first, second = first.state_dict(), second.state_dict()
    assert first.keys() == second.keys()
    for name, part in first.items():
        assert torch.equal(part, second[name]), name


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("metadata", [None, {"format": "pt", "0.bias": "of the first layer"}])
def test_files_of_save_model_restore_the_sharing(tied, metadata, tmp_path):
    pair, loaded = build_pair(), build_pair(tied=tied)
    save_model(pair, tmp_path / "file", metadata=metadata)
    load_parameters(loaded, tmp_path / "file")
    assert_equal_states(loaded, pair)
    assert shared_parameters(loaded) == shared_parameters(pair)


def test_a_parameter_named_shared_is_read_from_save_model(tmp_path):
    def build():
        module = nn.ParameterDict({"base": torch.randn(3), "shared": torch.randn(3)})
        module["shared"] = module["base"]
        return module

    module, loaded = build(), build()
    save_model(module, tmp_path / "file")
    load_parameters(loaded, tmp_path / "file")
    assert torch.equal(loaded["shared"], module["base"])


def test_names_that_a_file_leaves_out_follow_the_ties_of_the_module(tmp_path):
    """`save_pretrained` drops all but one name of a tied parameter, without metadata."""
    pair, loaded = build_pair(), build_pair()
    state = {name: part for name, part in pair.state_dict().items() if name[0] != "0"}
    save_file(state, tmp_path / "file")
    load_parameters(loaded, tmp_path / "file")
    assert_equal_states(loaded, pair)
    with pytest.raises(ValueError, match=r"it lacks \['0.bias', '0.weight'\]"):
        load_parameters(build_pair(tied=False), tmp_path / "file")


def test_left_out_names_and_groups_of_the_file_are_merged(tmp_path):
    names = ["a", "b", "c"]
    saved = nn.ModuleDict({name: nn.Linear(2, 2, bias=False) for name in "ab"})
    share_parameters(saved["a"], saved["b"])
    loaded = nn.ModuleDict({name: nn.Linear(2, 2, bias=False) for name in names})
    share_parameters(loaded["b"], loaded["c"])
    save_parameters(saved, tmp_path / "file")
    load_parameters(loaded, tmp_path / "file")
    assert shared_parameters(loaded) == [("a.weight", "b.weight", "c.weight")]
    assert torch.equal(loaded["c"].weight, saved["a"].weight)


class Parallel(nn.Module):
    """Names as in `DistributedDataParallel`."""

    def __init__(self, module):
        super().__init__()
        self.module = module


def compile_first_layer(pair):
    pair[0] = torch.compile(pair[0])
    return pair


WRAPPERS = {
    "plain": lambda pair: pair,
    "compiled": torch.compile,
    "parallel": Parallel,
    "compiled parallel": lambda pair: torch.compile(Parallel(pair)),
    "parallel compiled": lambda pair: Parallel(torch.compile(pair)),
    "compiled layer": compile_first_layer,
}


@pytest.mark.parametrize("saved_as", WRAPPERS)
@pytest.mark.parametrize("loaded_as", WRAPPERS)
@pytest.mark.parametrize("tied", [True, False])
def test_wrapped_modules_and_plain_ones_read_each_others_files(saved_as, loaded_as, tied, tmp_path):
    pair, loaded = build_pair(), build_pair(tied=tied)
    before = copy.deepcopy(pair.state_dict())
    save_parameters(WRAPPERS[saved_as](pair), tmp_path / "file")
    wrapped = WRAPPERS[loaded_as](loaded)
    load_parameters(wrapped, tmp_path / "file")
    for (name, part), expected in zip(loaded.state_dict().items(), before.values(), strict=True):
        assert torch.equal(part, expected), name
    assert len(shared_parameters(wrapped)) == 2


def test_a_compiled_module_gives_the_same_forecast_after_loading(tmp_path):
    pair, loaded = build_pair().eval(), build_pair(tied=False).eval()
    save_parameters(torch.compile(pair), tmp_path / "file")
    load_parameters(loaded, tmp_path / "file")
    values = torch.randn(3, 4)
    torch.testing.assert_close(loaded(values), pair(values))


def test_a_wrapper_of_your_own_keeps_its_names(tmp_path):
    net = Parallel(Parallel(nn.Linear(2, 2)))
    other = Parallel(Parallel(nn.Linear(2, 2)))
    save_parameters(Parallel(net), tmp_path / "file")  # three times "module."
    load_parameters(other, tmp_path / "file")
    assert_equal_states(net, other)


def test_names_of_other_modules_are_refused_as_they_are(tmp_path):
    save_parameters(torch.compile(nn.Linear(2, 2)), tmp_path / "file")
    with pytest.raises(ValueError, match=r"it lacks \['0.bias', .*\] and has \['_orig_mod.bias'"):
        load_parameters(nn.Sequential(nn.Linear(2, 2)), tmp_path / "file")


@pytest.mark.parametrize("tied", [True, False])
def test_modules_on_the_meta_device_get_the_values_of_the_file(tied, tmp_path):
    pair = build_pair()
    pair(torch.randn(8, 4))
    with torch.device("meta"):
        empty = build_pair(tied=tied)
    for module in (pair, empty):
        module[2].bias.requires_grad_(False)
    save_parameters(pair, tmp_path / "file")
    load_parameters(empty, tmp_path / "file")
    assert_equal_states(empty, pair)
    assert shared_parameters(empty) == shared_parameters(pair)
    assert shared_parameters(empty, by="memory") == shared_parameters(pair)
    assert not empty[2].bias.requires_grad
    assert empty[2].weight.requires_grad
    (tmp_path / "file").write_bytes(b"overwritten in place")  # the values are copies
    assert_equal_states(empty, pair)
    empty(torch.randn(3, 4)).square().sum().backward()
    safetensors.torch.save_model(empty, tmp_path / "again")  # each tensor has a memory of its own


@pytest.mark.parametrize("place", [0, 1])
def test_a_module_half_on_the_meta_device_is_completed(place, tmp_path):
    pair, half = build_pair(), build_pair(tied=False)
    half[place].to("meta")
    kept = half[1 - place].weight
    save_parameters(pair, tmp_path / "file")
    load_parameters(half, tmp_path / "file")
    assert_equal_states(half, pair)
    assert shared_parameters(half) == shared_parameters(pair)
    assert (half[0].weight is kept) == (place == 1)  # the first name of the group


def test_a_parametrized_module_on_the_meta_device_is_loaded(tmp_path):
    def build():
        encoder = parametrizations.weight_norm(nn.Linear(4, 2))
        return nn.ModuleDict({"encoder": encoder, "decoder": TransposedLinear(encoder)})

    model = build()
    with torch.device("meta"):
        empty = build()
    save_parameters(model, tmp_path / "file")
    load_parameters(empty, tmp_path / "file")
    assert shared_parameters(empty) == shared_parameters(model)
    assert torch.equal(empty["decoder"].weight, model["encoder"].weight)


class Rotating(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("angles", torch.arange(3.0), persistent=False)
        self.weight = nn.Parameter(torch.randn(3))


def test_buffers_that_no_file_holds_are_refused_on_the_meta_device(tmp_path):
    save_parameters(Rotating(), tmp_path / "file")
    with torch.device("meta"):
        empty = Rotating()
    with pytest.raises(ValueError, match=r"the buffers \['angles'\] are on the meta device, and f"):
        load_parameters(empty, tmp_path / "file")
    assert empty.weight.is_meta
    empty.angles = torch.arange(3.0)  # the remedy
    load_parameters(empty, tmp_path / "file")
    assert not empty.weight.is_meta


def test_a_module_without_values_is_not_saved(tmp_path):
    with pytest.raises(ValueError, match=r"\['weight', 'bias'\] are on the meta device and have"):
        save_parameters(nn.Linear(4, 2, device="meta"), tmp_path / "file")
    assert not (tmp_path / "file").exists()


class Counting(nn.Module):
    def __init__(self, extra):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))
        self.extra = extra

    def get_extra_state(self):
        return self.extra

    def set_extra_state(self, extra):
        self.extra = extra


@pytest.mark.parametrize("extra", [{"calls": 3}, torch.ones(2)])
def test_an_extra_state_is_refused(extra, tmp_path):
    net = nn.Sequential(Counting(extra))
    message = rf"0._extra_state is the extra state .*, a {type(extra).__name__}, but the file"
    with pytest.raises(ValueError, match=message):
        save_parameters(net, tmp_path / "file")
    assert not (tmp_path / "file").exists()
    save_file({"0.weight": torch.zeros(2)}, tmp_path / "file")
    with pytest.raises(ValueError, match=message):
        load_parameters(net, tmp_path / "file")
    assert net[0].weight.sum() == 2
    torch.save(net.state_dict(), tmp_path / "state")  # the remedy
    net.load_state_dict(torch.load(tmp_path / "state"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:torch.quantize_per_tensor")
@pytest.mark.parametrize("whole", [True, False])
def test_quantized_modules_are_refused(whole, tmp_path):
    net = nn.Sequential(nn.Linear(4, 2))
    if whole:
        quantized = torch.ao.quantization.quantize_dynamic(net)
        message = r"0\.\S+ is a \w+, as in quantized modules, but the file holds plain tensors"
    else:
        quantized = copy.deepcopy(net)
        numbers = torch.quantize_per_tensor(torch.randn(3), 0.1, 0, torch.qint8)
        quantized.register_buffer("numbers", numbers)
        message = "numbers is a quantized tensor, as in quantized modules"
    with pytest.raises(ValueError, match=message):
        save_parameters(quantized, tmp_path / "file")
    save_parameters(net, tmp_path / "file")
    with pytest.raises(ValueError, match=message):
        load_parameters(quantized, tmp_path / "file")


def test_frozen_and_trained_parameters_are_not_tied_by_a_file(tmp_path):
    save_parameters(build_pair(), tmp_path / "file")
    other = build_pair(tied=False)
    other[0].requires_grad_(False)
    message = "0.weight is a frozen parameter on cpu and 1.weight a parameter on cpu"
    with pytest.raises(ValueError, match=re.escape(message)):
        load_parameters(other, tmp_path / "file")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (torch.eye(3).to_sparse(), r"b has layout torch.sparse_coo, but the file holds dense"),
        (torch.ones(2, dtype=torch.complex128), r"\['b'\] have dtype torch.complex128, which"),
    ],
)
def test_tensors_that_no_file_holds_are_refused(values, message, tmp_path):
    net = nn.Module()
    net.register_buffer("b", values)
    with pytest.raises(ValueError, match=message):
        save_parameters(net, tmp_path / "file")
    assert not (tmp_path / "file").exists()


def test_lazy_modules_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"weight has no values before the module's first call"):
        save_parameters(nn.LazyLinear(2), tmp_path / "file")
    save_parameters(nn.Linear(3, 2), tmp_path / "file")
    lazy = nn.LazyLinear(2)
    with pytest.raises(ValueError, match=r"weight has no values .* Call the module once on"):
        load_parameters(lazy, tmp_path / "file")
    lazy(torch.ones(1, 3))
    load_parameters(lazy, tmp_path / "file")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is a folder. Pass the path of a safetensors file"):
        load_parameters(nn.Linear(2, 2), tmp_path)


def test_different_values_for_one_memory_are_refused(tmp_path):
    pair = build_pair(tied=False)
    save_parameters(pair, tmp_path / "file")
    pair[1].weight.data = pair[0].weight.data
    before = pair[0].weight.detach().clone()
    with pytest.raises(ValueError, match=r"as 0.weight = 1.weight, but .* different values for"):
        load_parameters(pair, tmp_path / "file")
    assert torch.equal(pair[0].weight, before)
    save_parameters(pair, tmp_path / "file")
    load_parameters(pair, tmp_path / "file")


def test_a_transposed_view_of_a_weight_keeps_its_values(tmp_path):
    weight = nn.Parameter(torch.randn(3, 3))
    views = nn.ParameterList([weight, nn.Parameter(weight.detach().mT)])
    save_parameters(views, tmp_path / "file")
    expected = weight.detach().clone()
    with torch.no_grad():
        weight.zero_()
    load_parameters(views, tmp_path / "file")
    assert torch.equal(views[0], expected)
    assert torch.equal(views[1], expected.mT)


def test_expanded_buffers_are_refused_before_anything_is_loaded(tmp_path):
    net, other = nn.Linear(2, 2), nn.Linear(2, 2)
    for layer in (net, other):
        layer.register_buffer("mask", torch.ones(1).expand(3))
    save_parameters(net, tmp_path / "file")
    before = other.weight.detach().clone()
    with pytest.raises(
        ValueError, match=r"mask has several entries in one place .* a clone\(\) of"
    ):
        load_parameters(other, tmp_path / "file")
    assert torch.equal(other.weight, before)
    other.mask = other.mask.clone()
    load_parameters(other, tmp_path / "file")
    assert torch.equal(other.weight, net.weight)
