"""Damaged files end in a series or in one line that explains, never in anything else."""

import gzip
import random

import numpy as np
import pandas as pd
import pytest

from revin_forecast.data.reading import read_series
from revin_forecast.errors import InputError

CELLS = ["1", "2.5", "", "NaN", "oops", "1e300", "-1e-300", "inf", "2024-01-01", "01/02/2024"]
CELLS += ["2024-13-45", "1,5", '"a,b"', '"x\ny"', "'", " 7 ", "é", "0x1F", "1_000", "True", "\0"]
CELLS += ["1e999", "2024-01-01T00:00:00+01:00", "12:30", "1990", "9" * 20, "#", "unique_id"]
NAMES = ["date", "ds", "y", "unique_id", "x", "x ", "", "time", "Date", "1", "2024-01-01"]
ENCODINGS = ["utf-8"] * 8 + ["utf-8-sig", "latin-1", "utf-16"]
ENDINGS = [".csv", ".csv", ".csv.gz", ".tsv", ".txt", ".parquet"]


def damaged(dice):
    """A small table with a little of everything wrong, as bytes."""
    if dice.random() < 0.05:
        return dice.randbytes(dice.randint(0, 60))
    names = (
        ["date", "x", "y "] if dice.random() < 0.7 else dice.choices(NAMES, k=dice.randint(0, 5))
    )
    separator = dice.choice([",", ",", ",", ";", "\t", "|"])
    lines = [separator.join(names)]
    for hour in range(dice.randint(0, 8)):
        moment = str(pd.Timestamp("2024-01-01") + pd.Timedelta(hours=hour))
        row = [
            moment if name in ("date", "ds", "time") else str(dice.randint(0, 9)) for name in names
        ]
        row = [dice.choice(CELLS) if dice.random() < 0.03 else cell for cell in row]
        lines.append(separator.join(row + ["9"] * (dice.random() < 0.01)))
    text = dice.choice(["\n", "\r\n", "\n\n"]).join(lines)
    return text.encode(dice.choice(ENCODINGS), errors="ignore")


@pytest.mark.parametrize("seed", range(4))
def test_damaged_files(seed, tmp_path):
    dice = random.Random(seed)
    read, told = 0, []
    for _ in range(400):
        path = tmp_path / f"table{dice.choice(ENDINGS)}"
        content = damaged(dice)
        packed = path.suffix == ".gz" and dice.random() < 0.8
        path.write_bytes(gzip.compress(content) if packed else content)
        try:
            series = read_series(path)
        except InputError as error:
            told.append(str(error))
        else:
            read += 1
            assert np.isfinite(series.values[series.observed]).all()
            assert len(series.future_timestamps(1)) == 1
    assert 20 < read < 300
    assert all("\n" not in message and len(message) > 30 for message in told)
