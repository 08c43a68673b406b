"""Progress of long tasks is displayed on a terminal or on request, and nowhere else."""

import io
import os
import re
import sys
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from revin_forecast.selection.selector import Selector
from revin_forecast.selection.settings import SelectionSettings
from revin_forecast.selection.task import SelectionTask
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.utils import progress as progress_module
from revin_forecast.utils.notebook_bar import is_notebook
from revin_forecast.utils.progress import (
    ProgressTask,
    is_displayed,
    is_verbose,
    notebook_progress,
    progress,
    progress_display,
)
from tests.support.limits import HANG_SECONDS
from tests.support.terminal import render, terminal, wait_until
from tests.support.warm_programs import Program


@pytest.fixture
def short_delays(monkeypatch):
    """Shorten the delay and the refresh times to 10 to 20 milliseconds."""
    monkeypatch.setattr(progress_module, "DELAY_SECONDS", 0.02)
    monkeypatch.setattr(progress_module, "REFRESH_SECONDS", 0.01)
    monkeypatch.setattr(progress_module, "LINE_SECONDS", 0.01)


@pytest.fixture
def wide_terminal(monkeypatch):
    """Environment of a terminal with 100 columns."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")


def strip_times(text):
    """Return lines without elapsed and remaining time."""
    return re.sub(r" \[\d\d:\d\d(<(\d\d:\d\d|\?))?\]", "", text)


def test_a_bar_appears_after_the_delay_and_is_erased(wide_terminal, short_delays):
    with terminal() as read_output, progress_display(), progress("choosing a model", 40) as advance:
        advance(12, "Ridge, mean, 336")
        wait_until(lambda: "12 of 40" in read_output())
    output = read_output()
    assert "choosing a model" in output
    assert "Ridge, mean, 336" in output
    assert render(output) == ("", 0)
    assert max(map(len, output.split("\r"))) < 100


def test_a_short_task_shows_and_imports_nothing(wide_terminal, tmp_path, monkeypatch):
    assert progress_module.DELAY_SECONDS == 2
    monkeypatch.setattr(progress_module, "DELAY_SECONDS", HANG_SECONDS)
    with (
        terminal() as read_output,
        progress_display(verbose=True),
        progress("a moment", 2) as advance,
    ):
        advance()
        assert [thread for thread in threading.enumerate() if thread.name == "progress"]
    assert read_output() == ""
    assert not [thread for thread in threading.enumerate() if thread.name == "progress"]
    code = tmp_path / "quick.py"
    code.write_text(
        "import sys\n"
        "from revin_forecast.utils import progress as module\n"
        "from revin_forecast.utils.progress import progress, progress_display\n"
        f"module.DELAY_SECONDS = {HANG_SECONDS}\n"
        "with progress_display(verbose=True), progress('a moment', 2) as advance:\n"
        "    advance()\n"
        "assert not {'tqdm', 'torch', 'pandas'} & set(sys.modules), sorted(sys.modules)\n"
    )
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, str(code)]) == 0


def wait_for_line(text, start=0):
    """Wait until a text is printed after a position on stderr; return the position of its end.

    Tests call it with the fixture capsys, whose readouterr may lose the text of another thread.
    """
    wait_until(lambda: text in sys.stderr.getvalue()[start:])
    return sys.stderr.getvalue().index(text, start) + len(text)


def test_nothing_is_shown_outside_a_progress_display(capsys, short_delays):
    threads = threading.active_count()
    with progress("choosing a model", 40) as advance:
        advance(3)
        assert threading.active_count() == threads
        assert not is_displayed()
        assert not is_verbose()
        time.sleep(0.1)
    assert capsys.readouterr() == ("", "")


def test_silent_without_a_terminal(capsys, short_delays):
    with progress_display(), progress("choosing a model", 40) as advance:
        advance(3)
        assert not is_displayed()
        time.sleep(0.1)
    assert capsys.readouterr() == ("", "")


def test_verbose_prints_lines_without_a_terminal(capsys, short_delays):
    with progress_display(verbose=True):
        assert is_verbose()
        with progress("choosing a model", 40) as advance:
            for done in (12, 13):
                advance(12 if done == 12 else 1, f"Ridge, mean, {done}")
                wait_for_line(f"mean, {done} [")
                time.sleep(0.1)
    out, err = capsys.readouterr()
    assert out == ""
    expected = [f"choosing a model: {done} of 40, Ridge, mean, {done}" for done in (12, 13)]
    assert strip_times(err).splitlines() == expected  # an unchanged line is not repeated
    assert not is_verbose()


@pytest.mark.parametrize("verbose", [False, True])
def test_a_dumb_terminal_gets_lines(short_delays, monkeypatch, verbose):
    monkeypatch.setenv("TERM", "dumb")
    with (
        terminal() as read_output,
        progress_display(verbose),
        progress("reading", 7000, "rows") as advance,
    ):
        advance(5000)
        wait_until(read_output)
    assert strip_times(read_output()) == "reading: 5,000 of 7,000 rows\r\n"


def test_remaining_time_is_estimated_from_measured_steps():
    task = ProgressTask("training", 100, "epochs", start=time.monotonic() - 20)
    assert task.format("{elapsed}<{remaining}") == "00:20<?"
    task.advance(60, resumed=True)  # by an earlier run, in no time
    assert task.format("{elapsed}<{remaining}") == "00:20<?"
    task.advance(10)  # in 20 seconds, so the other 30 take 60
    assert task.format("{elapsed}<{remaining}") == "00:20<01:00"
    assert task.count_text == "70 of 100 epochs"


def test_a_bar_shows_the_remaining_time(wide_terminal, short_delays):
    with terminal() as read_output, progress_display(), progress("choosing", 40) as advance:
        wait_until(lambda: "0 of 40 [00:00<?]" in read_output())
        advance(20)
        wait_until(lambda: re.search(r"20 of 40 \[\d\d:\d\d<\d\d:\d\d\]", read_output()))


def test_a_task_without_a_total_shows_the_elapsed_time(wide_terminal, short_delays):
    with terminal() as read_output, progress_display(), progress("reading") as advance:
        wait_until(lambda: "reading [00:00]" in read_output())
        advance(3000)
        wait_until(lambda: "reading 3,000 [" in read_output())


def test_the_bar_is_gone_when_a_task_ends(wide_terminal, short_delays):
    with terminal() as read_output, progress_display():
        for name in ("reading", "fitting"):
            with progress(name):
                wait_until(lambda name=name: name in read_output())
            wait_until(lambda: render(read_output()) == ("", 0))


def test_the_display_begins_two_seconds_after_the_start_of_the_command(wide_terminal, monkeypatch):
    monkeypatch.setattr(progress_module, "REFRESH_SECONDS", 0.01)
    start = time.monotonic() - progress_module.DELAY_SECONDS  # the imports took as long
    with terminal() as read_output, progress_display(start=start), progress("reading"):
        begin = time.thread_time()
        wait_until(lambda: "reading" in read_output())
        assert time.thread_time() - begin < progress_module.DELAY_SECONDS
    with terminal() as read_output, progress_display(), progress("reading"):
        begin = time.monotonic()
        wait_until(lambda: "reading" in read_output())
        assert time.monotonic() - begin > progress_module.DELAY_SECONDS - 0.1


def test_a_narrow_terminal_gets_one_line(monkeypatch, short_delays):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "20")
    with terminal() as read_output, progress_display(), progress("名前.csv", 40) as advance:
        advance(1, "a long note on the current candidate")
        wait_until(lambda: "名前" in read_output())
    assert max(map(len, read_output().split("\r"))) < 20


@pytest.fixture
def notebook_outputs(monkeypatch):
    """The outputs of a cell: a list with the content of each, the last one that was published."""
    outputs = []

    class Handle:
        def __init__(self, place):
            self.place = place

        def update(self, content, raw):
            outputs[self.place].append(content)

    def display(content, raw, display_id):
        outputs.append([content])
        return Handle(len(outputs) - 1)

    monkeypatch.setattr(progress_module, "is_notebook", lambda: True)
    module = SimpleNamespace(display=display)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(display=module))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return outputs


def test_a_notebook_is_recognized(monkeypatch):
    assert not is_notebook()
    stream = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})()
    monkeypatch.setattr(sys, "stderr", stream)
    assert is_notebook()


def test_a_notebook_gets_a_bar_in_its_output(notebook_outputs, short_delays, capsys):
    with notebook_progress("fitting"), progress("choosing <b>", 40) as advance:
        advance(20)
        wait_until(lambda: notebook_outputs and "20 of 40" in notebook_outputs[0][-1]["text/plain"])
        with notebook_progress("an inner call"):  # one bar for all
            advance()
            wait_until(lambda: "21 of 40" in notebook_outputs[0][-1]["text/plain"])
    assert capsys.readouterr() == ("", "")  # notebooks show stderr on a red ground
    ((*shown, last),) = notebook_outputs
    assert last == {"text/plain": "", "text/html": ""}
    assert 'value="20" max="40"' in "".join(content["text/html"] for content in shown)
    assert not [content for content in shown if "<b>" in content["text/html"]]


def test_a_notebook_shows_no_bar_for_a_short_call_or_on_request(
    notebook_outputs, short_delays, monkeypatch
):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    with notebook_progress("fitting"), progress("choosing", 40):
        assert not is_displayed()
        time.sleep(0.05)
    monkeypatch.delenv("TQDM_DISABLE")
    monkeypatch.setattr(progress_module, "DELAY_SECONDS", HANG_SECONDS)
    with notebook_progress("fitting"), progress("choosing", 40):
        assert is_displayed()
    assert notebook_outputs == []


def test_a_script_shows_no_bar(capsys, short_delays):
    with notebook_progress("fitting"), progress("choosing", 40):
        assert not is_displayed()


def test_nested_tasks_share_a_line(capsys, short_delays):
    with progress_display(verbose=True), progress("fitting on a.csv"):
        wait_for_line("fitting on a.csv [")
        with progress("choosing a model", 4) as choosing:
            choosing(2, "DLinear")
            with progress("training DLinear", 20, "epochs") as training:
                training(3, "validation loss 0.5")
                line = (
                    "choosing a model: 2 of 4, DLinear; "
                    "training DLinear: 3 of 20 epochs, validation loss 0.5 ["
                )
                end = wait_for_line(line)
            wait_for_line("choosing a model: 2 of 4, DLinear [", end)


def test_nested_tasks_share_a_bar(wide_terminal, short_delays):
    with terminal() as read_output, progress_display(), progress("choosing a model", 4) as choosing:
        choosing(2)
        with progress("training", 20, "epochs") as training:
            training(3)
            wait_until(lambda: "training: 3 of 20 epochs" in read_output())
    assert render(read_output()) == ("", 0)


def test_a_note_alone_counts_no_step(capsys, short_delays):
    with progress_display(verbose=True), progress("choosing", 4) as advance:
        advance(0, "first")
        wait_for_line("choosing: 0 of 4, first [")
        advance()
        wait_for_line("choosing: 1 of 4, first [")


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_exception_leaves_a_clean_terminal(wide_terminal, short_delays, error):
    with terminal() as read_output:
        with pytest.raises(error), progress_display(), progress("choosing a model", 40):  # noqa: PT012
            wait_until(lambda: "choosing" in read_output())
            raise error
        assert not is_displayed()
    assert render(read_output()) == ("", 0)


def test_a_closed_error_stream_is_ignored(short_delays, monkeypatch):
    class ClosedStream(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", ClosedStream())
    with progress_display(verbose=True), progress("choosing", 4):
        thread = next(thread for thread in threading.enumerate() if thread.name == "progress")
        thread.join(HANG_SECONDS)  # An error in the thread would fail the test.
        assert not thread.is_alive()


@pytest.mark.slow
def test_a_command_prints_progress_only_with_verbose(tmp_path):
    days = pd.date_range("2024-01-01", periods=300, freq="D")
    sold = np.random.default_rng(0).normal(size=300).cumsum()
    pd.DataFrame({"date": days, "sold": sold}).to_csv(tmp_path / "sales.csv", index=False)
    program = tmp_path / "short_delays.py"
    program.write_text(
        "import sys\n"
        "from revin_forecast.utils import progress\n"
        "from revin_forecast.cli.main import main\n"
        "progress.DELAY_SECONDS, progress.LINE_SECONDS = 0.0, 0.002\n"
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
def test_selection_counts_all_its_candidates(monkeypatch, channels, rows, centre, lookback, effort):
    counts = {}

    @contextmanager
    def record_progress(description, total, *_):
        task = ProgressTask(description, total)
        yield task.advance
        counts[description] = (task.completed, total)

    monkeypatch.setattr("revin_forecast.selection.selector.progress", record_progress)
    values = np.random.default_rng(0).normal(size=(rows, channels)).cumsum(0)
    task = SelectionTask(values, max(1, rows * 4 // 5), min(7, rows // 5 or 1), (7,))
    selector = Selector(task, SelectionSettings(effort=effort), centre, lookback)
    results = selector.run(TrainingSettings(max_epochs=1))
    done, total = counts["choosing a model"]
    assert done == total
    assert total - len(results) == (
        effort == "thorough"
    )  # 7 rows are too few for a patch of PatchTST


def test_advance_is_cheap():
    with progress("choosing", 10**6) as advance:
        start = time.thread_time()  # processor time, which other processes do not affect
        for _ in range(10_000):
            advance(1, "a note")
        assert (time.thread_time() - start) / 10_000 < 2e-5  # usually a microsecond
