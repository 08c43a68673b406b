"""The command line that reproduces a forecast."""

from revin_forecast import TrainingSettings
from revin_forecast.cli.backtest import backtest as backtest_command
from revin_forecast.cli.forecast import forecast as forecast_command
from revin_forecast.cli.reproduce import format_command_line
from revin_forecast.models.spec import ModuleSpec


def test_command_line_contains_the_options_used():
    arguments = {
        "file": "my file.csv",
        "horizon": 3,
        "level": [80.0, 97.5],
        "quiet": True,
        "backbone": ModuleSpec("revin_forecast.DLinear", {"kernel": 5}),
        "training": TrainingSettings(max_epochs=2, learning_rate=0.01),
    }
    assert format_command_line(forecast_command, arguments, "file") == (
        "revin-forecast forecast 'my file.csv' --horizon 3 --level 80 97.5 --quiet "
        "--backbone DLinear --backbone.kernel 5 --training.max-epochs 2 "
        "--training.learning-rate 0.01"
    )
    defaults = {
        "file": "a.csv",
        "horizon": 3,
        "backbone": ModuleSpec("revin_forecast.DLinear", {"kernel": 25}),
    }
    assert format_command_line(forecast_command, defaults, "file").endswith("--backbone DLinear")
    plain = format_command_line(
        backtest_command, {"file": "a.csv", "horizon": 3, "step": 2}, "file"
    )
    assert plain == "revin-forecast backtest a.csv --horizon 3 --step 2"
