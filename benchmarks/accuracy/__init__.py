"""Accuracy tables, one a module: `plan_rows` plans the rows of a table and TEXT explains it."""
