"""Progress display of long tasks on stderr: a bar on a terminal, lines elsewhere."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from os import environ
from typing import Any

DELAY_SECONDS = 2.0
"""Tasks that end sooner are not displayed."""
REFRESH_SECONDS = 0.2
"""Time between two updates of a bar."""
LINE_SECONDS = 5.0
"""Time between two lines, where lines are written instead of a bar."""


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
    note: str = ""
    """Shown after the counts, such as the current candidate."""

    def advance(self, steps: int = 1, note: str | None = None) -> None:
        """Count completed steps; a note is shown until the next one replaces it."""
        self.completed += steps
        if note is not None:
            self.note = note

    @property
    def count_text(self) -> str:
        """Completed steps, such as "12 of 40"; empty for a task without steps."""
        if self.total is None:
            return f"{self.completed:,} {self.unit}".rstrip() if self.completed else ""
        return f"{self.completed:,} of {self.total:,} {self.unit}".rstrip()


@dataclass(eq=False)
class ProgressDisplay:
    """Running tasks and the way to display them."""

    verbose: bool
    """Whether `--verbose` was given."""
    uses_bar: bool
    """Whether to redraw a bar in place; otherwise a line is printed from time to time."""
    tasks: list[ProgressTask] = field(default_factory=list)
    """Running tasks, outermost first; changed by the working thread, read by the display thread."""


_DISPLAY: ContextVar[ProgressDisplay | None] = ContextVar("display", default=None)


@contextmanager
def progress_display(verbose: bool = False) -> Iterator[None]:
    """Display the tasks of a block: as a bar on a terminal, elsewhere as lines if `verbose`.

    A terminal that can't move its cursor (TERM=dumb) gets lines, too.
    """
    terminal = sys.stderr.isatty()
    has_cursor = terminal and environ.get("TERM", "dumb").lower() not in ("dumb", "unknown")
    display = ProgressDisplay(verbose, has_cursor) if terminal or verbose else None
    token = _DISPLAY.set(display)
    try:
        yield
    finally:
        _DISPLAY.reset(token)


def is_displayed() -> bool:
    """Return whether this process displays progress."""
    return _DISPLAY.get() is not None


def is_verbose() -> bool:
    """Return whether `--verbose` was given, which also enables the messages of libraries."""
    display = _DISPLAY.get()
    return display is not None and display.verbose


@contextmanager
def progress(
    description: str, total: int | None = None, unit: str = ""
) -> Iterator[Callable[..., None]]:
    """Display the progress of a task that takes longer than two seconds.

    Nothing is displayed outside `progress_display`. A nested task is displayed after the outer one
    on the same line. An outer task without a total is displayed only while no nested task has one.

    Args:
        description: name of the task, such as "choosing a model".
        total: number of steps, if known.
        unit: unit of the steps, such as "rows".

    Yields:
        A cheap function `advance(steps=1, note=None)`, which counts completed steps and sets a
        note; `steps=0` sets the note alone.
    """
    task, display = ProgressTask(description, total, unit), _DISPLAY.get()
    if display is None:
        yield task.advance
        return
    display.tasks.append(task)
    try:
        with _display_thread(display) if len(display.tasks) == 1 else nullcontext():
            yield task.advance
    finally:
        display.tasks.remove(task)


@contextmanager
def _display_thread(display: ProgressDisplay) -> Iterator[None]:
    """Display the running tasks from one thread, which needs no lock as the only one to draw."""
    ended = threading.Event()
    thread = threading.Thread(
        target=_display_after_delay, args=(display, ended), name="progress", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _display_after_delay(display: ProgressDisplay, ended: threading.Event) -> None:
    if ended.wait(DELAY_SECONDS):
        return
    with suppress(OSError, ValueError):  # stderr was closed
        (_draw_bar if display.uses_bar else _write_lines)(display, ended)


def _write_lines(display: ProgressDisplay, ended: threading.Event) -> None:
    last = ""
    while True:
        line = "; ".join(map(_task_line, _visible_tasks(display)))
        if line != last:
            print(line, file=sys.stderr, flush=True)
        last = line
        if ended.wait(LINE_SECONDS):
            return


def _visible_tasks(display: ProgressDisplay) -> list[ProgressTask]:
    """Return the tasks to display: those from the first one with a total on, else the innermost."""
    tasks = list(display.tasks)  # a copy, because the working thread may change the list
    counted = (index for index, task in enumerate(tasks) if task.total is not None)
    return tasks[next(counted, len(tasks) - 1) :] if tasks else []


def _task_line(task: ProgressTask) -> str:
    details = ", ".join(filter(None, (task.count_text, task.note)))
    return f"{task.description}: {details}" if details else task.description


def _draw_bar(display: ProgressDisplay, ended: threading.Event) -> None:
    start = time.monotonic() - DELAY_SECONDS
    with _rich_progress() as bar:
        # One bar row for all tasks: the outermost counted task fills it, the others follow as text.
        row = bar.add_task("", visible=False, count="", note="", seconds="")
        while tasks := _visible_tasks(display):
            counted, *nested = tasks
            nested_lines = map(_task_line, nested)
            bar.update(
                row,
                visible=True,
                total=counted.total,
                completed=counted.completed,
                description=counted.description,
                count=counted.count_text,
                seconds=f"{time.monotonic() - start:.0f} s",
                note="; ".join(filter(None, (counted.note, *nested_lines))),
            )
            bar.refresh()
            if ended.wait(REFRESH_SECONDS):
                return


def _rich_progress() -> AbstractContextManager[Any]:
    # Imported only once a task takes long, so that quick commands do not wait for it.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Column

    console = Console(stderr=True, force_terminal=True)
    note = Column(no_wrap=True, overflow="ellipsis", ratio=1)
    fixed = Column(no_wrap=True)
    return Progress(
        TextColumn("{task.description}", markup=False, table_column=fixed),
        BarColumn(bar_width=16),
        TextColumn("{task.fields[count]}", markup=False, table_column=fixed),
        TextColumn("{task.fields[seconds]}", markup=False, table_column=fixed),
        TextColumn("{task.fields[note]}", markup=False, table_column=note),
        console=console,
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,  # Rich would send it to stderr.
        expand=True,
    )
