"""Run a command and print what it took as JSON: a small process, whose memory tells nothing.

A process begins with the peak memory of the one that it was forked from, so a large program can't
measure a small one itself.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

KIB = 1024


def main(command: list[str]) -> None:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=err)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        printed = []
        for file in (out, err):
            file.seek(0)
            printed.append(file.read())
    told = {
        "code": process.returncode,
        "seconds": seconds,
        "core_seconds": used.ru_utime + used.ru_stime,
        "peak_mib": used.ru_maxrss / KIB,
        "printed": sum(map(len, printed)),
        "out": printed[0].decode(errors="replace"),
        "err": printed[1].decode(errors="replace"),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1:])
