"""Pages for people: one file each, which needs nothing else. Of a forecast, and of a benchmark."""
