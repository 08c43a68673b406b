"""A worker: a process that forecasts, and the next one where that has ended or was stopped."""

import sys
from pathlib import Path
from threading import Lock
from typing import Any

from revin_forecast.errors import InputError
from revin_forecast.serving.failures import (
    BugError,
    ChangedModelError,
    EndingError,
    LostBeforeError,
    LostError,
    TooLongError,
)
from revin_forecast.serving.messages import Answer, Asked
from revin_forecast.serving.process import ModelProcess


class Worker:
    """One process at a time with the model in it; it does one request at a time.

    Args:
        model: the folder of the forecaster.
        threads: that torch may use.
    """

    def __init__(self, model: Path, threads: int):
        self._model, self._threads = model.resolve(), threads
        self._first: dict[str, Any] | None = None
        self._ended, self._changing = False, Lock()
        self._now = ModelProcess(self._model, self._threads)

    def describe(self) -> dict[str, Any]:
        """Wait until the model is loaded; return what it is.

        Raises:
            InputError: it can't be loaded.
        """
        try:
            return self._described()
        except LostError as error:
            raise InputError(f"{error} before it had loaded the model; see above") from None

    def _described(self) -> dict[str, Any]:
        said = self._now.describe()
        self._first = self._first or said
        if said != self._first:
            raise InputError("it is another model")
        return said

    def ask(self, asked: Asked, drawn: bool, seconds: float) -> Answer:
        """Have a request done.

        Whatever ends the process, another one takes its place.

        Raises:
            TooLongError: it took longer than that.
            LostError: the process ended over it, or two did before they began with it.
            BugError: it found a bug.
            ChangedModelError: a process that took another's place does not find the model any more.
            EndingError: the worker was ended.
        """
        try:
            answer = self._asked(asked, drawn, seconds)
        except LostBeforeError:  # it ended while nobody asked
            answer = self._asked(asked, drawn, seconds)
        if isinstance(answer, str):
            raise BugError(answer)
        return answer

    def _asked(self, asked: Asked, drawn: bool, seconds: float) -> Answer | str:
        try:
            self._described()
            return self._now.ask(asked, drawn, seconds)
        except InputError as error:
            self._replace()
            raise ChangedModelError(str(error)) from error
        except TooLongError:
            self._replace()
            raise
        except LostError as error:
            self._replace()
            print(f"{error}; another one takes its place", file=sys.stderr, flush=True)
            raise

    def end(self) -> None:
        """Stop the process for good, whatever it is at."""
        with self._changing:
            self._ended = True
            self._now.stop()

    def _replace(self) -> None:
        """Begin another process, unless this was the end."""
        with self._changing:
            if self._ended:
                raise EndingError
            self._now.stop()
            self._now = ModelProcess(self._model, self._threads)
