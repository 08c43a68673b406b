"""How well one model stands shifts, printed."""

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from revin_forecast.fitting import ModelConfig
from revin_forecast.progress import progress
from revin_forecast.shift.single import Workspace, measure_robustness
from revin_forecast.shift.suite import DatasetConfig

PLACEMENT_TITLES = {
    "steady": "Process shift, long begun: look-back and truth have moved",
    "transition": "Process shift of severity 3, begun k steps ago",
    "horizon": "Begun with the forecast: nobody can know",
    "observation": "Observation corrupted: the sensor lies, the truth is as it was",
}


def measure_with_progress(
    config: ModelConfig,
    source: DatasetConfig,
    shifts: Sequence[str],
    data_dir: str | None = None,
    folder: Path | None = None,
) -> pd.DataFrame:
    """Measure a model and its twin without normalizer in every shift; see `robustness`.

    Args:
        recipe: the model and how it is fitted.
        source: the data.
        shifts: names, or all.
        data_dir: where catalogued files lie.
        folder: keeps weights and results; None: nothing is kept.
    """
    with progress(f"measuring {config.backbone.name} in every shift"):
        place = Workspace(data_dir, None if folder is None else str(folder))
        return measure_robustness(config, source, shifts, place)


def print_robustness(config: ModelConfig, rows: pd.DataFrame) -> None:
    """Print what was measured as tables, one for each way in which the world may move."""
    console = Console()
    clean = rows[rows.placement == "clean"].iloc[0]
    name = f"{config.backbone.name} with {config.normalizer.name}"
    console.print(
        f"\nRobustness of {name}: MASE* (errors pulled back where the shift can be undone). "
        f"Clean: {clean.model:.3f}, without normalizer {clean.twin:.3f}, "
        f"seasonal naive {clean.naive:.3f}."
    )
    for placement, title in PLACEMENT_TITLES.items():
        part = rows.loc[rows.placement == placement]
        if len(part):
            along = "age" if placement == "transition" else "severity"
            console.print(f"\n{title}")
            console.print(_robustness_table(part, along))
    console.print(
        "\nColumns are severities, or steps k since the onset. twin, naive: geometric mean of the "
        "error over that of the twin without normalizer, of SeasonalNaive; below 1 is better."
    )


def _robustness_table(part: pd.DataFrame, along: str) -> Table:
    table = Table(box=None, pad_edge=False)
    places = sorted(part[along].unique())
    table.add_column("shift", no_wrap=True)
    for heading in (*(f"{'k=' * (along == 'age')}{place}" for place in places), "twin", "naive"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, cells in part.groupby((part["shift"] + " " + part["arm"]).str.strip(), sort=False):
        known = dict(zip(cells[along], cells["model"], strict=True))
        figures = [f"{known[place]:.3f}" if place in known else "" for place in places]
        model = list(cells["model"])
        ratios = [_mean_ratio(model, list(cells[other])) for other in ("twin", "naive")]
        table.add_row(str(name), *figures, *ratios)
    return table


def _mean_ratio(errors: Sequence[float], others: Sequence[float]) -> str:
    pairs = [(a, b) for a, b in zip(errors, others, strict=True) if a > 0 and b > 0]
    if not pairs:
        return ""
    return f"{math.exp(sum(math.log(a / b) for a, b in pairs) / len(pairs)):.2f}"
