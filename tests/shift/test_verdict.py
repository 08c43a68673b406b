"""Verdicts: the trials behind them, the model of the gain, their words, and measured gains."""

import numpy as np
import pytest
import torch
from scipy import stats

from revin_forecast.shift.card.gain_estimate import (
    FITTED_MODEL,
    GainEstimate,
    ModelInputs,
    percent_saved,
    restore_log,
    signed_log,
)
from revin_forecast.shift.card.level_evidence import LevelEvidence, gather_evidence, run_trial
from revin_forecast.shift.card.level_trials import PENALTY, LevelMaps, LevelWindows
from revin_forecast.shift.card.measured_gain import measure_gains
from revin_forecast.shift.card.verdict import MIN_PROBABILITY, Verdict, judge_channels


def make_rows(rows=400, seed=0):
    generator = np.random.default_rng(seed)
    walk = generator.normal(size=rows).cumsum() / 10
    return torch.from_numpy(np.stack([walk, generator.normal(size=rows)], axis=1))


def solve_by_hand(past, future, takes_level):
    level = past.mean(axis=1, keepdims=True) * takes_level
    inputs, targets = past - level, future - level
    means = inputs.mean(axis=0), targets.mean(axis=0)
    inputs = inputs - means[0]
    gram = inputs.T @ inputs
    gram += PENALTY * gram.diagonal().mean() * np.eye(len(gram))
    weight = np.linalg.solve(gram, inputs.T @ (targets - means[1]))
    return lambda values: (
        values.mean(axis=1, keepdims=True) * takes_level
        + means[1]
        + (values - values.mean(axis=1, keepdims=True) * takes_level - means[0]) @ weight
    )


def test_trials_agree_with_ridge_regressions_by_hand():
    rows = make_rows()
    trial = run_trial(rows[:300], rows[294:], (6, 3))
    for channel in range(2):
        fitted, compared = (
            np.lib.stride_tricks.sliding_window_view(part[:, channel].numpy(), 9)
            for part in (rows[:300], rows[294:])
        )
        for takes_level, errors in ((False, trial.kept), (True, trial.taken)):
            forecast = solve_by_hand(fitted[:, :6], fitted[:, 6:], takes_level)
            expected = np.abs(compared[:, 6:] - forecast(compared[:, :6])).mean(axis=1)
            np.testing.assert_allclose(errors[channel], expected, rtol=1e-6)
    expected = (trial.kept.mean(dim=1) / trial.taken.mean(dim=1)).log()
    np.testing.assert_allclose(trial.log_ratio(), expected, rtol=1e-6)


def test_windows_with_gaps_do_not_count():
    rows = make_rows()
    holes = rows.clone()
    holes[100:140, 0] = torch.nan
    windows = LevelWindows.cut(holes, 6, 3)
    # The first window whose horizon has a gap, and the last one whose look-back is half gap.
    assert windows.weight[0].nonzero().flatten().diff().argmax() == 100 - 9
    assert windows.weight[0].sum() == len(rows) - 8 - (136 - 92 + 1) - 0
    assert windows.weight[1].all()
    maps, whole = LevelMaps.solve(windows), LevelMaps.solve(LevelWindows.cut(rows, 6, 3))
    np.testing.assert_allclose(maps.kept[1], whole.kept[1], rtol=1e-6)
    counted = windows.weight[0] > 0
    only = LevelWindows(
        *(part[:1, counted] for part in (windows.past, windows.future, windows.weight))
    )
    np.testing.assert_allclose(LevelMaps.solve(only).taken[0], maps.taken[0], rtol=1e-6)


def test_evidence_of_a_walk_and_of_noise():
    walk, noise = gather_evidence(make_rows(2000).numpy(), 1400, 8, 4)
    assert walk is not None
    assert noise is not None
    assert len(walk.trials) == len(noise.trials) == 5
    assert max(noise.trials) < 0 < np.mean(walk.trials)
    assert noise.price == pytest.approx(np.log(1 - 1 / 8) / 2, abs=0.02)  # T5, of absolute errors
    assert noise.share > 0.9
    assert walk.share < 0.3
    assert walk.trend > noise.trend
    assert gather_evidence(make_rows(24).numpy(), 15, 8, 4) == [None, None]


def test_estimates_are_those_of_student_t():
    for centre, scale in ((0.4, 1.2), (-3.0, 0.8)):
        estimate = GainEstimate(centre, scale)
        assert estimate.probability == pytest.approx(stats.t.cdf(centre / scale, 5))
        ends = stats.t.ppf([0.1, 0.5, 0.9], 5, centre, scale)
        expected = [100 * (1 - np.exp(-restore_log(end))) for end in ends]
        assert estimate.percent == pytest.approx(expected, rel=1e-4)
    for log in (-2.0, -0.01, 0.0, 0.5):
        assert restore_log(signed_log(log)) == pytest.approx(log)
    assert percent_saved(np.log(2)) == pytest.approx(50)
    assert percent_saved(-np.log(2)) == pytest.approx(-100)


def test_inputs_of_the_model():
    evidence = LevelEvidence((0.1, -0.1, 0.3), -0.02, 0.4, 0.8, -7.0)
    inputs = ModelInputs.from_evidence(evidence)
    signed = [signed_log(log) for log in evidence.trials]
    mean = (signed[0] + 2 * signed[1] + 3 * signed[2]) / 6
    assert inputs.trials == pytest.approx(mean)
    assert inputs.price == pytest.approx(-np.log(2))
    assert inputs.pull == pytest.approx(0.8 * np.log(3))  # 7 deviations count as 2
    assert inputs.spread == pytest.approx(
        np.sqrt(np.average((np.array(signed) - mean) ** 2, weights=[1, 2, 3]))
    )
    unknown = LevelEvidence((0.1,), -0.02, 0.4, 0.8, float("nan"))
    assert ModelInputs.from_evidence(unknown).pull == 0
    estimate = FITTED_MODEL.estimate(evidence)
    assert estimate.scale == pytest.approx(np.exp(-0.18 + 0.41 * inputs.spread))


def test_verdicts_say_their_size_or_nothing():
    rows = make_rows(2000).numpy()
    rows[1:, 1] += 0.8 * rows[:-1, 1]  # an average of two: worth knowing its mean
    walk, noise = judge_channels(rows, 1400, 4, 4)
    assert walk.probability > MIN_PROBABILITY
    assert walk.sentence.startswith("normalizing should lower the error by about ")
    assert noise.probability < 1 - MIN_PROBABILITY
    low, middle, high = noise.gain
    sentence = f"normalizing should raise the error by about {-middle:.0f} % ({-high:.1f} to "
    assert noise.sentence.startswith(sentence)
    assert noise.sentence.endswith(f"to {-low:.0f})")
    short, _ = judge_channels(rows[:20], 15, 8, 4)
    assert short == Verdict(
        "can't tell",
        "because the rows before the test part are too few for a trial with and without its level",
        None,
        short.probability,
    )
    assert short.sentence == "can't tell"


def test_measured_gains_have_intervals_where_blocks_fit():
    rows = make_rows(2000).numpy()
    rows[1600:, 1] += 3  # the level has moved for good
    walk, moved = measure_gains(rows, 1400, 1600, 8, 4)
    assert 30 < moved.low < moved.middle < moved.high < 100
    assert walk.low < walk.middle < walk.high
    short = measure_gains(rows[:1640], 1400, 1600, 8, 4)[1]
    assert np.isnan(short.low)
    assert short.middle > 30
    gone = np.where(np.arange(2000)[:, None] < 1600, rows, np.nan)
    assert np.isnan(measure_gains(gone, 1400, 1600, 8, 4)[0].middle)
