"""The workers of a service: as many requests at once as there are, the others wait a little."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from revin_forecast.serving.errors import BusyError, ShuttingDownError
from revin_forecast.serving.messages import WorkerRequest, WorkerResponse
from revin_forecast.serving.worker import Worker

WAIT_SECONDS = 5.0
"""Seconds that a request waits for a worker before it is turned away."""
GRACE_SECONDS = 5.0
"""Seconds that requests still have when the service is to end."""
MAX_QUEUED = 64
"""Requests that are read or wait beside those that are being done."""
MAX_HELD_REQUESTS = 5
"""Times the largest request, for each worker: more than that would fill the memory."""


@dataclass(frozen=True)
class RequestLimits:
    """What one request may take."""

    mebibytes: float = 10.0
    """Of what is sent."""
    seconds: float = 30.0
    """To send it, and again to do it."""

    @property
    def max_bytes(self) -> int:
        """In bytes."""
        return int(self.mebibytes * 2**20)


class WorkerPool:
    """Hands requests to workers, and takes the workers back.

    Args:
        workers: begun already.
        limits: of a request.
    """

    def __init__(self, workers: Sequence[Worker], limits: RequestLimits):
        self.workers, self.limits = workers, limits
        self._idle_workers: asyncio.Queue[Worker] = asyncio.Queue()
        for worker in workers:
            self._idle_workers.put_nowait(worker)
        self._is_shut_down = False
        self._admitted_count = self._held_bytes = 0
        self._threads = ThreadPoolExecutor(len(workers), "asking")

    @contextmanager
    def admit(self, size: int) -> Iterator[None]:
        """Let a request in, from before it is read until it is answered.

        Args:
            size: bytes that it says it has.

        Raises:
            BusyError: too many are inside, or too much is held for them.
        """
        size = min(size, self.limits.max_bytes)  # no more of it is read
        room = MAX_HELD_REQUESTS * len(self.workers) * self.limits.max_bytes - self._held_bytes
        if self._admitted_count >= len(self.workers) + MAX_QUEUED or size > room:
            raise BusyError
        self._admitted_count, self._held_bytes = self._admitted_count + 1, self._held_bytes + size
        try:
            yield
        finally:
            self._admitted_count, self._held_bytes = (
                self._admitted_count - 1,
                self._held_bytes - size,
            )

    async def handle(self, request: WorkerRequest, with_charts: bool = False) -> WorkerResponse:
        """Have a request done.

        Raises:
            FailedError: no worker came free, the pool ended first, or what `Worker.ask` raises.
        """
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                worker = await self._idle_workers.get()
        except TimeoutError:
            raise BusyError from None
        if self._is_shut_down:
            self._idle_workers.put_nowait(worker)
            raise ShuttingDownError
        doing = asyncio.get_running_loop().run_in_executor(
            self._threads, worker.handle, request, with_charts, self.limits.seconds
        )
        # Who asked may be gone before it is done: the worker is free only then.
        doing.add_done_callback(lambda _: self._idle_workers.put_nowait(worker))
        return await asyncio.shield(doing)

    @asynccontextmanager
    async def lifespan(self, should_exit: Callable[[], bool]) -> AsyncIterator[None]:
        """End with the service, and have no request keep that from ending.

        Args:
            ending: whether the service is to end.
        """
        watching = asyncio.create_task(self._shut_down_after(should_exit))
        try:
            yield
        finally:
            watching.cancel()
            self._shut_down()

    async def _shut_down_after(self, should_exit: Callable[[], bool]) -> None:
        while not should_exit():
            await asyncio.sleep(0.1)
        await asyncio.sleep(GRACE_SECONDS)
        self._shut_down()

    def _shut_down(self) -> None:
        """End all workers, whatever they are at; who asked them is told."""
        self._is_shut_down = True
        for worker in self.workers:
            worker.shut_down()
        self._threads.shutdown(wait=False)
