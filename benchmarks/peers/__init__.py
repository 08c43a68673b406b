"""Comparison with other forecasting libraries, each in an environment and processes of its own."""
