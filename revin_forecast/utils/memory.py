"""Reuse of freed memory, and whether a table or a forecast fits in memory."""

import ctypes
import os
from pathlib import Path

MAX_MMAP_THRESHOLD_BYTES = 32 * 2**20 - 2**16
"""Largest block that raises glibc's mmap threshold when freed (mallopt(3), M_MMAP_THRESHOLD)."""
PEAK_COPIES = 6
"""Peak memory of reading and fitting a table, in copies of its float64 values."""
BYTES_PER_STEP = 10_000
"""Peak memory for each step ahead of each series, most of it for the errors on past rows."""
CGROUP_LIMIT_FILES = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Files with the memory limit of a container, of cgroup versions 2 and 1."""
DEFAULT_MEMORY_BYTES = 2**33
"""Memory assumed where the system reports none: 8 GiB."""
_malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None


def retain_freed_memory() -> None:
    """Let glibc keep up to 64 MiB of freed memory for the next allocation.

    By default glibc returns blocks of several megabytes to the system as soon as they are freed.
    The next step of a loop then gets new pages, each of which is cleared first: up to a quarter of
    a transformer's training step. glibc adapts: after a block is freed, it keeps later blocks up to
    that size. This function therefore frees one large block. Nothing is written to the block, so it
    takes no memory. Other C libraries are not affected.
    """
    import torch

    torch.empty(MAX_MMAP_THRESHOLD_BYTES, dtype=torch.uint8)


def release_freed_memory() -> None:
    """Return freed memory that glibc keeps between blocks in use to the system.

    glibc keeps the memory of each thread apart, so that blocks of different sizes leave gaps in it.
    Other C libraries are not affected.
    """
    if _malloc_trim is not None:
        _malloc_trim(0)


def exceeds_memory(source: str | Path) -> bool:
    """Return whether reading a whole Parquet file would take more than half of the memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(source)
    if path.suffix.lower() != ".parquet" or not path.is_file():
        return False
    try:
        metadata = pq.read_metadata(path)
    except (pa.ArrowException, OSError):
        return False  # Reading the file will report the error.
    return 8 * PEAK_COPIES * metadata.num_rows * metadata.num_columns > memory_bytes() / 2


def limit_horizon(series_count: int = 1) -> int:
    """Return the longest horizon whose forecast takes at most half of the memory."""
    return memory_bytes() // (2 * BYTES_PER_STEP * max(1, series_count))


def memory_bytes() -> int:
    """Return the memory of the machine, or of the container that limits this process, in bytes."""
    limits = [Path(path).read_text().strip() for path in CGROUP_LIMIT_FILES if Path(path).is_file()]
    sizes = [int(limit) for limit in limits if limit.isdigit()]  # "max" means no limit
    names = getattr(os, "sysconf_names", {})  # does not exist on Windows
    if "SC_PHYS_PAGES" in names:
        sizes.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min(sizes, default=DEFAULT_MEMORY_BYTES)
