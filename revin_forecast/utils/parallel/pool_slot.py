"""The place of one process in a pool of worker processes."""

import math

from revin_forecast.utils.parallel.pool_task import PoolTask
from revin_forecast.utils.parallel.process import WorkerProcess


class PoolSlot:
    """The place of one process, which others take in turn."""

    def __init__(self):
        self.process: WorkerProcess | None = None
        self.task: PoolTask | None = None
        self.is_ready = False
        self.load_deadline = math.inf
        self.failure: BaseException | None = None
        self.failure_count = 0
        self.loss_count = 0

    @property
    def has_ready_process(self) -> bool:
        """Whether the process is prepared and has not ended."""
        return self.is_ready and self.process is not None and not self.process.has_ended
