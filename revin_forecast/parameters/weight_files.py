"""Tensors, names and shared names in safetensors files, and the states that they can hold."""

import json
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from revin_forecast.parameters.lookup import find_shared_names

COMPILED = "_orig_mod"
"""Name under which `torch.compile` keeps the module that it wraps."""
PARALLEL = "module."
"""Prefix of the names in `DistributedDataParallel` and `DataParallel`."""
Groups = list[tuple[str, ...]]


@dataclass(frozen=True)
class WeightFile:
    """Content of a file of weights."""

    tensors: Mapping[str, Tensor]
    """Stored tensors by name."""
    groups: Groups
    """Names of each shared tensor, of which only the first is stored."""


class _TensorFile(Protocol):
    """An open safetensors file, which the library does not annotate."""

    def metadata(self) -> dict[str, str] | None: ...
    def keys(self) -> list[str]: ...
    def get_tensor(self, name: str) -> Tensor: ...


def read_weight_file(path: str | Path) -> WeightFile:
    """Read a file of `save_parameters`, or of safetensors' `save_file` and `save_model`.

    Raises:
        ValueError: the file is not a safetensors file, or its groups are not groups of names.
    """
    if Path(path).is_dir():
        raise ValueError(f"{path} is a folder. Pass the path of a safetensors file.")
    try:
        with cast(
            AbstractContextManager[_TensorFile], safe_open(str(path), framework="pt")
        ) as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is not a readable safetensors file: {error}") from error
    text = metadata.get("shared")
    if text is None or text in tensors:
        return WeightFile(tensors, _list_aliases(metadata, tensors))
    groups = _parse_groups(text, tensors)
    if groups is None:
        raise ValueError(
            f"{path} names its shared tensors as {text}, but groups of names were expected, of "
            "which only the first is stored. Write the file with save_parameters."
        )
    return WeightFile(tensors, groups)


def match_names(file: WeightFile, state: Mapping[str, Tensor]) -> WeightFile:
    """Return the file with the names of a module's state.

    Compiled modules have `_orig_mod` in their names, and parallel ones begin with `module.`; the
    file and the module may each have either. A name that the file lacks gets the value of a name
    that shares with it in the module, as files of `save_pretrained` and `save_model` assume. A name
    without counterpart stays as it is.
    """
    stored = [*file.tensors, *(name for group in file.groups for name in group[1:])]
    translation = _translate_names(stored, state)
    tensors = {translation.get(name, name): tensor for name, tensor in file.tensors.items()}
    groups: dict[str, tuple[str, ...]] = {}
    for group in file.groups:
        names = tuple(translation.get(name, name) for name in group)
        groups[names[0]] = groups.get(names[0], names[:1]) + names[1:]
    first = {name: name for name in tensors}
    first |= {name: group[0] for group in groups.values() for name in group}
    for shared in find_shared_names(state.items()):
        stored_name = next((first[name] for name in shared if name in first), None)
        absent = [name for name in shared if name not in first]
        if stored_name is not None and absent:
            groups[stored_name] = (*groups.get(stored_name, (stored_name,)), *absent)
    return WeightFile(tensors, list(groups.values()))


def collect_state(module: nn.Module) -> dict[str, Tensor]:
    """Return the parameter and buffer objects of a module's state, by name.

    Raises:
        ValueError: the state has values that a file without pickle can't hold.
    """
    # keep_vars returns the parameter objects themselves: sharing is recognized by identity.
    state: dict[str, Any] = module.state_dict(keep_vars=True)
    for name, value in state.items():
        if name.rpartition(".")[2] == "_extra_state":
            raise ValueError(
                f"{name} is the extra state of a submodule (get_extra_state), a "
                f"{type(value).__name__}, but the file holds parameters and buffers only. Register "
                "its values as buffers, or save module.state_dict() with torch.save."
            )
        if is_lazy(value):
            raise ValueError(
                f"{name} has no values before the module's first call (a lazy module). Call the "
                "module once on an example, or build it with its sizes."
            )
        if isinstance(value, Tensor) and value.layout != torch.strided:
            raise ValueError(
                f"{name} has layout {value.layout}, but the file holds dense tensors only. Make it "
                "dense with to_dense(), or save module.state_dict() with torch.save."
            )
        if not isinstance(value, Tensor) or value.is_quantized:
            found = "quantized tensor" if isinstance(value, Tensor) else type(value).__name__
            raise ValueError(
                f"{name} is a {found}, as in quantized modules, but the file holds plain tensors "
                "only. Save the module before it is quantized and quantize it after loading, or "
                "save module.state_dict() with torch.save."
            )
    return state


def _list_aliases(metadata: Mapping[str, str], stored: Iterable[str]) -> Groups:
    """Return the groups of `save_model`: metadata entries from a name to the stored name."""
    groups: dict[str, list[str]] = {name: [name] for name in stored}
    for alias, name in metadata.items():
        # Other entries, such as format = pt, name no stored tensor.
        if name in groups and alias not in groups:
            groups[name].append(alias)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def _parse_groups(text: str, stored: Iterable[str]) -> Groups | None:
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


def _translate_names(stored: Iterable[str], state: Iterable[str]) -> dict[str, str]:
    """Return the module's name of each stored name that has one."""
    ours, theirs = _unwrap_names(state), _unwrap_names(stored)
    candidates = [(ours, theirs), (ours, _strip_parallel(theirs)), (_strip_parallel(ours), theirs)]
    # The first of equal candidates changes least.
    ours, theirs = max(candidates, key=lambda pair: len(pair[0].keys() & pair[1].keys()))
    return {theirs[name]: ours[name] for name in ours.keys() & theirs.keys()}


def _unwrap_names(names: Iterable[str]) -> dict[str, str]:
    """Return the names by their form without `_orig_mod`, or as they are if two would be equal."""
    names = list(names)
    plain = {".".join(part for part in name.split(".") if part != COMPILED): name for name in names}
    return plain if len(plain) == len(names) else {name: name for name in names}


def _strip_parallel(names: Mapping[str, str]) -> dict[str, str]:
    """Return the names without the prefix of parallel modules, if all of them have it."""
    if not all(name.startswith(PARALLEL) for name in names):
        return dict(names)
    return {name.removeprefix(PARALLEL): original for name, original in names.items()}
