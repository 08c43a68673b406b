"""Dated shifts: the catalogue's promises, the split at the date, and every layout of a file."""

import hashlib
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from revin_forecast.data.catalog.catalog import CATALOG
from revin_forecast.data.catalog.dated import load
from revin_forecast.data.catalog.dated.dated_shift import (
    find_dated_shift,
    find_family,
    list_dated_shifts,
    read_dated_shifts,
)
from revin_forecast.data.catalog.dated.load import load_dated_shift, locate_source, parse_times
from revin_forecast.errors import InputError
from revin_forecast.shift.processes import PROCESSES

SHIFTS = list_dated_shifts()
IN_PACKAGES = [shift for shift in SHIFTS if shift.source.package]
AT_HAND = [shift for shift in SHIFTS if not shift.source.package]


def test_the_catalogue_has_dates_causes_references_and_licences():
    assert len(SHIFTS) >= 24
    assert len({shift.family for shift in SHIFTS}) >= 15
    names = [*read_dated_shifts(), *CATALOG, *PROCESSES]
    assert len(set(names)) == len(names)
    for shift in SHIFTS:
        assert shift.cause, shift.name
        assert shift.source.licence, shift.name
        assert shift.source.origin, shift.name
        assert re.search(r"\b(19|20)\d\d\b", shift.reference), shift.name
        assert re.fullmatch("[0-9a-f]{64}", shift.source.sha256), shift.name


def assert_split_at_the_date(shift, data_dir):
    dated = load_dated_shift(shift.name, data_dir)
    borders, times = dated.borders, dated.series.timestamps
    before, first = times[borders.validation - 1], times[borders.validation]
    # The first test row's period contains the date, so the row before ended by then.
    assert before < first <= shift.date
    later = times[borders.validation + 1]
    assert later > shift.date
    assert shift.until is None or times[-1] < shift.until
    assert np.isfinite(dated.series.values).any(axis=0).all()
    sizes = shift.lookback + shift.horizon
    assert borders.train > sizes + 5, "training has windows"
    assert borders.validation - borders.train > shift.horizon
    assert borders.test - borders.validation > shift.horizon
    control = load_dated_shift(f"{shift.name}_before", data_dir)
    np.testing.assert_array_equal(control.series.values, dated.series.values[: borders.validation])
    assert control.borders.test == borders.validation


@pytest.mark.parametrize("shift", AT_HAND, ids=lambda shift: shift.name)
def test_files_at_hand_are_split_at_the_date(shift, data_dir):
    assert_split_at_the_date(shift, data_dir)


def test_files_of_packages_are_split_at_the_date(data_dir):
    installed = [shift for shift in IN_PACKAGES if locate_source(shift.source)]
    if not installed:
        pytest.skip("no package of the extra shift-data is installed")
    for shift in installed:
        assert_split_at_the_date(shift, data_dir)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a function that puts a file of a dated shift into a package made for the test."""
    home = tmp_path / "dated_files"
    home.mkdir()
    (home / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)

    def write(name, text):
        (home / "table.csv").write_text(text)
        shift = find_dated_shift(name)
        digest = hashlib.sha256(text.encode()).hexdigest()
        source = replace(
            shift.source, file="dated_files/table.csv", package="dated_files", sha256=digest
        )
        made = replace(shift, source=source)
        monkeypatch.setattr(load, "find_dated_shift", lambda asked: made)
        return name

    return write


def test_long_tables_are_filtered_and_pivoted(package):
    rows = ["Country,Year,GDP,Imports,Exports,CPI"]
    for country, level in (("Mexico", 1), ("Rwanda", 100)):
        rows += [f"{country},{year},{level + year},2,3,4" for year in range(1980, 2000)]
    dated = load_dated_shift(package("mexico_peso", "\n".join(rows)))
    np.testing.assert_array_equal(dated.series.values[:, 0], 1 + np.arange(1980, 2000))
    assert dated.borders.validation == 14
    assert dated.borders.train == 11
    rows = ["Quarter,Origin,Arrivals"]
    for origin, level in (("US", 4), ("Japan", 1), ("NZ", 2), ("UK", 3)):
        rows += [f"{1994 + q // 4} Q{q % 4 + 1},{origin},{level}" for q in range(24)]
    dated = load_dated_shift(package("arrivals_asian_crisis", "\n".join(rows)))
    np.testing.assert_array_equal(dated.series.values[0], [1, 2, 3, 4])
    assert dated.series.timestamps[dated.borders.validation] == pd.Timestamp("1997-07-01")


def test_rows_of_months_and_rows_without_times(package):
    header = "YEAR," + ",".join("ABCDEFGHIJKL")
    rows = [
        f"{1950 + year}," + ",".join(str(12 * year + m) for m in range(12)) for year in range(30)
    ]
    dated = load_dated_shift(package("elnino_regime", "\n".join([header, *rows])))
    np.testing.assert_array_equal(dated.series.values[:, 0], np.arange(360))
    assert dated.borders.validation == 12 * 26 + 11
    rows = ["chnimp", *(str(number) for number in range(131))]
    dated = load_dated_shift(package("barium_duty", "\n".join(rows)))
    assert dated.series.timestamps[68] == pd.Timestamp("1983-10-01")
    assert dated.borders.validation == 68


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("ansett_strike", "1989 W28", "1989-07-10"),
        ("gasoline_crisis", "1991 W06", "1991-02-04"),
        ("canadian_gas_deregulation", "1985 Oct", "1985-10-01"),
        ("equipment_lehman", "Sep-1-2008", "2008-09-01"),
        ("production_oil_embargo", "1973 Q4", "1973-10-01"),
        ("wti_opec", "1/2/1986", "1986-01-02"),
        ("demand_heat_wave", "2014-01-12T13:00:00Z", "2014-01-13 00:00"),
    ],
)
def test_forms_of_times(name, text, expected):
    source = find_dated_shift(name).source
    times = parse_times(source, pd.DataFrame({source.time[0]: [text]}))
    assert times[0] == pd.Timestamp(expected)


def test_a_dot_and_an_empty_cell_are_unobserved(package):
    days = pd.bdate_range("1990-01-01", "1990-12-31")
    rows = [f"{day.month}/{day.day}/{day.year},{number}" for number, day in enumerate(days)]
    rows[3], rows[5] = rows[3].replace(",3", ",."), rows[5].replace(",5", ",")
    dated = load_dated_shift(package("wti_kuwait", "\n".join(["Date,DCOILWTICO", *rows])))
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(dated.series.values)), [3, 5])


def test_errors_name_the_remedy(package, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="no dated shift 'nile_dm' among .*Did you mean nile_dam?"):
        load_dated_shift("nile_dm")
    with pytest.raises(InputError, match=r"taxi is not available: .*csv\(.gz\) is missing"):
        load_dated_shift("taxi_blizzard", tmp_path)
    package("nile_dam", "year,volume\n1871,1120")
    made = load.find_dated_shift("nile_dam")
    (tmp_path / "dated_files" / "table.csv").write_text("year,volume\n1871,1121")
    with pytest.raises(InputError, match=r"is not the file of the catalogue: .*\[shift-data\]"):
        load_dated_shift("nile_dam")
    absent = replace(made, source=replace(made.source, package="no_such_package"))
    monkeypatch.setattr(load, "find_dated_shift", lambda asked: absent)
    message = r"package no_such_package, which is not installed. Install it with: pip .*shift-data"
    with pytest.raises(InputError, match=message):
        load_dated_shift("nile_dam")


def test_shifts_of_one_file_are_one_family():
    assert find_family("wti_kuwait") == find_family("wti_opec") == find_family("wti_opec_before")
    assert find_family("etth1") == "etth1"
