"""The report of a forecast: one self-contained page, and its charts."""
