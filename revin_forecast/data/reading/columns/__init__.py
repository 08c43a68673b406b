"""Columns of a table that name its series."""
