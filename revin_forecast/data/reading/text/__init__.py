"""Text files: encodings, separators, and lines around the table."""
