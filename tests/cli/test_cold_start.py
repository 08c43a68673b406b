"""Calls that need no model answer without importing torch."""

import subprocess
import sys

from revin_forecast.cli.commands import COMMANDS

CALLS = [
    *([*name.split(), option] for name in COMMANDS for option in ("--help", "--help-all")),
    ["forecast", "missing.csv", "--horizon", "3"],
    ["forecast", "missing.csv", "--horizon", "3", "--backbone", "DLinear"],
    ["forecast", "table.csv", "--horizn", "3"],
    ["forecast", "table.csv", "--horizon", "u"],
    ["fit", "missing.csv", "--horizon", "3", "--out", "model"],
    ["backtest", "missing.csv", "--horizon", "3"],
    ["evaluate", "missing.csv"],
    ["benchmark", "missing.yaml"],
    ["datasets"],
]
PROGRAM = """
import sys
from revin_forecast.cli.main import main
for words in {calls}:
    try:
        main(words)
    except SystemExit:
        pass
    found = {{"torch", "lightning", "plotly", "scipy"}} & set(sys.modules)
    assert not found, (words, found)
"""


def test_answers_that_need_no_model_do_not_import_torch(tmp_path):
    (tmp_path / "table.csv").write_text("day,sold\n2024-01-01,1\n")
    program = [sys.executable, "-c", PROGRAM.format(calls=CALLS)]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    for message in ("there is no file 'missing.csv'", "there is no option --horizn. Did you mean"):
        assert message in done.stderr
