"""Accuracy tables: every test window, everything chosen on training and validation data."""

import argparse
import time
from pathlib import Path

from revin_forecast.backbones import Ridge
from revin_forecast.components import Component
from revin_forecast.data import catalog
from revin_forecast.evaluation import evaluate
from revin_forecast.evidence import circumstances, write_evidence
from revin_forecast.fitting import Recipe, Split
from revin_forecast.normalizers import Identity, LastValue, RevIN

HORIZONS = (96, 192, 336, 720)
GRIDS = {"revin": {"etth1": 512, "etth2": 512, "exchange": 96}}
TEXT = """
# Ridge with and without RevIN

Test MSE and MAE on data z-scored by the training part; all windows scored; the penalty is chosen on
the standard validation part; `refit` solves once more on training and validation. Repeat with

    python scripts/accuracy.py --grid revin --data-dir DATA
"""


def row(name: str, lookback: int, horizon: int, data_dir: str | None) -> dict[str, object]:
    entry, values = catalog.find(name), catalog.load(name, data_dir).values
    borders = entry.borders
    split = Split(values, borders.train, borders.validation, borders.test)
    cells: dict[str, object] = {"data": name, "look-back": lookback, "horizon": horizon}
    start = time.perf_counter()
    for label, kind, refit in (
        ("RevIN", RevIN, False),
        ("RevIN refit", RevIN, True),
        ("LastValue", LastValue, False),
        ("Identity", Identity, False),
    ):
        components = Component.of(Ridge), Component.of(kind)
        recipe = Recipe(*components, lookback, horizon, refit=refit)
        result = evaluate(recipe, split, entry.season)
        cells[f"{label} MSE"] = result.model.mse
        cells[f"{label} MAE"] = result.model.mae
    cells |= {"Repeat MSE": result.repeat.mse, "SeasonalNaive MSE": result.seasonal_naive.mse}
    cells |= {"windows": result.model.windows, "seconds": time.perf_counter() - start}
    print(f"{name} {horizon}: {cells['RevIN MSE']:.4f} / {cells['Identity MSE']:.4f}")
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grid", choices=GRIDS, default="revin")
    parser.add_argument("--data-dir", help="folder of the benchmark data")
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"))
    parser.add_argument("--quick", action="store_true", help="one horizon only")
    chosen = parser.parse_args()
    horizons = HORIZONS[:1] if chosen.quick else HORIZONS
    rows = [
        row(name, lookback, horizon, chosen.data_dir)
        for name, lookback in GRIDS[chosen.grid].items()
        for horizon in horizons
    ]
    made = circumstances() | {"quick": chosen.quick}
    write_evidence(chosen.out, f"accuracy_{chosen.grid}", TEXT, rows, made)


if __name__ == "__main__":
    main()
