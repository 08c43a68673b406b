"""Reasons why a valid request got no forecast."""


class ServingError(Exception):
    """A request failed on the server's side."""


class BusyError(ServingError):
    """All workers stayed busy while the request waited, or too many requests wait already."""


class ShuttingDownError(ServingError):
    """The service is shutting down and stops the requests in progress."""


class RequestTimeoutError(ServingError):
    """The request exceeded its time limit; its worker process was killed."""


class RequestLostError(ServingError):
    """The worker process ended during the request."""


class WorkerBugError(ServingError):
    """The request raised an unexpected exception in the worker."""


class ModelChangedError(ServingError):
    """A replacement worker loaded another model than the first one, or could not load any."""
