"""The worker processes of the service: waiting, limits and shutting down."""

import asyncio
import sys
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from revin_forecast.errors import InputError
from revin_forecast.serving.errors import (
    BusyError,
    ModelChangedError,
    RequestLostError,
    RequestTimeoutError,
    ServingError,
    ShuttingDownError,
    WorkerBugError,
)
from revin_forecast.serving.messages import WorkerRequest, WorkerResponse
from revin_forecast.serving.worker import load_model
from revin_forecast.utils.parallel.engine import WorkerLostError, WorkerOverdueError
from revin_forecast.utils.parallel.pool import ProcessPool
from revin_forecast.utils.parallel.pool_task import PoolStoppedError, PoolTask, PoolUnusableError

WAIT_SECONDS = 20.0
"""Time that a request waits for a worker before it is refused."""
GRACE_SECONDS = 5.0
"""Time that requests in progress still have when the service shuts down."""
MAX_QUEUED = 64
"""Most requests that are received or wait, in addition to one for each worker."""
MAX_HELD_REQUESTS = 5
"""Most bytes held for each worker, in sizes of the largest request: more could fill the memory."""


@dataclass(frozen=True)
class RequestLimits:
    """Limits of one request."""

    mebibytes: float = 10.0
    """Largest body, in MiB."""
    seconds: float = 30.0
    """Time to receive the request, and again to process it."""

    @property
    def max_bytes(self) -> int:
        """Largest body in bytes."""
        return int(self.mebibytes * 2**20)


def start_workers(model: Path | None, workers: int, threads: int) -> ProcessPool:
    """Start processes that load a model and answer requests with it.

    Args:
        model: folder of the forecaster; None: the pretrained model.
        workers: number of processes.
        threads: threads of each process for torch.
    """
    # Without the environment variables of the engines, which limit every library to one thread.
    prepare = partial(load_model, None if model is None else model.resolve(), threads)
    return ProcessPool(workers, prepare, environment={}, on_loss=_log)


def describe_model(workers: ProcessPool) -> dict[str, Any]:
    """Wait until a worker has loaded the model and return the model's description.

    Raises:
        InputError: the model can't be loaded.
    """
    try:
        return workers.wait_until_ready()
    except WorkerLostError as error:
        raise InputError(f"{error} before it had loaded the model; see above") from None


@dataclass(frozen=True)
class WorkerCounts:
    """Numbers of workers and of requests at one moment."""

    total: int
    """Worker processes of the service."""
    ready: int
    """Those that have loaded the model; the others are being started."""
    lost: int
    """Processes that have ended or were stopped since the start, and were replaced."""
    admitted: int
    """Requests in work or waiting."""
    waiting: int
    """Requests that wait for a worker."""


class WorkerPool:
    """Admits requests and hands them to idle workers.

    Args:
        workers: the processes, from `start_workers`.
        limits: limits of a request.
    """

    def __init__(self, workers: ProcessPool, limits: RequestLimits):
        self.workers, self.limits = workers, limits
        self._admitted_count = self._held_bytes = 0

    def count_workers(self) -> WorkerCounts:
        """Return the numbers of workers and of requests now."""
        workers = self.workers
        return WorkerCounts(
            total=len(workers.slots),
            ready=workers.ready_count,
            lost=sum(slot.loss_count for slot in workers.slots),
            admitted=self._admitted_count,
            waiting=workers.waiting_count,
        )

    @contextmanager
    def admit(self, size: int) -> Iterator[None]:
        """Admit a request; it counts from before its body is read until it is answered.

        Args:
            size: declared size of the body in bytes.

        Raises:
            BusyError: too many requests are admitted, or too many bytes are held for them.
        """
        count = len(self.workers.slots)
        size = min(size, self.limits.max_bytes)  # reading stops at the limit
        room = MAX_HELD_REQUESTS * count * self.limits.max_bytes - self._held_bytes
        if self._admitted_count >= count + MAX_QUEUED or size > room:
            raise BusyError
        self._admitted_count += 1
        self._held_bytes += size
        try:
            yield
        finally:
            self._admitted_count -= 1
            self._held_bytes -= size

    async def handle(self, request: WorkerRequest) -> WorkerResponse:
        """Process a request in an idle worker.

        A request waits briefly while all workers are busy, and longer while none has loaded the
        model yet.

        Raises:
            BusyError: no worker became idle in time.
            RequestTimeoutError: the request exceeded the time limit.
            RequestLostError: the process ended during the request, or two processes before it.
            WorkerBugError: the request raised an unexpected exception.
            ModelChangedError: the replacements found another model, or none.
            ShuttingDownError: the service is shutting down.
        """
        submitted = self._submit(request)
        response = asyncio.wrap_future(submitted)
        # Retrieved even if the client disconnects; otherwise asyncio would log the error.
        response.add_done_callback(lambda future: future.cancelled() or future.exception())
        try:
            while not response.done():
                await asyncio.wait([response], timeout=WAIT_SECONDS)
                if not response.done() and self.workers.has_ready_process and submitted.cancel():
                    raise BusyError
            return response.result()
        except (BusyError, asyncio.CancelledError):
            raise
        except Exception as error:
            raise _to_serving_error(error) from error
        finally:
            submitted.cancel()  # if the client disconnects before a worker begins

    def _submit(self, request: WorkerRequest) -> PoolTask:
        """Submit a request with a scratch folder that is removed at its end, whatever that is."""
        scratch = TemporaryDirectory(ignore_cleanup_errors=True)
        task = (request, Path(scratch.name).resolve())
        submitted = self.workers.submit(task, self.limits.seconds)
        submitted.add_done_callback(lambda _: scratch.cleanup())
        return submitted

    @asynccontextmanager
    async def lifespan(self, should_exit: Callable[[], bool]) -> AsyncIterator[None]:
        """Stop the workers with the service, without waiting for a request that does not end.

        Args:
            should_exit: returns whether the service is to shut down.
        """
        watcher = asyncio.create_task(self._stop_after(should_exit))
        try:
            yield
        finally:
            watcher.cancel()
            self.workers.stop()

    async def _stop_after(self, should_exit: Callable[[], bool]) -> None:
        # The web server waits for open requests before its lifespan ends, so a request without an
        # end must be stopped from outside of it.
        while not should_exit():
            await asyncio.sleep(0.1)
        await asyncio.sleep(GRACE_SECONDS)
        self.workers.stop()


def _to_serving_error(error: Exception) -> ServingError:
    """Return the reason why a request got no forecast, in the terms of the service."""
    match error:
        case PoolStoppedError():
            return ShuttingDownError()
        case WorkerOverdueError():
            return RequestTimeoutError()
        case WorkerLostError() | PoolUnusableError(__cause__=WorkerLostError()):
            return RequestLostError(str(error))
        case PoolUnusableError():
            # A fit may have replaced the folder while the service runs. All forecasts must come
            # from the model that `GET /model` describes.
            return ModelChangedError(str(error))
        case _:
            # A bug: the traceback goes to the log, and nothing of it to the client.
            traceback.print_exception(error)
            return WorkerBugError(type(error).__name__)


def _log(message: str) -> None:
    with suppress(OSError, ValueError):  # stderr was closed
        print(message, file=sys.stderr, flush=True)
