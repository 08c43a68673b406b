import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from revin_forecast.errors import InputError
from revin_forecast.utils.progress import is_verbose

TOKEN_VARIABLE = "REVIN_FORECAST_TOKEN"
"""The environment variable: a command line is seen by all users of a machine."""

MAX_PORT = 65_535
MAX_TIMEOUT_SECONDS = 86_400
"""Seconds of a request; far longer ones no timer takes."""
MAX_CONNECTIONS = 500
"""Open at once, idle ones of browsers among them; a program may have 1,024 files by default."""


def serve(
    model: str,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    size: float = 10.0,
    timeout: float = 30.0,
    workers: int = 2,
) -> None:
    """Forecast over HTTP with a saved forecaster: an API, and a page where one drops a CSV.

    It stands at http://127.0.0.1:8000/, its API at /docs. Ctrl-C ends it.

    Args:
        model: the folder that `fit` wrote.
        host: address to listen at; others than this machine's own take a token.
        port: 0: any free one.
        token: what every request must bear; better given as REVIN_FORECAST_TOKEN, since others on
            the machine see command lines.
        size: MiB that can be sent at once.
        timeout: seconds that a request may take; then it is stopped.
        workers: requests that are done at once, each in a process with the model in it.
    """
    try:
        import uvicorn

        from revin_forecast.serving.app import create_app
        from revin_forecast.serving.security import is_local
    except ImportError as error:
        raise InputError(
            f'serve takes {error.name}; install it: pip install -c constraints.txt ".[serve]".'
        ) from error
    from revin_forecast.serving.pool import GRACE_SECONDS, RequestLimits, WorkerPool
    from revin_forecast.serving.worker import Worker

    token = token or os.environ.get(TOKEN_VARIABLE, "")
    if not (token.isascii() and token.isprintable() and token == token.strip()):
        raise InputError(
            f"the token (--token or {TOKEN_VARIABLE}) can't be sent in a header. Make it of letters, digits "
            "and signs of ASCII, with no space around it."
        )
    for name, number in (("size", size), ("timeout", timeout), ("workers", workers)):
        if not 0 < number < float("inf"):
            raise InputError(f"--{name} is a number above 0 but got {number:g}.")
    if timeout > MAX_TIMEOUT_SECONDS:
        raise InputError(
            f"--timeout is at most {MAX_TIMEOUT_SECONDS:,} seconds (a day) but got {timeout:g}."
        )
    if not 0 <= port <= MAX_PORT:
        raise InputError(f"--port is a number from 0 to {MAX_PORT} but got {port}.")
    if not is_local(host) and not token:
        raise InputError(
            f"--host {host} lets other machines in, and there is no token. Set {TOKEN_VARIABLE}, or leave "
            "--host out."
        )
    with ExitStack() as ended, _listening_socket(host, port) as listener:
        threads = max(1, (os.cpu_count() or 1) // workers)
        crew = [Worker(Path(model), threads) for _ in range(workers)]
        for worker in crew:
            ended.callback(worker.shut_down)
        described = [worker.describe() for worker in crew]
        pool = WorkerPool(crew, RequestLimits(size, timeout))
        app = create_app(pool, described[0], is_local(host), token, lambda: server.should_exit)
        config = uvicorn.Config(
            app,
            log_level="info" if is_verbose() else "error",
            access_log=is_verbose(),
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=round(
                2 * GRACE_SECONDS
            ),  # the pool ends what takes longer than once
            server_header=False,
        )
        server = uvicorn.Server(config)
        with _stop_on_signal(server):
            print(
                f"{model}: http://{_format_address(*listener.getsockname()[:2])}/ (Ctrl-C ends it)"
            )
            sys.stdout.flush()
            server.run(sockets=[listener])


def _format_address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@contextmanager
def _listening_socket(host: str, port: int) -> Iterator[socket.socket]:
    """Listen at an address.

    Raises:
        InputError: it can't be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        why = error.strerror or error
        raise InputError(
            f"can't listen at {_format_address(host, port)}: {why}. Choose another --port (0: any free "
            "one), or end what listens there."
        ) from error
    with listener:
        yield listener


@contextmanager
def _stop_on_signal(server: object) -> Iterator[None]:
    """Have Ctrl-C and SIGTERM end the server, and with it the command, as is meant."""

    def stop(_: int, __: FrameType | None) -> None:
        server.should_exit = True  # pyright: ignore[reportAttributeAccessIssue]

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
