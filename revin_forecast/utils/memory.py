"""Freed memory that is kept for the next step."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch

MAX_MMAP_THRESHOLD_BYTES = 32 * 2**20 - 2**16
"""Bytes: the largest block that glibc learns from (mallopt(3), M_MMAP_THRESHOLD)."""


def retain_freed_memory() -> None:
    """Let the C library keep what is freed, up to 64 MiB of it, for what is asked for next.

    glibc gives blocks of megabytes back to the system as they are freed, and the next step of a
    loop gets new pages, each cleared first: up to a quarter of a transformer's step. When a block
    is freed, glibc takes its size for one that comes again, and keeps such blocks from then on. So
    one is freed here; nothing is written to it, so it takes no memory. Other C libraries have their
    own ways, and nothing changes with them.
    """
    torch.empty(MAX_MMAP_THRESHOLD_BYTES, dtype=torch.uint8)


PEAK_COPIES = 6
"""Times the float64 values of a table that reading it and fitting on it take at their peak."""
CGROUP_LIMIT_FILES = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def exceeds_memory(source: str | Path) -> bool:
    """Return whether a Parquet file, read as a whole, would take more than half of the memory."""
    path = Path(source)
    if path.suffix.lower() != ".parquet" or not path.is_file():
        return False
    try:
        metadata = pq.read_metadata(path)
    except (pa.ArrowException, OSError):
        return False  # which reading it will tell
    return 8 * PEAK_COPIES * metadata.num_rows * metadata.num_columns > memory_bytes() / 2


def memory_bytes() -> int:
    """Return the memory of this machine, or of the container this process is in."""
    limits = [Path(path).read_text().strip() for path in CGROUP_LIMIT_FILES if Path(path).is_file()]
    own = [int(limit) for limit in limits if limit.isdigit()]
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" in names:
        own.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min(own, default=2**33)
