"""A pool of workers: each takes one request at a time, and further requests wait briefly."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from revin_forecast.serving.errors import BusyError, ShuttingDownError
from revin_forecast.serving.messages import WorkerRequest, WorkerResponse
from revin_forecast.serving.worker import Worker

WAIT_SECONDS = 5.0
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


class WorkerPool:
    """Hands requests to idle workers.

    Args:
        workers: workers that have been started.
        limits: limits of a request.
    """

    def __init__(self, workers: Sequence[Worker], limits: RequestLimits):
        self.workers, self.limits = workers, limits
        self._idle_workers: asyncio.Queue[Worker] = asyncio.Queue()
        for worker in workers:
            self._idle_workers.put_nowait(worker)
        self._is_shut_down = False
        self._admitted_count = self._held_bytes = 0
        self._threads = ThreadPoolExecutor(len(workers), "request")

    @contextmanager
    def admit(self, size: int) -> Iterator[None]:
        """Admit a request; it counts from before its body is read until it is answered.

        Args:
            size: declared size of the body in bytes.

        Raises:
            BusyError: too many requests are admitted, or too many bytes are held for them.
        """
        size = min(size, self.limits.max_bytes)  # reading stops at the limit
        room = MAX_HELD_REQUESTS * len(self.workers) * self.limits.max_bytes - self._held_bytes
        if self._admitted_count >= len(self.workers) + MAX_QUEUED or size > room:
            raise BusyError
        self._admitted_count += 1
        self._held_bytes += size
        try:
            yield
        finally:
            self._admitted_count -= 1
            self._held_bytes -= size

    async def handle(self, request: WorkerRequest, with_charts: bool = False) -> WorkerResponse:
        """Process a request in an idle worker.

        Raises:
            ServingError: no worker became idle in time, the pool was shut down, or an error of
                `Worker.handle`.
        """
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                worker = await self._idle_workers.get()
        except TimeoutError:
            raise BusyError from None
        if self._is_shut_down:
            self._idle_workers.put_nowait(worker)
            raise ShuttingDownError
        result = asyncio.get_running_loop().run_in_executor(
            self._threads, worker.handle, request, with_charts, self.limits.seconds
        )
        # Not after the await: a client that disconnects cancels it while the worker is still busy.
        result.add_done_callback(lambda _: self._idle_workers.put_nowait(worker))
        return await asyncio.shield(result)

    @asynccontextmanager
    async def lifespan(self, should_exit: Callable[[], bool]) -> AsyncIterator[None]:
        """Shut the pool down with the service, without waiting for a request that does not end.

        Args:
            should_exit: returns whether the service is to shut down.
        """
        watcher = asyncio.create_task(self._shut_down_after(should_exit))
        try:
            yield
        finally:
            watcher.cancel()
            self._shut_down()

    async def _shut_down_after(self, should_exit: Callable[[], bool]) -> None:
        # The web server waits for open requests before its lifespan ends, so a request without an
        # end must be stopped from outside of it.
        while not should_exit():
            await asyncio.sleep(0.1)
        await asyncio.sleep(GRACE_SECONDS)
        self._shut_down()

    def _shut_down(self) -> None:
        """Stop all workers; requests in progress fail with `ShuttingDownError`."""
        self._is_shut_down = True
        for worker in self.workers:
            worker.shut_down()
        self._threads.shutdown(wait=False)
