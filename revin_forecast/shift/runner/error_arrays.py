"""The errors of cells by window, block and channel, which intervals are made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from revin_forecast.shift.runner.run_folder import decode_array

ARRAY_ENTRIES = ("windows", "blocks", "mase_channels")
"""Entries of a recorded row that the table of cells leaves out."""


@dataclass
class ErrorArrays:
    """Errors by cell_key; cells without a row of their own kind are missing."""

    windows: dict[str, np.ndarray] = field(default_factory=dict)
    """(windows,) float32 MASE*."""
    blocks: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    """(blocks,) float32 means over blocks of consecutive windows, by metric."""
    channel_blocks: dict[str, np.ndarray] = field(default_factory=dict)
    """(blocks, channels) float32 block means of each channel's MASE*."""
    channels: dict[str, np.ndarray] = field(default_factory=dict)
    """(channels,) MASE*, NaN for channels without a scale."""

    def take(self, key: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """Store the arrays of a recorded row, and return its columns."""
        self.windows[key] = decode_array(row["windows"])
        blocks = {name: decode_array(text) for name, text in row.get("blocks", {}).items()}
        channels = row.get("mase_channels")
        if channels is not None:
            self.channels[key] = np.array(channels, dtype=np.float64)
            if "channels" in blocks:
                self.channel_blocks[key] = blocks.pop("channels").reshape(-1, len(channels))
        if blocks:
            self.blocks[key] = blocks
        return {name: value for name, value in row.items() if name not in ARRAY_ENTRIES}
