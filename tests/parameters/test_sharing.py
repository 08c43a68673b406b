"""Shared parameters: through moves, optimizers, files and refusals."""

import copy
import json
import re

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch._subclasses import FakeTensorMode

from revin_forecast import RevIN
from revin_forecast.parameters.sharing import parameter_summary, share_parameters, shared_parameters
from revin_forecast.parameters.weights import load_parameters, save_parameters


def tied_linears():
    pair = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
    share_parameters(pair[0], pair[1])
    return pair


def revin_pair():
    layer = RevIN(3)
    with torch.no_grad():
        layer.affine_weight.mul_(torch.tensor([2.0, -1.0, 0.5]))
    return nn.ModuleList(layer.pair())


TIED = {
    "linear": (tied_linears, "0.weight", "1.weight"),
    "revin": (revin_pair, "0.normalizer.affine_weight", "1.normalizer.affine_weight"),
}


def get_both(pair, names):
    parameters = dict(pair.named_parameters(remove_duplicate=False))
    return parameters[names[0]], parameters[names[1]]


@pytest.fixture(params=TIED)
def tied_pair(request):
    make, *names = TIED[request.param]
    return make, names


def test_one_object_one_gradient_one_update(tied_pair):
    make, names = tied_pair
    pair = make()
    first, second = get_both(pair, names)
    assert first is second
    assert len(list(pair.parameters())) == 2
    before = first.detach().clone()
    optimizer = torch.optim.SGD(pair.parameters(), lr=0.1)
    (first.sum() + 2 * second.sum()).backward()
    torch.testing.assert_close(second.grad, torch.full_like(first, 3.0))
    optimizer.step()
    torch.testing.assert_close(get_both(pair, names)[1], before - 0.3)


@pytest.mark.parametrize("move", [copy.deepcopy, lambda pair: pair.to(torch.float64)])
def test_sharing_survives_moves(tied_pair, move):
    make, names = tied_pair
    pair = move(make())
    first, second = get_both(pair, names)
    assert first is second
    assert shared_parameters(pair) == shared_parameters(make())


def test_state_dict_carries_both_names(tied_pair):
    make, names = tied_pair
    pair, other = make(), make()
    with torch.no_grad():
        get_both(pair, names)[0].add_(7)
    other.load_state_dict(pair.state_dict())
    first, second = get_both(other, names)
    assert first is second
    torch.testing.assert_close(first, get_both(pair, names)[0])


def test_saving_and_loading_keep_the_sharing(tied_pair, tmp_path):
    make, names = tied_pair
    pair, other = make(), make()
    with torch.no_grad():
        get_both(pair, names)[0].add_(7)
    parameter_before = get_both(other, names)[0]
    save_parameters(pair, tmp_path / "pair.safetensors")
    load_parameters(other, tmp_path / "pair.safetensors")
    assert get_both(other, names)[0] is get_both(other, names)[1] is parameter_before
    torch.testing.assert_close(parameter_before, get_both(pair, names)[0])


def test_loading_restores_sharing_in_a_fresh_module(tmp_path):
    pair = tied_linears()
    save_parameters(pair, tmp_path / "pair")
    fresh = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
    parameter_before = fresh[0].weight
    load_parameters(fresh, tmp_path / "pair")
    assert fresh[1].weight is fresh[0].weight is parameter_before
    torch.testing.assert_close(fresh[1].bias, pair[0].bias)


def test_each_shared_parameter_is_stored_once(tmp_path):
    save_parameters(
        nn.ModuleList([nn.Linear(400, 400), nn.Linear(400, 400)]), tmp_path / "separate"
    )
    pair = nn.ModuleList([nn.Linear(400, 400), nn.Linear(400, 400)])
    share_parameters(pair[0], pair[1])
    save_parameters(pair, tmp_path / "tied")
    ratio = (tmp_path / "tied").stat().st_size / (tmp_path / "separate").stat().st_size
    assert ratio == pytest.approx(0.5, abs=0.01)


def test_sharing_modules_refuse_files_with_different_values(tmp_path):
    save_parameters(nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)]), tmp_path / "separate")
    pair = tied_linears()
    before = pair[0].weight.detach().clone()
    with pytest.raises(ValueError, match=r"shares one tensor as 0\.weight = 1\.weight, but"):
        load_parameters(pair, tmp_path / "separate")
    assert torch.equal(pair[0].weight, before)


def test_buffers_are_saved_and_copied(tmp_path):
    source, target = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    source(torch.randn(8, 3))
    save_parameters(source, tmp_path / "norm")
    load_parameters(target, tmp_path / "norm")
    assert torch.equal(source.running_mean, target.running_mean)
    assert target.num_batches_tracked == 1


def test_an_optimizer_made_before_loading_moves_the_loaded_values(tmp_path):
    saved, loaded = nn.Linear(4, 2), nn.Linear(4, 2)
    optimizer = torch.optim.SGD(loaded.parameters(), lr=0.1)
    save_parameters(saved, tmp_path / "file")
    load_parameters(loaded, tmp_path / "file")
    loaded.weight.sum().backward()
    optimizer.step()
    torch.testing.assert_close(loaded.weight, saved.weight - 0.1)


def build_siamese():
    """Return one normalization layer under two names, so that its buffers are shared too."""
    norm = nn.BatchNorm1d(3)
    return nn.ModuleDict({"left": norm, "right": norm})


def test_shared_buffers_are_stored_once_and_stay_shared(tmp_path):
    source = build_siamese()
    source["left"](torch.randn(8, 3))
    save_parameters(source, tmp_path / "file")
    assert all(name.startswith("left.") for name in load_file(tmp_path / "file"))
    fresh = nn.ModuleDict({"left": nn.BatchNorm1d(3), "right": nn.BatchNorm1d(3)})
    load_parameters(fresh, tmp_path / "file")
    assert fresh["left"].running_mean is fresh["right"].running_mean
    assert fresh["left"].weight is fresh["right"].weight
    assert torch.equal(fresh["left"].running_mean, source["left"].running_mean)
    fresh["right"](torch.randn(8, 3))
    assert fresh["left"].num_batches_tracked == 2


class Overlapping(nn.Module):
    def __init__(self):
        super().__init__()
        numbers = torch.randn(6)
        self.head, self.tail = nn.Parameter(numbers[:4]), nn.Parameter(numbers[2:])


def test_views_of_one_memory_can_be_saved(tmp_path):
    source, target = Overlapping(), Overlapping()
    save_parameters(source, tmp_path / "file")
    load_parameters(target, tmp_path / "file")
    assert torch.equal(target.head, source.head)
    assert torch.equal(target.tail, source.tail)


def build_ones(*names):
    module = nn.ModuleDict({name: nn.Linear(2, 2, bias=False) for name in names})
    for parameter in module.parameters():
        nn.init.ones_(parameter)
    return module


def test_loading_merges_the_sharing_of_file_and_module(tmp_path):
    saved, loaded = build_ones("a", "b", "c", "d"), build_ones("a", "b", "c", "d")
    share_parameters(saved["a"], saved["b"], ["weight"])
    share_parameters(loaded["b"], loaded["c"], ["weight"])
    save_parameters(saved, tmp_path / "file")
    parameter_before = loaded["a"].weight
    load_parameters(loaded, tmp_path / "file")
    assert shared_parameters(loaded) == [("a.weight", "b.weight", "c.weight")]
    assert loaded["c"].weight is parameter_before


@pytest.mark.parametrize(
    ("shared", "names"),
    [
        ("{nope", ["weight", "bias"]),
        ("5", ["weight", "bias"]),
        ("[[]]", ["weight", "bias"]),
        ('[["weight", 3]]', ["weight", "bias"]),
        ('[["weight", "bias"]]', ["weight", "bias"]),
        ('[["weight", "bias"], ["weight", "bias"]]', ["weight"]),
        ('[["weight", "bias"]]', ["bias"]),
        ('[["weight", "bias"]]', []),
    ],
)
def test_invalid_groups_are_refused(shared, names, tmp_path):
    layer = nn.Linear(4, 2)
    before = copy.deepcopy(layer.state_dict())
    tensors = {name: torch.ones_like(before[name]) for name in names}
    save_file(tensors, tmp_path / "file", metadata={"shared": shared})
    with pytest.raises(ValueError, match="names its shared tensors as .* but groups of names"):
        load_parameters(layer, tmp_path / "file")
    assert all(torch.equal(before[name], part) for name, part in layer.state_dict().items())


def test_a_parameter_and_a_buffer_are_never_shared(tmp_path):
    norm = nn.BatchNorm1d(3)
    tensors = {name: part + 1 for name, part in norm.state_dict().items() if name != "bias"}
    groups = json.dumps([["running_mean", "bias"]])
    save_file(tensors, tmp_path / "file", metadata={"shared": groups})
    with pytest.raises(ValueError, match="running_mean is a buffer on cpu and bias a parameter"):
        load_parameters(norm, tmp_path / "file")
    assert norm.running_mean.abs().sum() == 0


@pytest.mark.parametrize(
    ("saved", "loaded", "message"),
    [
        (nn.Linear(4, 2), nn.Linear(4, 3), r"has shape \(3, 4\) in the module but \(2, 4\) in"),
        (nn.Linear(4, 2), nn.Linear(4, 2).double(), "dtype torch.float64 in the module"),
        (nn.Linear(4, 2, bias=False), nn.Linear(4, 2), r"it lacks \['bias'\]"),
        (nn.Linear(4, 2), nn.Linear(4, 2, bias=False), r"has \['bias'\] in addition"),
    ],
)
def test_files_of_other_modules_are_refused_and_change_nothing(saved, loaded, message, tmp_path):
    save_parameters(saved, tmp_path / "file")
    before = copy.deepcopy(loaded.state_dict())
    with pytest.raises(ValueError, match=message):
        load_parameters(loaded, tmp_path / "file")
    assert all(torch.equal(before[name], part) for name, part in loaded.state_dict().items())


def test_other_files_are_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"not at all")
    with pytest.raises(ValueError, match="is not a readable safetensors file"):
        load_parameters(nn.Linear(4, 2), tmp_path / "file")


def test_a_failing_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    save_parameters(nn.Linear(4, 2), path)
    old_content = path.read_bytes()

    def raise_disk_full(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", raise_disk_full)
    with pytest.raises(OSError, match="disk full"):
        save_parameters(nn.Linear(4, 2), path)
    assert path.read_bytes() == old_content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("source", "target", "names", "message"),
    [
        (nn.Linear(4, 2), nn.Linear(2, 4), ["weight"], r"shape \(2, 4\) .* but \(4, 2\)"),
        (
            nn.Linear(4, 2),
            nn.Linear(4, 2).double(),
            ["weight"],
            "dtype torch.float32 in the source but torch.float64",
        ),
        (
            nn.Linear(4, 2),
            nn.Linear(4, 2, bias=False),
            ["weight", "bias"],
            "bias is absent from the",
        ),
        (
            nn.Linear(4, 2),
            nn.Linear(4, 2, bias=False),
            "all",
            r"only the source has \['bias'\] and only the target \[\]",
        ),
        (nn.Linear(4, 2), nn.Linear(4, 2), "weight", r"Pass names=\['weight'\] or names='all'"),
        (nn.Linear(4, 2), nn.ReLU(), ["weight"], "target ReLU has no parameter 'weight'"),
        (nn.Linear(4, 2), nn.Linear(4, 2), ["weigth"], r"no parameter 'weigth'; it has \['weight"),
    ],
)
def test_mismatched_parameters_are_refused_and_nothing_is_shared(source, target, names, message):
    before = dict(target.named_parameters())
    with pytest.raises(ValueError, match=message):
        share_parameters(source, target, names)
    after = dict(target.named_parameters())
    assert all(before[name] is after[name] for name in before)


def test_all_names_are_checked_before_any_is_shared():
    source, target = nn.Linear(4, 2), nn.Linear(4, 2, bias=False)
    parameter_before = target.weight
    with pytest.raises(ValueError, match="bias is absent from the target"):
        share_parameters(source, target)
    assert target.weight is parameter_before
    without_bias = nn.Linear(4, 2, bias=False), nn.Linear(4, 2, bias=False)
    share_parameters(*without_bias)
    assert without_bias[0].weight is without_bias[1].weight


@pytest.mark.parametrize("trains", [True, False])
@pytest.mark.parametrize("remedy", [0, 1])
def test_frozen_and_trained_parameters_are_not_shared_silently(trains, remedy):
    source, target = nn.Linear(4, 2).requires_grad_(trains), nn.Linear(4, 2)
    target.requires_grad_(not trains)
    before = target.weight
    with pytest.raises(ValueError, match=f"weight has requires_grad {trains} in the") as caught:
        share_parameters(source, target, ["weight"])
    assert target.weight is before
    calls = re.findall(r"call (\w+\.get_parameter\S+\((?:True|False)\))", str(caught.value))
    assert len(calls) == 2
    eval(calls[remedy])  # the remedy as it is printed
    share_parameters(source, target, ["weight"])
    assert target.weight is source.weight
    assert target.weight.requires_grad is (remedy == 0)


def test_all_parameters_are_shared_also_deeper_ones():
    source, target = (nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)) for _ in range(2))
    share_parameters(source, target, "all")
    assert len(shared_parameters(nn.ModuleList([source, target]))) == 4
    assert source[1].running_mean is not target[1].running_mean  # a buffer


def build_chain():
    """Return four layers: b and c hold the object of a."""
    model = nn.ModuleDict({name: nn.Linear(2, 2, bias=False) for name in "abcd"})
    share_parameters(model["a"], model["b"])
    share_parameters(model["b"], model["c"])
    return model


def test_within_keeps_the_earlier_ties_of_the_target():
    model, alone = build_chain(), build_chain()
    share_parameters(model["d"], model["b"], within=model)
    assert shared_parameters(model) == [("a.weight", "b.weight", "c.weight", "d.weight")]
    share_parameters(alone["d"], alone["b"])
    assert shared_parameters(alone) == [("a.weight", "c.weight"), ("b.weight", "d.weight")]


def test_ties_inside_the_target_are_kept():
    target, source = build_chain(), build_chain()
    share_parameters(source, target, ["a.weight"])
    assert target["c"].weight is target["b"].weight is source["a"].weight


def test_ambiguous_ties_are_refused_and_nothing_is_shared():
    target, source = build_chain(), build_ones("a", "b", "c", "d")
    with pytest.raises(ValueError, match="a.weight = b.weight = c.weight are one parameter, of"):
        share_parameters(source, target, ["a.weight", "b.weight"])
    assert shared_parameters(target) == [("a.weight", "b.weight", "c.weight")]
    share_parameters(source, target, ["a.weight", "b.weight", "c.weight"])  # the remedy
    assert shared_parameters(target) == []
    assert target["c"].weight is source["c"].weight


def test_a_parameter_that_is_replaced_is_not_a_source():
    target, source = build_ones("a", "b"), build_ones("a", "b")
    share_parameters(target["b"], source["a"])
    with pytest.raises(ValueError, match="a.weight of the source is itself replaced"):
        share_parameters(source, target, ["a.weight", "b.weight"])


def test_within_contains_the_target():
    model = build_chain()
    with pytest.raises(ValueError, match="within is a Linear that does not contain the target"):
        share_parameters(model["a"], model["d"], within=model["a"])


def build_lookalikes():
    layers = nn.ModuleList([nn.Linear(4, 4, bias=False) for _ in range(5)])
    layers[1].weight.data = layers[0].weight.data
    layers[2].weight = nn.Parameter(layers[0].weight.mT)
    layers[3].weight = nn.Parameter(layers[0].weight.view(2, 8))
    return layers


def test_lookalikes_are_found_by_memory_only():
    layers = build_lookalikes()
    group = tuple(f"{place}.weight" for place in range(4))
    assert shared_parameters(layers) == []
    assert shared_parameters(layers, by="memory") == [group]
    summary = parameter_summary(layers)
    assert summary.lookalikes == (group,)
    assert (summary.unique_count, summary.saved_count) == (80, 0)
    assert str(summary).endswith(f"{' ~ '.join(group)}: one memory, not shared")


def test_parts_of_one_memory_are_not_lookalikes():
    numbers = torch.randn(4, 4)
    parts = {
        "columns": numbers[:, :2],
        "others": numbers[:, 2:],
        "rows": numbers[:2],
        "pairs": numbers[:, :2].view(torch.float64),
        "empty": numbers[:0],
        "none": numbers[:0],
    }
    layers = nn.ParameterDict({name: nn.Parameter(part) for name, part in parts.items()})
    assert shared_parameters(layers, by="memory") == []


def test_meta_and_lazy_parameters_are_compared_by_object():
    with torch.device("meta"):
        pair = tied_linears()
    pair.append(nn.LazyLinear(3))
    groups = [("0.weight", "1.weight"), ("0.bias", "1.bias")]
    assert shared_parameters(pair, by="memory") == shared_parameters(pair) == groups


def test_fake_parameters_are_compared_by_object():
    with FakeTensorMode():
        pair = tied_linears()
        assert shared_parameters(pair, by="memory") == shared_parameters(pair)
        assert len(shared_parameters(pair)) == 2


@pytest.mark.usefixtures("plain_shapes")
def test_other_comparisons_are_refused():
    with pytest.raises(ValueError, match="by must be 'object' or 'memory' but is 'value'"):
        shared_parameters(nn.Linear(4, 2), by="value")


def test_an_attribute_with_value_none_does_not_count_as_parameter():
    source, target = nn.Linear(4, 2), nn.Linear(4, 2)
    source.note = target.note = None
    with pytest.raises(ValueError, match="source Linear has no parameter 'note'"):
        share_parameters(source, target, ["note"])


def test_dotted_names_and_summary():
    first, second = (nn.Sequential(nn.Linear(4, 2), nn.Linear(2, 2)) for _ in range(2))
    share_parameters(first, second, ["0.weight", "1.bias"])
    pair = nn.ModuleDict({"one": first, "two": second})
    summary = parameter_summary(pair)
    assert summary.groups == (("one.0.weight", "two.0.weight"), ("one.1.bias", "two.1.bias"))
    assert (summary.named_count, summary.unique_count, summary.saved_count) == (32, 22, 10)
    assert str(summary).splitlines()[0] == "22 parameters; sharing saved 10 of 32"


def test_lazy_parameters_are_not_shared():
    lazy = nn.LazyLinear(2), nn.LazyLinear(2)
    with pytest.raises(ValueError, match=r"weight of the source LazyLinear has no values before"):
        share_parameters(*lazy, "all")
    for layer in lazy:
        layer(torch.ones(1, 3))
    share_parameters(*lazy, "all")
    assert lazy[0].weight is lazy[1].weight


def test_buffers_remain_separate():
    first, second = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    share_parameters(first, second, "all")
    assert second.weight is first.weight
    assert second.running_mean is not first.running_mean
