"""The tables of scripts/accuracy.py, one a file: rows(...) yields them, TEXT explains."""
