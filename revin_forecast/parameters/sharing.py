"""Parameter sharing between modules: share, list the shared parameters, count the savings.

Sharing here means the same `nn.Parameter` object in two modules: one value, one gradient, one
entry in the optimizer. It survives `.to()`, `deepcopy` of the whole module and `state_dict`; files
that preserve it are written by `revin_forecast.parameters.weights`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class ParameterSummary:
    """Size of a module, with and without parameter sharing."""

    unique_count: int
    """Number of learned values."""
    named_count: int
    """Number of values if every name had its own parameter."""
    groups: tuple[tuple[str, ...], ...]
    """Names of each shared parameter."""

    @property
    def saved_count(self) -> int:
        """Number of values that sharing saves."""
        return self.named_count - self.unique_count

    def __str__(self) -> str:
        lines = [
            f"{self.unique_count:,} parameters; "
            f"sharing saved {self.saved_count:,} of {self.named_count:,}"
        ]
        return "\n".join(lines + [f"  {' = '.join(group)}" for group in self.groups])


class TransposedLinear(nn.Module):
    """A linear layer that uses the transposed weight of another layer: y = x W + b.

    Both layers hold the same `nn.Parameter`, so the way from outputs to inputs needs no weight of
    its own, as in autoencoders (Vincent et al., JMLR 2010) and language models (Press & Wolf, EACL
    2017).

    Args:
        source: the linear layer whose weight is used.
        bias: add a learned bias.

    >>> encoder = nn.Linear(16, 3)
    >>> decoder = TransposedLinear(encoder)
    >>> decoder.weight is encoder.weight, decoder(encoder(torch.ones(2, 16))).shape
    (True, torch.Size([2, 16]))
    """

    bias: nn.Parameter | None

    def __init__(self, source: nn.Linear, bias: bool = True):
        super().__init__()
        self.weight = source.weight
        value = nn.Parameter(torch.zeros(source.in_features)) if bias else None
        self.register_parameter("bias", value)

    def forward(self, values: Tensor) -> Tensor:
        """Map (..., out_features) of the source layer to (..., in_features)."""
        return nn.functional.linear(values, self.weight.mT, self.bias)


def share_parameters(
    source: nn.Module, target: nn.Module, names: Sequence[str] = ("weight", "bias")
) -> None:
    """Make `target` use `source`'s parameter objects.

    Args:
        source: module that keeps its parameters.
        target: module whose parameters of these names are replaced.
        names: parameter names, the same in both modules; dotted for submodules ("map.weight"). A
            name that neither has, such as a bias built with bias=False, is skipped.

    Raises:
        ValueError: a name is missing in either module, or the two parameters differ in shape,
            dtype or device. Nothing is shared in that case.

    >>> first, second = nn.Linear(4, 2), nn.Linear(4, 2)
    >>> share_parameters(first, second)
    >>> second.weight is first.weight
    True
    """
    # All names are checked before any parameter is replaced: a failure changes nothing.
    shared = {name: _shareable_parameter(source, target, name) for name in names}
    for name, parameter in shared.items():
        if parameter is not None:
            assign_tensor(target, name, parameter)


def shared_parameters(module: nn.Module) -> list[tuple[str, ...]]:
    """Return the names of each parameter that has several, in the module's order.

    >>> pair = nn.ModuleList([nn.Linear(4, 2), nn.Linear(4, 2)])
    >>> share_parameters(pair[0], pair[1], ["weight"])
    >>> shared_parameters(pair)
    [('0.weight', '1.weight')]
    """
    return find_shared_names(module.named_parameters(remove_duplicate=False))


def parameter_summary(module: nn.Module) -> ParameterSummary:
    """Count a module's parameters, with and without sharing.

    >>> pair = nn.ModuleList([nn.Linear(4, 2), nn.Linear(4, 2)])
    >>> share_parameters(pair[0], pair[1], ["weight"])
    >>> print(parameter_summary(pair))
    12 parameters; sharing saved 8 of 20
      0.weight = 1.weight
    """
    unique = sum(parameter.numel() for parameter in module.parameters())
    named_parameters = module.named_parameters(remove_duplicate=False)
    named = sum(parameter.numel() for _, parameter in named_parameters)
    return ParameterSummary(unique, named, tuple(shared_parameters(module)))


def assign_tensor(module: nn.Module, name: str, tensor: Tensor) -> None:
    """Assign a parameter or buffer object to a (dotted) name of a module."""
    parent, _, leaf = name.rpartition(".")
    setattr(module.get_submodule(parent), leaf, tensor)


def find_shared_names(named: Iterable[tuple[str, Tensor]]) -> list[tuple[str, ...]]:
    """Return the names of each tensor object that has several."""
    names: dict[int, list[str]] = {}
    for name, tensor in named:
        names.setdefault(id(tensor), []).append(name)
    return [tuple(group) for group in names.values() if len(group) > 1]


def _shareable_parameter(source: nn.Module, target: nn.Module, name: str) -> nn.Parameter | None:
    """Return the source's parameter, or None if neither module has one.

    Raises:
        ValueError: only one module has it, or the two differ.
    """
    ours = _find_parameter(source, name, "source")
    theirs = _find_parameter(target, name, "target")
    if ours is None and theirs is None:
        return None
    if ours is None or theirs is None:
        owner = "source" if ours is None else "target"
        raise ValueError(
            f"{name} is absent from the {owner} but a parameter of the other module; "
            f"build both with or without {name}, or leave it out of names."
        )
    for attribute, our_value, their_value in (
        ("shape", tuple(ours.shape), tuple(theirs.shape)),
        ("dtype", ours.dtype, theirs.dtype),
        ("device", ours.device, theirs.device),
    ):
        if our_value != their_value:
            raise ValueError(
                f"{name} has {attribute} {our_value} in the source but {their_value} in the "
                f"target; only parameters of the same {attribute} can be shared."
            )
    return ours


def _find_parameter(module: nn.Module, name: str, role: str) -> nn.Parameter | None:
    """Return the parameter registered under a dotted name; None if it is registered as absent.

    Raises:
        ValueError: nothing is registered under the name.
    """
    parent, _, leaf = name.rpartition(".")
    try:
        # Any attribute may hold None, but only an absent parameter is a None in this dictionary.
        return module.get_submodule(parent)._parameters[leaf]  # pyright: ignore[reportPrivateUsage]
    except (AttributeError, KeyError):
        pass
    existing = [name for name, _ in module.named_parameters(remove_duplicate=False)]
    raise ValueError(
        f"the {role} {type(module).__name__} has no parameter {name!r}; it has {existing}. "
        "Pass names=[...] that both have."
    )
