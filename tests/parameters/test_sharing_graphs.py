"""Random ties over random modules survive sharing, files, the meta device and retying."""

import copy
from io import BytesIO

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_model
from torch import nn

from revin_forecast import (
    inspect_optimizer,
    load_parameters,
    retie,
    save_parameters,
    share_parameters,
    shared_parameters,
)

SHAPES = [(2,), (3, 2), (2, 2)]


class Node(nn.Module):
    """A module with one parameter of its own, and others below it."""

    def __init__(self, size, place):
        super().__init__()
        self.value = nn.Parameter(torch.full(SHAPES[size], float(place + 1)))
        self.register_buffer("steps", torch.tensor(place))


def build_tree(sizes, parents):
    """Return a module whose node i is below node parents[i], and the paths of all nodes."""
    root, paths = nn.Module(), []
    for place, (size, parent) in enumerate(zip(sizes, parents, strict=True)):
        above = root if parent < 0 else root.get_submodule(paths[parent])
        above.add_module(f"n{place}", Node(size, place))
        paths.append(f"n{place}" if parent < 0 else f"{paths[parent]}.n{place}")
    return root, paths


@st.composite
def trees(draw):
    """Draw sizes and parents of nodes, and pairs of nodes of one size."""
    sizes = draw(st.lists(st.integers(0, 2), min_size=2, max_size=8))
    parents = [draw(st.integers(-1, place - 1)) for place in range(len(sizes))]
    pairs = [
        (a, b)
        for a, size in enumerate(sizes)
        for b, other in enumerate(sizes)
        if a != b and size == other
    ]
    ties = draw(st.lists(st.sampled_from(pairs), max_size=8)) if pairs else []
    return sizes, parents, ties


def tie(root, paths, ties):
    for first, second in ties:
        source, target = (root.get_submodule(paths[place]) for place in (first, second))
        share_parameters(source, target, ["value"], within=root)
    return root


def expected_groups(sizes, ties):
    """Return the connected components of the ties, each with the value of its last source."""
    label = list(range(len(sizes)))
    for first, second in ties:
        label = [label[first] if other == label[second] else other for other in label]
    return label


def list_groups(root):
    return {frozenset(group) for group in shared_parameters(root)}


def assert_equal(root, other):
    assert list_groups(root) == list_groups(other)
    assert list_groups(other) == {frozenset(g) for g in shared_parameters(other, by="memory")}
    state, other_state = root.state_dict(), other.state_dict()
    assert state.keys() == other_state.keys()
    assert all(torch.equal(part, other_state[name]) for name, part in state.items())


@settings(max_examples=50)
@given(trees())
def test_ties_within_a_model_are_the_components_of_their_graph(tree):
    sizes, parents, ties = tree
    root, paths = build_tree(sizes, parents)
    tie(root, paths, ties)
    label = expected_groups(sizes, ties)
    names = {
        place: {f"{paths[i]}.value" for i, other in enumerate(label) if other == place}
        for place in set(label)
    }
    assert list_groups(root) == {frozenset(group) for group in names.values() if len(group) > 1}
    for place, group in names.items():  # the last source gives the value
        assert all(root.get_parameter(name).flatten()[0] == place + 1 for name in group)


@settings(max_examples=50)
@given(trees(), trees())
def test_files_give_the_same_groups_and_values(tmp_path_factory, tree, other):
    sizes, parents, ties = tree
    root, paths = build_tree(sizes, parents)
    tie(root, paths, ties)
    path = tmp_path_factory.mktemp("files") / "file"
    for save in (save_parameters, save_model):
        save(root, path)
        fresh, _ = build_tree(sizes, parents)
        load_parameters(fresh, path)
        assert_equal(root, fresh)
        with torch.device("meta"):
            empty, _ = build_tree(sizes, parents)
            # Its own ties are a part of those in the file.
            tie(empty, paths, ties[: len(other[2])])
        load_parameters(empty, path)
        assert_equal(root, empty)


def reload(state):
    """Return a state after `torch.save`, which keeps one memory for tied names, not one tensor."""
    file = BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file)


def copy_values(state):
    return {name: part.clone() for name, part in state.items()}


@settings(max_examples=50)
@given(trees(), st.sampled_from([copy_values, reload]))
def test_retying_after_assignment_gives_the_same_groups_and_values(tree, read):
    sizes, parents, ties = tree
    root, paths = build_tree(sizes, parents)
    tie(root, paths, ties)
    groups, changed = shared_parameters(root), copy.deepcopy(root)
    assert_equal(root, changed)
    optimizer = torch.optim.Adam(changed.parameters())
    changed.load_state_dict(read(root.state_dict()), assign=True)
    assert shared_parameters(changed) == []
    # Look-alikes have the groups of the ties.
    assert shared_parameters(changed, by="memory") == (groups if read is reload else [])
    retie(changed, groups)
    assert_equal(root, changed)
    report = inspect_optimizer(changed, optimizer)
    assert len(report.dropped) == len(report.missing) == len(list(root.parameters()))
    assert inspect_optimizer(changed, torch.optim.Adam(changed.parameters())).is_matching


@settings(max_examples=50)
@given(trees())
def test_retying_after_the_meta_device_gives_the_same_groups(tree):
    sizes, parents, ties = tree
    root, paths = build_tree(sizes, parents)
    tie(root, paths, ties)
    with torch.device("meta"):
        empty, _ = build_tree(sizes, parents)
        tie(empty, paths, ties)
    groups = shared_parameters(empty)
    assert groups == shared_parameters(root)
    empty.to_empty(device="cpu")
    assert shared_parameters(empty) == []
    retie(empty, groups)
    empty.load_state_dict(root.state_dict())
    assert_equal(root, empty)
