"""Tables, series, windows and data sets."""
