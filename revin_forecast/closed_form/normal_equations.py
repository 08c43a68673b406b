"""Normal equations of least squares over windows, and their ridge solutions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from revin_forecast.closed_form.gram import WindowMoments
from revin_forecast.errors import InputError

PRODUCT_ROWS = 192
"""Rows of the blocks in which products of a symmetric matrix are computed."""


@dataclass(frozen=True)
class NormalEquations:
    """Sums over windows that determine a least-squares map.

    x is a window's inputs, y its targets. All steps share the same windows. Equations of disjoint
    sets of windows add and subtract.
    """

    gram: Tensor
    """(lookback, lookback): sum of x x'."""
    cross: Tensor
    """(steps, lookback): sum of y x'."""
    target_squares: Tensor
    """(steps,): sum of y^2."""
    input_sums: Tensor
    """(lookback,): sum of x."""
    target_sums: Tensor
    """(steps,): sum of y."""
    count: int
    """Number of windows of all series."""

    @classmethod
    def from_moments(cls, moments: WindowMoments, lookback: int) -> "NormalEquations":
        """Build the equations from the windows' moments, split into look-back and horizon."""
        gram, sums = moments.gram, moments.sums
        return cls(
            gram=gram[:lookback, :lookback],
            cross=gram[lookback:, :lookback],
            target_squares=gram.diagonal()[lookback:],
            input_sums=sums[:lookback],
            target_sums=sums[lookback:],
            count=moments.count,
        )

    @classmethod
    def from_windows(cls, inputs: Tensor, targets: Tensor) -> "NormalEquations":
        """Sum over windows, one per row: inputs (windows, lookback), targets (windows, steps)."""
        return cls(
            gram=inputs.mT @ inputs,
            cross=targets.mT @ inputs,
            target_squares=targets.square().sum(dim=0),
            input_sums=inputs.sum(dim=0),
            target_sums=targets.sum(dim=0),
            count=len(inputs),
        )

    def __add__(self, other: "NormalEquations") -> "NormalEquations":
        theirs = vars(other)
        return NormalEquations(**{name: mine + theirs[name] for name, mine in vars(self).items()})

    def __sub__(self, other: "NormalEquations") -> "NormalEquations":
        theirs = vars(other)
        return NormalEquations(**{name: mine - theirs[name] for name, mine in vars(self).items()})

    def subtract_from_(self, total: "NormalEquations") -> "NormalEquations":
        """Return `total` - self in the memory of these equations, which are no longer valid."""
        for name, mine in vars(self).items():
            if isinstance(mine, Tensor):
                torch.sub(getattr(total, name), mine, out=mine)
        return replace(self, count=total.count - self.count)

    def truncate(self, lookback: int, horizon: int) -> "NormalEquations":
        """Return the equations of the last `lookback` inputs and the first `horizon` targets.

        They are a submatrix of those of the longer windows, so one matrix serves all smaller sizes.
        """
        return NormalEquations(
            gram=self.gram[-lookback:, -lookback:],
            cross=self.cross[:horizon, -lookback:],
            target_squares=self.target_squares[:horizon],
            input_sums=self.input_sums[-lookback:],
            target_sums=self.target_sums[:horizon],
            count=self.count,
        )

    def select_steps(self, steps: slice | list[int]) -> "NormalEquations":
        """Return the equations of some steps of the horizon."""
        return replace(
            self,
            cross=self.cross[steps],
            target_squares=self.target_squares[steps],
            target_sums=self.target_sums[steps],
        )

    def centre(self, weights: Tensor, in_place: bool = False) -> "NormalEquations":
        """Return the equations for x - weights . x and y - weights . x: rank-one changes.

        With `in_place`, the result takes the memory of these equations, which become invalid.
        """
        input_products, target_products = self.gram @ weights, self.cross @ weights
        level_squares, level_sum = input_products @ weights, self.input_sums @ weights
        products = input_products - level_squares
        gram, cross = (part if in_place else part.clone() for part in (self.gram, self.cross))
        return NormalEquations(
            gram=gram.sub_(input_products.unsqueeze(1)).sub_(products),
            cross=cross.sub_(target_products.unsqueeze(1)).sub_(products),
            target_squares=self.target_squares - 2 * target_products + level_squares,
            input_sums=self.input_sums - level_sum,
            target_sums=self.target_sums - level_sum,
            count=self.count,
        )

    def subtract_means(self, input_means: Tensor, target_means: Tensor) -> "NormalEquations":
        """Return the equations for x - input_means and y - target_means."""
        inputs = self.gram - torch.outer(input_means, self.input_sums)
        inputs = inputs - torch.outer(self.input_sums, input_means)
        cross = self.cross - torch.outer(target_means, self.input_sums)
        cross = cross - torch.outer(self.target_sums, input_means)
        squares = self.target_squares - 2 * target_means * self.target_sums
        return NormalEquations(
            gram=inputs + self.count * torch.outer(input_means, input_means),
            cross=cross + self.count * torch.outer(target_means, input_means),
            target_squares=squares + self.count * target_means.square(),
            input_sums=self.input_sums - self.count * input_means,
            target_sums=self.target_sums - self.count * target_means,
            count=self.count,
        )

    def subtract_map(self, weight: Tensor) -> "NormalEquations":
        """Return the equations for x and the residual y - W x of a map.

        Args:
            weight: W (steps, lookback).
        """
        residual = (weight @ self.gram).neg_().add_(self.cross)
        # sum (y - W x)^2 = sum y^2 - <W, B> - <W, B - W X>
        explained = torch.add(self.cross, residual).mul_(weight).sum(dim=1)
        return NormalEquations(
            gram=self.gram,
            cross=residual,
            target_squares=self.target_squares - explained,
            input_sums=self.input_sums,
            target_sums=self.target_sums - weight @ self.input_sums,
            count=self.count,
        )

    def means(self) -> tuple[Tensor, Tensor]:
        """Return the mean inputs (lookback,) and the mean targets (steps,)."""
        count = max(self.count, 1)
        return self.input_sums / count, self.target_sums / count


def solve_ridge(equations: NormalEquations, penalty: float) -> Tensor:
    """Return W = B (X + penalty mean(s) I)^-1, (steps, lookback), for one penalty.

    X is the Gram matrix with eigenvalues s, B the cross products. The result equals
    `RidgePath.solve`; one Cholesky factor is several times faster than an eigendecomposition.

    Args:
        equations: sums over the training windows.
        penalty: positive, relative to the mean eigenvalue.
    """
    inputs = equations.gram
    # The mean of the diagonal is the mean eigenvalue; clamped, as constant windows give 0.
    unit = (inputs.diagonal().mean()).clamp(min=torch.finfo(inputs.dtype).tiny)
    ridge = inputs.clone(memory_format=torch.contiguous_format)
    ridge.diagonal().add_(penalty * unit)
    # In place: the symmetric matrix, read by columns, is replaced by its factor.
    factor, has_failed = ridge.mT, torch.empty((), dtype=torch.int32, device=ridge.device)
    torch.linalg.cholesky_ex(factor, out=(factor, has_failed))
    if has_failed:
        # Rounding made the matrix indefinite, or it is not finite, which RidgePath reports.
        return RidgePath(equations).solve(penalty)
    return torch.cholesky_solve(equations.cross.mT, factor).mT


class RidgePath:
    """Ridge solutions for all penalties from a single eigendecomposition.

    With X = U diag(s) U', the solution is W = B U diag(1 / (s + penalty mean(s))) U', so each
    further penalty takes one scaling and one product.

    Args:
        equations: sums over the training windows.
        in_place: whether the eigenvectors may take the memory of the Gram matrix.

    Raises:
        InputError: the sums overflowed.
    """

    def __init__(self, equations: NormalEquations, in_place: bool = False):
        _check_finite(equations)
        gram = equations.gram if in_place else equations.gram.clone()
        # The symmetric matrix, read by columns, is replaced by its eigenvectors.
        self.eigenvectors, values = gram.contiguous().mT, gram.new_empty(len(gram))
        torch.linalg.eigh(self.eigenvectors, out=(values, self.eigenvectors))
        self.eigenvalues = values.clamp(min=0)  # rounding can make them negative
        self.mean_eigenvalue = self.eigenvalues.mean().clamp(min=torch.finfo(values.dtype).tiny)
        self.cross = equations.cross @ self.eigenvectors

    def solve(self, penalty: float, steps: slice = slice(None)) -> Tensor:
        """Return W (steps, lookback) for a penalty, of all steps or a range of them."""
        return (
            self.cross[steps] / (self.eigenvalues + penalty * self.mean_eigenvalue)
        ) @ self.eigenvectors.mT

    def errors(self, validation: NormalEquations, penalties: Sequence[float]) -> Tensor:
        """Return each penalty's sum of squared validation errors, (penalties,)."""
        return self.group_errors(validation, penalties, (len(validation.target_squares),))[0]

    def group_errors(
        self, validation: NormalEquations, penalties: Sequence[float], ends: Sequence[int]
    ) -> Tensor:
        """Return each penalty's sum of squared validation errors over groups of steps.

        With R = B U and d = 1 / (s + penalty mean(s)), the error over some steps is
        sum y^2 - 2 d . c + d' M d, where c = sum over the steps of R * (B_val U), and M is the
        elementwise product of U' X_val U and R' R. A penalty needs no product of large matrices.

        Args:
            validation: equations centred like the training equations.
            penalties: positive.
            ends: the step after each group's last; a group begins where the previous one ends.

        Returns:
            (groups, penalties).
        """
        penalty_column = self.eigenvalues.new_tensor(penalties).unsqueeze(1)
        factors = 1 / (self.eigenvalues + penalty_column * self.mean_eigenvalue)
        groups = [slice(*pair) for pair in pairwise((0, *ends))]
        linear = (validation.cross @ self.eigenvectors).mul_(self.cross)
        squares = validation.target_squares
        errors = torch.stack([squares[s].sum() - 2 * (factors @ linear[s].sum(0)) for s in groups])
        del linear
        mapped = validation.gram @ self.eigenvectors
        # M is symmetric: in each block of rows, the entries right of the block count twice.
        for first in range(0, len(mapped), PRODUCT_ROWS):
            stop = first + PRODUCT_ROWS
            inputs = self.eigenvectors[:, first:stop].mT @ mapped[:, first:]
            twice = factors[:, first:].clone()
            twice[:, PRODUCT_ROWS:] *= 2
            for row, steps in zip(errors, groups, strict=True):
                cross = self.cross[steps, first:]
                products = (cross[:, :PRODUCT_ROWS].mT @ cross).mul_(inputs)
                row += ((factors[:, first:stop] @ products) * twice).sum(dim=1)
        return errors


class CholeskyRidgePath:
    """Like `RidgePath`, with one Cholesky factor per penalty.

    Args:
        equations: sums over the training windows.

    Raises:
        InputError: the sums overflowed.
    """

    def __init__(self, equations: NormalEquations):
        _check_finite(equations)
        self.equations = equations

    def solve(self, penalty: float) -> Tensor:
        """Return W (steps, lookback) for a penalty."""
        return solve_ridge(self.equations, penalty)

    def errors(self, validation: NormalEquations, penalties: Sequence[float]) -> Tensor:
        """Return each penalty's sum of squared validation errors, (penalties,)."""
        return torch.stack([squared_error(self.solve(p), validation) for p in penalties])


def ridge_path(equations: NormalEquations) -> RidgePath | CholeskyRidgePath:
    """Return the faster path: Cholesky factors for few steps, else an eigendecomposition."""
    steps, lookback = equations.cross.shape
    return (CholeskyRidgePath if 4 * steps <= lookback or steps == 1 else RidgePath)(equations)


def _check_finite(equations: NormalEquations) -> None:
    """Raise InputError if the sums overflowed."""
    if not equations.gram.isfinite().all() or not equations.cross.isfinite().all():
        raise InputError(
            "sums of squares overflow float64: some values exceed 1e150 training deviations. "
            "Correct them, or leave out those columns."
        )


def squared_error(weight: Tensor, equations: NormalEquations) -> Tensor:
    """Return ||Y - W X||^2 = sum y^2 - 2 <W, B> + <W A, W> without visiting the windows again.

    Args:
        weight: W (steps, lookback).
        equations: sums over the windows to score.
    """
    return equations.subtract_map(weight).target_squares.sum()
