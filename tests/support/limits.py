"""Limits that tests share."""

HANG_SECONDS = 600.0
"""Limit for waiting: only an error takes as long, even on a busy machine."""
