"""Parameters and buffers in a safetensors file that remembers what is shared. No pickle."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from revin_forecast.sharing import assign_parameter, shared_parameters


def save_parameters(module: nn.Module, path: str | Path) -> None:
    """Write a module's state, each shared parameter once; whole or not at all.

    Args:
        module: its `state_dict` is written, with the groups of shared names.
        path: the file; an older one is replaced in one step.
    """
    path = Path(path)
    groups = shared_parameters(module)
    doubles = {name for group in groups for name in group[1:]}
    tensors = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in module.state_dict().items()
        if name not in doubles
    }
    partial = path.with_name(f".{path.name}.partial")
    try:
        save_file(tensors, partial, metadata={"shared": json.dumps(groups)})
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def load_parameters(module: nn.Module, path: str | Path) -> None:
    """Read what `save_parameters` wrote into a module, and share in it what was shared.

    Values are copied in place: parameter objects stay the ones an optimizer holds, but for those
    that come to be shared.

    Raises:
        ValueError: names, shapes or dtypes differ, or the module shares what the file holds apart.
            Nothing is changed then.

    >>> from tempfile import TemporaryDirectory
    >>> from revin_forecast.sharing import share_parameters
    >>> tied, fresh = (nn.ModuleList([nn.Linear(4, 2), nn.Linear(4, 2)]) for _ in range(2))
    >>> share_parameters(tied[0], tied[1])
    >>> with TemporaryDirectory() as folder:
    ...     save_parameters(tied, f"{folder}/tied.safetensors")
    ...     load_parameters(fresh, f"{folder}/tied.safetensors")
    >>> fresh[0].weight is fresh[1].weight
    True
    """
    with safe_open(str(path), framework="pt") as file:
        groups = [tuple(group) for group in json.loads((file.metadata() or {}).get("shared", "[]"))]
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    first = {name: group[0] for group in groups for name in group}
    state = module.state_dict()
    wanted = {name: first.get(name, name) for name in state}
    _check_names(path, state, tensors, groups)
    for name, source in wanted.items():
        _check_same(path, name, state[name], tensors[source])
    _check_sharing(path, module, wanted, tensors)
    with torch.no_grad():
        for name, source in wanted.items():
            state[name].copy_(tensors[source])
    parameters = dict(module.named_parameters(remove_duplicate=False))
    for group in groups:
        for name in group[1:]:
            assign_parameter(module, name, parameters[group[0]])


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


def _check_same(path: str | Path, name: str, ours: Tensor, theirs: Tensor) -> None:
    for what, mine, other in (
        ("shape", tuple(ours.shape), tuple(theirs.shape)),
        ("dtype", ours.dtype, theirs.dtype),
    ):
        if mine != other:
            raise ValueError(
                f"{name} has {what} {mine} in the module but {other} in {path}. "
                "Build the module with the sizes it had when saved."
            )


def _check_sharing(
    path: str | Path,
    module: nn.Module,
    sources: Mapping[str, str],
    tensors: Mapping[str, Tensor],
) -> None:
    for group in shared_parameters(module):
        apart = {sources[name] for name in group}
        if any(
            not torch.equal(tensors[group_name], tensors[sources[group[0]]]) for group_name in apart
        ):
            raise ValueError(
                f"the module shares one parameter as {' = '.join(group)}, but {path} holds "
                "different values for them. Build the module without that sharing."
            )
