"""Compare the parameters of an optimizer with those of a module."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import Optimizer

MAX_SHOWN = 8
"""Largest number of parameters that are printed of each kind."""


@dataclass(frozen=True)
class OptimizerReport:
    """Differences between the parameters of an optimizer and those of a module.

    Printed, it shows the first parameters of each kind; the attributes hold all.
    """

    dropped: tuple[str, ...]
    """Parameters that the optimizer holds but the module has not (any more)."""
    missing: tuple[str, ...]
    """Names of the module's parameters with requires_grad that the optimizer does not hold."""
    repeated: tuple[str, ...]
    """Names of parameters that the optimizer holds, and steps, several times."""

    @property
    def is_matching(self) -> bool:
        """Return whether the optimizer trains each parameter of the module once, and no other."""
        return not (self.dropped or self.missing or self.repeated)

    def __str__(self) -> str:
        if self.is_matching:
            return "the optimizer trains each parameter of the module once"
        lines = [
            f"{text}: {_enumerate(found)}"
            for text, found in (
                ("held by the optimizer, but not in the module", self.dropped),
                ("in the module, but not held by the optimizer", self.missing),
                ("held several times", self.repeated),
            )
            if found
        ]
        return "\n".join(
            [*lines, "Build the optimizer from module.parameters(), after all sharing and loading."]
        )


def inspect_optimizer(module: nn.Module, optimizer: Optimizer) -> OptimizerReport:
    """Find parameters that an optimizer steps in vain, and those that it does not train.

    An optimizer holds parameter objects. Sharing, retying and some ways of loading replace objects
    in the module, so an optimizer built earlier goes on with the old ones, without an error. Frozen
    parameters of the module may be absent from the optimizer. An optimizer of a part of the module
    leaves the rest missing, which may be intended.

    Args:
        module: module that is trained.
        optimizer: optimizer of this module.

    >>> import torch
    >>> from revin_forecast.parameters.sharing import share_parameters
    >>> pair = nn.ModuleList([nn.Linear(4, 2), nn.Linear(4, 2)])
    >>> optimizer = torch.optim.Adam(pair[1].parameters())
    >>> share_parameters(pair[0], pair[1], ["weight"])
    >>> print(inspect_optimizer(pair, optimizer))
    held by the optimizer, but not in the module: parameter 0 of group 0, shape (2, 4)
    in the module, but not held by the optimizer: 0.weight = 1.weight, 0.bias
    Build the optimizer from module.parameters(), after all sharing and loading.
    """
    names: dict[int, list[str]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    labels = {key: " = ".join(group) for key, group in names.items()}
    counts = Counter(id(part) for group in optimizer.param_groups for part in group["params"])
    return OptimizerReport(
        dropped=tuple(
            _describe_parameter(group, place, index)
            for place, group in enumerate(optimizer.param_groups)
            for index, parameter in enumerate(group["params"])
            if id(parameter) not in names
        ),
        missing=tuple(
            labels[id(parameter)]
            for parameter in module.parameters()
            if parameter.requires_grad and id(parameter) not in counts
        ),
        repeated=tuple(label for key, label in labels.items() if counts[key] > 1),
    )


def _enumerate(names: tuple[str, ...]) -> str:
    """Return the first names, with the number of the others."""
    more = len(names) - MAX_SHOWN
    return ", ".join(names[:MAX_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _describe_parameter(group: dict[str, Any], place: int, index: int) -> str:
    """Return the position and shape, and the name if the optimizer was given names."""
    text = f"parameter {index} of group {place}, shape {tuple(group['params'][index].shape)}"
    names = group.get("param_names")
    return text if names is None else f"{names[index]} ({text})"
