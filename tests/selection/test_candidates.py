"""Look-backs to try, and the levels of normalizers."""

import numpy as np
import pytest

from revin_forecast import InputError
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import RevIN
from revin_forecast.selection.candidates import (
    NORMALIZERS,
    find_centring,
    list_centrings,
    list_lookbacks,
)
from revin_forecast.selection.task import SelectionTask


def test_look_backs_fit_the_rows():
    assert list_lookbacks(24, (24, 168), 5000) == [48, 96, 192, 336, 512, 720]
    assert list_lookbacks(24, (24,), 30) == [30]
    assert list_lookbacks(4, (12,), 100) == [8, 24, 48, 96]


def test_normalizers_with_a_level_that_the_selection_can_use():
    for centring, component in NORMALIZERS.items():
        assert find_centring(component) == centring
    assert find_centring(ModuleSpec.from_class(RevIN)) == "mean"
    with pytest.raises(InputError, match=r"tries Identity, LastValue and RevIN but got .* SAN"):
        find_centring(ModuleSpec("revin_forecast.normalizers.san.SAN"))


def test_few_windows_keep_a_level_only_if_training_rows_vouch_for_it():
    noise = np.random.default_rng(0).normal(size=(4000, 4))
    drifting = SelectionTask(noise.cumsum(0), 3200, horizon=200)
    reverting = SelectionTask(noise, 3200, horizon=200)
    assert list_centrings(drifting, season=24, separate_windows=4.0) == ("last", "mean")
    assert "none" in list_centrings(reverting, season=24, separate_windows=4.0)
    # Many windows show it by themselves.
    assert "none" in list_centrings(drifting, season=24, separate_windows=40.0)
