"""The catalog of benchmark data sets, and the files that are available."""

import numpy as np
import pytest

from revin_forecast.data.catalog import catalog
from revin_forecast.data.catalog.catalog import SplitBorders, split_7_1_2
from revin_forecast.data.scaling import Standardizer
from revin_forecast.errors import InputError

AVAILABLE = ["etth1", "etth2", "ettm1", "ettm2", "weather", "exchange", "ili"]


@pytest.mark.parametrize("name", AVAILABLE)
def test_benchmark_files_have_the_known_content(name, data_dir):
    catalog.verify_checksum(name, data_dir)
    series = catalog.load_dataset(name, data_dir)
    entry = catalog.find_entry(name)
    assert series.values.shape == (entry.rows, entry.channels)
    assert len(series.future_timestamps(1)) == 1


@pytest.mark.parametrize("name", ["co2", "stocks", "us_macro"])
def test_shipped_files_have_the_known_content(name):
    catalog.verify_checksum(name)
    assert len(catalog.load_dataset(name)) == catalog.find_entry(name).rows


@pytest.mark.parametrize(
    ("name", "mean", "deviation"),
    [
        ("etth1", [7.9377, 2.0210, 5.0798], [5.8127, 2.0901, 5.5188]),
        ("etth2", [41.5368, 12.2735, 46.6098], [10.4488, 4.5871, 16.8582]),
        ("ettm2", [41.5635, 12.2964, 46.6353], [10.4683, 4.6041, 16.8544]),
        ("exchange", [0.7229, 1.6716, 0.7856], [0.1031, 0.1676, 0.1035]),
    ],
)
def test_training_parts_have_the_known_moments(name, mean, deviation, data_dir):
    values = catalog.load_dataset(name, data_dir).values[: catalog.find_entry(name).borders.train]
    scaler = Standardizer.fit(values)
    np.testing.assert_allclose(scaler.mean[:3], mean, atol=6e-5)
    np.testing.assert_allclose(scaler.scale[:3], deviation, atol=6e-5)


@pytest.mark.parametrize(
    ("rows", "borders"),
    [(7588, (5311, 6071, 7588)), (966, (676, 773, 966)), (26304, (18412, 21044, 26304))],
)
def test_chronological_borders(rows, borders):
    assert split_7_1_2(rows) == SplitBorders(*borders)


def test_folder_by_argument_then_environment_then_cache(tmp_path, monkeypatch):
    monkeypatch.setenv(catalog.DATA_VARIABLE, str(tmp_path / "named"))
    assert catalog.data_folder(tmp_path) == tmp_path
    assert catalog.data_folder() == tmp_path / "named"
    monkeypatch.delenv(catalog.DATA_VARIABLE)
    assert catalog.data_folder().name == "revin_forecast"


def test_missing_files_and_unknown_names(tmp_path):
    assert catalog.locate_file("etth1", tmp_path) is None
    with pytest.raises(
        InputError, match=r"etth1 is not available: .* datasets get etth1 --data-dir"
    ):
        catalog.load_dataset("etth1", tmp_path)
    with pytest.raises(InputError, match="no public address is known; put the file at"):
        catalog.load_dataset("ecl", tmp_path)
    with pytest.raises(InputError, match="no data set 'eth1' among .* Did you mean etth1"):
        catalog.find_entry("eth1")


def test_detects_a_changed_file(tmp_path):
    path = tmp_path / catalog.find_entry("ili").file
    path.parent.mkdir()
    path.write_text("date,x\n2024-01-01,1\n2024-01-02,1\n")
    with pytest.raises(InputError, match="has 2 rows of 1 channels; ili has 966 of 7"):
        catalog.load_dataset("ili", tmp_path)
    with pytest.raises(InputError, match="is not the file of the published results"):
        catalog.verify_checksum("ili", tmp_path)


@pytest.mark.slow
def test_wide_benchmark_layout(tmp_path):
    """A synthetic file with the layout of a data set that is not available."""
    path = tmp_path / catalog.find_entry("ecl").file
    path.parent.mkdir()
    stamps = np.arange("2016-07-01T02", "2019-07-02T02", dtype="datetime64[h]")
    rows = np.random.default_rng(0).integers(0, 9, (26304, 321)).astype("U1")
    lines = [",".join([str(stamp), *row]) for stamp, row in zip(stamps, rows, strict=True)]
    header = ",".join(["date", *map(str, range(320)), "OT"])
    path.write_text("\n".join([header, *lines]))
    series = catalog.load_dataset("ecl", tmp_path)
    assert series.names[-1] == "OT"
    assert series.values[-1, -1] == float(rows[-1, -1])
