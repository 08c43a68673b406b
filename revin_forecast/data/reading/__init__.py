"""Reading of tables and frames into `Series`."""
