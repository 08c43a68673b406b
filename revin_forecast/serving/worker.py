"""A worker: a process that forecasts, and the next one where that has ended or was stopped."""

import multiprocessing
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Lock, Timer
from typing import Any

from revin_forecast.errors import InputError
from revin_forecast.serving.errors import (
    ModelChangedError,
    RequestTimeoutError,
    ShuttingDownError,
    WorkerBugError,
    WorkerLostBeforeStartError,
    WorkerLostError,
)
from revin_forecast.serving.messages import WorkerRequest, WorkerResponse

LOAD_SECONDS = 120.0
"""Seconds that a process may take to import everything and load the model."""
EXIT_SECONDS = 5.0
"""Seconds that a process whose pipe is closed may take to be gone; then it is killed."""
PROCESS_NAME = "a process that forecasts"


class ModelProcess:
    """Loads a model and forecasts with it; it does one request at a time.

    Args:
        model: the folder of the forecaster.
        threads: that torch may use.
    """

    def __init__(self, model: Path, threads: int):
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.scratch = TemporaryDirectory()  # not the process's own: it may have no time to tidy
        given = (model, threads, Path(self.scratch.name), other)
        self.process = context.Process(
            target=_serve_requests, args=given, daemon=True, name="forecasting"
        )
        self.process.start()
        other.close()
        self._model_info: dict[str, Any] | str | None = None
        self._has_started = False

    def describe(self) -> dict[str, Any]:
        """Wait until the model is loaded; return what it is.

        Raises:
            InputError: it can't be loaded.
            LostError: the process ended, or took too long and was ended.
        """
        said = self._model_info = self._model_info or self._receive_model_info()
        if isinstance(said, str):
            raise InputError(said)
        return said

    def _receive_model_info(self) -> dict[str, Any] | str:
        """Wait for what the process says first: what the model is, or why it can't be loaded."""
        try:
            with self._kill_after(LOAD_SECONDS):
                return self.pipe.recv()
        except RequestTimeoutError:
            raise WorkerLostError(
                f"{PROCESS_NAME} took over {LOAD_SECONDS:g} seconds to load"
            ) from None

    def handle(
        self, request: WorkerRequest, with_charts: bool, seconds: float
    ) -> WorkerResponse | str:
        """Have a request done; return its answer, or the name of the bug that it found.

        Raises:
            TooLongError: it took longer than that; the process is ended.
            LostBeforeError: the process ended before it began with the request.
            LostError: it ended over the request.
        """
        self._has_started = False
        with self._kill_after(seconds):
            self.pipe.send((request, with_charts))
            self._has_started = self.pipe.recv()
            return self.pipe.recv()

    @contextmanager
    def _kill_after(self, seconds: float) -> Iterator[None]:
        """Kill the process at a deadline: whatever waits for its pipe then waits no longer.

        Polling would not do: sending waits, too, once a pipe is full that nobody reads.
        """
        late = Event()

        def stop() -> None:
            late.set()
            self.process.kill()

        timer = Timer(seconds, stop)
        timer.daemon = True
        timer.start()
        try:
            yield
        except (EOFError, OSError) as error:
            if late.is_set():
                raise RequestTimeoutError from None
            raise (WorkerLostError if self._has_started else WorkerLostBeforeStartError)(
                self._describe_exit()
            ) from error
        finally:
            timer.cancel()

    def _describe_exit(self) -> str:
        """Say how the process ended."""
        self.process.join(EXIT_SECONDS)
        code = self.process.exitcode
        by = f", {signal.strsignal(-code)}" if code is not None and code < 0 else ""
        return f"{PROCESS_NAME} ended (exit code {code}{by})"

    def stop(self) -> None:
        """End the process, whatever it is at."""
        self.process.kill()
        self.process.join()
        # The pipe is left to who holds it last: a thread may still be at it.
        self.scratch.cleanup()


def _serve_requests(model: Path, threads: int, scratch: Path, pipe: Connection) -> None:
    """Load the model, tell what it is, answer requests until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this
    import torch

    from revin_forecast.forecasting.forecaster import Forecaster
    from revin_forecast.forecasting.manifest import read_manifest
    from revin_forecast.forecasting.saving import MANIFEST
    from revin_forecast.serving.predict import describe_model, handle_request

    torch.set_num_threads(threads)
    try:
        forecaster = Forecaster.load(model)
        pipe.send(
            {**describe_model(forecaster), "saved": read_manifest(model / MANIFEST).get("saved")}
        )
    except InputError as error:
        pipe.send(str(error))
        return
    os.chdir(scratch)
    with suppress(EOFError, ConnectionError):  # the server is gone
        while True:
            asked, drawn = pipe.recv()
            pipe.send(True)  # begun: what ends this process from here on may be the request
            try:
                answer = handle_request(forecaster, asked, drawn, scratch)
            except Exception as error:  # a bug: told in the log, never to who asked
                traceback.print_exception(error)
                answer = type(error).__name__
            for path in scratch.iterdir():  # what was sent is forgotten
                path.unlink()
            pipe.send(answer)
    os.chdir(model)  # a folder that is somebody's working one can't be removed everywhere
    shutil.rmtree(scratch, ignore_errors=True)


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

    def _handle_once(
        self, request: WorkerRequest, with_charts: bool, seconds: float
    ) -> WorkerResponse | str:
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
