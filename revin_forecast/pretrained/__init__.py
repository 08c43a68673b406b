"""A forecaster trained on synthetic series alone, and the program that trains it."""
