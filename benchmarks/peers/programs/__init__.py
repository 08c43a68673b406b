"""Programs that run in the environment of an entry: they import each other by their bare names."""
