"""The table of commands: the function, the summary and the examples of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Command:
    """A command of the program."""

    function: str
    """Its function as "module:name", where the module is one of revin_forecast.cli."""
    summary: str
    """Its line in the list of commands."""
    positional: tuple[str, ...] = ()
    """Parameters that are passed without a flag."""
    examples: tuple[str, ...] = ()
    """Arguments for the help, which run in a checkout of the project."""
    old_names: Mapping[str, str] = field(default_factory=dict)
    """Present names of options by their earlier names, which keep working."""


COMMANDS = {
    "demo": Command("demo:demo", "forecast a shipped data set, with and without RevIN"),
    "inspect": Command(
        "inspect_file:inspect_file", "show how a table is read, and write its format", ("file",)
    ),
    "forecast": Command(
        "forecast:forecast",
        "fit on a table and forecast the next steps",
        ("file",),
        (
            "datasets/co2_weekly.csv --horizon 52 --out forecast.csv",
            "datasets/co2_weekly.csv --horizon 8 --level 80 95",
            "datasets/co2_weekly.csv --horizon 8 --model pretrained",
        ),
    ),
    "fit": Command(
        "fit:fit",
        "fit on a table and save the forecaster in a folder",
        ("file",),
        (
            "datasets/co2_weekly.csv --horizon 52 --out model",
            "datasets/co2_weekly.csv --horizon 8 --out ridge --backbone Ridge --normalizer RevIN",
            "--config configs/fit_co2.yaml --max-epochs 2",
        ),
    ),
    "predict": Command(
        "predict:predict", "forecast with a saved forecaster, without fitting", ("model", "file")
    ),
    "update": Command(
        "update:update",
        "add newer rows to a saved forecaster, without a fit on all rows",
        ("model", "file"),
    ),
    "explain": Command(
        "explain:explain",
        "show the contribution of each lag and known input to a forecast",
        ("model", "file"),
    ),
    "serve": Command(
        "serve:serve",
        "serve a saved or the pretrained model over HTTP: an API and a web page",
        ("model",),
    ),
    "export": Command(
        "export:export",
        "export a saved forecaster to ONNX, from raw values to raw values",
        ("model",),
    ),
    "backtest": Command(
        "backtest:backtest",
        "score forecasts of the last part of a table",
        ("file",),
        (
            "datasets/co2_weekly.csv --horizon 52",
            "datasets/co2_weekly.csv --horizon 8 --backbone Ridge --level 80 --step 4",
            "datasets/co2_weekly.csv --horizon 8 --test-share 0.1 --out scores.csv",
        ),
    ),
    "evaluate": Command(
        "evaluate:evaluate",
        "score a model and naive baselines on every test window",
        ("file_or_dataset",),
        (
            "co2 --lookback 156 --horizon 52 --compare",
            "datasets/co2_weekly.csv --lookback 52 --horizon 8 --normalizer LastValue",
            "co2 --lookback 52 --horizon 8 --backbone DLinear --max-epochs 1",
        ),
        {"dataset": "file_or_dataset", "file": "file_or_dataset", "folder": "out"},
    ),
    "sweep": Command(
        "sweep:sweep",
        "choose, solve and score closed-form linear maps of all sizes",
        ("file_or_dataset",),
        old_names={"lookbacks": "lookback", "horizons": "horizon"},
    ),
    "shift-card": Command(
        "shift_card:shift_card",
        "measure the shift of a data set and predict whether RevIN helps",
        ("file_or_dataset",),
    ),
    "check": Command("check:check", "check your own normalizer or backbone class", ("name",)),
    "benchmark": Command(
        "benchmark:benchmark", "measure models under every shift, from a YAML suite", ("suite",)
    ),
    "benchmark merge": Command("benchmark:merge", "merge the shards of a benchmark", ("suite",)),
    "benchmark compare": Command(
        "benchmark_compare:compare", "place models among the pinned results of a suite", ("suite",)
    ),
    "datasets": Command(
        "datasets:list_datasets", "list the benchmark data sets and which are available"
    ),
    "datasets get": Command(
        "datasets:download_dataset", "download a data set and verify its checksum", ("name",)
    ),
}
