"""The workers of a service: as many requests at once as there are, the others wait a little."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from revin_forecast.serving.failures import BusyError, EndingError
from revin_forecast.serving.messages import Answer, Asked
from revin_forecast.serving.worker import Worker

WAITING = 5.0
"""Seconds that a request waits for a worker before it is turned away."""
GRACE = 5.0
"""Seconds that requests still have when the service is to end."""
QUEUED = 64
"""Requests that are read or wait beside those that are being done."""
HELD = 5
"""Times the largest request, for each worker: more than that would fill the memory."""


@dataclass(frozen=True)
class Limits:
    """What one request may take."""

    mebibytes: float = 10.0
    """Of what is sent."""
    seconds: float = 30.0
    """To send it, and again to do it."""

    @property
    def size(self) -> int:
        """In bytes."""
        return int(self.mebibytes * 2**20)


class Pool:
    """Hands requests to workers, and takes the workers back.

    Args:
        workers: begun already.
        limits: of a request.
    """

    def __init__(self, workers: Sequence[Worker], limits: Limits):
        self.workers, self.limits = workers, limits
        self._free: asyncio.Queue[Worker] = asyncio.Queue()
        for worker in workers:
            self._free.put_nowait(worker)
        self._ended = False
        self._inside = self._held = 0
        self._threads = ThreadPoolExecutor(len(workers), "asking")

    @contextmanager
    def admitting(self, size: int) -> Iterator[None]:
        """Let a request in, from before it is read until it is answered.

        Args:
            size: bytes that it says it has.

        Raises:
            BusyError: too many are inside, or too much is held for them.
        """
        size = min(size, self.limits.size)  # no more of it is read
        room = HELD * len(self.workers) * self.limits.size - self._held
        if self._inside >= len(self.workers) + QUEUED or size > room:
            raise BusyError
        self._inside, self._held = self._inside + 1, self._held + size
        try:
            yield
        finally:
            self._inside, self._held = self._inside - 1, self._held - size

    async def ask(self, asked: Asked, drawn: bool = False) -> Answer:
        """Have a request done.

        Raises:
            FailedError: no worker came free, the pool ended first, or what `Worker.ask` raises.
        """
        try:
            async with asyncio.timeout(WAITING):
                worker = await self._free.get()
        except TimeoutError:
            raise BusyError from None
        if self._ended:
            self._free.put_nowait(worker)
            raise EndingError
        doing = asyncio.get_running_loop().run_in_executor(
            self._threads, worker.ask, asked, drawn, self.limits.seconds
        )
        # Who asked may be gone before it is done: the worker is free only then.
        doing.add_done_callback(lambda _: self._free.put_nowait(worker))
        return await asyncio.shield(doing)

    @asynccontextmanager
    async def closing(self, ending: Callable[[], bool]) -> AsyncIterator[None]:
        """End with the service, and have no request keep that from ending.

        Args:
            ending: whether the service is to end.
        """
        watching = asyncio.create_task(self._end_after(ending))
        try:
            yield
        finally:
            watching.cancel()
            self._end()

    async def _end_after(self, ending: Callable[[], bool]) -> None:
        while not ending():
            await asyncio.sleep(0.1)
        await asyncio.sleep(GRACE)
        self._end()

    def _end(self) -> None:
        """End all workers, whatever they are at; who asked them is told."""
        self._ended = True
        for worker in self.workers:
            worker.end()
        self._threads.shutdown(wait=False)
