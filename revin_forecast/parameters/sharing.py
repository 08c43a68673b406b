"""Parameter sharing between modules: share, list the shared parameters, count the savings.

Sharing here means the same `nn.Parameter` object in two modules: one value, one gradient, one
entry in the optimizer. It survives `.to()`, `deepcopy` of the whole module and `state_dict`; files
that preserve it are written by `revin_forecast.parameters.weights`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import nn

from revin_forecast.parameters.lookup import (
    assign_tensor,
    find_difference,
    find_parameter,
    find_shared_names,
    group_names,
    identify_memory,
    replace_everywhere,
)


@dataclass(frozen=True)
class ParameterSummary:
    """Size of a module, with and without parameter sharing."""

    unique_count: int
    """Number of learned values."""
    named_count: int
    """Number of values if every name had its own parameter."""
    groups: tuple[tuple[str, ...], ...]
    """Names of each shared parameter."""
    lookalikes: tuple[tuple[str, ...], ...] = ()
    """Names of separate parameters that use one memory, and so are not shared."""

    @property
    def saved_count(self) -> int:
        """Number of values that sharing saves."""
        return self.named_count - self.unique_count

    def __str__(self) -> str:
        lines = [
            f"{self.unique_count:,} parameters; "
            f"sharing saved {self.saved_count:,} of {self.named_count:,}"
        ]
        lines += [f"  {' = '.join(group)}" for group in self.groups]
        return "\n".join(
            lines + [f"  {' ~ '.join(group)}: one memory, not shared" for group in self.lookalikes]
        )


def share_parameters(
    source: nn.Module,
    target: nn.Module,
    names: Sequence[str] | Literal["all"] = ("weight", "bias"),
    within: nn.Module | None = None,
) -> None:
    """Make `target` use `source`'s parameter objects.

    A parameter of the target may already be shared with other names. Those inside the target
    follow to the new object. Those elsewhere keep the old one, unless `within` is a module that
    contains them.

    Args:
        source: module that keeps its parameters.
        target: module whose parameters of these names are replaced.
        names: parameter names, the same in both modules; dotted for submodules ("map.weight"). A
            name that neither has, such as a bias built with bias=False, is skipped. "all": every
            parameter, which requires the same names in both. Buffers, such as the running
            statistics of batch normalization, remain separate.
        within: module that contains the target, usually the whole model. All its names of a
            replaced parameter get the new object, so earlier ties of the target are kept.

    Raises:
        ValueError: a name is missing in either module; the two parameters differ in shape, dtype,
            device or requires_grad; `within` does not contain the target; or earlier ties leave
            open which object a name gets. Nothing is shared in that case.

    >>> first, second = nn.Linear(4, 2), nn.Linear(4, 2)
    >>> share_parameters(first, second)
    >>> second.weight is first.weight
    True

    >>> model = nn.ModuleList([nn.Linear(4, 2) for _ in range(3)])
    >>> share_parameters(model[1], model[2], "all")
    >>> share_parameters(model[0], model[1], "all", within=model)
    >>> shared_parameters(model)
    [('0.weight', '1.weight', '2.weight'), ('0.bias', '1.bias', '2.bias')]
    """
    within = target if within is None else within
    if not any(module is target for module in within.modules()):
        raise ValueError(
            f"within is a {type(within).__name__} that does not contain the target. Pass the "
            "module that contains source and target, usually the whole model."
        )
    names = _list_names(source, target, names)
    # All names are checked before any parameter is replaced: a failure changes nothing.
    pairs = {name: _find_sharable(source, target, name) for name in names}
    shared = {name: pair for name, pair in pairs.items() if pair is not None}
    _check_unambiguous(within, shared)
    replace_everywhere(within, {id(theirs): ours for ours, theirs in shared.values()})
    for name, (ours, _) in shared.items():
        assign_tensor(target, name, ours)


def shared_parameters(
    module: nn.Module, by: Literal["object", "memory"] = "object"
) -> list[tuple[str, ...]]:
    """Return the names of each parameter that has several, in the module's order.

    Args:
        module: module whose parameters are compared.
        by: "object": names of one `nn.Parameter`, which is the test of sharing. "memory": names of
            all parameters that use the same values in memory. This finds look-alikes too: separate
            parameters around one memory, also transposed, with separate gradients. On the meta
            device, where there is no memory, only objects are compared.

    >>> pair = nn.ModuleList([nn.Linear(4, 2), nn.Linear(4, 2)])
    >>> share_parameters(pair[0], pair[1], ["weight"])
    >>> pair[1].bias.data = pair[0].bias.data
    >>> shared_parameters(pair)
    [('0.weight', '1.weight')]
    >>> shared_parameters(pair, by="memory")
    [('0.weight', '1.weight'), ('0.bias', '1.bias')]
    """
    named = list(module.named_parameters(remove_duplicate=False))
    if by == "object":
        return find_shared_names(named)
    if by == "memory":
        return group_names((name, identify_memory(tensor)) for name, tensor in named)
    raise ValueError(f"by must be 'object' or 'memory' but is {by!r}.")


def parameter_summary(module: nn.Module) -> ParameterSummary:
    """Count a module's parameters, with and without sharing.

    Look-alikes, separate parameters that use one memory, are listed with "~" and count as separate.

    >>> pair = nn.ModuleList([nn.Linear(4, 2), nn.Linear(4, 2)])
    >>> share_parameters(pair[0], pair[1], ["weight"])
    >>> pair[1].bias.data = pair[0].bias.data
    >>> print(parameter_summary(pair))
    12 parameters; sharing saved 8 of 20
      0.weight = 1.weight
      0.bias ~ 1.bias: one memory, not shared
    """
    unique = sum(parameter.numel() for parameter in module.parameters())
    named = dict(module.named_parameters(remove_duplicate=False))
    lookalikes = tuple(
        group
        for group in shared_parameters(module, by="memory")
        if len({id(named[name]) for name in group}) > 1
    )
    count = sum(parameter.numel() for parameter in named.values())
    return ParameterSummary(unique, count, tuple(shared_parameters(module)), lookalikes)


def _list_names(
    source: nn.Module, target: nn.Module, names: Sequence[str] | Literal["all"]
) -> Sequence[str]:
    """Return the names to share.

    Raises:
        ValueError: names is "all" and the names differ, or names is another string.
    """
    if not isinstance(names, str):
        return names
    if names != "all":
        raise ValueError(f"names is the string {names!r}. Pass names=[{names!r}] or names='all'.")
    ours, theirs = (
        [name for name, _ in module.named_parameters(remove_duplicate=False)]
        for module in (source, target)
    )
    if set(ours) != set(theirs):
        raise ValueError(
            f"names='all' needs the same names in both, but only the source has "
            f"{sorted(set(ours) - set(theirs))} and only the target "
            f"{sorted(set(theirs) - set(ours))}. Pass names=[...] that both have."
        )
    return ours


def _find_sharable(
    source: nn.Module, target: nn.Module, name: str
) -> tuple[nn.Parameter, nn.Parameter] | None:
    """Return the source's and the target's parameter, or None if neither module has one.

    Raises:
        ValueError: only one module has it, or the two differ.
    """
    ours = find_parameter(source, name, "source")
    theirs = find_parameter(target, name, "target")
    if ours is None and theirs is None:
        return None
    if ours is None or theirs is None:
        owner = "source" if ours is None else "target"
        raise ValueError(
            f"{name} is absent from the {owner} but a parameter of the other module; "
            f"build both with or without {name}, or leave it out of names."
        )
    difference = find_difference(ours, theirs)
    if difference is None:
        return ours, theirs
    attribute, our_value, their_value = difference
    remedy = f"only parameters of the same {attribute} can be shared."
    if attribute == "requires_grad":
        frozen = "source" if their_value else "target"
        other = "target" if their_value else "source"
        remedy = (
            f"one parameter has one value. To train it in both, call {frozen}.get_parameter("
            f"{name!r}).requires_grad_(True) first; to freeze it in both, call {other}."
            f"get_parameter({name!r}).requires_grad_(False)."
        )
    raise ValueError(
        f"{name} has {attribute} {our_value} in the source but {their_value} in the target; "
        f"{remedy}"
    )


def _check_unambiguous(
    within: nn.Module, shared: Mapping[str, tuple[nn.Parameter, nn.Parameter]]
) -> None:
    """Check that each replaced object has one replacement, which is not replaced itself.

    Raises:
        ValueError: earlier ties make the result depend on the order of names.
    """
    replacements: dict[int, nn.Parameter] = {}
    for name, (ours, theirs) in shared.items():
        other = replacements.setdefault(id(theirs), ours)
        named_count = sum(old is theirs for _, old in shared.values())
        holders = [
            held
            for held, parameter in within.named_parameters(remove_duplicate=False)
            if parameter is theirs
        ]
        if other is not ours and len(holders) > named_count:
            raise ValueError(
                f"{' = '.join(holders)} are one parameter, of which names would get different "
                f"objects, so {name} leaves open which object the others get. Give all of them in "
                "names, or share with one of them only."
            )
    for name, (ours, _) in shared.items():
        if replacements.get(id(ours), ours) is not ours:
            raise ValueError(
                f"{name} of the source is itself replaced, because the target has it under another "
                "name. Share one name at a time."
            )
