"""Helpers that know nothing of forecasting: files, signals, threads, memory and the environment."""
