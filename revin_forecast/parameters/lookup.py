"""Parameters by their names: find, compare, group and replace them."""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy


def assign_tensor(module: nn.Module, name: str, tensor: Tensor) -> None:
    """Assign a parameter or buffer object to a (dotted) name of a module."""
    parent, _, leaf = name.rpartition(".")
    setattr(module.get_submodule(parent), leaf, tensor)


def replace_everywhere(module: nn.Module, replacements: Mapping[int, nn.Parameter]) -> None:
    """Replace parameters under all their names in a module, by the `id` of the old object."""
    for name, parameter in list(module.named_parameters(remove_duplicate=False)):
        if id(parameter) in replacements:
            assign_tensor(module, name, replacements[id(parameter)])


def find_shared_names(named: Iterable[tuple[str, Tensor]]) -> list[tuple[str, ...]]:
    """Return the names of each tensor object that has several."""
    return group_names((name, id(tensor)) for name, tensor in named)


def find_difference(first: Tensor, second: Tensor) -> tuple[str, object, object] | None:
    """Return the first attribute that keeps two parameters from being one, with both values."""
    for attribute, ours, theirs in (
        ("shape", tuple(first.shape), tuple(second.shape)),
        ("dtype", first.dtype, second.dtype),
        ("device", first.device, second.device),
        ("requires_grad", first.requires_grad, second.requires_grad),
    ):
        if ours != theirs:
            return attribute, ours, theirs
    return None


def find_parameter(
    module: nn.Module, name: str, role: str, remedy: str = "Pass names=[...] that both have."
) -> nn.Parameter | None:
    """Return the parameter registered under a dotted name; None if it is registered as absent.

    Raises:
        ValueError: nothing is registered under the name, or a lazy parameter without values.
    """
    parent, _, leaf = name.rpartition(".")
    try:
        # Any attribute may hold None, but only an absent parameter is a None in this dictionary.
        found = module.get_submodule(parent)._parameters[leaf]  # pyright: ignore[reportPrivateUsage]
    except (AttributeError, KeyError):
        pass
    else:
        if found is not None and is_lazy(found):
            raise ValueError(
                f"{name} of the {role} {type(module).__name__} has no values before its first "
                "call. Call the module once on an example, or build it with its sizes."
            )
        return found
    existing = [name for name, _ in module.named_parameters(remove_duplicate=False)]
    raise ValueError(
        f"the {role} {type(module).__name__} has no parameter {name!r}; it has {existing}. {remedy}"
    )


def group_names(named: Iterable[tuple[str, Hashable]]) -> list[tuple[str, ...]]:
    """Return the names of each key that has several."""
    names: dict[Hashable, list[str]] = {}
    for name, key in named:
        names.setdefault(key, []).append(name)
    return [tuple(group) for group in names.values() if len(group) > 1]


def identify_memory(tensor: Tensor) -> Hashable:
    """Return a key that is equal for tensors of the same values in memory, in any order of axes."""
    # Subclasses with their own dispatch, such as fake and distributed tensors, hide their memory.
    if is_lazy(tensor) or _get_dispatch(type(tensor)) is not _get_dispatch(Tensor):
        return id(tensor)
    if tensor.layout != torch.strided:
        return id(tensor)
    address = tensor.data_ptr()
    axes = sorted(zip(tensor.stride(), tensor.shape, strict=True), reverse=True)
    if not address:  # on the meta device, or empty
        return id(tensor)
    merged: list[tuple[int, int]] = []
    for stride, size in axes:
        if merged and merged[-1][0] == stride * size:  # the axes of one contiguous block
            merged[-1] = stride, merged[-1][1] * size
        elif size > 1:
            merged.append((stride, size))
    return tensor.device, address, tensor.dtype, tuple(merged)


def _get_dispatch(kind: Any) -> object:
    """Return the function to which a class of tensors passes its operations."""
    return kind.__torch_dispatch__
