"""The shift of a synthetic process's own parameters, where it has one."""

import numpy as np

from revin_forecast.shift.sources.base import Source
from revin_forecast.shift.world import World


def variant_of(world: World, shift: str, knob: float) -> Source | None:
    """Return the world's process after a shift; None: real data, or no shift of that name."""
    return None if world.source is None else world.source.variant(shift, knob)


def variant_rows(world: World, shift: str, knob: float, rows: np.ndarray) -> np.ndarray | None:
    """Return rows of the shifted process, drawn with the same innovations; None: there is none."""
    variant = variant_of(world, shift, knob)
    return None if variant is None else world.once(variant, variant.simulate)[rows]


def has_variant(world: World, shift: str, knob: float) -> bool:
    """Return whether the world's process has a shift of that name."""
    return variant_of(world, shift, knob) is not None
