"""From words on a command line to a function's arguments, and what is told of wrong ones."""
