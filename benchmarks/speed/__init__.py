"""Time and memory of the layer, training, closed-form fits and whole commands."""
