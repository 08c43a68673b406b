"""Tables larger than memory: Parquet files converted to a memory-mapped file of values."""
