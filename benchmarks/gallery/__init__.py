"""The gallery of public tables: their sources, and the program that makes docs/gallery."""
