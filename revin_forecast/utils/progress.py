"""Progress display of long tasks: a bar on a terminal or in a notebook, lines elsewhere."""

import contextvars
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from revin_forecast.utils import signals
from revin_forecast.utils.notebook_bar import NotebookBar, is_notebook

DELAY_SECONDS = 2.0
"""Time from the start of a command to its display: shorter commands display nothing."""
REFRESH_SECONDS = 0.2
"""Time between two updates of a bar."""
LINE_SECONDS = 5.0
"""Time between two lines, where lines are written instead of a bar."""
DEFAULT_COLUMNS = 80
"""Width of a bar where the width of the output is unknown."""
SILENCE_VARIABLE = "TQDM_DISABLE"
"""Environment variable that switches the bars of a notebook off; tqdm reads the same one."""


@dataclass(eq=False)
class ProgressTask:
    """A running task and its progress."""

    description: str
    """Shown before the counts, such as "choosing a model"."""
    total: int | None = None
    """Number of steps, if known."""
    unit: str = ""
    """Unit of the steps, such as "rows"."""
    completed: int = 0
    """Number of completed steps."""
    resumed: int = 0
    """Number of steps that an earlier run completed; the remaining time is estimated without."""
    note: str = ""
    """Shown after the counts, such as the current candidate."""
    start: float = field(default_factory=time.monotonic)
    """Time at which the task started."""

    def advance(self, steps: int = 1, note: str | None = None, resumed: bool = False) -> None:
        """Count completed steps; a note is shown until the next one replaces it."""
        self.completed += steps
        self.resumed += steps * resumed
        if note is not None:
            self.note = note

    def __str__(self) -> str:
        """Return the description, the counts and the note."""
        details = ", ".join(filter(None, (self.count_text, self.note)))
        return f"{self.description}: {details}" if details else self.description

    @property
    def count_text(self) -> str:
        """Completed steps, such as "12 of 40"; empty for a task without steps."""
        if self.total is None:
            return f"{self.completed:,} {self.unit}".rstrip() if self.completed else ""
        return f"{self.completed:,} of {self.total:,} {self.unit}".rstrip()

    def format(self, template: str, **texts: Any) -> str:
        """Fill a template of tqdm, which estimates the remaining time from the completed steps."""
        # Imported only once a command takes long, so that quick commands do not wait for it.
        from tqdm import tqdm

        # Only functions without state: an object of tqdm starts a thread and makes semaphores.
        return tqdm.format_meter(
            self.completed,
            self.total or 0,
            time.monotonic() - self.start,
            initial=self.resumed,
            bar_format=template,
            **texts,
        )


class ProgressDisplay:
    """Running tasks and the thread that displays them.

    Args:
        verbose: whether `--verbose` was given.
        draws_bar: whether to redraw a bar in place; otherwise a line is printed from time to time.
        start: start of the command, by `time.monotonic`.
        notebook_bar: the bar of a notebook, which is drawn instead of one on stderr.
    """

    def __init__(
        self,
        verbose: bool,
        draws_bar: bool,
        start: float,
        notebook_bar: NotebookBar | None = None,
    ):
        self.verbose, self.draws_bar, self.start = verbose, draws_bar, start
        self.notebook_bar = notebook_bar
        # Outermost first; changed by the working thread, read by the display thread.
        self.tasks: list[ProgressTask] = []
        self.text = ""  # the bar on the screen, or the last line
        self.stream = sys.stderr
        self._lock = threading.Lock()  # the working thread erases the bar, the other one draws it
        self._ended = threading.Event()
        # In the context of the caller: a notebook finds the cell of an output there.
        run = contextvars.copy_context().run
        self._thread = threading.Thread(
            target=run, args=(self._display,), name="progress", daemon=True
        )
        self._thread.start()

    def remove(self, task: ProgressTask) -> None:
        """Remove a task that has ended; after the outermost one the bar is erased on return."""
        if len(self.tasks) > 1:  # no lock, which a forked process could wait for in vain
            self.tasks.remove(task)
            return
        with self._lock, suppress(OSError, ValueError):
            self.tasks.remove(task)
            self._erase()

    def close(self, timeout: float | None = None) -> None:
        """End the thread, which erases the bar."""
        self._ended.set()
        self._thread.join(timeout)

    def _display(self) -> None:
        """Display the tasks until the end; the work of the thread."""
        delay = self.start + DELAY_SECONDS - time.monotonic()
        if self._ended.wait(max(0.0, delay)):
            return
        with suppress(OSError, ValueError):  # stderr was closed
            while True:
                with self._lock:
                    (self._draw_bar if self.draws_bar else self._write_line)()
                if self._ended.wait(REFRESH_SECONDS if self.draws_bar else LINE_SECONDS):
                    break
            self._erase()

    def _list_visible_tasks(self) -> list[ProgressTask]:
        """Return the tasks from the first one with a total on, else the innermost."""
        tasks = list(self.tasks)  # a copy, because the working thread may change the list
        counted = (index for index, task in enumerate(tasks) if task.total is not None)
        return tasks[next(counted, len(tasks) - 1) :] if tasks else []

    def _write_line(self) -> None:
        """Write the tasks, unless nothing has changed since the last line."""
        tasks = self._list_visible_tasks()
        text = "; ".join(map(str, tasks))
        if text not in ("", self.text):
            template = "{text} [{elapsed}<{remaining}]" if tasks[0].total else "{text} [{elapsed}]"
            print(tasks[0].format(template, text=text), file=self.stream, flush=True)
            self.text = text

    def _draw_bar(self) -> None:
        """Draw one bar for all tasks: the outermost counted one fills it, others follow as text."""
        if not (tasks := self._list_visible_tasks()):
            return
        first, *nested = tasks
        note = "; ".join(filter(None, (first.note, *map(str, nested))))
        if self.notebook_bar is not None:
            template = "{desc} {count} [{elapsed}<{remaining}] {note}"
            template = template if first.total else template.replace("<{remaining}", "")
            texts = {"prefix": first.description, "count": first.count_text, "note": note}
            self.text = " ".join(first.format(template, **texts).split())
            self.notebook_bar.show(self.text, first.completed, first.total)
            return
        parts = {
            "{desc}": True,
            "{bar:16}": first.total,
            "{count}": first.count_text,
            "[{elapsed}<{remaining}]" if first.total else "[{elapsed}]": True,
            "{note}": note,
        }
        text = first.format(
            " ".join(filter(parts.get, parts)),
            ncols=self._count_columns() - 1,  # a full line would wrap
            prefix=first.description,
            ascii=not (self.stream.encoding or "").lower().startswith("utf"),
            count=first.count_text,
            note=note,
        )
        self._redraw(text)

    def _count_columns(self) -> int:
        """Return the width of the output, which may change at any time."""
        columns = os.environ.get("COLUMNS", "")
        with suppress(OSError, ValueError, AttributeError):  # not a terminal
            columns = columns or os.get_terminal_size(self.stream.fileno()).columns
        return int(columns or DEFAULT_COLUMNS)

    def _erase(self) -> None:
        if self.notebook_bar is not None:
            self.notebook_bar.clear()
            self.text = ""
        elif self.draws_bar and self.text:
            self._redraw("")
            self.stream.write("\r")
            self.stream.flush()

    def _redraw(self, text: str) -> None:
        """Write a text over the one on the screen."""
        from tqdm.utils import disp_len  # East Asian characters take two columns

        self.stream.write(f"\r{text}{' ' * (disp_len(self.text) - disp_len(text))}")
        self.stream.flush()
        self.text = text


_DISPLAY: ContextVar[ProgressDisplay | None] = ContextVar("display", default=None)


@contextmanager
def progress_display(verbose: bool = False, start: float | None = None) -> Iterator[None]:
    """Display the tasks of a block: as a bar on a terminal or in a notebook, elsewhere as lines.

    Lines are written only if `verbose`. A terminal that can't move its cursor (TERM=dumb) gets
    lines in any case.

    Args:
        verbose: write lines where there is no bar.
        start: start of the command, by `time.monotonic`; now by default.
    """
    is_terminal, in_notebook = sys.stderr.isatty(), is_notebook()
    has_cursor = os.environ.get("TERM", "dumb").lower() not in ("dumb", "unknown")
    if not (is_terminal or in_notebook or verbose):
        yield
        return
    start = time.monotonic() if start is None else start
    draws_bar = in_notebook or (is_terminal and has_cursor)
    display = ProgressDisplay(verbose, draws_bar, start, NotebookBar() if in_notebook else None)
    token = _DISPLAY.set(display)
    try:
        with signals.call_before_exit(lambda: display.close(timeout=1.0)):
            yield
    finally:
        _DISPLAY.reset(token)
        display.close()


@contextmanager
def notebook_progress(description: str) -> Iterator[None]:
    """Display a call from Python and its tasks, in a notebook only.

    A call of two seconds or less displays nothing. `%env TQDM_DISABLE=1` switches all bars off.
    """
    if is_displayed() or not is_notebook() or os.environ.get(SILENCE_VARIABLE):
        yield
        return
    with progress_display(), progress(description):
        yield


def is_displayed() -> bool:
    """Return whether this process displays progress."""
    return _DISPLAY.get() is not None


def is_verbose() -> bool:
    """Return whether `--verbose` was given, which also enables the messages of libraries."""
    display = _DISPLAY.get()
    return display is not None and display.verbose


def is_first_rank() -> bool:
    """Return whether this is the only process of a run or its first, which displays progress."""
    names = ("RANK", "SLURM_PROCID", "NODE_RANK")
    return all(os.environ.get(name, "0") == "0" for name in names)


@contextmanager
def progress(
    description: str, total: int | None = None, unit: str = ""
) -> Iterator[Callable[..., None]]:
    """Display the progress of a task, from the third second of the command on.

    Nothing is displayed outside `progress_display`. A nested task is displayed after the outer one
    on the same line. An outer task without a total is displayed only while no nested task has one.

    Args:
        description: name of the task, such as "choosing a model".
        total: number of steps, if known.
        unit: unit of the steps, such as "rows".

    Yields:
        A cheap function `advance(steps=1, note=None, resumed=False)`, which counts completed steps
        and sets a note; `steps=0` sets the note alone. Steps of an earlier run are `resumed`.
    """
    task, display = ProgressTask(description, total, unit), _DISPLAY.get()
    if display is None:
        yield task.advance
        return
    display.tasks.append(task)
    try:
        yield task.advance
    finally:
        display.remove(task)
