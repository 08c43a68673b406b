"""Simulated cells of a benchmark with the errors of their windows, for the tests of aggregates."""

import math

import numpy as np
import pandas as pd

WINDOWS, BLOCK, RESAMPLES = 60, 6, 60
CONDITIONS = [
    ("clean", "clean", "none", "", 0, -1),
    *(("process", "steady", "level", "", severity, -1) for severity in (1, 2, 3)),
    *(("process", "steady", "scale", arm, severity, -1) for arm in "ab" for severity in (1, 2)),
    *(
        ("process", "horizon" if age == 0 else "transition", "level", "", 2, age)
        for age in (0, 4, 8)
    ),
    *(("observation", "observation", "spikes", "", severity, -1) for severity in (1, 2)),
    *(("natural", "natural", "level_decile", "", decile, -1) for decile in range(3)),
]
CONDITION = ["semantics", "placement", "shift", "arm", "severity", "age"]
MODELS = [("linear", "Identity"), ("linear", "RevIN"), ("mlp", "Identity"), ("mlp", "RevIN")]
REFERENCES = [("SeasonalNaive", "LastValue"), ("Constant", "Identity")]


def size(model, condition):
    """Return the size of a model's errors; process shifts do not affect RevIN, sensor faults do."""
    (backbone, normalizer), (_, placement, shift, _, severity, age) = model, condition
    level = {"linear": 1.0, "mlp": 1.05, "SeasonalNaive": 1.5, "Constant": 2.0}[backbone]
    if backbone == "Constant" or placement in ("clean", "natural"):
        return level
    remaining = max(0.0, 1 - age / 8) if placement in ("horizon", "transition") else 1.0
    sensitive = (normalizer == "Identity") == (placement != "observation")
    return level * (1 + (0.5 if shift == "level" else 0.3) * severity * remaining * sensitive)


def simulate_benchmark(
    datasets=("a", "b"), models=MODELS, seeds=(0, 1), conditions=CONDITIONS, size=size
):
    """Return a table of cells and the errors of their windows."""
    rows, errors = [], {}
    runs = [(*model, seed, "model") for model in models for seed in seeds]
    runs += [(*model, seeds[0], "reference") for model in REFERENCES]
    for dataset in datasets:
        for backbone, normalizer, seed, role in runs:
            run = f"{dataset}/{backbone}/{normalizer}/{seed}"
            rng = np.random.default_rng([*run.encode()])
            clean = rng.gamma(9, 1 / 9, WINDOWS)
            decile = np.argsort(np.random.default_rng([*dataset.encode()]).random(WINDOWS)) % 3
            first = (clean * size((backbone, normalizer), CONDITIONS[0])).astype(np.float32)
            for condition in conditions:
                key = f"{run}/{condition}"
                wobble = clean * rng.gamma(100, 0.01, WINDOWS)
                window_errors = (wobble * size((backbone, normalizer), condition)).astype(
                    np.float32
                )
                if condition[1] in ("clean", "natural"):
                    window_errors = (
                        first if condition[1] == "clean" else first[decile == condition[4]]
                    )
                errors[key] = window_errors
                mean, reference = window_errors.mean(dtype=float), first.mean(dtype=float)
                rows.append(
                    dict(zip(CONDITION, condition, strict=True))
                    | {"cell_key": key, "run_key": run, "dataset": dataset, "backbone": backbone}
                    | {"normalizer": normalizer, "seed": seed, "role": role, "shift_seed": 0}
                    | {"displacement": 2.0 ** condition[4], "mase_pb": mean, "e0_ref": reference}
                    | {"r_log": math.log(mean / reference), "status": "done"}
                    | {"mase_undamped": mean, "undamping": 1.0}
                    | {"block_len": math.nan if condition[1] == "natural" else BLOCK}
                )
    return pd.DataFrame(rows), errors


def select(table, **values):
    """Return the rows with the given values."""
    for name, value in values.items():
        table = table[table[name] == value]
    return table


def select_one(table, **values):
    """Return the only row with the given values."""
    rows = select(table, **values)
    assert len(rows) == 1, rows
    return rows.iloc[0]


def fail_cells(cells, **values):
    """Return the cells, with those of the given values failed."""
    cells = cells.copy()
    is_failed = cells.index.isin(select(cells, **values).index)
    cells.loc[is_failed, "status"] = "failed"
    cells.loc[is_failed, ["mase_pb", "e0_ref", "r_log", "block_len", "displacement"]] = math.nan
    return cells
