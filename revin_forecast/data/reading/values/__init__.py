"""Numbers of a table: parsing, signs and outliers."""
