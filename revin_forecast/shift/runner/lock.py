"""One worker a run: a claim is a folder made in one step, and a file in it that stays fresh."""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

HEARTBEAT_SECONDS = 5.0
"""Seconds between signs of life."""
STALE_SECONDS = 60.0
"""Seconds without one after which another machine's claim is void."""


@contextmanager
def run_lock(folder: Path) -> Iterator[bool]:
    """Hold a run's folder, and say whether that worked: another may be at it.

    A claim whose process is gone is taken over: at once on the same machine, after `STALE` seconds
    on another one that shares the disk.
    """
    place = folder / "claim"
    if not _acquire_lock(place):
        yield False
        return
    stop = threading.Event()
    beat = threading.Thread(target=_send_heartbeats, args=(place / "owner.json", stop), daemon=True)
    beat.start()
    try:
        yield True
    finally:
        stop.set()
        beat.join()
        _release_lock(place)


def _acquire_lock(place: Path) -> bool:
    place.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(2):
        try:
            place.mkdir()
        except FileExistsError:
            if _is_lock_held(place):
                return False
            # Renamed first: of several that find a claim void, one gets it.
            gone = place.with_name(f"claim-{os.getpid()}-{time.monotonic_ns()}")
            with suppress(FileNotFoundError):
                place.rename(gone)
                _release_lock(gone)
            continue
        owner = {"host": socket.gethostname(), "pid": os.getpid()}
        (place / "owner.json").write_text(json.dumps(owner))
        return True
    return False


def _is_lock_held(place: Path) -> bool:
    owner = place / "owner.json"
    try:
        known = json.loads(owner.read_text())
        age = time.time() - owner.stat().st_mtime
    except (FileNotFoundError, ValueError):
        # Just made, its owner not yet written: as old as the folder.
        with suppress(FileNotFoundError):
            return time.time() - place.stat().st_mtime < HEARTBEAT_SECONDS
        return False
    if known.get("host") == socket.gethostname():
        return _is_process_running(int(known["pid"]))
    return age < STALE_SECONDS


def _is_process_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    stat = Path(f"/proc/{process}/stat")  # a killed child that nobody has waited for yet
    return not (stat.is_file() and stat.read_text().rpartition(")")[2].split()[:1] == ["Z"])


def _send_heartbeats(owner: Path, stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT_SECONDS):
        with suppress(FileNotFoundError):
            os.utime(owner)


def _release_lock(place: Path) -> None:
    with suppress(FileNotFoundError):
        (place / "owner.json").unlink(missing_ok=True)
        place.rmdir()
