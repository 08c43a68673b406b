"""The command `serve`: serve a saved forecaster over HTTP."""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from revin_forecast.errors import InputError, format_install_command
from revin_forecast.utils.progress import is_verbose, progress

TOKEN_VARIABLE = "REVIN_FORECAST_TOKEN"
"""Environment variable of the token; all users of a machine can read command lines."""
MAX_PORT = 65_535
MAX_TIMEOUT_SECONDS = 86_400
"""Longest time limit of a request; timers reject far longer ones."""
MAX_CONNECTIONS = 500
"""Most open connections, including idle ones of browsers; a process may open 1,024 files."""


def serve(
    model: str | None = None,
    pretrained: bool = False,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    size: float = 10.0,
    timeout: float = 30.0,
    workers: int = 2,
) -> None:
    """Serve forecasts over HTTP: an API, and a web page that takes a CSV file.

    A saved model forecasts newer rows of the table that it was fitted on; the pretrained one
    forecasts any table. The page is at http://127.0.0.1:8000/, the documentation of the API at
    /docs. Ctrl-C ends it.

    Args:
        model: folder written by `fit`.
        pretrained: serve the network that was trained on synthetic series alone, instead of a saved
            model; it forecasts any table from 8 rows up, without a fit.
        host: address to listen on; an address that other machines can reach needs a token.
        port: port to listen on; 0 chooses a free one.
        token: token that every request must send; better passed as REVIN_FORECAST_TOKEN, since all
            users of the machine can read command lines.
        size: largest size of a request, in MiB.
        timeout: longest time of a request, in seconds; slower requests are stopped.
        workers: number of worker processes; each holds the model and serves one request at a time.
    """
    model_name = _name_model(model, pretrained)
    # The extra `serve` is optional, so import its packages here and report a missing one.
    try:
        import uvicorn

        from revin_forecast.serving.app import create_app
        from revin_forecast.serving.security import is_local
    except ImportError as error:
        raise InputError(
            f"serve needs {error.name}, which is not installed: {format_install_command('serve')}."
        ) from error
    from revin_forecast.serving.pool import (
        GRACE_SECONDS,
        RequestLimits,
        WorkerPool,
        describe_model,
        start_workers,
    )
    from revin_forecast.utils.parallel import count_usable_cores

    token = token or os.environ.get(TOKEN_VARIABLE, "")
    if not (token.isascii() and token.isprintable() and token == token.strip()):
        raise InputError(
            f"the token (--token or {TOKEN_VARIABLE}) can't be sent in a header. Use "
            "printable ASCII characters without a space at either end."
        )
    for name, number in (("size", size), ("timeout", timeout), ("workers", workers)):
        if not 0 < number < float("inf"):
            raise InputError(f"--{name} must be a number above 0 but got {number:g}.")
    if timeout > MAX_TIMEOUT_SECONDS:
        raise InputError(
            f"--timeout must be at most {MAX_TIMEOUT_SECONDS:,} seconds (a day) but got "
            f"{timeout:g}."
        )
    if not 0 <= port <= MAX_PORT:
        raise InputError(f"--port must be a number from 0 to {MAX_PORT} but got {port}.")
    if not is_local(host) and not token:
        raise InputError(
            f"--host {host} is open to other machines, but there is no token. Set "
            f"{TOKEN_VARIABLE}, or leave --host out."
        )
    with ExitStack() as stack, _listening_socket(host, port) as listener:
        # The workers share the cores, so that parallel requests do not slow each other down.
        threads = max(1, count_usable_cores() // workers)
        with progress(f"loading {model_name}"):
            processes = start_workers(None if model is None else Path(model), workers, threads)
            stack.callback(processes.stop)
            description = describe_model(processes)
        pool = WorkerPool(processes, RequestLimits(size, timeout))
        app = create_app(pool, description, is_local(host), token, lambda: server.should_exit)
        config = uvicorn.Config(
            app,
            log_level="info" if is_verbose() else "error",
            access_log=is_verbose(),
            limit_concurrency=MAX_CONNECTIONS,
            # The pool stops slower requests after GRACE_SECONDS; uvicorn waits for its answers.
            timeout_graceful_shutdown=round(2 * GRACE_SECONDS),
            server_header=False,
        )
        server = uvicorn.Server(config)
        with _stop_on_signal(server):
            address = _format_address(*listener.getsockname()[:2])
            print(f"{model_name}: http://{address}/ (Ctrl-C ends it)")
            sys.stdout.flush()
            server.run(sockets=[listener])


def _name_model(model: str | None, pretrained: bool) -> str:
    """Return the name of the model that is served.

    Raises:
        InputError: none is named, or two are.
    """
    if model is None and not pretrained:
        raise InputError(
            "serve needs a model: the folder of a saved one (revin-forecast serve FOLDER), or "
            "--pretrained, which forecasts any table without a fit."
        )
    if model is not None and pretrained:
        raise InputError(
            f"serve takes one model but got the folder {model} and --pretrained. Leave one of them "
            "out."
        )
    return "the pretrained model" if model is None else model


def _format_address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@contextmanager
def _listening_socket(host: str, port: int) -> Iterator[socket.socket]:
    """Open a socket that listens on an address.

    Raises:
        InputError: the address is invalid or in use.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"can't listen on {_format_address(host, port)}: {reason}. Choose another "
            "--port (0 for any free one), or stop the program that uses it."
        ) from error
    with listener:
        yield listener


@contextmanager
def _stop_on_signal(server: object) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM stop the server, and so end the command without an error."""

    def request_exit(_: int, __: FrameType | None) -> None:
        server.should_exit = True  # pyright: ignore[reportAttributeAccessIssue]

    before = {
        number: signal.signal(number, request_exit) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
