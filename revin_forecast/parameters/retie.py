"""Restore the sharing that an operation broke."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.utils import parametrize

from revin_forecast.parameters.lookup import (
    find_difference,
    find_parameter,
    identify_memory,
    replace_everywhere,
)
from revin_forecast.parameters.parametrized import describe_parametrization, share_parametrization


def retie(module: nn.Module, groups: Iterable[Sequence[str]]) -> None:
    """Make the names of each group one parameter again.

    `to_empty`, `load_state_dict(assign=True)` and `weight_norm` build new parameter objects for
    each name. Take the groups before such a call and restore them after it. The first name of a
    group keeps its object and values, and the others get it, together with all names that share
    with them by now. If a name is parametrized (`weight_norm`), the first such name keeps its
    values and the others are computed in the same way from the same parameters.

    Optimizers built earlier hold the old objects: `inspect_optimizer` finds them.

    Args:
        module: module whose parameters are tied.
        groups: names of each parameter, as `shared_parameters` returns them.

    Raises:
        ValueError: a name is not a parameter of the module; the parameters of a group differ in
            shape, dtype, device or requires_grad; one is a transposed view of another; or they are
            parametrized in different ways. Nothing is tied in that case.

    >>> import torch
    >>> from revin_forecast.parameters.sharing import share_parameters, shared_parameters
    >>> with torch.device("meta"):
    ...     pair = nn.ModuleList([nn.Linear(4, 2), nn.Linear(4, 2)])
    >>> share_parameters(pair[0], pair[1], "all")
    >>> groups = shared_parameters(pair)
    >>> retie(pair.to_empty(device="cpu"), groups)
    >>> shared_parameters(pair)
    [('0.weight', '1.weight'), ('0.bias', '1.bias')]
    """
    members = [[_find_member(module, name) for name in _list_group(group)] for group in groups]
    # All groups are checked before any is tied: a failure changes nothing.
    members = [group for group in members if group]
    for group in members:
        for other in group:
            _check_member(_choose_first(group), other)
    for group in members:
        first = _choose_first(group)
        if first.is_parametrized:
            for other in group:
                share_parametrization(first.owner, first.leaf, other.owner, other.leaf)
        else:
            parameters = [_read_parameter(member) for member in group]
            replace_everywhere(module, {id(old): parameters[0] for old in parameters})


def _list_group(group: Sequence[str]) -> Sequence[str]:
    """Return the group.

    Raises:
        ValueError: it is one name, whose letters would be taken for names.
    """
    if isinstance(group, str):
        raise ValueError(
            f"groups holds the name {group!r} in place of a group of names. Pass a list of groups, "
            "such as [('0.weight', '1.weight')]."
        )
    return group


@dataclass(frozen=True)
class _Member:
    """A parameter, or a parametrized tensor, of a module."""

    name: str
    """Dotted name in the module."""
    owner: nn.Module
    """Submodule that has the tensor."""
    leaf: str
    """Name in the submodule."""

    @property
    def is_parametrized(self) -> bool:
        """Return whether the tensor is computed from parameters."""
        return parametrize.is_parametrized(self.owner, self.leaf)


def _find_member(module: nn.Module, name: str) -> _Member:
    """Return the parameter of a dotted name.

    Raises:
        ValueError: the module has no such parameter.
    """
    parent, _, leaf = name.rpartition(".")
    try:
        owner = module.get_submodule(parent)
    except AttributeError:
        owner = module
    if parametrize.is_parametrized(owner, leaf):
        return _Member(name, owner, leaf)
    remedy = "Take the groups from shared_parameters(module) before the sharing is broken."
    if leaf in dict(owner.named_buffers(recurse=False)):
        remedy = "It is a buffer, which optimizers do not change; assign one object to both names."
    elif isinstance(getattr(owner, leaf, None), Tensor):
        remedy = (
            "It is computed by a hook; use torch.nn.utils.parametrizations.weight_norm or "
            "spectral_norm, which this function understands."
        )
    if find_parameter(module, name, "module", remedy) is None:
        raise ValueError(
            f"{name} is absent from the module (None). Leave it out of the groups, or build the "
            "module with it."
        )
    return _Member(name, owner, leaf)


def _choose_first(group: Sequence[_Member]) -> _Member:
    """Return the member whose values the group keeps."""
    return next((member for member in group if member.is_parametrized), group[0])


def _read_parameter(member: _Member) -> nn.Parameter:
    return member.owner.get_parameter(member.leaf)


def _check_member(first: _Member, other: _Member) -> None:
    """Check that the first member's parameters can be used for another one.

    Raises:
        ValueError: the two differ.
    """
    if other.is_parametrized:
        descriptions = [describe_parametrization(one.owner, one.leaf) for one in (first, other)]
        if descriptions[0] != descriptions[1]:
            raise ValueError(
                f"{first.name} and {other.name} are parametrized in different ways: "
                f"{descriptions[0]} and {descriptions[1]}. Parametrize only one of them; the other "
                "follows."
            )
        return
    tensor, parameter = getattr(first.owner, first.leaf), _read_parameter(other)
    difference = find_difference(tensor, parameter)
    if difference is not None:
        attribute, value, other_value = difference
        raise ValueError(
            f"{first.name} has {attribute} {value} but {other.name} has {other_value}; only "
            f"parameters of the same {attribute} can be one. Leave the group out, or build the "
            "module with equal ones."
        )
    if _is_transposed(tensor, parameter):
        raise ValueError(
            f"{other.name} is a transposed view of {first.name}, so one object would change its "
            "values. Use TransposedLinear, which transposes in its forward pass."
        )


def _is_transposed(first: Tensor, second: Tensor) -> bool:
    """Return whether two tensors of one shape read the same memory in different orders."""
    if first is second or identify_memory(first) != identify_memory(second):
        return False
    return first.stride() != second.stride()
