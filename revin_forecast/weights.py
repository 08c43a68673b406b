"""Parameters and buffers in a safetensors file that remembers what is shared. No pickle."""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor, nn

from revin_forecast.files import replacing
from revin_forecast.sharing import assign_parameter, shared_parameters


def save_parameters(module: nn.Module, path: str | Path) -> None:
    """Write a module's state, each shared parameter once; whole or not at all.

    Args:
        module: its `state_dict` is written, with the groups of shared names.
        path: the file; an older one is replaced in one step.
    """
    groups = shared_parameters(module)
    doubles = {name for group in groups for name in group[1:]}
    tensors = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in module.state_dict().items()
        if name not in doubles
    }
    content = serialize(tensors, metadata={"shared": json.dumps(groups)})
    with replacing(Path(path)) as partial:
        partial.write_bytes(content)


def load_parameters(module: nn.Module, path: str | Path) -> None:
    """Read what `save_parameters` wrote into a module, and share in it what was shared.

    Values are copied in place: parameter objects stay the ones an optimizer holds, but for those
    that come to be shared.

    Raises:
        ValueError: no safetensors file; names, shapes or dtypes differ; or the module shares what
            the file holds apart. Nothing is changed then.

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
    tensors, groups = _read(path)
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


def _read(path: str | Path) -> tuple[dict[str, Tensor], list[tuple[str, ...]]]:
    """Return a file's tensors and the groups of names that share one."""
    try:
        with safe_open(str(path), framework="pt") as file:
            groups = json.loads((file.metadata() or {}).get("shared", "[]"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is no readable safetensors file: {error}") from error
    return tensors, [tuple(group) for group in groups]


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
