"""Reasons why a valid request got no forecast, and the answers to the client."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

RETRY_AFTER = MappingProxyType({"Retry-After": "5"})


class ServingError(Exception):
    """A request failed on the server's side."""

    status_code: ClassVar[int] = 500
    detail: ClassVar[str] = "this is a bug; see the server's log for details."
    """The message for the client; {seconds} is the time limit of a request."""
    headers: ClassVar[Mapping[str, str]] = MappingProxyType({})


class BusyError(ServingError):
    """All workers stayed busy while the request waited, or too many requests wait already."""

    status_code = 503
    detail = "all workers are busy; try again in a moment."
    headers = RETRY_AFTER


class ShuttingDownError(ServingError):
    """The service is shutting down and stops the requests in progress."""

    status_code = 503
    detail = "the service is shutting down."
    headers = RETRY_AFTER


class RequestTimeoutError(ServingError):
    """The request exceeded its time limit; its worker process was killed."""

    status_code = 504
    detail = "the request took longer than {seconds:g} seconds and was stopped; send less."


class RequestLostError(ServingError):
    """The worker process ended during the request."""

    detail = (
        "the worker process ended (out of memory?); send less. See the server's log for details."
    )


class WorkerBugError(ServingError):
    """The request raised an unexpected exception in the worker."""


class ModelChangedError(ServingError):
    """A replacement worker loaded another model than the first one, or could not load any."""

    status_code = 503
    detail = "the model is not the one that the service started with; restart the service."
