"""Check of a model that is to be solved in closed form."""

import torch

from revin_forecast.backbones.ridge import Ridge
from revin_forecast.errors import InputError
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import LocationScaleNormalizer, ShrunkLevel

MAX_GAIN_DIFFERENCE = 1e-6
"""Relative difference of the two directions' affine weights from which they don't cancel."""


def check_has_closed_form(model: Reversible) -> tuple[Ridge, LocationScaleNormalizer]:
    """Return a Ridge and the normalizer that it is solved in, the RevIN of a ShrunkLevel.

    Raises:
        InputError: they have no closed form.
    """
    ridge, normalizer = model.backbone, model.normalizer
    if isinstance(normalizer, ShrunkLevel):
        normalizer = normalizer.standard
    if not isinstance(ridge, Ridge):
        raise InputError(
            f"fit_ridge solves a Ridge but got {type(ridge).__name__}; train it by gradient."
        )
    if not isinstance(normalizer, LocationScaleNormalizer):
        raise InputError(
            f"Ridge can't be solved inside {type(normalizer).__name__}, which is not a location "
            "and scale of the window. Use RevIN, ShrunkLevel, LastValue, EMA, MeanScale, "
            "DifferenceScale, Robust, Blend or Identity, or train a Linear backbone."
        )
    _check_affine_cancels(normalizer)
    return ridge, normalizer


def has_intercept(normalizer: LocationScaleNormalizer) -> bool:
    """Return whether a map inside a normalizer has an intercept to estimate.

    A normalizer that subtracts the level leaves none. One with a scale per window would multiply
    the bias by it, for which least squares in the data's units has no term.
    """
    return "shift" not in normalizer.equivariant_to and normalizer.has_unit_scale


def _check_affine_cancels(normalizer: LocationScaleNormalizer) -> None:
    """Raise InputError unless the affine maps of both directions cancel around a linear map."""
    affine = normalizer.affine_parameters(torch.float64)
    inverse = normalizer.inverse_affine_parameters(torch.float64)
    if affine is None or inverse is None:
        return
    if bool((affine[1] != 0).any()):
        raise InputError(
            "the normalizer's affine bias is not 0, so it doesn't cancel in the closed form. "
            "Fit Ridge before training, or build the normalizer with affine=False."
        )
    difference = (inverse[0] - affine[0]).abs()
    if bool(((affine[0] == 0) | (difference > MAX_GAIN_DIFFERENCE * affine[0].abs())).any()):
        raise InputError(
            "the normalizer's unguarded affine weights are too near 0: the way back divides by "
            "w + eps^2, so they don't cancel in the closed form. Build the normalizer with "
            "affine=False."
        )
