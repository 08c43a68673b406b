"""The display begins during the imports of a command, and leaves a clean terminal."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from revin_forecast.cli.display import display_progress, display_start
from revin_forecast.errors import InputError
from revin_forecast.utils import progress as progress_module
from revin_forecast.utils.progress import is_displayed, is_verbose
from tests.support.limits import HANG_SECONDS
from tests.support.terminal import open_terminal, render, terminal, wait_until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def terminal_environment(monkeypatch):
    """Environment of a terminal with 100 columns."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")


@pytest.mark.slow
@pytest.mark.parametrize("number", [None, signal.SIGINT, signal.SIGTERM])
@pytest.mark.usefixtures("terminal_environment")
def test_the_display_begins_during_the_imports(tmp_path, number):
    # Found first, as the current folder precedes the installed packages.
    (tmp_path / "torch.py").write_text(
        "import time\nfrom pathlib import Path\n"
        "while not Path('seen').exists():\n    time.sleep(0.01)\n"
        "raise ImportError('the end of a long import')\n"
    )
    (tmp_path / "table.csv").write_text(
        "day,sold\n" + "".join(f"2024-01-{day:02},{day}\n" for day in range(1, 29))
    )
    words = [sys.executable, "-m", "revin_forecast", "forecast", "table.csv", "--horizon", "3"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with open_terminal() as (descriptor, read_output):
        program = subprocess.Popen(words, cwd=tmp_path, stderr=descriptor, env=environment)
        wait_until(lambda: "forecast" in read_output())
        if number is None:
            (tmp_path / "seen").touch()
        else:
            program.send_signal(number)
        code = program.wait(HANG_SECONDS)
    last = {None: "Traceback", signal.SIGINT: "revin-forecast: inter"}.get(
        number, "revin-forecast: term"
    )
    before, found, after = read_output().partition(last)
    assert render(before) == ("", 0), read_output()
    assert found
    assert code == (1 if number is None else 128 + number)
    assert ("the end of a long import" in after) == (number is None)


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["-h"],
        ["table.csv", "--quiet"],
        ["--quiet=true"],
        ["--print_config"],
        ["--config", "quiet.yaml"],
        ["--config=quiet.yaml"],
    ],
)
@pytest.mark.usefixtures("terminal_environment")
def test_nothing_is_displayed_before_help_or_if_quiet(tmp_path, monkeypatch, words):
    (tmp_path / "quiet.yaml").write_text("horizon: 3\nquiet: true\n")
    monkeypatch.chdir(tmp_path)
    with terminal(), display_start("forecast", words, 0.0):
        assert not is_displayed()
    with terminal(), display_start("forecast", ["table.csv", "--config", "missing.yaml"], 0.0):
        assert is_displayed()
        assert not is_verbose()
    monkeypatch.setenv("RANK", "1")
    with terminal(), display_start("forecast", ["table.csv"], 0.0):
        assert not is_displayed()


@pytest.mark.usefixtures("terminal_environment")
def test_quiet_and_verbose_exclude_each_other(monkeypatch):
    monkeypatch.setattr(progress_module, "DELAY_SECONDS", 0.0)
    with terminal() as read_output:
        with display_progress(False, {"quiet": True}, 0.0):
            assert not is_displayed()
        with display_progress(True, {}, 0.0):
            assert is_verbose()
        with pytest.raises(InputError, match="exclude each other"):
            display_progress(True, {"quiet": True}, 0.0).__enter__()
    assert read_output() == ""
