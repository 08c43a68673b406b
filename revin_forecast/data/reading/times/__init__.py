"""Times of a table: columns, forms and parsing."""
