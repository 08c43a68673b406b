"""The shift card: measures of the shift in a file, and a verdict on instance normalization."""
