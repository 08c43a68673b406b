"""Compare the default with and without the pretrained network on the development panel."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from benchmarks.accuracy.panel_forecasts import (
    PanelForecasts,
    forecast_default,
    forecast_seasonal_naive,
)
from benchmarks.accuracy.panel_scores import (
    SeriesScores,
    average,
    average_ratios,
    divide_means,
    estimate,
    score_series,
)
from benchmarks.accuracy.panel_tasks import FREQUENCIES, PanelTask, load_tasks
from benchmarks.evidence import Row
from revin_forecast.data.catalog import catalog


def compare_choices(tasks: Sequence[PanelTask]) -> Iterator[Row]:
    """Yield a row for all tasks of an origin and for those of each frequency.

    `/ naive` is the geometric mean of MASE over that of the seasonal naive forecast, with the
    network; `/ without` the one of both choices with a paired 95 % interval over series. `QL` is
    the scaled quantile loss. Coverages are of the intervals of 80 and 95 %.
    """
    made = [forecast_default(tasks, without_pretrained) for without_pretrained in (False, True)]
    scores = [score_series(part, tasks) for part in (*made, forecast_seasonal_naive(tasks))]
    for origin in (1, 2):
        for frequency in ("all", *FREQUENCIES.values()):
            indices = [
                index
                for index, task in enumerate(tasks)
                if task.origin == origin and frequency in ("all", task.frequency)
            ]
            if indices:
                key: Row = {"origin": origin, "frequency": frequency}
                yield key | _compare_group(made, scores, indices)


def _compare_group(
    made: Sequence[PanelForecasts], scores: Sequence[SeriesScores], indices: list[int]
) -> Row:
    parts = [SeriesScores(*(part[indices] for part in score)) for score in scores]
    joined, without, naive = parts
    estimates = {
        "/ naive": estimate(average_ratios, joined.error, naive.error),
        "without / naive": estimate(average_ratios, without.error, naive.error),
        "/ without": estimate(average_ratios, joined.error, without.error),
        "MASE": estimate(average, joined.error),
        "MASE without": estimate(average, without.error),
        "QL / without": estimate(divide_means, joined.quantile_loss, without.quantile_loss),
        "QL geometric / without": estimate(
            average_ratios, joined.quantile_loss, without.quantile_loss
        ),
        "80 %": estimate(average, joined.coverage[:, 0]),
        "95 %": estimate(average, joined.coverage[:, 1]),
        "80 % without": estimate(average, without.coverage[:, 0]),
        "95 % without": estimate(average, without.coverage[:, 1]),
    }
    seconds = [float(part.seconds[indices].mean()) for part in made]
    return (
        {"series": len(indices)}
        | {name: str(found) for name, found in estimates.items()}
        | {"s": seconds[0], "s without": seconds[1]}
    )


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", help="folder with the folder panel")
    parser.add_argument("--every", type=int, default=1, help="distance between the series used")
    given = parser.parse_args()
    panel = Path(catalog.data_folder(given.data_dir)) / "panel"
    rows = list(compare_choices(load_tasks(panel, every=given.every)))
    print(pd.DataFrame(rows).set_index(["origin", "frequency"]).T.to_string())


if __name__ == "__main__":
    main()
