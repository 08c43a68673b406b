"""Measure trained models on shifted data."""
