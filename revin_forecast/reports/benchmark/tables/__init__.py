"""The tables of the report as HTML, as functions of its input tables."""
