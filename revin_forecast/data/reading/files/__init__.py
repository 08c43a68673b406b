"""Kinds of files, and the table in each."""
