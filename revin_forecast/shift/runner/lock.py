"""The lock of a run's folder: an atomically created folder whose owner file is kept fresh."""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

HEARTBEAT_SECONDS = 5.0
"""Interval at which the owner file is touched."""
STALE_SECONDS = 60.0
"""Age of the owner file from which another machine's lock is void."""


@contextmanager
def run_lock(folder: Path) -> Iterator[bool]:
    """Lock a run's folder and yield whether that succeeded; another worker may hold the lock.

    The lock of a process that has ended is taken over: at once on the same machine, after
    `STALE_SECONDS` on another machine that shares the disk.
    """
    # A folder, as mkdir is atomic on shared disks, too.
    lock = folder / "claim"
    if not _acquire_lock(lock):
        yield False
        return
    stop = threading.Event()
    heartbeat = threading.Thread(
        target=_send_heartbeats, args=(lock / "owner.json", stop), daemon=True
    )
    heartbeat.start()
    try:
        yield True
    finally:
        stop.set()
        heartbeat.join()
        _release_lock(lock)


def _acquire_lock(lock: Path) -> bool:
    lock.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(2):
        try:
            lock.mkdir()
        except FileExistsError:
            if _is_lock_held(lock):
                return False
            # Renamed before removal: of several workers that find a void lock, only one succeeds.
            void_lock = lock.with_name(f"claim-{os.getpid()}-{time.monotonic_ns()}")
            with suppress(FileNotFoundError):
                lock.rename(void_lock)
                _release_lock(void_lock)
            continue
        owner = {"host": socket.gethostname(), "pid": os.getpid()}
        (lock / "owner.json").write_text(json.dumps(owner))
        return True
    return False


def _is_lock_held(lock: Path) -> bool:
    owner_file = lock / "owner.json"
    try:
        owner = json.loads(owner_file.read_text())
        age = time.time() - owner_file.stat().st_mtime
    except (FileNotFoundError, ValueError):
        # The folder was just created and its owner is not written yet: use the folder's age.
        with suppress(FileNotFoundError):
            return time.time() - lock.stat().st_mtime < HEARTBEAT_SECONDS
        return False
    if owner.get("host") == socket.gethostname():
        return _is_process_running(int(owner["pid"]))
    return age < STALE_SECONDS


def _is_process_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # A zombie, a killed child that its parent has not waited for, does not count as running.
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.is_file() and stat.read_text().rpartition(")")[2].split()[:1] == ["Z"])


def _send_heartbeats(owner_file: Path, stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT_SECONDS):
        with suppress(FileNotFoundError):
            os.utime(owner_file)


def _release_lock(lock: Path) -> None:
    with suppress(FileNotFoundError):
        (lock / "owner.json").unlink(missing_ok=True)
        lock.rmdir()
