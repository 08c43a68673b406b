"""The tables of scripts/accuracy.py, one a file: cells(...) plans one, TEXT explains it."""
