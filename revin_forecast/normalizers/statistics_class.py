"""Classes of statistics: found from type arguments, read by torch, restored from plain tuples."""

from collections.abc import Sequence
from typing import Any, TypeGuard, cast, get_args

import torch
from torch import Tensor


def find_statistics_class(normalizer: type) -> type[Any] | None:
    """Return the NamedTuple that a class has as its type argument, such as `LocationScale`."""
    for base in normalizer.__dict__.get("__orig_bases__", ()):
        for argument in get_args(base):
            if _is_named_tuple(argument):
                return argument
    return None


def register_for_loading(kind: type[Any]) -> None:
    """Let `torch.load(weights_only=True)` read statistics of this class and its parts."""
    torch.serialization.add_safe_globals([kind])  # pyright: ignore[reportUnknownMemberType]
    for part in kind.__annotations__.values():
        if _is_named_tuple(part):
            register_for_loading(part)


def restore_statistics(stats: Any, kind: type[Any], owner: str) -> Any:
    """Return statistics in their class, from that class, a plain tuple or a list of their parts.

    Traced programs return plain tuples, scripted ones another NamedTuple with the same fields.

    Args:
        stats: the statistics.
        kind: their NamedTuple.
        owner: the normalizer's name, for the message.

    Raises:
        TypeError: they have other parts.
    """
    fields = _field_names(kind)
    if isinstance(stats, (tuple, list)) and _field_names(stats) in (None, fields):
        parts = cast(Sequence[Any], stats)
        if len(parts) == len(fields or ()):
            classes = kind.__annotations__.values()
            pairs = zip(parts, classes, strict=True)
            return kind(*[_restore_part(part, part_class, owner) for part, part_class in pairs])
    raise TypeError(
        f"{owner} needs the statistics {kind.__name__}({', '.join(fields or ())}) but got "
        f"{_describe(stats)}. Pass the statistics that normalize returned for the same windows."
    )


def _restore_part(part: Any, kind: Any, owner: str) -> object:
    if _is_named_tuple(kind):
        return restore_statistics(part, kind, owner)
    if not isinstance(part, Tensor):
        raise TypeError(
            f"{owner} needs statistics that are tensors but got {_describe(part)} among them. "
            "Pass the statistics that normalize returned for the same windows."
        )
    return part


def _describe(value: Any) -> str:
    """Return a short description: class and fields, number of parts, a number, or the class."""
    name = type(value).__name__
    if (fields := _field_names(value)) is not None:
        return f"{name}({', '.join(fields)})"
    if isinstance(value, (tuple, list)):
        return f"a {name} of {len(cast(Sequence[Any], value))}"
    # Only these are short: an array or a dict of tensors would fill the screen.
    return repr(value) if value is None or isinstance(value, (int, float)) else f"a {name}"


def _field_names(value: Any) -> tuple[str, ...] | None:
    """Return the fields of a NamedTuple, class or value; None for anything else."""
    return getattr(value, "_fields", None)


def _is_named_tuple(kind: object) -> TypeGuard[type[Any]]:
    return isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")  # pyright: ignore[reportUnknownArgumentType]
