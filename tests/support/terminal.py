"""A terminal in place of stderr, and what it shows."""

import os
import pty
import re
import sys
import threading
import time
from contextlib import contextmanager

from tests.support.limits import HANG_SECONDS


@contextmanager
def open_terminal():
    """Open a terminal; yield its descriptor and a function that returns the output so far."""
    parent, child = pty.openpty()
    received = bytearray()

    def read():
        while True:
            try:
                chunk = os.read(parent, 65536)
            except OSError:  # The other end was closed.
                return
            received.extend(chunk)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield child, received.decode
    finally:
        os.close(child)
        reader.join(HANG_SECONDS)
        os.close(parent)


@contextmanager
def terminal():
    """Replace stderr by a terminal; yield a function that returns the output received so far."""
    before = sys.stderr
    with open_terminal() as (descriptor, read_output):
        sys.stderr = os.fdopen(descriptor, "w", buffering=1, closefd=False)
        try:
            yield read_output
        finally:
            sys.stderr.close()
            sys.stderr = before


def render(output):
    """Return the line that a terminal shows after some output, and the column of its cursor."""
    assert not re.search(r"[\x1b\n]", output)  # every terminal and every notebook understands it
    line, column = "", 0
    for part in output.split("\r"):
        line, column = part + line[len(part) :], len(part)
    return line.rstrip(), column


def wait_until(condition, seconds=HANG_SECONDS):
    """Wait until a condition is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never became true"
        time.sleep(0.01)
