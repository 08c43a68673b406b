"""Tables in and out: series, benchmark data sets, windows."""
