"""Look-backs to try, and the levels of normalizers."""

import pytest

from revin_forecast import InputError
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import RevIN
from revin_forecast.selection.candidates import NORMALIZERS, find_centring, list_lookbacks


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
