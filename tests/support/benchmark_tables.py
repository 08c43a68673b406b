"""Deterministic, small tables of an invented benchmark, with hostile names."""

import itertools
import zlib

import numpy as np
import pandas as pd

from tests.support.benchmark_breakdowns import make_breakdown_tables

HOSTILE = "<script>alert(1)</script>"
BACKBONES = ("Ridge", "MLP")
NORMALIZERS = ("Identity", "RevIN", "LastValue", "DishTS")
DATA_SETS = ("ETTh1", "exchange", HOSTILE)
LOOKBACK, HORIZON = 96, 24
AGES = (12, 24, 48, 72, 96)

PROCESS = [
    ("level", ""),
    ("scale", "up"),
    ("scale", "down"),
    *((name, "") for name in ("noise", "trend", "random_walk", "frequency", "phase", "amplitude")),
    *((name, "") for name in ("regime", "tails", "channels")),
    *(("concept", arm) for arm in ("filter", "reversal", "reflection")),
    ("level_dependent", ""),
]
OBSERVATION = [
    ("spikes", ""),
    *(("missing", arm) for arm in ("nan", "ffill", "zero")),
    ("sensor_offset", ""),
    ("sensor_gain", ""),
]
ONSET = PROCESS[:8]
HELPED = {"level", "scale", "trend", "random_walk", "amplitude"}
BLOCKS = [("process", "steady"), ("process", "transition"), ("observation", "observation")]
PLOT_KEYS = ["Gain", "P1a", "P1b", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P8b", "P9", "P10"]
UNMEASURED = {"P8b"}
"""Plots without a figure: ranks need six data sets."""
SIZES = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)


def draw_noise(*key, width=0.03):
    """Return a random number that depends on the key alone."""
    return np.random.default_rng(zlib.crc32(repr(key).encode())).normal(0, width)


def error_growth(normalizer, shift, semantics):
    """Return the growth of the log error with the logarithm of 1 + displacement."""
    if normalizer in ("SeasonalNaive", "Repeat"):
        return 0.3 if semantics == "process" else 0.4
    strength = {"Identity": 0.0, "RevIN": 1.0, "LastValue": 0.9, "DishTS": 0.5}[normalizer]
    if semantics == "observation":
        return (0.2 + 1.1 * strength) if shift.startswith("sensor") else 0.5
    return 1.2 * (1 - strength) + 0.04 if shift in HELPED else 0.35


def clean_error(dataset, backbone, normalizer, seed):
    """Return MASE* on the clean series."""
    base = 0.7 + 0.25 * (zlib.crc32(dataset.encode()) % 5)
    price = {"Identity": 1.0, "RevIN": 0.96, "LastValue": 0.98, "DishTS": 1.02}.get(normalizer, 1.0)
    return base * price * (0.94 if backbone == "MLP" else 1.0) * np.exp(draw_noise(dataset, seed))


def list_models(backbones=BACKBONES, normalizers=NORMALIZERS):
    """Return (backbone, normalizer, role) of all models, then of the references."""
    models = [(*pair, "model") for pair in itertools.product(backbones, normalizers)]
    return [*models, *((name, "reference", "reference") for name in ("SeasonalNaive", "Repeat"))]


def make_cell(model, dataset, seed, block, setting):
    """Return a row of the table of cells."""
    backbone, normalizer, role = model
    semantics, placement, shift, arm = block
    severity, age = setting
    size = SIZES[severity]
    fast = error_growth(backbone if role == "reference" else normalizer, shift, semantics) + (
        0.15 if backbone == "MLP" else 0
    )
    r_log = fast * np.log1p(size)
    if placement == "transition":
        r_log *= 0.3 + 0.7 * (1 - age / LOOKBACK) ** (2 if normalizer == "LastValue" else 1)
    if placement == "horizon":
        r_log = np.log1p(size)
    r_log += draw_noise(model, dataset, seed, block, setting, width=0.02) if severity else 0.0
    width = (0.04 + 0.02 * severity) if severity else 0.0
    clean = clean_error(dataset, backbone, normalizer, seed) * (1.15 if role == "reference" else 1)
    return {
        "run_key": f"{dataset}/{backbone}/{normalizer}/{seed}",
        "cell_key": f"{dataset}/{backbone}/{normalizer}/{seed}/{block}/{setting}",
        "dataset": dataset,
        "backbone": backbone,
        "normalizer": normalizer,
        "seed": seed,
        "role": role,
        "semantics": semantics,
        "placement": placement,
        "shift": shift,
        "arm": arm,
        "severity": severity,
        "knob": size,
        "displacement": size,
        "age": age,
        "shift_seed": 0,
        "n_windows": 200,
        "n_excl_channels": int(dataset == HOSTILE),
        "mase_pb": clean * np.exp(r_log),
        "cvar10": 2.2 * clean * np.exp(r_log),
        "r_log": r_log,
        "ci_lo": r_log - width,
        "ci_hi": r_log + 1.2 * width,
        "status": "done",
        "error": "",
    }


def iter_blocks():
    """Yield each block of cells with its severities and ages."""
    yield ("clean", "clean", "none", ""), [(0, -1)]
    for shift, arm in PROCESS:
        yield ("process", "steady", shift, arm), [(s, -1) for s in range(1, 6)]
    for shift, arm in ONSET:
        yield ("process", "transition", shift, arm), [(s, a) for s in (3, 5) for a in AGES]
        yield ("process", "horizon", shift, arm), [(s, 0) for s in (3, 5)]
    for shift, arm in OBSERVATION:
        yield ("observation", "observation", shift, arm), [(s, -1) for s in range(1, 6)]


def make_report_tables(
    data_sets=DATA_SETS, seeds=(0, 1), backbones=BACKBONES, normalizers=NORMALIZERS
):
    """Return all tables of a report."""
    models = list_models(backbones, normalizers)
    cells = pd.DataFrame(
        [
            make_cell(model, dataset, seed, block, setting)
            for model in models
            for dataset in data_sets
            for seed in (seeds if model[2] == "model" else (0,))
            for block, settings in iter_blocks()
            for setting in settings
        ]
    )
    broken = (cells["shift"] == "frequency") & (cells["dataset"] == data_sets[0])
    broken &= (cells["severity"] == 5) & (cells["normalizer"] == "DishTS")
    cells.loc[broken, ["mase_pb", "cvar10", "r_log", "ci_lo", "ci_hi"]] = np.nan
    cells.loc[broken, "status"] = "failed"
    cells.loc[broken, "error"] = f"ValueError: {HOSTILE} is too short to be run faster by 1.8"
    runs = _make_runs(cells)
    tables = {
        "runs": runs,
        "costs": _make_costs(runs),
        "cells": cells,
        "shiftcards": _make_shiftcards(data_sets),
        "checks": _make_checks(),
        "examples": _make_examples(data_sets[:2], backbones[:1], normalizers[:2]),
        "headline": _make_headline(cells),
        "natural": _make_natural(backbones, normalizers),
        "pairs": _make_pairs(cells),
        "recovery": _make_recovery(cells),
        "ausc": _make_ausc(cells),
    }
    tables |= make_breakdown_tables(tables["headline"], data_sets)
    tables["nce"] = _make_nce(cells)
    tables["mce"] = _make_mce(tables["nce"])
    tables["tests"] = _make_tests(tables["pairs"])
    for frame in tables.values():
        frame["schema_version"] = 1
    return tables


def make_report_facts():
    """Return the facts about a run."""
    return {
        "name": "quick",
        "date": "2026-01-02",
        "versions": {"revin-forecast": "0.1.0", "torch": "2.10.0", "numpy": "2.4.6"},
        "machine": "x86_64",
        "cores": 2,
        "threads": 1,
        "wall_s": 312.4,
        "git_rev": "e134bab",
        "config": "name: quick\ndata: [etth1, exchange]\nnormalizers: [Identity, RevIN]\n",
        "stages": {"data": 2.1, "training": 180.0, "evaluation": 260.0, "aggregates": 20.0},
    }


def _make_runs(cells):
    runs = cells.drop_duplicates("run_key")[
        ["run_key", "dataset", "backbone", "normalizer", "seed", "role"]
    ].reset_index(drop=True)
    failed = runs.index == len(runs) - 1
    return runs.assign(
        data_sha=[f"{zlib.crc32(name.encode()):064x}" for name in runs["dataset"]],
        lookback=LOOKBACK,
        horizon=HORIZON,
        n_params=2328,
        epochs_run=10,
        best_epoch=7,
        val_loss=0.4,
        code_salt="abc",
        config_json="{}",
        status=np.where(failed, "failed", "done"),
        error=np.where(failed, f"RuntimeError: <b>no</b> {HOSTILE}", ""),
    )


def _make_costs(runs):
    speed = {"Ridge": 0.4, "MLP": 9.0}
    extra = {"DishTS": 1.6, "RevIN": 1.1, "LastValue": 1.05}
    train = [
        speed.get(b, 0.001) * extra.get(n, 1.0)
        for b, n in zip(runs["backbone"], runs["normalizer"], strict=True)
    ]
    return pd.DataFrame(
        {"run_key": runs["run_key"], "train_s": train, "eval_s": 1.5, "peak_mb": 300.0}
    )


def _make_shiftcards(data_sets):
    rows = []
    for number, dataset in enumerate(data_sets):
        for channel in range(3):
            level = 0.2 + 0.9 * (number % 3) + draw_noise(dataset, channel)
            rows.append(
                {
                    "dataset": dataset,
                    "channel": f"<i>c{channel}</i>" if dataset == HOSTILE else f"c{channel}",
                    "d_mu": level * (-1) ** channel,
                    "d_sigma": 0.1 * number,
                    "w1": level,
                    "energy_raw": 0.5 * number + 0.01,
                    "energy_inst": 0.1,
                    "removable": 0.35 * number + 0.05 if number else np.nan,
                    "floor": 0.02,
                    "gap_mu": 0.4,
                    "gap_logsd": 0.3,
                    "residual": 0.05,
                    "delta_star": 0.3 + 0.2 * number,
                    "verdict": "removable" if number else "no shift",
                    "reason": "energy is 12 times the floor, 60 % of it removable",
                }
            )
    return pd.DataFrame(rows)


def _make_checks():
    rows = [
        ("T1", "RevIN moves exactly with level and scale of its window", 0.0, 2e-13, 1e-9, True),
        (
            "T2",
            "without a normalizer the error grows as (s - 1)^2 δ^2",
            4.1234567,
            4.1234568,
            1e-6,
            True,
        ),
        ("T7", "a jump inside the horizon cannot be predicted", 16.0, 15.2, 1e-6, False),
    ]
    return pd.DataFrame(rows, columns=["name", "claim", "predicted", "measured", "tol", "passed"])


def _make_examples(data_sets, backbones, normalizers):
    rows = []
    steps = np.arange(-LOOKBACK, HORIZON)
    for shift, arm in (("level", ""), ("scale", "up"), ("sensor_offset", "")):
        for dataset, backbone, normalizer, kind, rank in itertools.product(
            data_sets, backbones, normalizers, ("worst", "median"), range(3)
        ):
            series = np.sin(2 * np.pi * steps / 24 + rank) + 0.1 * np.cos(steps * 1.7) + 2.0
            truth = series[LOOKBACK:] - (2.0 if shift == "sensor_offset" else 0)
            off = 0.6 if kind == "worst" else 0.15
            rows.append(
                {
                    "dataset": dataset,
                    "backbone": backbone,
                    "normalizer": normalizer,
                    "shift": shift,
                    "arm": arm,
                    "severity": 4,
                    "kind": kind,
                    "rank": rank,
                    "channel": HOSTILE if rank == 2 else "<b>OT</b>",
                    "t0_index": 1000 + rank,
                    "past": series[:LOOKBACK].tolist(),
                    "truth": truth.tolist(),
                    "clean": (series[LOOKBACK:] + off / 2).tolist(),
                    "shifted": (series[LOOKBACK:] - off).tolist(),
                }
            )
    return pd.DataFrame(rows)


def _by_column(cells):
    """Return log errors by dataset, backbone, normalizer and role, a column per placement."""
    done = cells[cells["status"] == "done"]
    keys = ["dataset", "backbone", "normalizer", "role"]
    return np.log(done.pivot_table(index=keys, columns="placement", values="mase_pb"))


def _make_headline(cells):
    logs = _by_column(cells).groupby(["backbone", "normalizer", "role"]).mean()
    rows = []
    for column in ("clean", "steady", "transition", "observation"):
        order = logs.loc[[key for key in logs.index if key[2] == "model"], column].rank()
        for key, value in logs[column].items():
            is_model = key[2] == "model"
            twin_key = (key[0], "Identity", "model")
            twin = logs.loc[twin_key, column] if is_model else np.nan
            gain = logs.loc[key, "clean"] - logs.loc[twin_key, "clean"] if is_model else np.nan
            regret = value - logs.loc[order.idxmin(), column]
            rows.append(
                {
                    "backbone": key[0],
                    "normalizer": key[1],
                    "role": key[2],
                    "column": column,
                    "mase": np.exp(value),
                    "lo": np.exp(value - 0.06),
                    "hi": np.exp(value + 0.07),
                    "degradation": value - logs.loc[key, "clean"],
                    "against_twin": value - twin,
                    "twin_lo": value - twin - 0.04,
                    "twin_hi": value - twin + 0.04,
                    "clean_gain": gain,
                    "clean_gain_lo": gain - 0.03,
                    "clean_gain_hi": gain + 0.03,
                    "shift_effect": value - twin - gain,
                    "shift_effect_lo": value - twin - gain - 0.05,
                    "shift_effect_hi": value - twin - gain + 0.05,
                    "undamped": np.exp(value),
                    "regret": regret,
                    "regret_lo": regret - 0.05,
                    "regret_hi": regret + 0.05,
                    "skilled": is_model,
                    "on_front": order.get(key) == 1,
                    "ranked": is_model,
                    "rank": order.get(key, np.nan),
                    "note": "" if is_model else "reference",
                    "n_datasets": cells["dataset"].nunique(),
                    "n_failed": int(key[1] == "DishTS" and column == "steady"),
                    "n_lacking": 0,
                }
            )
    return pd.DataFrame(rows)


def _against_twin(cells, keys):
    """Return the log error ratio to the twin, by the keys."""
    done = cells[(cells["status"] == "done") & (cells["role"] == "model")]
    logs = np.log(done.pivot_table(index=keys, columns="normalizer", values="mase_pb"))
    return logs.sub(logs["Identity"], axis=0).stack().rename("ratio").reset_index()


def _make_nce(cells):
    keys = ["backbone", "semantics", "placement", "shift", "arm"]
    shifted = cells[cells["semantics"].isin(("process", "observation"))]
    frame = _against_twin(shifted, keys)
    return frame.assign(
        nce=np.exp(frame["ratio"]),
        lo=np.exp(frame["ratio"] - 0.05),
        hi=np.exp(frame["ratio"] + 0.05),
        nce_naive=0.9,
        relative=np.nan,
        n=30,
        n_failed=((frame["shift"] == "frequency") & (frame["normalizer"] == "DishTS")).astype(int),
    ).drop(columns="ratio")


def _make_mce(nce):
    keys = ["backbone", "normalizer", "semantics", "placement"]
    logs = nce.assign(mce=np.log(nce["nce"])).groupby(keys, as_index=False)["mce"].mean()
    return logs.assign(mce=np.exp(logs["mce"]))


def _make_natural(backbones, normalizers):
    rows = [
        {
            "backbone": backbone,
            "normalizer": normalizer,
            "shift": shift,
            "decile": decile,
            "displacement": 0.05 + 0.2 * decile - (0.9 if shift == "scale_decile" else 0),
            "mase": 0.8 * np.exp(error_growth(normalizer, "level", "process") * 0.1 * decile),
        }
        for backbone in backbones
        for normalizer in normalizers
        for shift in ("level_decile", "scale_decile")
        for decile in range(10)
    ]
    frame = pd.DataFrame(rows)
    return frame.assign(lo=frame["mase"] * 0.93, hi=frame["mase"] * 1.08)


def _make_pairs(cells):
    keys = ["backbone", "placement", "dataset"]
    frame = _against_twin(cells, keys).rename(columns={"ratio": "log_ratio", "placement": "column"})
    frame = frame[(frame["normalizer"] != "Identity") & (frame["column"] != "horizon")]
    frame = frame.rename(columns={"normalizer": "normalizer_a"})
    return frame.assign(
        normalizer_b="Identity", lo=frame["log_ratio"] - 0.05, hi=frame["log_ratio"] + 0.06
    ).reset_index(drop=True)


def _make_tests(pairs):
    rows = []
    for (normalizer, column), group in pairs.groupby(["normalizer_a", "column"]):
        count = group["dataset"].nunique()
        enough = count >= 6
        rows.append(
            {
                "normalizer_a": normalizer,
                "normalizer_b": "Identity",
                "column": column,
                "n_datasets": count,
                "median_log_ratio": group["log_ratio"].median(),
                "p": 0.03 if enough else np.nan,
                "p_holm": 0.04 if enough and normalizer == "RevIN" else 0.4 if enough else np.nan,
                "note": "" if enough else "fewer than 6 data sets",
            }
        )
    return pd.DataFrame(rows)


def _make_recovery(cells):
    rows = cells[(cells["placement"] == "transition") & (cells["role"] == "model")]
    keys = ["dataset", "backbone", "normalizer", "shift", "arm"]
    frame = rows[keys].drop_duplicates().reset_index(drop=True)
    ages = {"Identity": np.nan, "RevIN": 96, "LastValue": 48, "DishTS": 72}
    return frame.assign(k90=frame["normalizer"].map(ages).astype(float), degrades=True)


def _make_ausc(cells):
    rows = cells[(cells["severity"] > 0) & (cells["role"] == "model")]
    keys = ["dataset", "backbone", "normalizer", "semantics", "placement", "shift", "arm"]
    frame = rows.groupby(keys, as_index=False)["r_log"].mean()
    return frame.assign(ausc=0.8 * frame["r_log"], mean_r=frame["r_log"], n_seeds=2).drop(
        columns="r_log"
    )
