"""The shift card of a file: how far its test rows have shifted, and whether RevIN will help."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from revin_forecast.data.scaling import Standardizer
from revin_forecast.errors import InputError
from revin_forecast.shift.card import measures
from revin_forecast.shift.card.break_even import break_even_level
from revin_forecast.shift.card.concept_shift import concept_shift
from revin_forecast.shift.card.energy_distance import removable_fraction
from revin_forecast.shift.card.gain_estimate import GainPercent
from revin_forecast.shift.card.verdict import Verdict, judge_channels
from revin_forecast.shift.card.window_energy import measure_window_energy

MAX_WINDOW_STEPS = 96
"""Usual look-back and horizon."""
MIN_WINDOW_STEPS = 4
MIN_TEST_SPANS = 6
"""Non-overlapping windows of look-back and horizon that should fit into the test rows."""


def card_window_sizes(
    train: int, test: int, lookback: int | None = None, horizon: int | None = None
) -> tuple[int, int, str | None]:
    """Return look-back and horizon of a card, and a note if they are shorter than usual.

    Args:
        train: number of training rows.
        test: number of test rows.
        lookback: None: 96, or less for a short file.
        horizon: None: 96, or less for a short file.

    Raises:
        InputError: too few rows for any card, or for the given look-back and horizon.

    >>> card_window_sizes(8640, 2880)
    (96, 96, None)
    >>> card_window_sizes(676, 193)[:2]
    (16, 16)
    """
    # Look-back and horizon are equally long, so a window takes twice `fitting` rows.
    fitting = min(MAX_WINDOW_STEPS, max(MIN_WINDOW_STEPS, test // (2 * MIN_TEST_SPANS)))
    sizes = lookback or fitting, horizon or fitting
    if train < 2 * sum(sizes) or test < sum(sizes):
        raise InputError(
            f"{train} training and {test} test rows are too few for a shift card with look-back "
            f"{sizes[0]} and horizon {sizes[1]}, which needs {2 * sum(sizes)} and {sum(sizes)}. "
            "Choose shorter ones with --lookback and --horizon, or pass more rows."
        )
    is_usual = fitting == MAX_WINDOW_STEPS or None not in (lookback, horizon)
    note = (
        f"look-back {sizes[0]} and horizon {sizes[1]}: the file is too short for the usual "
        f"{MAX_WINDOW_STEPS}: look-back and horizon together should fit {MIN_TEST_SPANS} times "
        f"into its {test} test rows."
    )
    return (*sizes, None if is_usual else note)


def measure_card(
    values: np.ndarray,
    train: int,
    test_start: int,
    season: int,
    lookback: int,
    horizon: int,
    channel_names: Sequence[str],
) -> pd.DataFrame:
    """Measure how far the test rows have shifted from the training rows: one row a channel.

    Columns, in training deviations where they have a unit: channel; d_mu, d_sigma and w1 (level,
    log spread and quantiles, test against training rows); energy_raw and energy_inst (energy
    distance of look-back windows, raw and instance normalized), floor (its size without a shift),
    removable (1 - energy_inst / energy_raw; NaN below three floors); gap_mu and gap_logsd
    (look-back to horizon, in test windows); residual (errors of a frozen Ridge, test against
    training); delta_star (`break_even_level` of the training rows); and from the rows before the
    test rows the verdict with gain, gain_low and gain_high (in percent of the error, see
    `Verdict`), probability, sentence, reason and behaviour (of the level).

    Args:
        values: (time, channels) in the data's units, NaN where unobserved; the last row is the
            last test row.
        train: number of training rows, from the first row on; they standardize the values.
        test_start: first test row. Rows between training and test are validation rows, which only
            the verdict uses.
        season: rows of one season.
        lookback: look-back steps.
        horizon: forecast steps.
        channel_names: name of each channel.
    """
    scaled = Standardizer.fit(values[:train]).transform(values)
    before, after = scaled[:train], scaled[test_start:]
    table = pd.DataFrame(
        {
            "channel": list(channel_names),
            "d_mu": measures.level_change(before, after),
            "d_sigma": measures.spread_change(before, after),
            "w1": measures.quantile_distance(before, after),
        }
    )
    sizes = (lookback, horizon)
    window_rows = [
        _window_measures(column, train, test_start, season, sizes) for column in scaled.T
    ]
    numbers = pd.DataFrame(window_rows).assign(delta_star=break_even_level(before, lookback))
    # Without the test rows: the verdict is a prediction.
    verdicts = judge_channels(scaled[:test_start], train, lookback, horizon)
    return pd.concat([table, numbers, tabulate_verdicts(verdicts)], axis=1)


def _window_measures(
    column: np.ndarray, train: int, test_start: int, season: int, sizes: tuple[int, int]
) -> dict[str, float]:
    """Return the measures of a channel (time,) that are taken on its windows."""
    lookback, horizon = sizes
    observed = column[:train][np.isfinite(column[:train])]
    if not len(observed) or observed.min() == observed.max():
        column = np.full_like(column, np.nan)  # a constant channel has no deviation as a unit
    energy = measure_window_energy(column[:train], column[test_start:], lookback)
    # From one look-back before the test rows on: all horizons are then in the test part.
    level, spread = measures.horizon_gap(column[test_start - lookback :], lookback, horizon)
    return {
        "energy_raw": energy.raw,
        "energy_inst": energy.instance,
        "removable": removable_fraction(energy.raw, energy.instance, energy.floor),
        "floor": energy.floor,
        "gap_mu": level,
        "gap_logsd": spread,
        "residual": concept_shift(column, train, test_start, season, sizes),
    }


def tabulate_verdicts(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """Return the columns of a card that hold its verdicts."""
    gains = [verdict.gain or GainPercent(np.nan, np.nan, np.nan) for verdict in verdicts]
    return pd.DataFrame(
        {
            "verdict": [verdict.answer for verdict in verdicts],
            "gain": [gain.middle for gain in gains],
            "gain_low": [gain.low for gain in gains],
            "gain_high": [gain.high for gain in gains],
            "probability": [verdict.probability for verdict in verdicts],
            "sentence": [verdict.sentence for verdict in verdicts],
            "reason": [verdict.reason for verdict in verdicts],
            "behaviour": [verdict.behaviour for verdict in verdicts],
        }
    )
