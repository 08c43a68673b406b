"""Freed memory that is kept for the next step."""

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
