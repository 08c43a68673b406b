"""What takes long is told where somebody watches, and nowhere else."""

import io
import os
import pty
import sys
import threading
import time
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest

from revin_forecast.selection import SelectionSettings, Selector
from revin_forecast.selection import SelectionTask as SelectionTask
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.utils import progress as home
from revin_forecast.utils.progress import (
    ProgressTask,
    is_displayed,
    is_verbose,
    progress,
    progress_display,
)
from tests.support.warm_programs import Program

HIDE, SHOW, ERASE = "\x1b[?25l", "\x1b[?25h", "\x1b[2K"


@pytest.fixture
def impatient(monkeypatch):
    """Two seconds are 20 milliseconds."""
    monkeypatch.setattr(home, "DELAY_SECONDS", 0.02)
    monkeypatch.setattr(home, "REFRESH_SECONDS", 0.01)
    monkeypatch.setattr(home, "LINE_SECONDS", 0.01)


@contextmanager
def terminal():
    """Make the error stream a terminal; what it yields returns what it shows."""
    parent, child = pty.openpty()
    shown = bytearray()

    def read():
        while True:
            try:
                part = os.read(parent, 65536)
            except OSError:  # the other end is closed
                return
            shown.extend(part)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    before = sys.stderr
    sys.stderr = os.fdopen(child, "w", buffering=1)
    try:
        yield shown.decode
    finally:
        sys.stderr.close()
        sys.stderr = before
        reader.join(5)
        os.close(parent)


@pytest.fixture
def colours(monkeypatch):
    """A terminal of 100 columns that knows colours."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)


def until(found, seconds=10.0):
    """Wait for something to come true."""
    stop = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < stop, "it never came true"
        time.sleep(0.01)


def test_a_bar_on_a_terminal_comes_late_and_goes(colours, impatient):
    with terminal() as told, progress_display(), progress("choosing a model", 40) as advance:
        advance(12, "Ridge, mean, 336")
        until(lambda: "12 of 40" in told())
    shown = told()
    assert "choosing a model" in shown
    assert "Ridge, mean, 336" in shown
    assert shown.count("\n") == 1  # the end of the line that is then erased
    assert shown.index(HIDE) < shown.rindex(SHOW)
    assert shown.endswith(f"\x1b[1A{ERASE}")


def test_what_ends_soon_shows_nothing_and_loads_nothing(colours, tmp_path):
    with terminal() as told, progress_display(verbose=True), progress("a moment", 2) as advance:
        advance()
        assert [thread for thread in threading.enumerate() if thread.name == "progress"]
    assert told() == ""
    assert not [thread for thread in threading.enumerate() if thread.name == "progress"]
    code = tmp_path / "quick.py"
    code.write_text(
        "import sys\n"
        "from revin_forecast.utils.progress import progress, progress_display\n"
        "with progress_display(verbose=True), progress('a moment', 2) as advance:\n"
        "    advance()\n"
        "assert not {'rich', 'torch', 'pandas'} & set(sys.modules), sorted(sys.modules)\n"
    )
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, str(code)]) == 0


def test_nothing_is_shown_unless_the_command_line_shows(capsys, impatient):
    threads = threading.active_count()
    with progress("choosing a model", 40) as advance:
        advance(3)
        assert threading.active_count() == threads
        assert not is_displayed()
        assert not is_verbose()
        time.sleep(0.1)
    assert capsys.readouterr() == ("", "")


def test_silent_where_there_is_no_terminal(capsys, impatient):
    with progress_display(), progress("choosing a model", 40) as advance:
        advance(3)
        assert not is_displayed()
        time.sleep(0.1)
    assert capsys.readouterr() == ("", "")


def test_lines_where_there_is_no_terminal_if_asked_for(capsys, impatient):
    with progress_display(verbose=True):
        assert is_verbose()
        with progress("choosing a model", 40) as advance:
            for done in (12, 13):
                advance(12 if done == 12 else 1, f"Ridge, mean, {done}")
                time.sleep(0.1)
    out, err = capsys.readouterr()
    assert out == ""
    wanted = [f"choosing a model: {done} of 40, Ridge, mean, {done}" for done in (12, 13)]
    assert err.splitlines() == wanted  # none twice, however often it looks
    assert not is_verbose()


@pytest.mark.parametrize("verbose", [False, True])
def test_a_terminal_that_only_writes_gets_lines(impatient, monkeypatch, verbose):
    monkeypatch.setenv("TERM", "dumb")
    with (
        terminal() as told,
        progress_display(verbose),
        progress("reading", 7000, "rows") as advance,
    ):
        advance(5000)
        until(told)
    assert told() == "reading: 5,000 of 7,000 rows\r\n"


@pytest.mark.parametrize("wanted", [False, True])
def test_no_colours_where_none_are_wanted(colours, impatient, monkeypatch, wanted):
    if not wanted:
        monkeypatch.setenv("NO_COLOR", "1")
    with terminal() as told, progress_display(), progress("choosing a model", 40) as advance:
        advance(12)
        until(lambda: "12 of 40" in told())
    assert ("\x1b[3" in told() or "\x1b[9" in told()) == wanted


def test_one_within_another_is_on_the_same_line(capsys, impatient):
    with progress_display(verbose=True), progress("fitting on a.csv"):
        until(lambda: "fitting on a.csv\n" in capsys.readouterr().err)
        with progress("choosing a model", 4) as choosing:
            choosing(2, "DLinear")
            with progress("training DLinear", 20, "epochs") as training:
                training(3, "validation loss 0.5")
                line = (
                    "choosing a model: 2 of 4, DLinear; "
                    "training DLinear: 3 of 20 epochs, validation loss 0.5\n"
                )
                until(lambda: line in capsys.readouterr().err)
            until(lambda: "choosing a model: 2 of 4, DLinear\n" in capsys.readouterr().err)


def test_one_within_another_is_behind_it_on_a_terminal(colours, impatient):
    with terminal() as told, progress_display(), progress("choosing a model", 4) as choosing:
        choosing(2)
        with progress("training", 20, "epochs") as training:
            training(3)
            until(lambda: "training: 3 of 20 epochs" in told())
    assert told().count("\n") == 1


def test_a_note_alone_is_no_step(capsys, impatient):
    with progress_display(verbose=True), progress("choosing", 4) as advance:
        advance(0, "first")
        until(lambda: "choosing: 0 of 4, first\n" in capsys.readouterr().err)
        advance()
        until(lambda: "choosing: 1 of 4, first\n" in capsys.readouterr().err)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_whatever_ends_it_leaves_a_clean_terminal(colours, impatient, error):
    with terminal() as told:
        with pytest.raises(error), progress_display(), progress("choosing a model", 40):  # noqa: PT012
            until(lambda: HIDE in told())
            raise error
        assert not is_displayed()
    assert told().rstrip().endswith(ERASE)
    assert SHOW in told()


def test_an_error_stream_that_nobody_reads_is_no_error(impatient, monkeypatch):
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Closed())
    with progress_display(verbose=True), progress("choosing", 4):
        thread = next(one for one in threading.enumerate() if one.name == "progress")
        thread.join(5)  # an error in it would fail the test
        assert not thread.is_alive()


def test_a_command_tells_on_request_and_is_silent_else(tmp_path):
    days = pd.date_range("2024-01-01", periods=300, freq="D")
    sold = np.random.default_rng(0).normal(size=300).cumsum()
    pd.DataFrame({"date": days, "sold": sold}).to_csv(tmp_path / "sales.csv", index=False)
    program = tmp_path / "impatient.py"
    program.write_text(
        "import sys\n"
        "from revin_forecast.utils import progress\n"
        "from revin_forecast.cli.main import main\n"
        "progress.DELAY_SECONDS = progress.LINE_SECONDS = 0.0\n"
        "sys.exit(main())\n"
    )
    words = ["fit", tmp_path / "sales.csv", "--horizon", "7", "--lookback", "14"]
    words += ["--backbone", "Linear", "--normalizer", "SAN", "--max-epochs", "3", "--json"]
    words += ["--out", tmp_path / "model"]
    verbose = Program(program, [*words, "--verbose"], tmp_path).end()
    silent = Program(program, words, tmp_path).end()
    assert (verbose.code, silent.code, silent.err) == (0, 0, "")
    assert "training SAN alone" in verbose.err
    assert "training Linear: 3 of 3 epochs, validation loss" in verbose.err
    assert "\x1b" not in verbose.err
    assert verbose.out == silent.out


@pytest.mark.parametrize(
    ("channels", "rows", "centre", "lookback", "effort"),
    [
        (1, 200, None, None, "standard"),
        (3, 200, None, None, "standard"),
        (3, 200, "last", None, "standard"),
        (3, 200, None, 20, "standard"),
        (1, 9, None, None, "standard"),
        (1, 90, None, 7, "thorough"),
    ],
)
def test_the_choice_counts_its_candidates_right(
    monkeypatch, channels, rows, centre, lookback, effort
):
    counted = {}

    @contextmanager
    def counting(what, total, *_):
        task = ProgressTask(what, total)
        yield task.advance
        counted[what] = (task.completed, total)

    monkeypatch.setattr("revin_forecast.selection.selector.progress", counting)
    values = np.random.default_rng(0).normal(size=(rows, channels)).cumsum(0)
    task = SelectionTask(values, max(1, rows * 4 // 5), min(7, rows // 5 or 1), (7,))
    selector = Selector(task, SelectionSettings(effort=effort), centre, lookback)
    tried = selector.run(TrainingSettings(max_epochs=1))
    done, total = counted["choosing a model"]
    assert done == total
    assert total - len(tried) == (effort == "thorough")  # 7 rows hold no patch of PatchTST's


def test_it_costs_nothing_to_speak_of():
    with progress("choosing", 10**6) as advance:
        start = time.perf_counter()
        for _ in range(10_000):
            advance(1, "a note")
        assert (time.perf_counter() - start) / 10_000 < 2e-5  # a microsecond at most, when quiet
