"""Run a command and print its time, memory and output as JSON.

A process begins with the peak memory of the one it was forked from, so a large program cannot
measure a small one itself. This program is small.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

KIB = 1024


def main(command: list[str]) -> None:
    """Run a command and print its measurements."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        printed = []
        for file in (out, err):
            file.seek(0)
            printed.append(file.read())
    result = {
        "code": process.returncode,
        "seconds": seconds,
        "core_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mib": usage.ru_maxrss / KIB,
        "printed": sum(map(len, printed)),
        "out": printed[0].decode(errors="replace"),
        "err": printed[1].decode(errors="replace"),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1:])
