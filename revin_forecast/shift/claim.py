"""One worker a run: a claim is a folder made in one step, and a file in it that stays fresh."""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

BEAT = 5.0
"""Seconds between signs of life."""
STALE = 60.0
"""Seconds without one after which another machine's claim is void."""


@contextmanager
def claimed(folder: Path) -> Iterator[bool]:
    """Hold a run's folder, and say whether that worked: another may be at it.

    A claim whose process is gone is taken over: at once on the same machine, after `STALE` seconds
    on another one that shares the disk.
    """
    place = folder / "claim"
    if not _take(place):
        yield False
        return
    stop = threading.Event()
    beat = threading.Thread(target=_beat, args=(place / "owner.json", stop), daemon=True)
    beat.start()
    try:
        yield True
    finally:
        stop.set()
        beat.join()
        _drop(place)


def _take(place: Path) -> bool:
    place.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(2):
        try:
            place.mkdir()
        except FileExistsError:
            if _alive(place):
                return False
            # Renamed first: of several that find a claim void, one gets it.
            gone = place.with_name(f"claim-{os.getpid()}-{time.monotonic_ns()}")
            with suppress(FileNotFoundError):
                place.rename(gone)
                _drop(gone)
            continue
        owner = {"host": socket.gethostname(), "pid": os.getpid()}
        (place / "owner.json").write_text(json.dumps(owner))
        return True
    return False


def _alive(place: Path) -> bool:
    owner = place / "owner.json"
    try:
        known = json.loads(owner.read_text())
        age = time.time() - owner.stat().st_mtime
    except (FileNotFoundError, ValueError):
        # Just made, its owner not yet written: as old as the folder.
        with suppress(FileNotFoundError):
            return time.time() - place.stat().st_mtime < BEAT
        return False
    if known.get("host") == socket.gethostname():
        return _runs(int(known["pid"]))
    return age < STALE


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    stat = Path(f"/proc/{process}/stat")  # a killed child that nobody has waited for yet
    return not (stat.is_file() and stat.read_text().rpartition(")")[2].split()[:1] == ["Z"])


def _beat(owner: Path, stop: threading.Event) -> None:
    while not stop.wait(BEAT):
        with suppress(FileNotFoundError):
            os.utime(owner)


def _drop(place: Path) -> None:
    with suppress(FileNotFoundError):
        (place / "owner.json").unlink(missing_ok=True)
        place.rmdir()
