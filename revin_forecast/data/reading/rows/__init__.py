"""Rows of a table: order, steps, gaps and repeats."""
