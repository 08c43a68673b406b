"""What several commands do: read and say where data are from, tell, draw, print for machines."""
