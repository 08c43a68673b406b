"""Shift cards: their measures, their verdicts and the command."""

import json
import time

import numpy as np
import pandas as pd
import pytest

from revin_forecast.cli.main import main
from revin_forecast.shift.card.break_even import break_even_level
from revin_forecast.shift.card.card import card_window_sizes, measure_card

NUMBERS = ["d_mu", "d_sigma", "w1", "energy_raw", "energy_inst", "removable", "floor", "gap_mu"]
NUMBERS += ["gap_logsd", "residual", "delta_star"]
GAINS = ["gain", "gain_low", "gain_high", "probability"]
COLUMNS = ["channel", *NUMBERS, "verdict", *GAINS, "sentence", "reason", "behaviour"]
LOWER, RAISE = "normalizing should lower the error", "normalizing should raise the error"


def simulate_ar(rows, coefficient, seed=0):
    values, noise = np.zeros(rows), np.random.default_rng(seed).normal(size=rows)
    for row in range(1, rows):
        values[row] = coefficient * values[row - 1] + noise[row]
    return values * np.sqrt(1 - coefficient**2)


def make_card(values, **changes):
    parts = {"train": 2000, "test_start": 2300, "season": 24, "lookback": 24, "horizon": 12}
    names = [f"c{channel}" for channel in range(values.shape[1])]
    return measure_card(values, **(parts | changes), channel_names=names)


@pytest.fixture(scope="module")
def channels():
    """Return a channel with a level shift, a stationary, a constant and an unobserved one."""
    values = np.column_stack([simulate_ar(3000, 0.8, seed) for seed in range(4)])
    values[2000:, 0] += 3
    values[:2000, 2], values[:, 3] = 4.2, np.nan
    return values


def test_card_of_clear_cases(channels):
    rows = make_card(channels)
    assert list(rows.columns) == COLUMNS
    shifted, stationary, constant, unobserved = rows.to_dict("records")
    assert shifted["verdict"] == LOWER
    assert shifted["gain_low"] < 0 < shifted["gain"] < shifted["gain_high"] < 100
    assert "taking it away helped in 2 of 5 trials before the test rows" in shifted["reason"]
    assert shifted["d_mu"] == pytest.approx(3, abs=0.4)
    assert shifted["removable"] == pytest.approx(1, abs=0.05)
    assert shifted["energy_raw"] > 10 * shifted["floor"]
    assert stationary["verdict"] == RAISE
    assert stationary["sentence"].startswith(f"{RAISE} by about {-stationary['gain']:.0f} % (")
    assert np.isnan(stationary["removable"])
    assert constant["verdict"] == unobserved["verdict"] == "can't tell"
    assert constant["reason"] == "because it is constant in the training rows"
    assert unobserved["reason"] == "because nothing of it is observed in the training rows"
    assert np.isnan([[row[name] for name in NUMBERS] for row in (constant, unobserved)]).all()
    expected = break_even_level(channels[:2000, :1], 24).item() / channels[:2000, 0].std()
    assert shifted["delta_star"] == pytest.approx(expected)


@pytest.mark.slow
def test_no_help_for_stationary_noise():
    noise = np.random.default_rng(0).normal(size=(3000, 8))
    assert set(make_card(noise)["verdict"]) <= {RAISE, "can't tell"}


def test_help_for_a_level_that_leaves_but_not_for_one_that_returns():
    time = np.arange(3000)
    noise = np.random.default_rng(0).normal(size=(3000, 2))
    leaving = np.where(time < 2000, 0, 0.01 * (time - 2000))
    # In windows of 24 + 12 steps the horizon is low where the look-back is high.
    returning = np.where(time < 2000, 0, 3 * np.sin(time * 2 * np.pi / 36))
    verdicts = make_card(noise + np.column_stack([leaving, returning]))["verdict"].tolist()
    assert verdicts == [LOWER, RAISE]


def test_card_depends_neither_on_units_nor_on_other_channels(channels):
    plain = make_card(channels)[NUMBERS].to_numpy(dtype=float)
    rescaled = make_card(channels * 1e3 + 1e5)[NUMBERS].to_numpy(dtype=float)
    np.testing.assert_allclose(plain[:2], rescaled[:2], rtol=1e-3, atol=1e-3)
    single = make_card(channels[:, :1])[NUMBERS].to_numpy(dtype=float)
    np.testing.assert_allclose(plain[:1], single, rtol=1e-6)


def test_gaps_change_the_card_little(channels):
    holes = np.random.default_rng(1).random(channels.shape) < 0.1
    with_gaps = make_card(np.where(holes, np.nan, channels))
    complete = make_card(channels)
    assert with_gaps["verdict"].tolist() == complete["verdict"].tolist()
    names = ["d_mu", "d_sigma", "w1", "energy_raw", "energy_inst", "gap_mu", "residual"]
    np.testing.assert_allclose(with_gaps[names][:2], complete[names][:2], atol=0.15)
    assert np.isfinite(with_gaps[NUMBERS[:5]][:2].to_numpy(dtype=float)).all()


def test_verdict_does_not_see_the_test_rows(channels):
    other = channels.copy()
    other[2300:] = other[2300:][::-1] * 5 + 99
    names = ["verdict", *GAINS, "sentence", "reason", "behaviour"]
    first, second = (make_card(values)[names] for values in (channels, other))
    pd.testing.assert_frame_equal(first, second)
    changed = channels.copy()
    changed[2200:2300, 0] -= 3
    assert make_card(changed)["gain"][0] != first["gain"][0]


def test_sizes_of_short_files_are_smaller_and_noted():
    assert card_window_sizes(8640, 2880) == (96, 96, None)
    assert card_window_sizes(100, 40, 8, 4) == (8, 4, None)
    lookback, horizon, note = card_window_sizes(676, 193)
    assert (lookback, horizon) == (16, 16)
    assert "too short for the usual 96" in note
    assert card_window_sizes(676, 193, horizon=5)[:2] == (16, 5)
    with pytest.raises(
        ValueError, match=r"20 training and 5 test rows are too few .*`lookback` and `horizon`"
    ):
        card_window_sizes(20, 5)


@pytest.mark.slow
def test_long_channel_takes_less_than_a_second():
    values = np.random.default_rng(0).normal(size=(50_000, 1)).cumsum(axis=0)
    # CPU time of all threads, which other processes on the machine do not affect.
    times = []
    for _ in range(3):
        start = time.process_time()
        make_card(values, train=35_000, test_start=40_000, lookback=96, horizon=96)
        times.append(time.process_time() - start)
    assert min(times) < 1


@pytest.mark.slow
def test_command_prints_a_verdict_for_each_column(tmp_path, capsys, monkeypatch, channels):
    path = tmp_path / "own.csv"
    stamps = np.datetime64("2024-01-01T00") + np.arange(3000)
    lines = [f"{stamp},{a},{b}" for stamp, (a, b) in zip(stamps, channels[:, :2], strict=True)]
    path.write_text("\n".join(["date,a very long name of a column,b", *lines]))
    shown = {}
    for width in (80, 150):
        monkeypatch.setenv("COLUMNS", str(width))
        assert main(["shift-card", str(path), "--lookback", "24", "--horizon", "12"]) == 0
        shown[width] = capsys.readouterr().out
        assert (
            "a very long name of a column: normalizing should lower the error by about"
            in shown[width]
        )
        verdict = " ".join(shown[width].partition("\nb: ")[2].split())
        assert verdict.startswith("normalizing should raise the error by about")
        assert ", with probability " in verdict[:90]
        assert shown[width].index("\nb: ") < shown[width].index("  delta*\n")  # verdicts first
        assert "After:" not in shown[width]
        first, *rest = shown[width].splitlines()
        assert "look-back" in first
        assert max(map(len, rest)) <= width
        assert all(f" {name}  " in shown[width] for name in ("level", "gone", "errors"))
        assert "  delta*\n" in shown[width]
    assert "  floor  " in shown[150]
    monkeypatch.setenv("COLUMNS", "50")  # names stay, numbers are dropped
    assert main(["shift-card", str(path)]) == 0
    narrow = capsys.readouterr().out
    assert "a very long" in narrow
    assert " delta*\n" in narrow
    assert "errors" not in narrow
    assert main(["shift-card", str(path), "--target", "b", "--lookback", "12", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["lookback"], record["season"], len(record["channels"])) == (12, 24, 1)
    assert list(record["channels"][0]) == COLUMNS
    assert record["channels"][0]["removable"] is None  # NaN is not JSON
    assert main(["shift-card", str(path), "--after", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)["channels"][0]
    assert list(first) == [*COLUMNS, "gain_after_low", "gain_after", "gain_after_high"]
    assert 0 < first["gain_after_low"] < first["gain_after"] < first["gain_after_high"]
    assert main(["shift-card", str(path), "--after", "--target", "b"]) == 0
    shown = capsys.readouterr().out
    sentence = "After: in the test rows it raised the error of a linear map by "
    assert sentence in " ".join(shown.split())


def test_command_notes_that_a_shipped_data_set_is_short(capsys):
    assert main(["shift-card", "us_macro"]) == 0
    shown = capsys.readouterr().out
    assert "look-back 4 and horizon 4: the file is too short" in shown
    assert "realgdp: normalizing should lower the error by about " in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["etth3"], "there is no file 'etth3', and there is no data set 'etth3' among etth1"),
        (["us_macro", "--time", "date"], "us_macro is catalogued, so --time can't apply"),
        (["us_macro", "--lookback", "90"], "Choose shorter ones with --lookback"),
        (["us_macro", "--lookback", "0"], "--lookback is 0; pass a positive number"),
        (["us_macro", "--target", "gold"], "there is no column ['gold'] among"),
    ],
)
def test_command_reports_mistakes(arguments, message, capsys):
    assert main(["shift-card", *arguments]) == 2
    assert message in capsys.readouterr().err
