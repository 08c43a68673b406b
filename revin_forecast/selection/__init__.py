"""Select look-back, normalizer and model on rolling validation windows."""
