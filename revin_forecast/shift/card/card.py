"""The shift card of a file: how far its test rows have moved, and whether RevIN will help."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from revin_forecast.data.scaling import Standardizer
from revin_forecast.errors import InputError
from revin_forecast.shift.card import energy_distance as energy
from revin_forecast.shift.card import measures
from revin_forecast.shift.card.concept_shift import concept_shift
from revin_forecast.shift.card.verdict import Verdict, judge_channels

MAX_WINDOW_STEPS = 96
MIN_WINDOW_STEPS = 4
MIN_TEST_SPANS = 6
"""The usual look-back and horizon go into the test rows this often, one behind the other."""


def card_window_sizes(
    train: int, test: int, lookback: int | None = None, horizon: int | None = None
) -> tuple[int, int, str | None]:
    """Return look-back and horizon of a card, and a note if they are shorter than usual.

    Args:
        train: rows of training.
        test: rows of test.
        lookback: as chosen; None: 96, or what a short file allows.
        horizon: as chosen; None: 96, or what a short file allows.

    Raises:
        InputError: the file is too short, at all or for what was chosen.

    >>> card_sizes(8640, 2880)
    (96, 96, None)
    >>> card_sizes(676, 193)[:2]
    (16, 16)
    """
    fitting = min(MAX_WINDOW_STEPS, max(MIN_WINDOW_STEPS, test // (2 * MIN_TEST_SPANS)))
    sizes = lookback or fitting, horizon or fitting
    if train < 2 * sum(sizes) or test < sum(sizes):
        raise InputError(
            f"{train} training and {test} test rows hold no shift card of look-back {sizes[0]} and "
            f"horizon {sizes[1]}, which takes {2 * sum(sizes)} and {sum(sizes)}. "
            "Choose shorter ones with --lookback and --horizon, or pass more rows."
        )
    usual = fitting == MAX_WINDOW_STEPS or None not in (lookback, horizon)
    note = (
        f"look-back {sizes[0]} and horizon {sizes[1]}: the file is too short for the usual "
        f"{MAX_WINDOW_STEPS}, of which {MIN_TEST_SPANS} times both should fit into its {test} test rows."
    )
    return (*sizes, None if usual else note)


def shift_card(
    values: np.ndarray,
    train: int,
    test_start: int,
    season: int,
    lookback: int,
    horizon: int,
    channel_names: Sequence[str],
) -> pd.DataFrame:
    """Measure how far the test rows have moved from the training rows: one row a channel.

    Columns, in training deviations where they have a unit: channel; d_mu, d_sigma and w1 (level,
    log spread and quantiles, test against training rows); energy_raw and energy_inst (energy
    distance of look-back windows, as they are and instance normalized), floor (the same between
    halves of training), removable (1 - energy_inst / energy_raw; NaN where there is no shift);
    gap_mu and gap_logsd (look-back to horizon, in test windows); residual (errors of a frozen
    Ridge, test against training); delta_star (break-even of taking the level away); verdict and
    reason, by all rows after training.

    Args:
        values: (time, channels) in the data's units, NaN where unobserved; ends with test.
        train: rows of training, from the first; values are z-scored by them.
        test_start: first row of test; those between are validation, which only the verdict sees.
        season: rows in one.
        lookback: steps seen.
        horizon: steps forecast.
        channel_names: of the channels.
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
    moved = [_window_measures(column, train, test_start, season, sizes) for column in scaled.T]
    judged = [
        _verdict_columns(verdict) for verdict in judge_channels(scaled, train, lookback, horizon)
    ]
    return pd.concat([table, pd.DataFrame(moved), pd.DataFrame(judged)], axis=1)


def _window_measures(
    column: np.ndarray, train: int, test_start: int, season: int, sizes: tuple[int, int]
) -> dict[str, float]:
    """Return what windows of a channel (time,) tell."""
    lookback, horizon = sizes
    seen = column[:train][np.isfinite(column[:train])]
    if not len(seen) or seen.min() == seen.max():
        column = np.full_like(column, np.nan)  # a constant one gives no unit to measure in
    before = energy.lookback_windows(column[:train], lookback)
    after = energy.lookback_windows(column[test_start:], lookback)
    raw = energy.energy_distance(before, after)
    normalized = energy.instance_normalize
    instance = energy.energy_distance(normalized(before), normalized(after))
    floor = energy.energy_floor(column[:train], lookback)
    level, spread = measures.horizon_gap(column[test_start - lookback :], lookback, horizon)
    return {
        "energy_raw": raw,
        "energy_inst": instance,
        "removable": energy.removable_fraction(raw, instance, floor),
        "floor": floor,
        "gap_mu": level,
        "gap_logsd": spread,
        "residual": concept_shift(column, train, test_start, season, sizes),
    }


def _verdict_columns(verdict: Verdict) -> dict[str, float | str]:
    return {
        "delta_star": verdict.break_even,
        "verdict": verdict.answer,
        "reason": verdict.reason,
    }
