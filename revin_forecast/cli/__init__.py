"""The functions behind the command line, one file a command; they work from Python as well.

`parsing` makes their arguments of words, `shared` holds what several of them do.
"""
