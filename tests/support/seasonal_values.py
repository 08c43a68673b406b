"""Standardized values with seasons, a trend, a random walk and noise."""

import numpy as np


def make_values(rows=400, channels=3, season=12, seed=0):
    """Return (rows, channels) values, standardized as a whole."""
    random = np.random.default_rng(seed)
    time = np.arange(rows)[:, None]
    waves = np.sin(2 * np.pi * time / season + np.arange(channels)) * np.arange(1, channels + 1)
    walk = random.normal(0, 0.2, (rows, channels)).cumsum(axis=0)
    values = waves + walk + random.normal(0, 0.3, (rows, channels))
    return (values - values.mean(axis=0)) / values.std(axis=0)
