"""Why a request got no answer, where it is not the request that is wrong."""


class ServingError(Exception):
    """A request was not done."""


class BusyError(ServingError):
    """All workers have been busy for a while, or too much waits for them."""


class ShuttingDownError(ServingError):
    """The service is ending, and with it whatever is under way."""


class RequestTimeoutError(ServingError):
    """A request took longer than it may; its process was stopped."""


class WorkerLostError(ServingError):
    """The process ended."""


class WorkerLostBeforeStartError(WorkerLostError):
    """The process ended before it began with the request: another one can do it."""


class WorkerBugError(ServingError):
    """A request found a bug."""


class ModelChangedError(ServingError):
    """A process that takes another's place found another model in the folder, or none."""
