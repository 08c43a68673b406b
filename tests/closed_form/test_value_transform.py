"""Logarithm and square root of standardized tables, and their choice on blocks."""

import pytest
import torch

from revin_forecast.closed_form import SweepGrid, sweep_ridge
from revin_forecast.closed_form.transform_trial import DataUnits
from revin_forecast.closed_form.value_transform import (
    KINDS,
    TransformedModel,
    ValueTransform,
    is_positive,
)
from revin_forecast.models.reversible import Reversible


def growing_waves(rows=500):
    """Seasonal amounts whose amplitude follows a slowly wandering level: straight in logarithms."""
    generator = torch.Generator().manual_seed(4)
    steps = torch.arange(rows, dtype=torch.float64).unsqueeze(1)
    noise = torch.randn(rows, 2, generator=generator, dtype=torch.float64)
    logs = torch.sin(steps * 2 * torch.pi / 12) + 0.12 * noise.cumsum(0) + 0.05 * noise
    return logs.exp()


def standardize(raw):
    units = DataUnits(raw.mean(0), raw.std(0))
    return (raw - units.location) / units.scale, units


@pytest.mark.parametrize("kind", KINDS)
def test_a_transform_standardizes_and_comes_back(kind):
    values, units = standardize(growing_waves())
    values[3, 0] = torch.nan
    transform = ValueTransform.fit(kind, values, *units)
    transformed = transform(values)
    assert transformed.isnan().sum() == 1
    torch.testing.assert_close(transformed.nanmean(0), torch.zeros(2).double(), atol=1e-9, rtol=0)
    back = transform.invert(transformed)
    torch.testing.assert_close(back, values, equal_nan=True)
    torch.testing.assert_close(
        transform.invert_channel(transformed[:, 1], 1), values[:, 1], equal_nan=True
    )
    assert transform(torch.full((1, 2), -99.0)).isfinite().all()  # negative amounts count as 0
    assert transform.invert(torch.full((1, 2), 1e6)).isfinite().all()


def test_the_log_is_chosen_if_it_is_better_on_the_blocks_and_only_then():
    values, units = standardize(growing_waves())
    grid = SweepGrid((12, 24), (4, 8), blocks=4)
    chosen = sweep_ridge(values, grid, units)
    assert chosen.transform is not None
    (trial,) = chosen.admissions
    assert (trial.name, trial.admitted) == ("log", 1)
    assert trial.gain > 0.01
    model = chosen.solve(values)[8]
    assert isinstance(model, TransformedModel)
    past = values[-24:].float().unsqueeze(0)
    amounts = model(past).double() * units.scale + units.location
    assert (amounts > 0).all()
    # The same numbers around 0 are not positive, so nothing is tried.
    shifted = DataUnits(torch.zeros(2), units.scale)
    assert not is_positive(values, *shifted)
    plain = sweep_ridge(values, grid, shifted)
    assert plain.transform is None
    assert plain.admissions == ()
    assert isinstance(plain.solve(values)[8], Reversible)
