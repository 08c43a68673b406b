"""Compare the default with and without the pretrained network on the development panel."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

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
from benchmarks.evidence import EvidencePage, Options, Row, measurement
from revin_forecast.data.catalog import catalog

TEXT = """
# The default with and without the pretrained network

The same 526 tasks as on [everyday series](accuracy_panel.md): 267 series at two origins, with the
same scales and scores. `Forecaster(horizon)` forecasts each series with
[the network as a member](../default_forecast.md#the-pretrained-network) and without it, in one run.

**These series are development data.** They were looked at three times while the network's rule in
the default was built (the third time with the rule and the weights of this page; nothing was
changed after it), and five times while [the network](accuracy_zero_shot.md) was. The constants of
the rule were chosen on synthetic series.

Columns. `/ naive` is the geometric mean over series of MASE over that of the seasonal naive
forecast, `without / naive` the same without the network, and `/ without` the paired ratio of both.
`MASE` is a mean over series. `QL / without` is a ratio of mean scaled quantile losses, which a few
series with large losses decide; `QL geometric / without` is the geometric mean over series. `80 %`
and `95 %` are the percentages of held-out values inside the intervals. `s` is the mean of the
processor seconds a series, with one thread. Brackets have the bootstrap 95 % confidence interval
over series. Repeat with

    python -m benchmarks.accuracy.pretrained_member --threads 1 --data-dir DATA
"""
QUICK_EVERY = 60
"""Distance between the series of a quick run."""


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


@measurement(
    "accuracy_pretrained_member",
    quick="every 60th series",
    options={
        "--data-dir": {"help": "folder of the benchmark data"},
        "--threads": {"type": int, "help": "threads of torch"},
    },
)
def main(options: Options, page: EvidencePage) -> None:
    """Measure the default with and without the network."""
    if options.threads:
        torch.set_num_threads(options.threads)
    page.text = TEXT
    panel = Path(catalog.data_folder(options.data_dir)) / "panel"
    for row in compare_choices(load_tasks(panel, every=QUICK_EVERY if options.quick else 1)):
        page.add(row)


if __name__ == "__main__":
    main()
