"""General utilities: files, signals, threads, memory, progress display and environment."""
