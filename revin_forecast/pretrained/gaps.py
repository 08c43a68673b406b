"""Fill the gaps of many series at once, without a loop over series or steps."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Values = Float[Tensor, "series rows"]
Observed = Bool[Tensor, "series rows"]


class Extent(NamedTuple):
    """The rows of each series in a window that ends with its last row."""

    valid: Observed
    """True from the first observed row on."""
    length: Int[Tensor, " series"]
    """Number of those rows."""
    end_gap: Int[Tensor, " series"]
    """Number of unobserved rows at the end."""


def find_extent(observed: Observed) -> Extent:
    """Return the rows of each series from its first observed one on.

    >>> find_extent(torch.tensor([[False, True, False, True, False]])).length
    tensor([4])
    """
    rows = observed.shape[1]
    last = _last_observed(observed)
    valid = last >= 0
    return Extent(valid, valid.sum(1), rows - 1 - last[:, -1])


def fill_gaps(values: Values, observed: Observed) -> Values:
    """Interpolate the gaps of each series linearly.

    Rows before the first observed one are 0, rows after the last one keep its value. A series
    without observed rows is 0.

    >>> values = torch.tensor([[9.0, 1.0, 9.0, 3.0, 9.0]])
    >>> fill_gaps(values, torch.tensor([[False, True, False, True, False]]))
    tensor([[0., 1., 2., 3., 3.]])
    """
    rows = values.shape[1]
    previous = _last_observed(observed)
    following = rows - 1 - _last_observed(observed.flip(1)).flip(1)
    known = torch.where(observed, values, 0)
    before = known.gather(1, previous.clamp(min=0))
    # Without a following row there is nothing to interpolate towards.
    after = torch.where(following < rows, known.gather(1, following.clamp(max=rows - 1)), before)
    steps = torch.arange(rows, device=values.device)
    share = (steps - previous).to(values) / (following - previous).clamp(min=1).to(values)
    return torch.where(previous >= 0, before + share * (after - before), 0)


def _last_observed(observed: Observed) -> Int[Tensor, "series rows"]:
    """Return the latest observed row up to each row; -1 before the first.

    By doubling: ONNX has no running maximum.
    """
    rows = observed.shape[1]
    last = torch.where(observed, torch.arange(rows, device=observed.device), -1)
    reach = 1
    while reach < rows:
        shifted = torch.nn.functional.pad(last[:, :-reach], (reach, 0), value=-1)
        last = torch.maximum(last, shifted)
        reach *= 2
    return last
