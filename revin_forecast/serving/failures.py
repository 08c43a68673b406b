"""Why a request got no answer, where it is not the request that is wrong."""


class FailedError(Exception):
    """A request was not done."""


class BusyError(FailedError):
    """All workers have been busy for a while, or too much waits for them."""


class EndingError(FailedError):
    """The service is ending, and with it whatever is under way."""


class TooLongError(FailedError):
    """A request took longer than it may; its process was stopped."""


class LostError(FailedError):
    """The process ended."""


class LostBeforeError(LostError):
    """The process ended before it began with the request: another one can do it."""


class BugError(FailedError):
    """A request found a bug."""


class ChangedModelError(FailedError):
    """A process that takes another's place found another model in the folder, or none."""
