"""Outputs that are whole: the old content or the new one, whatever happens in between."""

import errno
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from revin_forecast.errors import InputError

if sys.platform != "win32":
    import fcntl

DISK_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
MAX_NAME_BYTES = 200
"""Bytes; a file system takes 255, and the name written to is longer than the final one."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a name beside `path` to write to; it becomes `path` in one step when all is well.

    A crash at any moment leaves the old file or the new one, never a part, and the new one is on
    the disk when this returns. An error leaves the old one and nothing beside it; what a killed
    run left beside it is removed by the next. A link stays and leads to the new content; the
    permissions of an old file are kept. Pipes and devices can't be replaced: they get the
    finished content.

    Raises:
        InputError: `path` is a folder, or the disk is full.
        OSError: it can't be written.
    """
    kind = path.stat().st_mode if path.exists() else stat.S_IFREG
    if stat.S_ISDIR(kind):
        raise InputError(f"{path} is a folder; name a file to write.")
    write = _write_then_rename if stat.S_ISREG(kind) else _copy_into_device
    try:
        with write(path) as partial:
            yield partial
    except OSError as error:
        if error.errno not in DISK_FULL_ERRNOS:
            raise
        raise InputError(
            f"{path} could not be written: {os.strerror(error.errno)}. Make room, or write "
            "elsewhere; what was there before is unchanged."
        ) from error


@contextmanager
def _write_then_rename(path: Path) -> Iterator[Path]:
    final = Path(os.path.realpath(path))
    if final.exists() and not os.access(final, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    name = _partial_name(final.name)
    remove_stale_partials(final.parent, escape(name))
    partial = final.with_name(f".{name}.{os.urandom(4).hex()}.partial")
    try:
        with _create_locked(partial):
            yield partial
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
            if final.exists():
                shutil.copymode(final, partial)
            partial.replace(final)
        _sync_folder(final.parent)
    except OSError as error:
        if error.filename == str(partial):  # people know the name they gave
            error.filename, error.filename2 = str(path), None
        raise
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _copy_into_device(path: Path) -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        partial = Path(folder) / "content"
        yield partial
        with partial.open("rb") as source, path.open("wb") as sink:
            shutil.copyfileobj(source, sink)


@contextmanager
def folder_lock(folder: Path, shared: bool = False) -> Iterator[None]:
    """Let no other process that asks the same hold a folder meanwhile; wait for one that does.

    Args:
        folder: is there.
        shared: readers, who keep out only writers.
    """
    if sys.platform == "win32":  # folders can't be opened there
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network drives know no locks
            fcntl.flock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def remove_stale_partials(folder: Path, pattern: str) -> None:
    """Remove what killed runs left of files that they were writing.

    Args:
        folder: where they were.
        pattern: of the final files' names.
    """
    for partial in folder.glob(f".{pattern}.*.partial"):
        with suppress(OSError), partial.open("rb") as file:
            if _try_lock(file):
                partial.unlink()


@contextmanager
def _create_locked(partial: Path) -> Iterator[None]:
    """Make the file and hold it as long as this process lives and has not finished it."""
    with partial.open("xb") as file:
        with suppress(OSError):
            _try_lock(file)
        yield


def _try_lock(file: IO[bytes]) -> bool:
    """Lock an open file; the lock ends with the process. False: another process has it."""
    if sys.platform == "win32":  # who lives can't be told apart: nothing is abandoned
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _partial_name(name: str) -> str:
    """Return the name, or a short stand-in for one that would grow too long."""
    raw = os.fsencode(name)
    return name if len(raw) <= MAX_NAME_BYTES else sha256(raw).hexdigest()


def _sync_folder(folder: Path) -> None:
    """Bring a folder's names to the disk, where the system can."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some file systems can't; the content is there by now
            os.fsync(handle)
    finally:
        os.close(handle)
