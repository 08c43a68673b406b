"""Train a model by gradient with Lightning, or solve it; checkpoints, recipes and settings."""
