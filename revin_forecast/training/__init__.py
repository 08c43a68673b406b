"""Fitting of models: gradient training with Lightning, closed form, checkpoints and settings."""
