"""The functions behind the command line, one file a command; they work from Python as well."""
