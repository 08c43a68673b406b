"""Theorems on classes of models: equivariance, and the equality of two classes."""

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


def check_equivariance() -> Iterator[TheoryCheck]:
    """T1: f(a x + b) = a f(x) + b for RevIN around any backbone; an additive eps breaks it."""
    sizes = TRIAL_WINDOWS.lookback, TRIAL_WINDOWS.horizon, PROCESS.channels
    shifts = [Level(), Scale("up"), Scale("down")]
    for backbone in (MLP(*sizes), TSMixer(*sizes)):
        trial = make_untrained_trial(Reversible(backbone, RevIN(PROCESS.channels)), PROCESS)
        gaps = [
            trial.measure(Cell(shift, "steady", severity))["eg"]
            for shift in shifts
            for severity in SEVERITIES
        ]
        claim = f"gap |f(ax+b) - a f(x) - b| / a of RevIN around {type(backbone).__name__}, float64"
        yield TheoryCheck("T1", claim, 0.0, max(gaps), EXACT_TOLERANCE)
    # The control: the measure must detect a model that is not equivariant.
    identity = make_untrained_trial(Reversible(MLP(*sizes), Identity(PROCESS.channels)), PROCESS)
    gap = identity.measure(Cell(Level(), "steady", 3))["eg"]
    claim = "the same gap without normalizer is not zero (1: more than .05)"
    yield TheoryCheck("T1", claim, 1.0, float(gap > 0.05), 0.0)


def check_additive_eps() -> Iterator[TheoryCheck]:
    """T1: an eps added to the variance v changes z by at most (eps / 2 v) |a^-2 - 1|."""
    eps, shift, dataset = 1e-5, Scale("down"), prepare_trial_data(PROCESS).shift_dataset
    normalizer = RevIN(PROCESS.channels, affine=False, eps=eps)
    past = clean_windows(dataset, TRIAL_WINDOWS.stride, torch.float64).past
    shifted = shifted_windows(
        dataset, Cell(shift, "steady", 5), TRIAL_WINDOWS.stride, torch.float64
    ).past
    before, after = (normalizer.normalize(part)[0].norm(dim=1) for part in (past, shifted))
    gain = 1 / (1 + shift.knobs[5])
    bound = eps / (2 * past.var(dim=1, correction=0)) * abs(gain**-2 - 1)
    share = float(((after / before - 1).abs() / bound).max())
    claim = "additive eps 1e-5, a = 1/5: change of z, in units of its bound (eps / 2 v) |a^-2 - 1|"
    yield TheoryCheck("T1", claim, 1.0, share, 1e-6, is_upper_bound=True)


def check_scale_shift() -> Iterator[TheoryCheck]:
    """T3: a linear map with bias c and no normalizer has the error a e + (1 - a) c."""
    trial, pairs = fit_ridge_trial(Identity), []
    bias = trial.model.backbone.bias.detach().numpy()[:, None]  # pyright: ignore
    clean = trial.forecast_errors()
    for arm in ("up", "down"):
        for severity in SEVERITIES:
            shift = Scale(arm)
            factor = 1 + shift.knobs[severity]
            gain = factor if arm == "up" else 1 / factor
            predicted = mean_square(gain * clean + (1 - gain) * bias)
            measured = trial.measure(Cell(shift, "steady", severity))["mse_raw"]
            pairs.append((predicted, measured))
    claim = "scale, linear, no normalizer: MSE = mean (a e + (1 - a) c)^2"
    yield TheoryCheck("T3", claim, *largest_gap(pairs), EXACT_TOLERANCE)


def check_last_value_equivalence() -> Iterator[TheoryCheck]:
    """T4: least squares inside RevIN and inside LastValue give the same map."""
    within, last = fit_ridge_trial(RevIN), fit_ridge_trial(LastValue)
    difference = float(np.max(np.abs(within.forecast_errors() - last.forecast_errors())))
    claim = "largest difference between least squares in RevIN and in LastValue"
    yield TheoryCheck("T4", claim, 0.0, difference, 1e-5)
