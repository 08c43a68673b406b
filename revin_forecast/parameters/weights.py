"""Parameters and buffers in safetensors files that preserve sharing, without pickle.

A shared tensor is one object with several names in the module's `state_dict`. The file stores it
under the first name; its metadata entry "shared" lists the groups of names, as JSON.
"""

import json
from collections.abc import Hashable, Mapping
from pathlib import Path

import torch
from safetensors.torch import save as serialize
from torch import Tensor, nn

from revin_forecast.parameters.lookup import (
    assign_tensor,
    find_shared_names,
    group_names,
    identify_memory,
)
from revin_forecast.parameters.weight_files import (
    Groups,
    collect_state,
    match_names,
    read_weight_file,
)
from revin_forecast.utils.files import atomic_write


def save_parameters(module: nn.Module, path: str | Path) -> None:
    """Write a module's state atomically, storing each shared parameter and buffer once.

    Args:
        module: module whose `state_dict` is written, with the groups of shared names.
        path: file to write; an existing file is replaced.

    Raises:
        ValueError: the state has an extra state, quantized or sparse values, a dtype such as
            complex128, or tensors without values (on the meta device), which the file can't hold.

    >>> from tempfile import TemporaryDirectory
    >>> from safetensors import safe_open
    >>> from revin_forecast.parameters.sharing import share_parameters
    >>> tied = nn.ModuleList([nn.Linear(4, 2), nn.Linear(4, 2)])
    >>> share_parameters(tied[0], tied[1])
    >>> with TemporaryDirectory() as folder:
    ...     save_parameters(tied, f"{folder}/tied.safetensors")
    ...     with safe_open(f"{folder}/tied.safetensors", framework="pt") as file:
    ...         sorted(file.keys()), file.metadata()["shared"]
    (['0.bias', '0.weight'], '[["0.weight", "1.weight"], ["0.bias", "1.bias"]]')
    """
    content = parameters_to_bytes(module)
    with atomic_write(Path(path)) as partial:
        partial.write_bytes(content)


def parameters_to_bytes(module: nn.Module) -> bytes:
    """Return the content of the file that `save_parameters` writes."""
    state = collect_state(module)
    if empty := [name for name, tensor in state.items() if tensor.is_meta]:
        raise ValueError(
            f"{empty} are on the meta device and have no values to save. Load the values first, "
            "or build the module on another device."
        )
    groups = find_shared_names(state.items())
    aliases = {name for group in groups for name in group[1:]}
    # Copies, because safetensors refuses tensors that are views of one memory.
    tensors = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in state.items()
        if name not in aliases
    }
    try:
        return serialize(tensors, metadata={"shared": json.dumps(groups)})
    except KeyError as error:  # the only message of safetensors is the dtype
        names = [name for name, tensor in tensors.items() if tensor.dtype in error.args]
        raise ValueError(
            f"{names} have dtype {error.args[0]}, which safetensors files can't hold. Convert "
            "them, or save module.state_dict() with torch.save."
        ) from error


def load_parameters(module: nn.Module, path: str | Path) -> None:
    """Load a file of `save_parameters` or safetensors into a module, and restore the sharing.

    Values are copied in place, so an optimizer's references to the parameters stay valid, with two
    exceptions. A parameter that becomes shared is replaced by the object of its group's first name.
    A parameter or buffer on the meta device is replaced by one on the CPU that has the file's
    values and the same `requires_grad`.

    The file may also come from `save_model` or `save_file` of safetensors, from a compiled module
    (`_orig_mod.` in its names) or from a parallel one (`module.` before its names); so may the
    module. A name that the file lacks takes the value of a name that is one tensor with it in the
    module.

    Args:
        module: module with the names, shapes and dtypes of the file.
        path: file to read.

    Raises:
        ValueError: the file is not a safetensors file; names, shapes or dtypes differ; the module
            shares parameters or memory for which the file has different values; the file shares
            parameters that can't be one object in the module; or the module has an extra state,
            quantized, lazy or expanded values, or buffers on the meta device that no file holds
            (persistent=False). The module is unchanged in that case.

    >>> from tempfile import TemporaryDirectory
    >>> from revin_forecast.parameters.sharing import share_parameters
    >>> tied, fresh = (nn.ModuleList([nn.Linear(4, 2), nn.Linear(4, 2)]) for _ in range(2))
    >>> share_parameters(tied[0], tied[1])
    >>> with TemporaryDirectory() as folder:
    ...     save_parameters(tied, f"{folder}/tied.safetensors")
    ...     load_parameters(fresh, f"{folder}/tied.safetensors")
    >>> fresh[0].weight is fresh[1].weight
    True
    """
    state = collect_state(module)
    file = match_names(read_weight_file(path), state)
    tensors, groups = file.tensors, file.groups
    first = {name: group[0] for group in groups for name in group}
    stored_names = {name: first.get(name, name) for name in state}
    # Every check comes before the first copy, so that a failure leaves the module unchanged.
    _check_names(path, state, tensors, groups)
    for name, stored_name in stored_names.items():
        _check_shape_and_dtype(path, name, state[name], tensors[stored_name])
    _check_shared_values(path, state, stored_names, tensors)
    _check_sharable(path, state, groups)
    _check_writable(state)
    _check_other_buffers(module, state)
    for name, stored_name in stored_names.items():
        _set_values(module, state, name, tensors[stored_name])
    for group in groups:
        for name in group[1:]:
            _replace_tensor(module, state, state[name], state[group[0]])


def _check_names(
    path: str | Path,
    state: Mapping[str, Tensor],
    tensors: Mapping[str, Tensor],
    groups: Groups,
) -> None:
    names = set(tensors) | {name for group in groups for name in group}
    missing, unexpected = sorted(set(state) - names), sorted(names - set(state))
    if missing or unexpected:
        raise ValueError(
            f"{path} was saved from another module: it lacks {missing or 'nothing'} and has "
            f"{unexpected or 'nothing'} in addition. Build the module as it was when saved."
        )


def _check_shape_and_dtype(path: str | Path, name: str, ours: Tensor, theirs: Tensor) -> None:
    for attribute, our_value, their_value in (
        ("shape", tuple(ours.shape), tuple(theirs.shape)),
        ("dtype", ours.dtype, theirs.dtype),
    ):
        if our_value != their_value:
            raise ValueError(
                f"{name} has {attribute} {our_value} in the module but {their_value} in {path}. "
                "Build the module with the sizes it had when saved."
            )


def _check_shared_values(
    path: str | Path,
    state: Mapping[str, Tensor],
    stored_names: Mapping[str, str],
    tensors: Mapping[str, Tensor],
) -> None:
    """Check that the file has one value for each tensor or memory that the module shares."""
    for group in group_names((name, _identify_values(tensor)) for name, tensor in state.items()):
        first, *others = (tensors[stored_names[name]] for name in group)
        if not all(torch.equal(first, other) for other in others):
            raise ValueError(
                f"the module shares one tensor as {' = '.join(group)}, but {path} holds "
                "different values for them. Build the module without that sharing."
            )


def _identify_values(tensor: Tensor) -> Hashable:
    """Return a key that is equal for tensors with the same entries in the same memory."""
    return identify_memory(tensor), tuple(tensor.shape), tensor.stride()


def _check_writable(state: Mapping[str, Tensor]) -> None:
    """Check that each entry of a tensor has a place in memory, which `expand` does not give."""
    for name, tensor in state.items():
        sizes = zip(tensor.shape, tensor.stride(), strict=True)
        if not tensor.is_meta and any(size > 1 and stride == 0 for size, stride in sizes):
            raise ValueError(
                f"{name} has several entries in one place in memory, as expand() makes them, so "
                "they can't be loaded one by one. Build the module with a clone() of it."
            )


def _check_sharable(path: str | Path, state: Mapping[str, Tensor], groups: Groups) -> None:
    """Check that the tensors of a group can be one object: all parameters or all buffers."""
    for first, *others in groups:
        for name in others:
            first_kind, kind = _describe_kind(state[first]), _describe_kind(state[name])
            if first_kind != kind:
                raise ValueError(
                    f"{path} shares {first} = {name}, but in the module {first} is a {first_kind} "
                    f"and {name} a {kind}. Build the module as it was when saved."
                )


def _describe_kind(tensor: Tensor) -> str:
    kind = "buffer"
    if isinstance(tensor, nn.Parameter):
        kind = "parameter" if tensor.requires_grad else "frozen parameter"
    return f"{kind} on {'cpu' if tensor.is_meta else tensor.device}"


def _check_other_buffers(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Check that all buffers outside the state have values."""
    empty = [name for name, part in module.named_buffers() if part.is_meta and name not in state]
    if empty:
        raise ValueError(
            f"the buffers {empty} are on the meta device, and files do not hold them "
            "(persistent=False). Assign tensors to them before loading."
        )


def _set_values(module: nn.Module, state: dict[str, Tensor], name: str, values: Tensor) -> None:
    """Copy values into a tensor, or replace a tensor of the meta device, which has no memory."""
    old = state[name]
    if not old.is_meta:
        with torch.no_grad():
            old.copy_(values)
        return
    # A copy, because the file's tensors change with the file if it is overwritten in place.
    new = values.clone()
    if isinstance(old, nn.Parameter):
        new = nn.Parameter(new, requires_grad=old.requires_grad)
    _replace_tensor(module, state, old, new)


def _replace_tensor(module: nn.Module, state: dict[str, Tensor], old: Tensor, new: Tensor) -> None:
    """Replace `old` under all its names, so that the module's own sharing is preserved."""
    for name in [name for name, tensor in state.items() if tensor is old]:
        assign_tensor(module, name, new)
        state[name] = new
