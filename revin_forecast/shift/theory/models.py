"""What holds of classes of models: equivariance, and two classes that are one."""

from collections.abc import Iterator

import numpy as np
import torch

from revin_forecast.backbones import MLP, TSMixer
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import Identity, LastValue, RevIN
from revin_forecast.shift.generators import Level, Scale
from revin_forecast.shift.measuring.cell import Cell
from revin_forecast.shift.measuring.windows import clean_windows, shifted_windows
from revin_forecast.shift.processes import AR
from revin_forecast.shift.theory.level import SEVERITIES, mean_square
from revin_forecast.shift.theory.trial import (
    EXACT_TOLERANCE,
    TRIAL_WINDOWS,
    TheoryCheck,
    fit_ridge_trial,
    largest_gap,
    make_untrained_trial,
    prepare_trial_data,
)

PROCESS = AR(rows=3000, phi=0.9)


def equivariance() -> Iterator[TheoryCheck]:
    """T1: f(a x + b) = a f(x) + b for RevIN around any backbone; an additive eps breaks it."""
    sizes = TRIAL_WINDOWS.lookback, TRIAL_WINDOWS.horizon, PROCESS.channels
    moves = [Level(), Scale("up"), Scale("down")]
    for backbone in (MLP(*sizes), TSMixer(*sizes)):
        trial = make_untrained_trial(Reversible(backbone, RevIN(PROCESS.channels)), PROCESS)
        gaps = [
            trial.measure(Cell(move, "steady", severity))["eg"]
            for move in moves
            for severity in SEVERITIES
        ]
        claim = f"gap |f(ax+b) - a f(x) - b| / a of RevIN around {type(backbone).__name__}, float64"
        yield TheoryCheck("T1", claim, 0.0, max(gaps), EXACT_TOLERANCE)
    bare = make_untrained_trial(Reversible(MLP(*sizes), Identity(PROCESS.channels)), PROCESS)
    gap = bare.measure(Cell(Level(), "steady", 3))["eg"]
    claim = "the same gap without normalizer is no zero (1: more than .05)"
    yield TheoryCheck("T1", claim, 1.0, float(gap > 0.05), 0.0)


def additive_eps() -> Iterator[TheoryCheck]:
    """T1: an eps added to the variance v changes z by (eps / 2 v) |a^-2 - 1| at most."""
    eps, move, world = 1e-5, Scale("down"), prepare_trial_data(PROCESS).shift_dataset
    normalizer = RevIN(PROCESS.channels, affine=False, eps=eps)
    past = clean_windows(world, TRIAL_WINDOWS.stride, torch.float64).past
    moved = shifted_windows(
        world, Cell(move, "steady", 5), TRIAL_WINDOWS.stride, torch.float64
    ).past
    before, after = (normalizer.normalize(part)[0].norm(dim=1) for part in (past, moved))
    gain = 1 / (1 + move.knobs[5])
    bound = eps / (2 * past.var(dim=1, correction=0)) * abs(gain**-2 - 1)
    share = float(((after / before - 1).abs() / bound).max())
    claim = "additive eps 1e-5, a = 1/5: change of z, in units of its bound (eps / 2 v) |a^-2 - 1|"
    yield TheoryCheck("T1", claim, 1.0, share, 1e-6, is_upper_bound=True)


def scale_shift() -> Iterator[TheoryCheck]:
    """T3: without normalizer a linear map errs by a e + (1 - a) c with its bias c."""
    trial, pairs = fit_ridge_trial(Identity), []
    bias = trial.model.backbone.bias.detach().numpy()[:, None]  # pyright: ignore
    clean = trial.forecast_errors()
    for arm in ("up", "down"):
        for severity in SEVERITIES:
            move = Scale(arm)
            grown = 1 + move.knobs[severity]
            gain = grown if arm == "up" else 1 / grown
            predicted = mean_square(gain * clean + (1 - gain) * bias)
            measured = trial.measure(Cell(move, "steady", severity))["mse_raw"]
            pairs.append((predicted, measured))
    claim = "scale, linear, no normalizer: MSE = mean (a e + (1 - a) c)^2"
    yield TheoryCheck("T3", claim, *largest_gap(pairs), EXACT_TOLERANCE)


def last_value_equivalence() -> Iterator[TheoryCheck]:
    """T4: least squares inside RevIN and inside subtract-last find the same map."""
    within, last = fit_ridge_trial(RevIN), fit_ridge_trial(LastValue)
    difference = float(np.max(np.abs(within.forecast_errors() - last.forecast_errors())))
    claim = "largest difference between least squares in RevIN and in LastValue"
    yield TheoryCheck("T4", claim, 0.0, difference, 1e-5)
