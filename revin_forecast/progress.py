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

PATIENCE = 2.0
"""Seconds; a task that ends sooner is not told of."""
REDRAWN = 0.2
"""Seconds between two pictures of a bar."""
REPEATED = 5.0
"""Seconds between two lines, where lines are written instead of a bar."""


@dataclass(eq=False)
class Task:
    """Something that is being done, and how far it is."""

    what: str
    total: int | None = None
    unit: str = ""
    done: int = 0
    note: str = ""

    def advance(self, steps: int = 1, note: str | None = None) -> None:
        """Go on by some steps; a note stays until there is another one."""
        self.done += steps
        if note is not None:
            self.note = note

    @property
    def count(self) -> str:
        """How far it is: "12 of 40"; nothing where nobody counts."""
        if self.total is None:
            return f"{self.done:,} {self.unit}".rstrip() if self.done else ""
        return f"{self.done:,} of {self.total:,} {self.unit}".rstrip()


@dataclass(eq=False)
class Screen:
    """Where tasks are shown, and those at work: the outermost first.

    Attributes:
        verbose: whether `--verbose` was given.
        bar: a bar that is drawn anew, or else a line now and then.
        tasks: at work; one thread adds to them and takes away, another one looks.
    """

    verbose: bool
    bar: bool
    tasks: list[Task] = field(default_factory=list)


_SCREEN: ContextVar[Screen | None] = ContextVar("screen", default=None)


@contextmanager
def showing(verbose: bool = False) -> Iterator[None]:
    """Show the tasks within: as a bar on a terminal; elsewhere as lines, if `verbose`.

    A terminal that can't move its cursor (TERM=dumb) gets lines as well.
    """
    terminal = sys.stderr.isatty()
    bar = terminal and environ.get("TERM", "dumb").lower() not in ("dumb", "unknown")
    screen = Screen(verbose, bar) if terminal or verbose else None
    token = _SCREEN.set(screen)
    try:
        yield
    finally:
        _SCREEN.reset(token)


def is_shown() -> bool:
    """Return whether what takes long is shown, in this process."""
    return _SCREEN.get() is not None


def is_verbose() -> bool:
    """Return whether `--verbose` was given: libraries may say what they have to say."""
    screen = _SCREEN.get()
    return screen is not None and screen.verbose


@contextmanager
def progress(what: str, total: int | None = None, unit: str = "") -> Iterator[Callable[..., None]]:
    """Tell how far a task is, once it has taken two seconds, if the command line shows it.

    A task within another one is shown behind it, on the same line; one without a total is a frame
    for those within it, and shown where there is none.

    Args:
        what: is being done, such as "choosing a model".
        total: steps of it; None: nobody knows.
        unit: of the steps, such as "rows".

    Yields:
        `advance(steps=1, note=None)`, which tells of steps done, and of a note on what comes
        (steps=0: of the note alone). It costs nothing to speak of.
    """
    task, screen = Task(what, total, unit), _SCREEN.get()
    if screen is None:
        yield task.advance
        return
    screen.tasks.append(task)
    try:
        with _watched(screen) if len(screen.tasks) == 1 else nullcontext():
            yield task.advance
    finally:
        screen.tasks.remove(task)


@contextmanager
def _watched(screen: Screen) -> Iterator[None]:
    """Have a thread draw what is at work; all drawing is its own, so that none needs a lock."""
    ended = threading.Event()
    thread = threading.Thread(target=_watch, args=(screen, ended), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _watch(screen: Screen, ended: threading.Event) -> None:
    if ended.wait(PATIENCE):
        return
    with suppress(OSError, ValueError):  # nobody reads the error stream any more
        (_draw_bar if screen.bar else _write_lines)(screen, ended)


def _write_lines(screen: Screen, ended: threading.Event) -> None:
    last = ""
    while True:
        line = "; ".join(map(_line, _told(screen)))
        if line != last:
            print(line, file=sys.stderr, flush=True)
        last = line
        if ended.wait(REPEATED):
            return


def _told(screen: Screen) -> list[Task]:
    """Return the tasks to tell of: one that nobody counts gives its place to one within it."""
    tasks = list(screen.tasks)
    counted = (place for place, task in enumerate(tasks) if task.total is not None)
    return tasks[next(counted, len(tasks) - 1) :] if tasks else []


def _line(task: Task) -> str:
    told = ", ".join(filter(None, (task.count, task.note)))
    return f"{task.what}: {told}" if told else task.what


def _draw_bar(screen: Screen, ended: threading.Event) -> None:
    start = time.monotonic() - PATIENCE
    with _bar() as bar:
        drawn = bar.add_task("", visible=False, count="", note="", seconds="")
        while tasks := _told(screen):
            counted, *within = tasks
            others = map(_line, within)
            bar.update(
                drawn,
                visible=True,
                total=counted.total,
                completed=counted.done,
                description=counted.what,
                count=counted.count,
                seconds=f"{time.monotonic() - start:.0f} s",
                note="; ".join(filter(None, (counted.note, *others))),
            )
            bar.refresh()
            if ended.wait(REDRAWN):
                return


def _bar() -> AbstractContextManager[Any]:
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
