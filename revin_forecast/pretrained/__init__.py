"""A zero-shot forecaster: its network, its weights, and the synthetic series that taught it."""
