"""Parameter sharing between modules, and files that preserve it."""
