"""A suite is checked before anything runs, and no code of the user runs meanwhile."""

import os
import re
from dataclasses import replace

import pytest

from revin_forecast import backbones
from revin_forecast.backbones import MLP, Backbone, Ridge
from revin_forecast.errors import InputError
from revin_forecast.normalizers import LastValue, Normalizer
from revin_forecast.shift.suite.check_suite import check_suite
from revin_forecast.shift.suite.suite import DatasetConfig, ModelGrid, WindowConfig
from revin_forecast.training.settings import TrainingSettings
from tests.support.shift_suites import Unbuildable, make_small_suite, make_spec

SUITE = make_small_suite()


class Ending(Backbone):
    """Ends its process wherever its code runs."""

    def __init__(self, lookback, horizon, channels, width=8):
        os._exit(1)

    def forward(self, past):
        os._exit(1)


class Linear(Backbone):
    """Has the name of one of our backbones."""

    def forward(self, past):
        return past[:, -1:].expand(-1, self.horizon, -1)


class NoKind(Normalizer):
    """Its way back takes no kind of values, so no model can call it."""

    def normalize(self, past, observed=None):
        return past, None

    def denormalize(self, future, stats):
        return future


class OneWay(Normalizer):
    """Has no way back."""

    def normalize(self, past, observed=None):
        return past, None


class NoInput(LastValue):
    """A constructor that takes no channels."""

    def __init__(self):
        super().__init__(1)


def with_models(backbone=Ridge, normalizer=LastValue, training=None, **parameters):
    grid = ModelGrid((make_spec(backbone, **parameters),), (make_spec(normalizer),), (0,), training)
    return replace(SUITE, models=(grid,))


def test_a_sound_suite_passes_and_code_of_the_user_does_not_run():
    check_suite(SUITE)
    check_suite(with_models(Ending, width=3))
    check_suite(with_models(Unbuildable))  # raises by itself: a failed run, not a wrong suite


@pytest.mark.parametrize(
    ("suite", "message"),
    [
        (
            with_models(Ending, widht=3),
            r"Ending in LastValue on ar: .*Ending\(lookback, .* is called with \(24, 12, 4, "
            "widht=3.: got an unexpected keyword argument 'widht'. Let it take these arguments",
        ),
        (
            with_models(normalizer=NoKind),
            r"Ridge in NoKind on ar: .*NoKind.denormalize\(self, future, stats\) is called with "
            r"\(future, stats, kind\): too many positional arguments. Let it take these",
        ),
        (with_models(normalizer=OneWay), "OneWay has no denormalize. Define what its base class"),
        (with_models(normalizer=NoInput), r"NoInput\(\) is called with \(4\): too many positional"),
        (with_models(MLP, width=-3), "MLP in LastValue on ar: .* MLP needs width >= 1 but got -3"),
        (
            with_models(training=replace(SUITE.training, loss="quantile")),
            "Ridge is solved for the mean, so it can't be trained with loss quantile",
        ),
        (
            with_models(MLP, training=TrainingSettings(loss="quantile", levels=(0.1, 0.5, 0.9))),
            r"training.levels are \[0.1, 0.5, 0.9\] without \[0.025, 0.3, 0.7, 0.975\], but a "
            "benchmark scores the quantiles .* Add them, or leave the levels out",
        ),
        (
            replace(SUITE, datasets=(DatasetConfig("x", file="nowhere.csv"),)),
            "there is no file 'nowhere.csv'",
        ),
        (
            replace(SUITE, windows=WindowConfig(3000, 12)),
            "ar has 2800 training rows, but windows of look-back 3000 and horizon 12 need 3012",
        ),
        (
            replace(SUITE, windows=WindowConfig(24, 500)),
            "ar has 400 validation rows, .* need 500. Choose shorter ones in the suite",
        ),
        (
            replace(SUITE, windows=WindowConfig(24, 900)),
            "ar has 800 test rows after 3200 others: no window of look-back 24 and horizon 900",
        ),
    ],
    ids=lambda value: re.sub(r"\W+", "_", value)[:30] if isinstance(value, str) else "",
)
def test_a_wrong_suite_is_an_error_before_the_run(suite, message):
    with pytest.raises(InputError, match=message):
        check_suite(suite)


def test_two_models_of_one_name_are_an_error():
    grids = (*with_models(Linear).models, *with_models(backbones.Linear).models)
    message = (
        r"two models are called ar · Linear\(\) · LastValue .*test_check_suite.Linear, .*Rename"
    )
    with pytest.raises(InputError, match=message):
        check_suite(replace(SUITE, models=grids))
