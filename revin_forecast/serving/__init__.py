"""A saved forecaster behind HTTP: an API, a page, and workers that can be stopped."""
