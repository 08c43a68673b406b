"""Atomic file writes, and messages about missing files."""

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

from revin_forecast.errors import InputError, did_you_mean

if sys.platform != "win32":
    import fcntl

DISK_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
MAX_NAME_BYTES = 200
"""Longest file name used in a partial file's name.

File systems allow 255 bytes, and a partial file's name adds a dot, a random part and a suffix.
"""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary file name in the folder of `path`; rename it to `path` on success.

    A crash leaves either the old or the new file, never a part of one. The new content is synced to
    disk before this returns. After an error the old file is unchanged and the temporary file is
    removed; the next write removes the temporary file of a killed run. Symbolic links are followed
    and kept, and so are the permissions of an existing file. Pipes and devices can't be replaced:
    the finished content is copied into them.

    Raises:
        InputError: `path` is a folder, or the disk is full.
        OSError: `path` can't be written.
    """
    file_mode = path.stat().st_mode if path.exists() else stat.S_IFREG
    if stat.S_ISDIR(file_mode):
        raise InputError(f"{path} is a folder; name a file to write.")
    write = _write_then_rename if stat.S_ISREG(file_mode) else _copy_into_device
    try:
        with write(path) as partial:
            yield partial
    except OSError as error:
        if error.errno not in DISK_FULL_ERRNOS:
            raise
        raise InputError(
            f"{path} could not be written: {os.strerror(error.errno)}. Make room, or write "
            "elsewhere; the previous content is unchanged."
        ) from error


@contextmanager
def folder_lock(folder: Path, shared: bool = False) -> Iterator[None]:
    """Hold an advisory lock on a folder; wait while another process holds it.

    Args:
        folder: an existing folder.
        shared: take a reader's lock, which excludes writers but not other readers.
    """
    if sys.platform == "win32":  # Windows can't open folders.
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # Some network drives do not support locks.
            fcntl.flock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)  # also releases the lock


def remove_stale_partials(folder: Path, pattern: str) -> None:
    """Remove the partial files of killed runs.

    Args:
        folder: the folder of the partial files.
        pattern: glob pattern of the final files' names.
    """
    for partial in folder.glob(f".{pattern}.*.partial"):
        with suppress(OSError), partial.open("rb") as file:
            # A running process holds the lock of its file, so a free lock marks a stale file.
            if _try_lock(file):
                partial.unlink()


@contextmanager
def _write_then_rename(path: Path) -> Iterator[Path]:
    # Resolve links first: renaming onto a link would replace the link instead of its target.
    target = Path(os.path.realpath(path))
    if target.exists() and not os.access(target, os.W_OK):
        # A rename needs write access to the folder only and would replace a protected file.
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    name = _partial_name(target.name)
    remove_stale_partials(target.parent, escape(name))
    partial = target.with_name(f".{name}.{os.urandom(4).hex()}.partial")
    try:
        with _create_locked(partial):
            yield partial
            # Sync before the rename: otherwise a power failure could leave an empty new file.
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
            if target.exists():
                shutil.copymode(target, partial)
            partial.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        if error.filename == str(partial):  # Users know only the name that they passed.
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
def _create_locked(partial: Path) -> Iterator[None]:
    """Create the file and hold its lock until this process has finished it or ends."""
    with partial.open("xb") as file:
        with suppress(OSError):
            _try_lock(file)
        yield


def _try_lock(file: IO[bytes]) -> bool:
    """Lock an open file until the process ends; return False if another process holds the lock."""
    if sys.platform == "win32":  # Without flock, no partial file is considered stale.
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _partial_name(name: str) -> str:
    """Return the name, or its hash if a partial file's name would become too long."""
    encoded = os.fsencode(name)
    return name if len(encoded) <= MAX_NAME_BYTES else sha256(encoded).hexdigest()


def _sync_folder(folder: Path) -> None:
    """Sync a folder's entries to disk where the system supports it."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # Some file systems can't; the content itself is already synced.
            os.fsync(handle)
    finally:
        os.close(handle)


def split_part(source: str | Path) -> tuple[str, str | None]:
    """Split the name of a table into its file and a part of the file; None: no part is named.

    >>> split_part("sales.xlsx::2024")
    ('sales.xlsx', '2024')
    """
    text = str(source)
    file, mark, part = text.partition("::")
    if not mark or Path(text).exists():  # a file may have any name
        return text, None
    return file, part


def require_file(path: str) -> None:
    """Check that a table exists, without reading it; "-" is standard input.

    Raises:
        InputError: it does not.
    """
    file, _ = split_part(path)
    if file != "-" and not Path(file).exists():
        raise InputError(describe_missing_file(Path(file)))


def describe_missing_file(path: Path) -> str:
    """Return the message for a file that does not exist, with a similar name in its folder."""
    folder = path.parent
    neighbours = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    suggestion = did_you_mean(path.name, neighbours)
    return f"there is no file {str(path)!r}.{suggestion} Check the name and the folder."
