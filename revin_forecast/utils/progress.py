"""How far a task is that takes its time, told on the error stream where somebody watches."""

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
"""Seconds; a task that ends sooner is not told of."""
REFRESH_SECONDS = 0.2
"""Seconds between two pictures of a bar."""
LINE_SECONDS = 5.0
"""Seconds between two lines, where lines are written instead of a bar."""


@dataclass(eq=False)
class ProgressTask:
    """Something that is being done, and how far it is."""

    description: str
    total: int | None = None
    unit: str = ""
    completed: int = 0
    note: str = ""

    def advance(self, steps: int = 1, note: str | None = None) -> None:
        """Go on by some steps; a note stays until there is another one."""
        self.completed += steps
        if note is not None:
            self.note = note

    @property
    def count_text(self) -> str:
        """How far it is: "12 of 40"; nothing where nobody counts."""
        if self.total is None:
            return f"{self.completed:,} {self.unit}".rstrip() if self.completed else ""
        return f"{self.completed:,} of {self.total:,} {self.unit}".rstrip()


@dataclass(eq=False)
class ProgressDisplay:
    """Where tasks are shown, and those at work: the outermost first.

    Attributes:
        verbose: whether `--verbose` was given.
        bar: a bar that is drawn anew, or else a line now and then.
        tasks: at work; one thread adds to them and takes away, another one looks.
    """

    verbose: bool
    uses_bar: bool
    tasks: list[ProgressTask] = field(default_factory=list)


_DISPLAY: ContextVar[ProgressDisplay | None] = ContextVar("screen", default=None)


@contextmanager
def progress_display(verbose: bool = False) -> Iterator[None]:
    """Show the tasks within: as a bar on a terminal; elsewhere as lines, if `verbose`.

    A terminal that can't move its cursor (TERM=dumb) gets lines as well.
    """
    terminal = sys.stderr.isatty()
    bar = terminal and environ.get("TERM", "dumb").lower() not in ("dumb", "unknown")
    screen = ProgressDisplay(verbose, bar) if terminal or verbose else None
    token = _DISPLAY.set(screen)
    try:
        yield
    finally:
        _DISPLAY.reset(token)


def is_displayed() -> bool:
    """Return whether what takes long is shown, in this process."""
    return _DISPLAY.get() is not None


def is_verbose() -> bool:
    """Return whether `--verbose` was given: libraries may say what they have to say."""
    screen = _DISPLAY.get()
    return screen is not None and screen.verbose


@contextmanager
def progress(
    description: str, total: int | None = None, unit: str = ""
) -> Iterator[Callable[..., None]]:
    """Tell how far a task is, once it has taken two seconds, if the command line shows it.

    A task within another one is shown behind it, on the same line; one without a total is a frame
    for those within it, and shown where there is none.

    Args:
        description: is being done, such as "choosing a model".
        total: steps of it; None: nobody knows.
        unit: of the steps, such as "rows".

    Yields:
        `advance(steps=1, note=None)`, which tells of steps done, and of a note on what comes
        (steps=0: of the note alone). It costs nothing to speak of.
    """
    task, screen = ProgressTask(description, total, unit), _DISPLAY.get()
    if screen is None:
        yield task.advance
        return
    screen.tasks.append(task)
    try:
        with _display_thread(screen) if len(screen.tasks) == 1 else nullcontext():
            yield task.advance
    finally:
        screen.tasks.remove(task)


@contextmanager
def _display_thread(screen: ProgressDisplay) -> Iterator[None]:
    """Have a thread draw what is at work; all drawing is its own, so that none needs a lock."""
    ended = threading.Event()
    thread = threading.Thread(
        target=_display_after_delay, args=(screen, ended), name="progress", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _display_after_delay(screen: ProgressDisplay, ended: threading.Event) -> None:
    if ended.wait(DELAY_SECONDS):
        return
    with suppress(OSError, ValueError):  # nobody reads the error stream any more
        (_draw_bar if screen.uses_bar else _write_lines)(screen, ended)


def _write_lines(screen: ProgressDisplay, ended: threading.Event) -> None:
    last = ""
    while True:
        line = "; ".join(map(_task_line, _visible_tasks(screen)))
        if line != last:
            print(line, file=sys.stderr, flush=True)
        last = line
        if ended.wait(LINE_SECONDS):
            return


def _visible_tasks(screen: ProgressDisplay) -> list[ProgressTask]:
    """Return the tasks to tell of: one that nobody counts gives its place to one within it."""
    tasks = list(screen.tasks)
    counted = (place for place, task in enumerate(tasks) if task.total is not None)
    return tasks[next(counted, len(tasks) - 1) :] if tasks else []


def _task_line(task: ProgressTask) -> str:
    told = ", ".join(filter(None, (task.count_text, task.note)))
    return f"{task.description}: {told}" if told else task.description


def _draw_bar(screen: ProgressDisplay, ended: threading.Event) -> None:
    start = time.monotonic() - DELAY_SECONDS
    with _rich_progress() as bar:
        drawn = bar.add_task("", visible=False, count="", note="", seconds="")
        while tasks := _visible_tasks(screen):
            counted, *within = tasks
            others = map(_task_line, within)
            bar.update(
                drawn,
                visible=True,
                total=counted.total,
                completed=counted.completed,
                description=counted.description,
                count=counted.count_text,
                seconds=f"{time.monotonic() - start:.0f} s",
                note="; ".join(filter(None, (counted.note, *others))),
            )
            bar.refresh()
            if ended.wait(REFRESH_SECONDS):
                return


def _rich_progress() -> AbstractContextManager[Any]:
    # Imported once something takes long: a command that is done at once never waits for it.
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
        redirect_stdout=False,  # it would end up in the error stream
        expand=True,
    )
