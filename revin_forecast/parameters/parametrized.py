"""Weights that a parametrization computes, such as `weight_norm`, shared by two modules."""

from typing import cast

from torch import Tensor, nn
from torch.nn.utils import parametrize


def share_parametrization(
    source: nn.Module, source_name: str, target: nn.Module, target_name: str
) -> None:
    """Make `target` compute a tensor from the parameters and in the way that `source` does.

    Both modules hold the same list of parametrizations, and each evaluates it when its tensor is
    read. So the two tensors are equal after every step of an optimizer, and each forward pass has
    a graph of its own. Those of `spectral_norm` are equal in evaluation mode only, because in
    training mode each reading improves its estimate of the norm.

    Args:
        source: module whose tensor is parametrized.
        source_name: name of that tensor, without dots.
        target: module that has a parameter or parametrized tensor of the same shape.
        target_name: name of that tensor, without dots.
    """
    if not parametrize.is_parametrized(target, target_name):
        # Any parametrization makes the tensor a computed one; its list is replaced afterwards.
        parametrize.register_parametrization(target, target_name, nn.Identity())
    lists = cast(nn.ModuleDict, target.parametrizations)
    lists[target_name] = cast(nn.ModuleDict, source.parametrizations)[source_name]


def describe_parametrization(module: nn.Module, name: str) -> list[tuple[str, tuple[int, ...]]]:
    """Return the kinds of a tensor's parametrizations, and the names and shapes of its parameters.

    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(4, 2))
    >>> describe_parametrization(layer, "weight")
    [('_WeightNorm', ()), ('original0', (2, 1)), ('original1', (2, 4))]
    """
    steps = cast(nn.ModuleDict, module.parametrizations)[name]
    kinds = [(type(step).__name__, ()) for step in steps.children()]
    parameters: list[tuple[str, Tensor]] = list(steps.named_parameters())
    return kinds + [(name, tuple(tensor.shape)) for name, tensor in parameters]
