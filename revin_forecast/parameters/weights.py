"""Parameters and buffers in a safetensors file that remembers what is shared. No pickle.

Shared means one tensor object behind several names of the module's `state_dict`. The file holds it
under the first of them; its metadata entry "shared" holds the groups of names, as JSON.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor, nn

from revin_forecast.parameters.sharing import assign_tensor, find_shared_names
from revin_forecast.utils.files import atomic_write


def save_parameters(module: nn.Module, path: str | Path) -> None:
    """Write a module's state, each shared parameter and buffer once; whole or not at all.

    Args:
        module: its `state_dict` is written, with the groups of shared names.
        path: the file; an older one is replaced in one step.

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
    """Return what `save_parameters` writes."""
    state = module.state_dict(keep_vars=True)
    groups = find_shared_names(state.items())
    doubles = {name for group in groups for name in group[1:]}
    # Copies, because safetensors refuses tensors that are views of one memory.
    tensors = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in state.items()
        if name not in doubles
    }
    return serialize(tensors, metadata={"shared": json.dumps(groups)})


def load_parameters(module: nn.Module, path: str | Path) -> None:
    """Read what `save_parameters` wrote into a module, and share in it what was shared.

    Values are copied in place: parameter objects stay the ones an optimizer holds, but for those
    that come to be shared. Each of those becomes the object behind its group's first name.

    Raises:
        ValueError: no safetensors file; names, shapes or dtypes differ; the module shares what the
            file holds apart with other values; or the file shares what cannot be one object in
            the module. Nothing is changed then.

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
    wanted = {name: first.get(name, name) for name in state}
    _check_names(path, state, tensors, groups)
    for name, source in wanted.items():
        _check_shape_and_dtype(path, name, state[name], tensors[source])
    _check_shared_values(path, state, wanted, tensors)
    _check_sharable(path, state, groups)
    with torch.no_grad():
        for name, source in wanted.items():
            state[name].copy_(tensors[source])
    for group in groups:
        for name in group[1:]:
            _replace_tensor(module, state, state[name], state[group[0]])


def _read_tensors_and_groups(path: str | Path) -> tuple[dict[str, Tensor], list[tuple[str, ...]]]:
    """Return a file's tensors and the groups of names that share one."""
    try:
        with safe_open(str(path), framework="pt") as file:
            text = (file.metadata() or {}).get("shared", "[]")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is no readable safetensors file: {error}") from error
    try:
        groups = [tuple(group) for group in json.loads(text)]
        stored = all(group[0] in tensors for group in groups)
        doubles = [name for group in groups for name in group[1:] if isinstance(name, str)]
        # One name twice, or one that is stored, is missing from this difference.
        apart = set(doubles) - set(tensors)
        fits = stored and len(apart) == sum(len(group) - 1 for group in groups)
    except (ValueError, TypeError, IndexError):
        fits, groups = False, []
    if not fits:
        raise ValueError(
            f"{path} names its shared tensors as {text}, but groups of names were wanted, the "
            "first of each stored and no other. Write the file with save_parameters."
        )
    return tensors, groups


def _check_names(
    path: str | Path,
    state: Mapping[str, Tensor],
    tensors: Mapping[str, Tensor],
    groups: list[tuple[str, ...]],
) -> None:
    held = set(tensors) | {name for group in groups for name in group}
    missing, unexpected = sorted(set(state) - held), sorted(held - set(state))
    if missing or unexpected:
        raise ValueError(
            f"{path} is of another module: it lacks {missing or 'nothing'} and has "
            f"{unexpected or 'nothing'} besides. Build the module as it was when saved."
        )


def _check_shape_and_dtype(path: str | Path, name: str, ours: Tensor, theirs: Tensor) -> None:
    for what, mine, other in (
        ("shape", tuple(ours.shape), tuple(theirs.shape)),
        ("dtype", ours.dtype, theirs.dtype),
    ):
        if mine != other:
            raise ValueError(
                f"{name} has {what} {mine} in the module but {other} in {path}. "
                "Build the module with the sizes it had when saved."
            )


def _check_shared_values(
    path: str | Path,
    state: Mapping[str, Tensor],
    sources: Mapping[str, str],
    tensors: Mapping[str, Tensor],
) -> None:
    for group in find_shared_names(state.items()):
        first, *others = (tensors[sources[name]] for name in group)
        if not all(torch.equal(first, other) for other in others):
            raise ValueError(
                f"the module shares one tensor as {' = '.join(group)}, but {path} holds "
                "different values for them. Build the module without that sharing."
            )


def _check_sharable(
    path: str | Path, state: Mapping[str, Tensor], groups: list[tuple[str, ...]]
) -> None:
    for first, *others in groups:
        for name in others:
            mine, other = _tensor_kind(state[first]), _tensor_kind(state[name])
            if mine != other:
                raise ValueError(
                    f"{path} shares {first} = {name}, but in the module {first} is a {mine} and "
                    f"{name} a {other}. Build the module as it was when saved."
                )


def _tensor_kind(tensor: Tensor) -> str:
    kind = "parameter" if isinstance(tensor, nn.Parameter) else "buffer"
    return f"{kind} on {tensor.device}"


def _replace_tensor(module: nn.Module, state: dict[str, Tensor], old: Tensor, new: Tensor) -> None:
    """Put `new` wherever the module holds `old`, so that no sharing it had is lost."""
    for name in [name for name, tensor in state.items() if tensor is old]:
        assign_tensor(module, name, new)
        state[name] = new
