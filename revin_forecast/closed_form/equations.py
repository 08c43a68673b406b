from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from revin_forecast.closed_form.gram import WindowMoments
from revin_forecast.errors import InputError


@dataclass(frozen=True)
class NormalEquations:
    """Sums over windows that determine a least-squares map, for steps with the same windows."""

    inputs: Tensor
    """(lookback, lookback): sum of x x'."""
    cross: Tensor
    """(steps, lookback): sum of y x'."""
    squares: Tensor
    """(steps,): sum of y^2."""
    input_sums: Tensor
    """(lookback,): sum of x."""
    target_sums: Tensor
    """(steps,): sum of y."""
    count: int

    @classmethod
    def from_moments(cls, moments: WindowMoments, lookback: int) -> "NormalEquations":
        """Cut the windows' moments into look-back and horizon."""
        gram, sums = moments.gram, moments.sums
        return cls(
            inputs=gram[:lookback, :lookback],
            cross=gram[lookback:, :lookback],
            squares=gram.diagonal()[lookback:],
            input_sums=sums[:lookback],
            target_sums=sums[lookback:],
            count=moments.count,
        )

    def __add__(self, other: "NormalEquations") -> "NormalEquations":
        mine, theirs = vars(self), vars(other)
        return NormalEquations(**{name: mine[name] + theirs[name] for name in mine})

    def shifted(self, input_means: Tensor, target_means: Tensor) -> "NormalEquations":
        """Return the equations for x - input_means and y - target_means."""
        inputs = self.inputs - torch.outer(input_means, self.input_sums)
        inputs = inputs - torch.outer(self.input_sums, input_means)
        cross = self.cross - torch.outer(target_means, self.input_sums)
        cross = cross - torch.outer(self.target_sums, input_means)
        squares = self.squares - 2 * target_means * self.target_sums
        return NormalEquations(
            inputs=inputs + self.count * torch.outer(input_means, input_means),
            cross=cross + self.count * torch.outer(target_means, input_means),
            squares=squares + self.count * target_means.square(),
            input_sums=self.input_sums - self.count * input_means,
            target_sums=self.target_sums - self.count * target_means,
            count=self.count,
        )

    def means(self) -> tuple[Tensor, Tensor]:
        """Return the mean window and the mean target."""
        count = max(self.count, 1)
        return self.input_sums / count, self.target_sums / count


def solve_penalized(equations: NormalEquations, penalty: float) -> Tensor:
    """Return W = B (X + penalty mean(s) I)^-1, (steps, lookback), for one penalty.

    As `PenaltyPath.weight`, by one Cholesky factor instead of an eigendecomposition: several times
    as fast. s are the eigenvalues of X.

    Args:
        equations: of the windows.
        penalty: positive, relative to the mean eigenvalue.
    """
    inputs = equations.inputs
    unit = (inputs.diagonal().mean()).clamp(min=torch.finfo(inputs.dtype).tiny)
    ridge = inputs + penalty * unit * torch.eye(len(inputs), dtype=inputs.dtype)
    factor, failed = torch.linalg.cholesky_ex(ridge)
    if failed:  # rounding made it indefinite, or it is not finite, which the path tells
        return PenaltyPath(equations).weight(penalty)
    return torch.cholesky_solve(equations.cross.mT, factor).mT


class PenaltyPath:
    """All ridge solutions of one set of equations, from a single eigendecomposition.

    With X = U diag(s) U', the solution is W = B U diag(1 / (s + penalty mean(s))) U', so each
    further penalty costs one scaling and one product.

    Args:
        equations: of the training windows.

    Raises:
        InputError: their sums overflowed.
    """

    def __init__(self, equations: NormalEquations):
        _check_finite(equations)
        values, self.vectors = torch.linalg.eigh(equations.inputs)
        self.values = values.clamp(min=0)
        self.unit = self.values.mean().clamp(min=torch.finfo(values.dtype).tiny)
        self.cross = equations.cross @ self.vectors

    def weight(self, penalty: float) -> Tensor:
        """Return W (steps, lookback)."""
        return self._rotated(penalty) @ self.vectors.mT

    def errors(self, validation: NormalEquations, penalties: Sequence[float]) -> Tensor:
        """Return each penalty's sum of squared validation errors, (penalties,)."""
        cross = validation.cross @ self.vectors
        inputs = self.vectors.mT @ validation.inputs @ self.vectors
        maps = [self._rotated(penalty) for penalty in penalties]
        return _squared_errors(maps, cross, inputs, validation.squares)

    def _rotated(self, penalty: float) -> Tensor:
        return self.cross / (self.values + penalty * self.unit)


class FactorPath:
    """As `PenaltyPath`, by a Cholesky factor for each penalty: faster where one step has a matrix.

    Args:
        equations: of the training windows.

    Raises:
        InputError: their sums overflowed.
    """

    def __init__(self, equations: NormalEquations):
        _check_finite(equations)
        self.equations = equations

    def weight(self, penalty: float) -> Tensor:
        """Return W (steps, lookback)."""
        return solve_penalized(self.equations, penalty)

    def errors(self, validation: NormalEquations, penalties: Sequence[float]) -> Tensor:
        """Return each penalty's sum of squared validation errors, (penalties,)."""
        maps = [self.weight(penalty) for penalty in penalties]
        return _squared_errors(maps, validation.cross, validation.inputs, validation.squares)


def _check_finite(equations: NormalEquations) -> None:
    if not equations.inputs.isfinite().all() or not equations.cross.isfinite().all():
        raise InputError(
            "sums of squares overflow float64: some values lie beyond 1e150 training "
            "deviations. Correct them, or leave those columns out."
        )


def _squared_errors(
    maps: Sequence[Tensor], cross: Tensor, inputs: Tensor, squares: Tensor
) -> Tensor:
    """Return ||Y - W X||^2 = sum y^2 - 2 <W, B> + <W A, W>: no window is looked at again."""
    total = squares.sum()
    errors = [total - 2 * (m * cross).sum() + ((m @ inputs) * m).sum() for m in maps]
    return torch.stack(errors)
