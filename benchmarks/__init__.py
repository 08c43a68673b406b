"""Measurements of accuracy, speed and robustness, and tests of speed ratios."""
