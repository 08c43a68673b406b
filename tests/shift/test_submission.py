"""Pinned results: another measurement is refused, and models get their places."""

import json

import pandas as pd
import pytest

from benchmarks.shift.record_suite import record_suite
from revin_forecast.cli.main import main
from revin_forecast.errors import InputError
from revin_forecast.shift.aggregates import aggregate_tables
from revin_forecast.shift.aggregates.submission import (
    check_submission,
    pin_results,
    rank_models,
    read_pinned,
    read_tables,
)
from revin_forecast.shift.suite.plan import TABLES_SCHEMA
from revin_forecast.shift.suite.suite_yaml import read_suite
from tests.support.simulated_benchmark import RESAMPLES, simulate_benchmark

SUITE = """
name: small
datasets: [ar, sine]
models: {backbones: [Ridge], normalizers: [RevIN, Identity]}
shifts: [level]
windows: {lookback: 16, horizon: 8, stride: 8}
"""


@pytest.fixture(scope="module")
def tables():
    cells, errors = simulate_benchmark(datasets=("ar", "sine"), seeds=(0,))
    runs = pd.DataFrame({"dataset": ["ar", "sine"], "data_sha": ["1a", "2b"], "data_severity": 0})
    tables = aggregate_tables(cells, errors, RESAMPLES) | {"runs": runs}
    return {name: table.assign(schema_version=TABLES_SCHEMA) for name, table in tables.items()}


def make_suite(folder, text=SUITE):
    path = folder / "suite.yaml"
    path.write_text(text)
    return path, read_suite(path)


def test_equal_results_are_compared_and_others_refused(tables, tmp_path):
    _, suite = make_suite(tmp_path)
    pinned = json.loads(json.dumps(pin_results(suite, tables)))
    check_submission(pinned, suite, tables)
    _, other = make_suite(tmp_path, SUITE.replace("lookback: 16", "lookback: 24"))
    with pytest.raises(InputError, match=r"lookback is 24 instead of 16\. Copy the suite"):
        check_submission(pinned, other, tables)
    _, other = make_suite(tmp_path, SUITE.replace("[level]", "[scale]"))
    with pytest.raises(InputError, match="the shifts or their knobs are others"):
        check_submission(pinned, other, tables)
    runs = tables["runs"].assign(data_sha=["1a", "0"])
    with pytest.raises(InputError, match="sine has other values or another split"):
        check_submission(pinned, suite, {**tables, "runs": runs})
    with pytest.raises(InputError, match="the data set sine is missing"):
        check_submission(pinned, suite, {**tables, "runs": tables["runs"][:1]})
    errors = tables["dataset_errors"].copy()
    errors.loc[(errors.role == "reference") & (errors.dataset == "ar"), "mase"] *= 1.001
    with pytest.raises(InputError, match=r"error of \w+ on ar is .* instead of .*, and \d+ more"):
        check_submission(pinned, suite, {**tables, "dataset_errors": errors})


def test_a_better_model_takes_the_first_place_and_replaces_its_pinned_self(tables, tmp_path):
    _, suite = make_suite(tmp_path)
    pinned = pin_results(suite, tables)
    headline = tables["headline"].copy()
    mine = (headline.backbone == "mlp") & (headline.normalizer == "RevIN")
    headline.loc[mine, ["mase", "undamped"]] *= 0.5
    headline.loc[mine, "backbone"] = "mine"
    headline = headline[mine]
    places = rank_models(pinned, {**tables, "headline": headline}, "steady")
    assert [row["place"] for row in places] == [1, 2, 3, 4, 5]
    assert (places[0]["backbone"], places[0]["is_submitted"]) == ("mine", True)
    headline = headline.assign(skilled=False)
    places = rank_models(pinned, {**tables, "headline": headline}, "steady")
    assert places[-1]["backbone"] == "mine", "robust, but without skill"
    own = rank_models(pinned, tables, "steady")
    assert len(own) == 4
    assert all(row["is_submitted"] for row in own)


def test_places_are_in_the_order_of_the_ranks(tables, tmp_path):
    _, suite = make_suite(tmp_path)
    pinned = pin_results(suite, tables)
    ranks = tables["headline"].set_index(["backbone", "normalizer", "column"])["rank"]
    for column in ("clean", "steady", "transition", "observation"):
        places = rank_models(pinned, tables, column)
        placed = [ranks[row["backbone"], row["normalizer"], column] for row in places]
        assert placed == sorted(placed)


def test_a_damped_copy_of_a_pinned_model_comes_after_it(tables, tmp_path):
    _, suite = make_suite(tmp_path)
    pinned = pin_results(suite, tables)
    best = {"backbone": "mlp", "normalizer": "RevIN"}
    for row in pinned["models"]:  # its undamped error is smaller, so its own one counts
        row["undamped"] = 0.5 * row["mase"]
        if {name: row[name] for name in best} == best:
            row |= {"mase": 0.2 * row["mase"], "undamped": 0.1 * row["mase"]}
    copied = [row for row in pinned["models"] if {name: row[name] for name in best} == best]
    copy = pd.DataFrame(copied).assign(backbone="timid", role="model")
    shifted = copy.column != "clean"
    copy.loc[shifted, "mase"] *= 0.6  # a timid forecast loses less under a shift
    places = rank_models(pinned, {**tables, "headline": copy}, "steady")
    assert [row["backbone"] for row in places[:2]] == ["mlp", "timid"]
    assert places[0]["ranked"] == places[1]["ranked"] > places[1]["mase"]


def test_the_command_prints_the_places(tables, tmp_path, capsys):
    path, suite = make_suite(tmp_path)
    for name in ("runs", "headline", "dataset_errors"):
        tables[name].to_parquet(tmp_path / f"{name}.parquet")
    pinned = tmp_path / "pinned.json"
    pinned.write_text(json.dumps(pin_results(suite, tables)))
    command = ["benchmark", "compare", str(path), "--out", str(tmp_path), "--pinned", str(pinned)]
    assert main(command) == 0
    shown = capsys.readouterr().out
    assert "The references have the pinned errors of small" in shown
    assert "observation" in shown
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["places"]["clean"][0]["is_submitted"]


def test_messages_name_the_file_that_is_wanted(tmp_path):
    with pytest.raises(InputError, match=r"has no runs\.parquet, so it is not a benchmark's"):
        read_tables(tmp_path)
    with pytest.raises(InputError, match="there are no pinned results at"):
        read_pinned(tmp_path / "pinned.json")
    (tmp_path / "pinned.json").write_text("{}")
    with pytest.raises(InputError, match="has no pinned results: those have datasets, models"):
        read_pinned(tmp_path / "pinned.json")


def test_a_record_holds_tables_page_and_pinned_errors(tables, tmp_path):
    path, _ = make_suite(tmp_path)
    results = tmp_path / "results"
    results.mkdir()
    for name, table in tables.items():
        table.to_parquet(results / f"{name}.parquet")
    tables["runs"].to_parquet(results / "cells.parquet")
    counts = {"done": 9, "failed": 0, "excluded": 0, "missing": 0}
    run = {"suite": "small", "folder": str(results), "cells": counts, "seconds": {"planning": 61.0}}
    record = tmp_path / "shift_small"
    record_suite(path, run, record, revision="1234abc")
    assert not (record / "cells.parquet").exists()
    assert read_pinned(record / "pinned.json")["suite"] == "small"
    assert json.loads((record / "made.json").read_text())["rows"] == {"done": 9}
    summary = (record / "summary.md").read_text()
    assert "1 min 1 s" in summary
    assert "1234abc" in summary
    with pytest.raises(ValueError, match="2 cells failed and 0 are missing; a record needs all"):
        record_suite(path, run | {"cells": counts | {"failed": 2}}, record)
