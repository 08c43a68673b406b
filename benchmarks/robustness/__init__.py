"""Contracts of normalizers, reading of damaged tables, and coverage of intervals."""
