"""Fast paths of the normalizers on a CPU, and their dispatch."""
