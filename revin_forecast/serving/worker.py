"""A worker: a process that forecasts, and its replacement after it ended or was killed."""

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
"""Time for a process to import everything and load the model."""
EXIT_SECONDS = 5.0
"""Time for a process whose pipe is closed to exit."""
PROCESS_NAME = "a worker process"


class Worker:
    """A model in one process at a time; it handles one request at a time.

    Args:
        model: folder of the forecaster.
        threads: threads for torch.
    """

    def __init__(self, model: Path, threads: int):
        self._model, self._threads = model.resolve(), threads
        self._model_info: dict[str, Any] | None = None
        self._is_shut_down, self._replace_lock = False, Lock()
        self._process = ModelProcess(self._model, self._threads)

    def describe(self) -> dict[str, Any]:
        """Wait until the model is loaded and return its description.

        Raises:
            InputError: the model can't be loaded.
        """
        try:
            return self._check_same_model()
        except WorkerLostError as error:
            raise InputError(f"{error} before it had loaded the model; see above") from None

    def handle(self, request: WorkerRequest, with_charts: bool, seconds: float) -> WorkerResponse:
        """Process a request; if the process ends, another one replaces it.

        Args:
            request: the request as it arrived.
            with_charts: whether to draw charts.
            seconds: time limit.

        Raises:
            RequestTimeoutError: the request exceeded the time limit.
            WorkerLostError: the process ended during the request, or two processes before it.
            WorkerBugError: the request raised an unexpected exception.
            ModelChangedError: a replacement process found another model, or none.
            ShuttingDownError: the worker was shut down.
        """
        try:
            response = self._handle_once(request, with_charts, seconds)
        except WorkerLostBeforeStartError:
            # The process ended while it was idle, so the request is not the cause: try once more.
            response = self._handle_once(request, with_charts, seconds)
        if isinstance(response, str):
            raise WorkerBugError(response)
        return response

    def shut_down(self) -> None:
        """Kill the process, and start no other one."""
        with self._replace_lock:
            self._is_shut_down = True
            self._process.stop()

    def _check_same_model(self) -> dict[str, Any]:
        # A fit may have replaced the folder while the service runs. All forecasts must come from
        # the model that `GET /model` describes.
        model_info = self._process.describe()
        self._model_info = self._model_info or model_info
        if model_info != self._model_info:
            raise InputError("the folder holds another model than at the start of the service")
        return model_info

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
            print(f"{error}; starting another one", file=sys.stderr, flush=True)
            raise

    def _replace_process(self) -> None:
        """Start another process, unless the worker was shut down."""
        with self._replace_lock:
            if self._is_shut_down:
                raise ShuttingDownError
            self._process.stop()
            self._process = ModelProcess(self._model, self._threads)


class ModelProcess:
    """A process that loads a model and handles one request at a time.

    Args:
        model: folder of the forecaster.
        threads: threads for torch.
    """

    def __init__(self, model: Path, threads: int):
        # Spawned: torch's threads do not survive a fork.
        context = multiprocessing.get_context("spawn")
        self.pipe, child_pipe = context.Pipe()
        # Owned by the server: a process that is killed can't remove its own folder.
        self.scratch = TemporaryDirectory()
        arguments = (model, threads, Path(self.scratch.name), child_pipe)
        self.process = context.Process(
            target=_serve_requests, args=arguments, daemon=True, name="forecasting"
        )
        self.process.start()
        # Without this copy, the pipe reports the end of the file once the process has ended.
        child_pipe.close()
        self._model_info: dict[str, Any] | str | None = None
        self._has_started = False

    def describe(self) -> dict[str, Any]:
        """Wait until the model is loaded and return its description.

        Raises:
            InputError: the model can't be loaded.
            WorkerLostError: the process ended, or was killed because loading took too long.
        """
        model_info = self._model_info = self._model_info or self._receive_model_info()
        if isinstance(model_info, str):
            raise InputError(model_info)
        return model_info

    def handle(
        self, request: WorkerRequest, with_charts: bool, seconds: float
    ) -> WorkerResponse | str:
        """Process a request; return the response, or the name of an unexpected exception.

        Raises:
            RequestTimeoutError: the request exceeded the time limit; the process is killed.
            WorkerLostBeforeStartError: the process ended before it started the request.
            WorkerLostError: the process ended during the request.
        """
        self._has_started = False
        with self._kill_after(seconds):
            self.pipe.send((request, with_charts))
            self._has_started = self.pipe.recv()
            return self.pipe.recv()

    def stop(self) -> None:
        """Kill the process, even during a request."""
        self.process.kill()
        self.process.join()
        # The pipe is not closed here: a thread may still be reading it.
        self.scratch.cleanup()

    def _receive_model_info(self) -> dict[str, Any] | str:
        """Receive the first message: the model's description, or the reason it can't be loaded."""
        try:
            with self._kill_after(LOAD_SECONDS):
                return self.pipe.recv()
        except RequestTimeoutError:
            raise WorkerLostError(
                f"{PROCESS_NAME} took over {LOAD_SECONDS:g} seconds to load"
            ) from None

    @contextmanager
    def _kill_after(self, seconds: float) -> Iterator[None]:
        """Kill the process at a deadline, which also ends all waiting for its pipe.

        Polling the pipe would not limit the time: `send` blocks, too, once the pipe is full and
        the process does not read it.
        """
        is_late = Event()

        def kill() -> None:
            is_late.set()
            self.process.kill()

        timer = Timer(seconds, kill)
        timer.daemon = True
        timer.start()
        try:
            yield
        except (EOFError, OSError) as error:
            if is_late.is_set():
                raise RequestTimeoutError from None
            raise (WorkerLostError if self._has_started else WorkerLostBeforeStartError)(
                self._describe_exit()
            ) from error
        finally:
            timer.cancel()

    def _describe_exit(self) -> str:
        """Return a message with the exit code and the signal, if any."""
        self.process.join(EXIT_SECONDS)
        code = self.process.exitcode
        by = f", {signal.strsignal(-code)}" if code is not None and code < 0 else ""
        return f"{PROCESS_NAME} ended (exit code {code}{by})"


def _serve_requests(model: Path, threads: int, scratch: Path, pipe: Connection) -> None:
    """Load the model, send its description, and answer requests until the server closes the pipe.

    Args:
        model: folder of the forecaster.
        threads: threads for torch.
        scratch: folder for the bodies of requests, which becomes the working directory.
        pipe: connection to the server.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which stops workers
    # Imported here, in the child: the server itself loads neither torch nor the model.
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
    with suppress(EOFError, ConnectionError):  # the server has exited
        while True:
            request, with_charts = pipe.recv()
            # Started: from here on, the request itself may be why the process ends.
            pipe.send(True)
            try:
                response = handle_request(forecaster, request, with_charts, scratch)
            except Exception as error:
                # A bug: the traceback goes to the log, and nothing of it to the client.
                traceback.print_exception(error)
                response = type(error).__name__
            for path in scratch.iterdir():  # keep nothing of the request
                path.unlink()
            pipe.send(response)
    os.chdir(model)  # not all systems can remove a process's working directory
    shutil.rmtree(scratch, ignore_errors=True)
