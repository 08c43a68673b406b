"""Roots with a finite gradient at 0."""

import torch
from jaxtyping import Float
from torch import Tensor


def take_root(squares: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return the square roots, with the gradient 0 instead of infinity at 0.

    A normalizer that is trained around the network needs the gradient of its inputs.

    >>> take_root(torch.tensor([0.0, 4.0]))
    tensor([0., 2.])
    """
    return torch.where(squares > 0, torch.where(squares > 0, squares, 1).sqrt(), 0)


def take_cube_root(cubes: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return the cube roots, of negative numbers, too, with the gradient 0 at 0.

    >>> take_cube_root(torch.tensor([0.0, -8.0]))
    tensor([ 0., -2.])
    """
    size = torch.where(cubes == 0, 1, cubes.abs())
    return torch.sign(cubes) * size.pow(1 / 3)
