"""The sweep command with seasonal profiles and maps per channel."""

import json

import pandas as pd
import pytest

from revin_forecast.cli import sweep as commands
from revin_forecast.errors import InputError
from tests.support.closed_form import seasonal_series


def test_profile_and_per_channel_options_need_a_season(tmp_path, capsys):
    _, values = seasonal_series(500, season=7)
    days = pd.date_range("2020-01-01", periods=500, freq="D")
    path = tmp_path / "daily.csv"
    pd.DataFrame(values, columns=["a", "b"]).assign(date=days).to_csv(path, index=False)
    sizes = {"lookback": [5], "horizon": [3]}
    commands.sweep(str(path), **sizes, profile=True, per_channel=True, json=True)
    choice = json.loads(capsys.readouterr().out)["chosen"]
    assert (choice["season"], choice["profile_share"]) == (7, 1.0)
    assert len(choice["own_penalties"]) == 2
    assert [trial["name"] for trial in choice["trials"]] == [
        "seasonal profile",
        "own maps",
        "robust solve",
    ]
    commands.sweep(
        str(path),
        **sizes,
        profile=False,
        per_channel=False,
        robust=False,
        keep_level=False,
        json=True,
    )
    plain = json.loads(capsys.readouterr().out)["chosen"]
    assert plain.keys() == {"shared", "transform", "trials"}
    assert (plain["transform"], plain["trials"]) == (None, [])
    commands.sweep(str(path), **sizes)
    assert "100% of the 7-row profile subtracted" in capsys.readouterr().out.replace("\n", " ")
    with pytest.raises(
        InputError, match=r"season of .*daily.csv is unknown. Pass its number of ro"
    ):
        commands.sweep(str(path), **sizes, profile=True, season=1)
