"""Snapshots of a module's parameters, buffers and attributes, to find the traces of a call."""

import copy
from collections import deque
from collections.abc import Iterator, Mapping, Set
from typing import Any, cast

from torch import Tensor, nn

TORCH_ATTRIBUTES = frozenset(vars(nn.Module()))
"""Attributes that torch keeps on every module."""
CONTAINERS = (list, tuple, deque, Set)
CLASS_STATE = (Tensor, int, float, str, list, dict, set, deque, type(None))
"""Types of class attributes that could hold state."""
MAX_NAMES = 4
"""Largest number of names in a message."""
MAX_DEPTH = 4
"""Nested attributes of objects are followed down to this depth."""


def snapshot(module: nn.Module) -> dict[str, Any]:
    """Return copies of the parameters, buffers and attributes of a module, by dotted name.

    Those of submodules, and attributes of the classes themselves, are included.
    """
    state: dict[str, Any] = {}
    for prefix, part in module.named_modules():
        path = f"{prefix}." if prefix else ""
        state[prefix or "(module)"] = type(part)
        for name, value in _list_attributes(part):
            state[path + name] = _freeze(value)
        for kind in type(part).__mro__[: type(part).__mro__.index(nn.Module)]:
            for name, value in vars(kind).items():
                if not name.startswith("__") and isinstance(value, CLASS_STATE):
                    state[f"{kind.__name__}.{name}"] = _freeze(value)
    return state


def find_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the names that two snapshots do not share, or whose values differ."""
    names = [*before, *(name for name in after if name not in before)]
    return [
        name
        for name in names
        if name not in before or name not in after or not _is_same(before[name], after[name])
    ]


def is_registered(module: nn.Module, name: str) -> bool:
    """Return whether a dotted name is that of a parameter or buffer."""
    return name in dict(module.named_parameters()) or name in dict(module.named_buffers())


def format_names(names: list[str]) -> str:
    """Return the first names as an enumeration, with the number of the others."""
    more = len(names) - MAX_NAMES
    return ", ".join(names[:MAX_NAMES]) + (f" and {more} more" if more > 0 else "")


def copy_module(module: nn.Module) -> nn.Module:
    """Return a deep copy, also of a module that holds results of an earlier call.

    Plain `copy.deepcopy` refuses tensors with a gradient history.
    """
    memo: dict[int, Any] = {}
    for part in module.modules():
        for _, value in _list_attributes(part):
            for tensor in _iter_tensors(value):
                if not tensor.is_leaf:
                    memo[id(tensor)] = tensor.detach().clone()
    return copy.deepcopy(module, memo)


def _list_attributes(part: nn.Module) -> Iterator[tuple[str, Any]]:
    """Yield the own parameters, buffers and other attributes of a module."""
    yield from part._parameters.items()
    yield from part._buffers.items()
    for name, value in vars(part).items():
        if name not in TORCH_ATTRIBUTES:
            yield name, value


def _freeze(value: Any, depth: int = 0) -> Any:
    """Return a copy that later changes of the value do not affect."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if depth > MAX_DEPTH or isinstance(value, type) or callable(getattr(value, "__code__", None)):
        return value
    if isinstance(value, Mapping):
        items = cast(Mapping[Any, Any], value).items()
        return {repr(key): _freeze(item, depth + 1) for key, item in items}
    if isinstance(value, CONTAINERS):
        return [_freeze(item, depth + 1) for item in cast("list[Any]", list(value))]
    if hasattr(value, "tobytes"):  # an array of NumPy
        return value.tobytes()
    if hasattr(value, "__dict__") and not callable(value):
        return {
            "": type(value),
            **{name: _freeze(item, depth + 1) for name, item in vars(value).items()},
        }
    return value


def _is_same(first: Any, second: Any) -> bool:
    if type(first) is not type(second):
        return False
    if isinstance(first, Tensor):
        if first.shape != second.shape or first.dtype != second.dtype:
            return False
        return bool(((first == second) | ((first != first) & (second != second))).all())
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(
            _is_same(value, second[key]) for key, value in cast("dict[str, Any]", first).items()
        )
    if isinstance(first, list):
        pairs = zip(cast("list[Any]", first), second, strict=False)
        return len(first) == len(second) and all(_is_same(one, other) for one, other in pairs)
    try:
        return first is second or bool(first == second)
    except Exception:  # objects of any kind may refuse a comparison
        return False


def _iter_tensors(value: Any, depth: int = 0) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif depth <= MAX_DEPTH:
        if isinstance(value, Mapping):
            for item in cast(Mapping[Any, Any], value).values():
                yield from _iter_tensors(item, depth + 1)
        elif isinstance(value, CONTAINERS):
            for item in cast("list[Any]", list(value)):
                yield from _iter_tensors(item, depth + 1)
        elif hasattr(value, "__dict__") and not isinstance(value, type | nn.Module):
            yield from _iter_tensors(vars(value), depth + 1)
