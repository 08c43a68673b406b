"""Serve a saved forecaster over HTTP: an API, a page, and worker processes with a time limit."""
