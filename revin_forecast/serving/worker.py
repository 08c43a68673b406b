"""A process that forecasts, and is stopped where it takes too long: a thread could not be."""

import multiprocessing
import os
import shutil
import signal
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from revin_forecast.errors import InputError
from revin_forecast.serving.messages import Asked

LOADING = 120.0
"""Seconds that a worker may take to import everything and load the model."""


class TooLongError(Exception):
    """A request took longer than it may; its worker was stopped."""


class BrokenWorkerError(Exception):
    """A request ended its worker, or found a bug."""


class ChangedModelError(Exception):
    """A worker that takes another's place found another model in the folder, or none."""


class Worker:
    """One process with the model in it; it does one request at a time.

    Args:
        model: the folder of the forecaster.
        threads: that torch may use.
    """

    def __init__(self, model: Path, threads: int):
        self._model, self._threads, self._ended = model.resolve(), threads, False
        self._first: dict[str, Any] | None = None
        self._begin()

    def _begin(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._scratch = TemporaryDirectory()  # not the process's own: it may have no time to tidy
        given = (self._model, self._threads, Path(self._scratch.name), other)
        self._process = context.Process(target=_work, args=given, daemon=True, name="forecasting")
        self._process.start()
        other.close()
        self._described: dict[str, Any] | None = None

    def describe(self) -> dict[str, Any]:
        """Wait until the model is loaded; return what it is.

        Raises:
            InputError: it can't be loaded.
        """
        if self._described is None:
            self._described = self._loaded()
        return self._described

    def _loaded(self) -> dict[str, Any]:
        try:
            ready = self._pipe.poll(LOADING)
            said = self._pipe.recv() if ready else "the model took too long to load"
        except EOFError:
            said = "the process that loads the model ended; see what it said above"
        if isinstance(said, str):
            self._stop()
            raise InputError(said)
        self._first = self._first or said
        if said != self._first:
            self._stop()
            raise InputError("it is another model")
        return said

    def ask(self, asked: Asked, drawn: bool, seconds: float) -> Any:
        """Have a request done; return its `Answer`.

        Raises:
            TooLongError: it took longer than that, and a new process takes this one's place.
            BrokenWorkerError: the process ended, likewise, or the request found a bug.
            ChangedModelError: that new process does not find the model any more.
        """
        if not self._process.is_alive():  # nobody asked when it ended
            self._replace()
        try:
            self.describe()
        except InputError as error:
            self._begin()
            raise ChangedModelError(str(error)) from error
        try:
            self._pipe.send((asked, drawn))
            answer = self._pipe.recv() if self._pipe.poll(seconds) else None
        except (EOFError, OSError) as error:
            self._replace()
            raise BrokenWorkerError("the process that forecasts ended") from error
        if answer is None:
            self._replace()
            raise TooLongError
        if isinstance(answer, str):
            raise BrokenWorkerError(answer)
        return answer

    def end(self) -> None:
        """Stop the process for good, whatever it is at."""
        self._ended = True
        self._stop()

    def _stop(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()
        self._scratch.cleanup()

    def _replace(self) -> None:
        self._stop()
        if not self._ended:
            self._begin()


def _work(model: Path, threads: int, scratch: Path, pipe: Connection) -> None:
    """Be a worker: load the model, tell what it is, answer requests until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this
    import torch

    from revin_forecast.forecaster import Forecaster
    from revin_forecast.manifest import read_manifest
    from revin_forecast.saving import MANIFEST
    from revin_forecast.serving.answer import answered, described

    torch.set_num_threads(threads)
    try:
        forecaster = Forecaster.load(model)
        pipe.send({**described(forecaster), "saved": read_manifest(model / MANIFEST).get("saved")})
    except InputError as error:
        pipe.send(str(error))
        return
    os.chdir(scratch)
    with suppress(EOFError, ConnectionError):  # the server is gone
        while True:
            asked, drawn = pipe.recv()
            try:
                answer = answered(forecaster, asked, drawn, scratch)
            except Exception as error:  # a bug: told in the log, never to who asked
                traceback.print_exception(error)
                answer = type(error).__name__
            for path in scratch.iterdir():  # what was sent is forgotten
                path.unlink()
            pipe.send(answer)
    os.chdir(model)  # a folder that is somebody's working one can't be removed everywhere
    shutil.rmtree(scratch, ignore_errors=True)
