"""The benchmark data sets: their files, splits and checksums."""
