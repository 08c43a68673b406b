"""Programs that start warm: forked from a process that has imported everything.

The imports of a fresh interpreter take seconds and are the same for each program. The cold start of
programs is tested in tests/cli and by .ci/run.
"""

import multiprocessing
import os
import pkgutil
import runpy
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import revin_forecast
from tests.support.limits import HANG_SECONDS

METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
CONTEXT: Any = multiprocessing.get_context(METHOD)  # its class declares no Process
CONTEXT.set_forkserver_preload(
    [
        *(
            module.name
            for module in pkgutil.walk_packages(revin_forecast.__path__, "revin_forecast.")
            if not module.name.endswith((".ray", ".__main__"))
        ),
        "torch._dynamo",  # the first optimizer imports it
        "docstring_parser",
    ]
)


@dataclass(frozen=True)
class Ended:
    """Exit code and output of a program that has ended."""

    code: int
    out: str
    err: str


class Program:
    """A program in a process of its own, which starts at once.

    Args:
        what: path of a script, or name of a module as for `python -m`.
        words: its command line.
        outputs: folder for its output.
        changes: of its environment variables.
    """

    def __init__(self, what, words, outputs, changes=()):
        self.outputs = [outputs / f"{name}-{os.urandom(4).hex()}" for name in ("out", "err")]
        arguments = (what, [str(word) for word in words], self.outputs, Path.cwd(), dict(changes))
        self.process = CONTEXT.Process(target=_run, args=arguments)
        self.process.start()

    def read_output(self):
        """Return its output so far."""
        return self.outputs[0].read_text() if self.outputs[0].exists() else ""

    def end(self, timeout=HANG_SECONDS):
        """Wait for its end; return exit code and output."""
        self.process.join(timeout)
        assert self.process.exitcode is not None, f"it still runs after {timeout} s"
        return Ended(self.process.exitcode, *(path.read_text() for path in self.outputs))


def run_program(what, words, outputs):
    """Run a program, which must succeed; return its output."""
    ended = Program(what, words, outputs).end()
    assert ended.code == 0, ended.out + ended.err
    return ended


def _run(what, words, outputs, folder, changes):
    """Become the program, with its command line, folder and outputs."""
    os.chdir(folder)
    os.environ.update(changes)
    for number, output in enumerate(outputs, start=1):
        os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT), number)
    sys.argv[:] = [str(what), *words]
    sys.path.insert(0, str(folder if isinstance(what, str) else what.parent))
    if isinstance(what, str):
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(str(what), run_name="__main__")
