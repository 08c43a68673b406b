"""Natural shifts with a date: real data split where something happened in the world."""
