"""Parameters and buffers in safetensors files that preserve sharing, without pickle.

A shared tensor is one object with several names in the module's `state_dict`. The file stores it
under the first name; its metadata entry "shared" lists the groups of names, as JSON.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor, nn

from revin_forecast.parameters.sharing import assign_tensor, find_shared_names
from revin_forecast.utils.files import atomic_write


def save_parameters(module: nn.Module, path: str | Path) -> None:
    """Write a module's state atomically, storing each shared parameter and buffer once.

    Args:
        module: module whose `state_dict` is written, with the groups of shared names.
        path: file to write; an existing file is replaced.

    >>> from tempfile import TemporaryDirectory
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
    # keep_vars returns the parameter objects themselves: sharing is recognized by identity.
    state = module.state_dict(keep_vars=True)
    groups = find_shared_names(state.items())
    aliases = {name for group in groups for name in group[1:]}
    # Copies, because safetensors refuses tensors that are views of one memory.
    tensors = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in state.items()
        if name not in aliases
    }
    return serialize(tensors, metadata={"shared": json.dumps(groups)})


def load_parameters(module: nn.Module, path: str | Path) -> None:
    """Load a file written by `save_parameters` into a module, and restore the sharing.

    Values are copied in place, so an optimizer's references to the parameters stay valid. The
    exception are parameters that become shared: each is replaced by the object of its group's
    first name.

    Raises:
        ValueError: the file is not a safetensors file; names, shapes or dtypes differ; the module
            shares parameters for which the file has different values; or the file shares
            parameters that can't be one object in the module. The module is unchanged in that case.

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
    tensors, groups = _read_tensors_and_groups(path)
    first = {name: group[0] for group in groups for name in group}
    state = module.state_dict(keep_vars=True)
    stored_names = {name: first.get(name, name) for name in state}
    # Every check comes before the first copy, so that a failure leaves the module unchanged.
    _check_names(path, state, tensors, groups)
    for name, stored_name in stored_names.items():
        _check_shape_and_dtype(path, name, state[name], tensors[stored_name])
    _check_shared_values(path, state, stored_names, tensors)
    _check_sharable(path, state, groups)
    with torch.no_grad():
        for name, stored_name in stored_names.items():
            state[name].copy_(tensors[stored_name])
    for group in groups:
        for name in group[1:]:
            _replace_tensor(module, state, state[name], state[group[0]])


class _TensorFile(Protocol):
    """An open safetensors file, which the library does not annotate."""

    def metadata(self) -> dict[str, str] | None: ...
    def keys(self) -> list[str]: ...
    def get_tensor(self, name: str) -> Tensor: ...


def _read_tensors_and_groups(path: str | Path) -> tuple[dict[str, Tensor], list[tuple[str, ...]]]:
    """Return a file's tensors and the groups of names that share one."""
    try:
        with cast(
            AbstractContextManager[_TensorFile], safe_open(str(path), framework="pt")
        ) as file:
            text = (file.metadata() or {}).get("shared", "[]")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is not a readable safetensors file: {error}") from error
    groups = _parse_groups(text, tensors)
    if groups is None:
        raise ValueError(
            f"{path} names its shared tensors as {text}, but groups of names were expected, of "
            "which only the first is stored. Write the file with save_parameters."
        )
    return tensors, groups


def _parse_groups(text: str, stored: Iterable[str]) -> list[tuple[str, ...]] | None:
    """Return the groups of shared names; None if the text does not describe such groups."""
    stored = set(stored)
    try:
        groups: list[tuple[Any, ...]] = [tuple(group) for group in json.loads(text)]
        first_names = [group[0] for group in groups]
        aliases = [name for group in groups for name in group[1:]]
        is_valid = stored.issuperset(first_names) and all(isinstance(name, str) for name in aliases)
        # Each alias occurs once, and is not stored itself.
        is_valid = is_valid and len(set(aliases) - stored) == len(aliases)
    except (ValueError, TypeError, IndexError):
        return None
    return groups if is_valid else None


def _check_names(
    path: str | Path,
    state: Mapping[str, Tensor],
    tensors: Mapping[str, Tensor],
    groups: list[tuple[str, ...]],
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
    """Check that the file has one value for each tensor that the module shares."""
    for group in find_shared_names(state.items()):
        first, *others = (tensors[stored_names[name]] for name in group)
        if not all(torch.equal(first, other) for other in others):
            raise ValueError(
                f"the module shares one tensor as {' = '.join(group)}, but {path} holds "
                "different values for them. Build the module without that sharing."
            )


def _check_sharable(
    path: str | Path, state: Mapping[str, Tensor], groups: list[tuple[str, ...]]
) -> None:
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
    kind = "parameter" if isinstance(tensor, nn.Parameter) else "buffer"
    return f"{kind} on {tensor.device}"


def _replace_tensor(module: nn.Module, state: dict[str, Tensor], old: Tensor, new: Tensor) -> None:
    """Replace `old` under all its names, so that the module's own sharing is preserved."""
    for name in [name for name, tensor in state.items() if tensor is old]:
        assign_tensor(module, name, new)
        state[name] = new
