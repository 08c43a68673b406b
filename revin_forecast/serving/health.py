"""The health of the service, as load balancers read it."""

from revin_forecast import __version__
from revin_forecast.serving.pool import WorkerPool
from revin_forecast.serving.schemas import HealthResponse, WorkersResponse


def describe_health(pool: WorkerPool) -> HealthResponse:
    """Return whether all workers, some or none can answer requests."""
    counts = pool.count_workers()
    status = "ok" if counts.ready == counts.total else "degraded" if counts.ready else "down"
    workers = WorkersResponse(total=counts.total, ready=counts.ready, lost=counts.lost)
    return HealthResponse(status=status, version=__version__, workers=workers)
