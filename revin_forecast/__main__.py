"""The program: `revin-forecast`, or `python -m revin_forecast`."""

import signal
import sys

from revin_forecast.utils.signals import install_signal_handlers, print_interruption


def run() -> int:
    """Run the command line; an interrupt, whenever it comes, is told in one line.

    Returns:
        The exit code: that of the command, 130 for Ctrl-C, 143 for SIGTERM.
    """
    try:
        install_signal_handlers()
        from revin_forecast.cli.main import main

        code = main()
    except KeyboardInterrupt:
        code = print_interruption("revin-forecast")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done; what follows is Python's own end
    return code


if __name__ == "__main__":
    sys.exit(run())
