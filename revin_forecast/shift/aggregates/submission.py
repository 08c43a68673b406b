"""Compare the results of a suite with pinned ones, after a check that both measured the same.

Pinned results are a JSON file: the settings of the suite, the digests of its data, the errors of
the references, which are not trained, and the errors of the models. A submission with other data,
windows or shifts has other errors of the references, so it is refused.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from revin_forecast.errors import InputError
from revin_forecast.shift.aggregates.leaderboard import PLACEMENTS
from revin_forecast.shift.aggregates.ranked_errors import NEAR_CLEAN_ERROR, TIE_TOLERANCE
from revin_forecast.shift.suite.fingerprint import fingerprint, shift_parameters
from revin_forecast.shift.suite.plan import TABLES_SCHEMA
from revin_forecast.shift.suite.suite import Suite

TABLES = ("runs", "headline", "dataset_errors")
"""Tables of a benchmark that are compared."""
TOLERANCE = 1e-5
"""Largest relative difference of a reference error: float32 sums differ between processors."""
MAX_SHOWN = 3
"""Differences that a message lists."""
Tables = Mapping[str, pd.DataFrame]
Pinned = dict[str, Any]
Row = dict[str, Any]
"""A model's errors in a column."""


def read_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the tables of a benchmark's folder that a comparison needs.

    Raises:
        InputError: the folder has no results, or those of an earlier version.
    """
    missing = [name for name in TABLES if not (folder / f"{name}.parquet").is_file()]
    if missing:
        raise InputError(
            f"{folder} has no {missing[0]}.parquet, so it is not a benchmark's folder of results. "
            "Pass the folder that `benchmark --out` wrote to."
        )
    tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in TABLES}
    schemas = {int(table.schema_version.iloc[0]) for table in tables.values() if len(table)}
    if schemas != {TABLES_SCHEMA}:
        raise InputError(
            f"the tables in {folder} have schema {sorted(schemas)}, but this version reads "
            f"{TABLES_SCHEMA}. Run the suite again; finished cells are kept."
        )
    return tables


def describe_settings(suite: Suite) -> dict[str, Any]:
    """Return what two suites must have in common for their errors to be comparable."""
    windows, protocol = suite.windows, suite.protocol
    return {
        "lookback": windows.lookback,
        "horizon": windows.horizon,
        "stride": windows.stride,
        "severities": list(protocol.severities),
        "transition_severities": list(protocol.transition_severities),
        "ages": list(protocol.ages),
        "shift_seeds": list(protocol.shift_seeds),
        "shifts": fingerprint([shift_parameters(shift) for shift in suite.shifts]),
    }


def pin_results(suite: Suite, tables: Tables) -> Pinned:
    """Return the pinned results of a suite as plain values.

    Args:
        suite: the suite.
        tables: its tables, see `TABLES`.
    """
    return {
        "schema": TABLES_SCHEMA,
        "suite": suite.name,
        "settings": describe_settings(suite),
        "datasets": _dataset_digests(tables["runs"]),
        "references": [
            {"dataset": dataset, "backbone": backbone, "column": column, "mase": error}
            for (dataset, backbone, column), error in sorted(_reference_errors(tables).items())
        ],
        "models": _list_models(tables["headline"]),
    }


def read_pinned(path: Path) -> Pinned:
    """Return the pinned results of a file.

    Raises:
        InputError: it is missing, or not such a file.
    """
    if not path.is_file():
        raise InputError(
            f"there are no pinned results at {path}. docs/benchmarks/shift_quick/pinned.json of "
            "the repository has those of configs/shift-quick.yaml."
        )
    try:
        pinned = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not JSON: {error}") from error
    keys = {"schema", "suite", "settings", "datasets", "references", "models"}
    if not isinstance(pinned, dict) or not keys <= pinned.keys():
        raise InputError(
            f"{path} has no pinned results: those have {', '.join(sorted(keys))}. Pass the "
            "pinned.json of a suite."
        )
    if pinned["schema"] != TABLES_SCHEMA:
        raise InputError(
            f"{path} has schema {pinned['schema']}, but this version reads {TABLES_SCHEMA}. Pass "
            "the file of the version that measured the results."
        )
    return pinned


def check_submission(pinned: Pinned, suite: Suite, tables: Tables) -> None:
    """Check that a submission has the pinned settings, data and reference errors.

    Args:
        pinned: pinned results.
        suite: suite of the submission; its models may be others.
        tables: its tables, see `TABLES`.

    Raises:
        InputError: something differs; the message names the first differences.
    """
    settings = describe_settings(suite)
    problems = [
        f"{name} is {settings[name]} instead of {value}"
        if name != "shifts"
        else "the shifts or their knobs are others"
        for name, value in pinned["settings"].items()
        if settings.get(name) != value
    ]
    digests = _dataset_digests(tables["runs"])
    for name, digest in pinned["datasets"].items():
        if name not in digests:
            problems.append(f"the data set {name} is missing")
        elif digests[name] != digest:
            problems.append(f"the data set {name} has other values or another split")
    others = sorted(digests.keys() - pinned["datasets"].keys())
    problems += [f"the data set {name} is not pinned" for name in others]
    # Without these, every reference error differs, too.
    problems = problems or _compare_references(pinned, tables)
    if problems:
        more = f", and {len(problems) - MAX_SHOWN} more" if len(problems) > MAX_SHOWN else ""
        raise InputError(
            f"the results can't be compared with the pinned ones of {pinned['suite']}: "
            f"{'; '.join(problems[:MAX_SHOWN])}{more}. Copy the suite, change its models only, "
            "and run it again."
        )


def _compare_references(pinned: Pinned, tables: Tables) -> list[str]:
    measured = _reference_errors(tables)
    problems = []
    for row in pinned["references"]:
        error = measured.get((row["dataset"], row["backbone"], row["column"]), math.nan)
        if not math.isclose(error, row["mase"], rel_tol=TOLERANCE):
            problems.append(
                f"the {row['column']} error of {row['backbone']} on {row['dataset']} is "
                f"{error:.6g} instead of {row['mase']:.6g}"
            )
    return problems


def rank_models(pinned: Pinned, tables: Tables, column: str) -> list[dict[str, Any]]:
    """Return the pinned and the submitted models in the order of the benchmark's ranks.

    It is that of the larger of two errors, a model's own and its undamped one. A damped copy of
    another model, with the same undamped error on clean data, has that model's error if it is
    larger, and comes after it. Models without skill over a constant forecast come last: robustness
    without a forecast is easy. A submitted model of a pinned name replaces it.

    Args:
        pinned: pinned results.
        tables: tables of the submission.
        column: clean, steady, transition or observation.

    Returns:
        Mappings with place, backbone, normalizer, mase, undamped, is_submitted, and ranked: the
        error that they are in the order of.
    """
    submitted = _list_models(tables["headline"])
    names = {(row["backbone"], row["normalizer"]) for row in submitted}
    rows = [row | {"is_submitted": True} for row in submitted]
    rows += [
        row | {"is_submitted": False}
        for row in pinned["models"]
        if (row["backbone"], row["normalizer"]) not in names
    ]
    clean = {_name_row(row): row for row in rows if row["column"] == "clean"}
    rows = [row for row in rows if row["column"] == column and row["mase"] is not None]
    placed = [row | {"ranked": _ranked_error(row, rows, clean)} for row in rows]
    placed.sort(key=lambda row: (not row["skilled"], row["ranked"], row["is_submitted"]))
    return [{"place": place, **row} for place, row in enumerate(placed, start=1)]


def _name_row(row: Row) -> tuple[str, str]:
    return row["backbone"], row["normalizer"]


def _ranked_error(row: Row, rows: list[Row], clean: dict[tuple[str, str], Row]) -> float:
    """Return the larger error of a model and, if it was submitted, of those that it is a copy of.

    A pinned model keeps its own, so no submission makes its place worse by a copy.
    """
    errors = [_larger_error(row)]
    own = clean.get(_name_row(row))
    if row["is_submitted"] and own is not None:
        for other in rows:
            others = clean.get(_name_row(other))
            if others is not None and _is_copy(own, others):
                errors.append(_larger_error(other))
    return max(errors)


def _is_copy(row: Row, other: Row) -> bool:
    """Return whether two models differ by damping only, and the other one is no worse guess."""
    if None in (row["undamped"], other["undamped"], row["mase"], other["mase"]):
        return False
    is_near = other["mase"] <= row["mase"] * math.exp(NEAR_CLEAN_ERROR)
    return is_near and math.isclose(row["undamped"], other["undamped"], rel_tol=TIE_TOLERANCE)


def _larger_error(row: Row) -> float:
    return max(row["mase"], row["undamped"] or 0.0)


def _dataset_digests(runs: pd.DataFrame) -> dict[str, str]:
    known = runs.loc[(runs.data_sha != "") & (runs.data_severity == 0)]
    return dict(zip(known.dataset, known.data_sha, strict=True))


def _reference_errors(tables: Tables) -> dict[tuple[str, str, str], float]:
    errors = tables["dataset_errors"]
    rows = errors.loc[(errors.role == "reference") & errors.mase.notna()]
    keys = zip(rows.dataset, rows.backbone, rows.column, strict=True)
    return dict(zip(keys, rows.mase.astype(float), strict=True))


def _list_models(headline: pd.DataFrame) -> list[dict[str, Any]]:
    models = headline.loc[(headline.role == "model") & headline.column.isin(PLACEMENTS)]
    return [
        {
            "backbone": row.backbone,
            "normalizer": row.normalizer,
            "column": row.column,
            "mase": None if math.isnan(row.mase) else float(row.mase),
            "undamped": None if math.isnan(row.undamped) else float(row.undamped),
            "skilled": bool(row.skilled),
        }
        for row in models.itertuples()
    ]
