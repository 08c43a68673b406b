"""Entry point of `revin-forecast` and `python -m revin_forecast`."""

import signal
import sys
import time

from revin_forecast.utils.signals import install_signal_handlers, print_interruption

START = time.monotonic()
"""Start of the command, for the progress display."""


def run() -> int:
    """Run the command line and report an interrupt in one line, even during the imports.

    Returns:
        The exit code of the command; 130 after Ctrl-C, 143 after SIGTERM.
    """
    try:
        # Install the handlers before the slow imports, which a user may interrupt as well.
        install_signal_handlers()
        from revin_forecast.cli.main import main

        code = main(start=START)
    except KeyboardInterrupt:
        code = print_interruption("revin-forecast")
    # The work is done: a late Ctrl-C must not print a traceback from Python's shutdown.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return code


if __name__ == "__main__":
    sys.exit(run())
