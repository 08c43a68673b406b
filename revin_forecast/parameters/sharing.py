"""One parameter behind several names: make modules share, see what is shared, count what it saves.

Sharing here means the same `nn.Parameter` object in two modules: one value, one gradient, one
entry in the optimizer. It survives `.to()`, `deepcopy` of the whole and `state_dict`; see
`revin_forecast.parameters.weights` for files that keep it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class ParameterSummary:
    """How many numbers a module learns, and how many more it would without sharing."""

    unique_count: int
    """Numbers learned."""
    named_count: int
    """Numbers there would be if every name had its own parameter."""
    groups: tuple[tuple[str, ...], ...]
    """The names behind each shared parameter."""

    @property
    def saved_count(self) -> int:
        """Numbers that sharing saved."""
        return self.named_count - self.unique_count

    def __str__(self) -> str:
        lines = [
            f"{self.unique_count:,} parameters; sharing saved {self.saved_count:,} of {self.named_count:,}"
        ]
        return "\n".join(lines + [f"  {' = '.join(group)}" for group in self.groups])


class TransposedLinear(nn.Module):
    """A linear map back, by the transpose of another's weight: y = x W + b.

    Both hold the same `nn.Parameter`; the way from outputs to inputs needs no weight of its own, as
    in autoencoders (Vincent et al., JMLR 2010) and language models (Press & Wolf, EACL 2017).

    Args:
        source: the linear layer whose weight it uses.
        bias: add a learned bias of its own.

    >>> there = nn.Linear(16, 3)
    >>> back = TransposedLinear(there)
    >>> back.weight is there.weight, back(there(torch.ones(2, 16))).shape
    (True, torch.Size([2, 16]))
    """

    bias: nn.Parameter | None

    def __init__(self, source: nn.Linear, bias: bool = True):
        super().__init__()
        self.weight = source.weight
        own = nn.Parameter(torch.zeros(source.in_features)) if bias else None
        self.register_parameter("bias", own)

    def forward(self, values: Tensor) -> Tensor:
        """Map (..., out_features) of the source back to (..., in_features)."""
        return nn.functional.linear(values, self.weight.mT, self.bias)


def share_parameters(
    source: nn.Module, target: nn.Module, names: Sequence[str] = ("weight", "bias")
) -> None:
    """Make `target` use `source`'s parameter objects.

    Args:
        source: keeps its parameters.
        target: gets them; its own of these names are dropped.
        names: of parameters, the same on both; dotted for submodules ("map.weight"). One that is
            None on both sides, such as an absent bias, is left alone.

    Raises:
        ValueError: a name is missing on a side, or the two differ in shape, dtype or device.
            Nothing is shared then.

    >>> first, second = nn.Linear(4, 2), nn.Linear(4, 2)
    >>> share_parameters(first, second)
    >>> second.weight is first.weight
    True
    """
    shared = {name: _shareable_parameter(source, target, name) for name in names}
    for name, parameter in shared.items():
        if parameter is not None:
            assign_tensor(target, name, parameter)


def shared_parameters(module: nn.Module) -> list[tuple[str, ...]]:
    """Return the names behind each parameter that has more than one, in the module's order.

    >>> pair = nn.ModuleList([nn.Linear(4, 2), nn.Linear(4, 2)])
    >>> share_parameters(pair[0], pair[1], ["weight"])
    >>> shared_parameters(pair)
    [('0.weight', '1.weight')]
    """
    return find_shared_names(module.named_parameters(remove_duplicate=False))


def parameter_summary(module: nn.Module) -> ParameterSummary:
    """Count a module's parameters, once and by name.

    >>> pair = nn.ModuleList([nn.Linear(4, 2), nn.Linear(4, 2)])
    >>> share_parameters(pair[0], pair[1], ["weight"])
    >>> print(parameter_summary(pair))
    12 parameters; sharing saved 8 of 20
      0.weight = 1.weight
    """
    unique = sum(parameter.numel() for parameter in module.parameters())
    every = module.named_parameters(remove_duplicate=False)
    named = sum(parameter.numel() for _, parameter in every)
    return ParameterSummary(unique, named, tuple(shared_parameters(module)))


def assign_tensor(module: nn.Module, name: str, tensor: Tensor) -> None:
    """Put a parameter or buffer object behind a (dotted) name of a module."""
    home, _, leaf = name.rpartition(".")
    setattr(module.get_submodule(home), leaf, tensor)


def find_shared_names(named: Iterable[tuple[str, Tensor]]) -> list[tuple[str, ...]]:
    """Return the names behind each tensor object that has more than one."""
    names: dict[int, list[str]] = {}
    for name, tensor in named:
        names.setdefault(id(tensor), []).append(name)
    return [tuple(group) for group in names.values() if len(group) > 1]


def _shareable_parameter(source: nn.Module, target: nn.Module, name: str) -> nn.Parameter | None:
    one, other = _find_parameter(source, name, "source"), _find_parameter(target, name, "target")
    if one is None and other is None:
        return None
    if one is None or other is None:
        owner = "source" if one is None else "target"
        raise ValueError(
            f"{name} is None in the {owner} but a parameter in the other; "
            f"build both with or without {name}, or leave it out of names."
        )
    for what in ("shape", "dtype", "device"):
        mine, theirs = getattr(one, what), getattr(other, what)
        if mine != theirs:
            if what == "shape":
                mine, theirs = tuple(mine), tuple(theirs)
            raise ValueError(
                f"{name} has {what} {mine} in the source but {theirs} in the target; "
                f"only parameters of the same {what} can be shared."
            )
    return one


def _find_parameter(module: nn.Module, name: str, side: str) -> nn.Parameter | None:
    home, _, leaf = name.rpartition(".")
    try:
        # Only what is registered: any attribute may be None, an absent bias is a None in here.
        return module.get_submodule(home)._parameters[leaf]
    except (AttributeError, KeyError):
        pass
    held = [name for name, _ in module.named_parameters(remove_duplicate=False)]
    raise ValueError(
        f"the {side} {type(module).__name__} has no parameter {name!r}; it has {held}. "
        "Pass names=[...] that both have."
    )
