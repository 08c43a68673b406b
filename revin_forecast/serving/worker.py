"""A worker: a process that forecasts, and the next one where that has ended or was stopped."""

import sys
from pathlib import Path
from threading import Lock
from typing import Any

from revin_forecast.errors import InputError
from revin_forecast.serving.failures import (
    WorkerBugError,
    ModelChangedError,
    ShuttingDownError,
    WorkerLostBeforeStartError,
    WorkerLostError,
    RequestTimeoutError,
)
from revin_forecast.serving.messages import WorkerResponse, WorkerRequest
from revin_forecast.serving.process import ModelProcess


class Worker:
    """One process at a time with the model in it; it does one request at a time.

    Args:
        model: the folder of the forecaster.
        threads: that torch may use.
    """

    def __init__(self, model: Path, threads: int):
        self._model, self._threads = model.resolve(), threads
        self._model_info: dict[str, Any] | None = None
        self._is_shut_down, self._replace_lock = False, Lock()
        self._process = ModelProcess(self._model, self._threads)

    def describe(self) -> dict[str, Any]:
        """Wait until the model is loaded; return what it is.

        Raises:
            InputError: it can't be loaded.
        """
        try:
            return self._check_same_model()
        except WorkerLostError as error:
            raise InputError(f"{error} before it had loaded the model; see above") from None

    def _check_same_model(self) -> dict[str, Any]:
        said = self._process.describe()
        self._model_info = self._model_info or said
        if said != self._model_info:
            raise InputError("it is another model")
        return said

    def handle(self, request: WorkerRequest, with_charts: bool, seconds: float) -> WorkerResponse:
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
            answer = self._handle_once(request, with_charts, seconds)
        except WorkerLostBeforeStartError:  # it ended while nobody asked
            answer = self._handle_once(request, with_charts, seconds)
        if isinstance(answer, str):
            raise WorkerBugError(answer)
        return answer

    def _handle_once(self, request: WorkerRequest, with_charts: bool, seconds: float) -> WorkerResponse | str:
        try:
            self._check_same_model()
            return self._process.handle(request, with_charts, seconds)
        except InputError as error:
            self._replace_process()
            raise ModelChangedError(str(error)) from error
        except RequestTimeoutError:
            self._replace_process()
            raise
        except WorkerLostError as error:
            self._replace_process()
            print(f"{error}; another one takes its place", file=sys.stderr, flush=True)
            raise

    def shut_down(self) -> None:
        """Stop the process for good, whatever it is at."""
        with self._replace_lock:
            self._is_shut_down = True
            self._process.stop()

    def _replace_process(self) -> None:
        """Begin another process, unless this was the end."""
        with self._replace_lock:
            if self._is_shut_down:
                raise ShuttingDownError
            self._process.stop()
            self._process = ModelProcess(self._model, self._threads)
