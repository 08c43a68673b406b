"""Outputs of the authors' code with given weights, and their comparison with the package."""
