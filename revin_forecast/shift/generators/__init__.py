"""The shifts that the benchmark ships: changes of the data and faults of sensors."""

from revin_forecast.shift.generators.channels import Channels
from revin_forecast.shift.generators.concept import (
    ConceptFilter,
    ConceptReflection,
    ConceptReversal,
)
from revin_forecast.shift.generators.drift import RandomWalkDrift, TrendDrift
from revin_forecast.shift.generators.frequency import Frequency
from revin_forecast.shift.generators.level_and_scale import Level, Scale
from revin_forecast.shift.generators.regime import Regime
from revin_forecast.shift.generators.season import Amplitude, Phase
from revin_forecast.shift.generators.sensor import Missing, Noise, SensorGain, SensorOffset, Spikes
from revin_forecast.shift.generators.tails import Tails
from revin_forecast.shift.shift import Shift

ALL_SHIFTS: tuple[Shift, ...] = (
    Level(),
    Scale("up"),
    Scale("down"),
    Noise(),
    TrendDrift(),
    RandomWalkDrift(),
    Frequency(),
    Phase(),
    Amplitude(),
    Regime(),
    Spikes(),
    Missing("level"),
    Missing("ffill"),
    Missing("zero"),
    Missing("nan"),
    Tails(),
    Channels(),
    ConceptFilter(),
    ConceptReversal(),
    ConceptReflection(),
    SensorOffset(),
    SensorGain("up"),
    SensorGain("down"),
)
"""Every shift with all its arms, in the order of the tables."""
